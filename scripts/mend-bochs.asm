; SPDX-License-Identifier: GPL-2.0-only
; What scripts/mend-bochs writes over parts of Bochs 3.1.
bits 64

; long_idiv(quotient, remainder, dividend, divisor): 128 by 64 bits, signed; the divisor is not 0.
	mov r8, [rdx]
	mov r9, [rdx + 8]
	mov r10, r9             ; sign of the remainder
	mov r11, r9
	xor r11, rcx            ; sign of the quotient
	test r9, r9
	jns .positive
	neg r8
	adc r9, 0
	neg r9
.positive:
	test rcx, rcx
	jns .divide
	neg rcx
.divide:
	mov rax, r9
	xor edx, edx
	div rcx
	mov r9, rax
	mov rax, r8
	div rcx
	test r10, r10
	jns .remainder
	neg rdx
.remainder:
	mov [rsi], rdx
	test r11, r11
	jns .quotient
	neg rax
	adc r9, 0
	neg r9
.quotient:
	mov [rdi], rax
	mov [rdi + 8], r9
	ret

; Behind the body of VMRUN; rbx: the CPU. Offsets as in Debian's 3.1+dfsg-1.
EVENT_MASK   equ 0x91e4         ; of the CPU: events that wait
INTR_BITS    equ 0xc            ; in its second byte: interrupts of PIC and APIC
VIRQ_BIT     equ 0x1
VMCB         equ 0x91d0         ; of the CPU: its copy of the VMCB
IF_BYTE      equ 0x109          ; of the CPU: RFLAGS, second byte
HOST_IF_BYTE equ 0xb9           ; of the copy: the host's
V_IGN_TPR    equ 0x11a
vmrun:
	mov rdx, [rbx + VMCB]
	test byte [rdx + HOST_IF_BYTE], 2
	jz .virtual
	and byte [rbx + EVENT_MASK + 1], ~INTR_BITS & 0xff
.virtual:
	test byte [rbx + IF_BYTE], 2
	jz .done
	cmp byte [rdx + V_IGN_TPR], 0
	je .done
	and byte [rbx + EVENT_MASK + 1], ~VIRQ_BIT & 0xff
.done:	ret

; In the place of register_svm_state, which is for saved machines only: nothing, then what follows an exception or
; a #VMEXIT when there are several CPUs. rsi: their array; eax: the one it came from; back in rdi.
ICOUNT          equ 0x140
RIP             equ 0xe8
PREV_RIP        equ 0x120
SPECULATIVE_RSP equ 0x138
spare:
	ret
after_exception:
	mov rdi, [rsi + rax * 8]
	add qword [rdi + ICOUNT], 1
	mov rax, [rdi + RIP]
	mov [rdi + PREV_RIP], rax
	mov byte [rdi + SPECULATIVE_RSP], 0
	ret

; Whether a virtual interrupt waits and may come now: ZF clear. rbx: the CPU; rax is free.
PENDING      equ 0x91e0         ; of the CPU: events that wait; EVENT_MASK: that may not come
VIRTUAL_INTR equ 0x2            ; in the second byte
virtual:
	mov al, [rbx + EVENT_MASK + 1]
	not al
	and al, [rbx + PENDING + 1]
	test al, VIRTUAL_INTR
	ret

	dd vmrun, spare, after_exception, virtual ; for mend-bochs
