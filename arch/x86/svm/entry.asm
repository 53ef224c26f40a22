; SPDX-License-Identifier: GPL-2.0-only
; One world switch (APM vol. 2 §15.5). GIF is clear from CLGI to STGI: an NMI or
; interrupt in between waits, while FS, GS and TR are the guest's.
; RAX and RSP go by the VMCB.

%include "arch/x86/virt/gprs.inc"

bits 64
default rel
section .text

; svm_enter_guest(vmcb_hpa, gpr, host_vmcb_hpa, sti_first)
global svm_enter_guest
svm_enter_guest:
	PUSH_SAVED
	push rdx                        ; host VMCB
	push rsi                        ; gpr
	push rdi                        ; guest VMCB
	clgi
	test ecx, ecx
	mov rax, rdi
	vmload
	LOAD rsi, GPRS, rdi, 7, rsi, 6
	jnz .shadow
	sti                             ; host IF = 1 lets physical interrupts end guest mode
	nop                             ; STI's own shadow ends here
	vmrun
	jmp .out
.shadow:
	sti                             ; quirk: the shadow of this STI stands for the guest's
	vmrun
.out:	cli
	mov rax, [rsp]
	vmsave
	mov rax, [rsp + 16]
	vmload
	mov rax, [rsp + 8]
	STORE rax, GPRS, rsi, 6, rdi, 7
	ZERO ecx, edx, ebx, esi, edi, r8d, r9d, r10d, r11d
	stgi
	add rsp, 24
	POP_SAVED
	ret
