; SPDX-License-Identifier: GPL-2.0-only
; Entry of every payload: 32-bit protected mode (Multiboot 1 or PVH) to long mode,
; the same for further CPUs from a real-mode trampoline, exception stubs, guard_call.

%include "layout.inc"

MB_MAGIC	equ 0x1badb002
MB_FLAGS	equ 3			; page-aligned modules, memory information

%ifdef PVH
section .note.pvh note alloc noexec nowrite align=4
	dd 4, 4, 18			; name size, descriptor size, XEN_ELFNOTE_PHYS32_ENTRY
	db "Xen", 0
	dd start32
%else
section .multiboot progbits alloc noexec nowrite align=4
	dd MB_MAGIC, MB_FLAGS, -(MB_MAGIC + MB_FLAGS)
%endif

extern guest_main, ap_main, isr
global start32, boot_magic, boot_data, pml4, isr_stubs, ap_trampoline, ap_trampoline_end
global guard_call, guard_abort, window_pt, window_pd, gdt, tss_descriptor, user_call

section .text
bits 32
start32:
	cli
	cld
	mov	[boot_magic], eax
	mov	[boot_data], ebx
	mov	esp, boot_stack_end
	call	enter_long
	lgdt	[gdt_pointer]
	jmp	0x08:.long
bits 64
.long:
	call	load_segments
	mov	rsp, boot_stack_end
	xor	ebp, ebp
	call	guest_main
.stop:
	cli
	hlt
	jmp	.stop

bits 32
; The identity map: 4 GiB in 2 MiB pages, filled by the first CPU; then long mode on.
enter_long:
	cmp	dword [pd], 0
	jne	.filled
	xor	ecx, ecx
.fill:
	mov	eax, ecx
	shl	eax, 21
	or	eax, 0x87		; present, writable, user, 2 MiB
	cmp	ecx, 3 * 512
	jb	.cached
	or	eax, 0x10		; device memory: cache disabled
.cached:
	mov	[pd + ecx * 8], eax
	mov	dword [pd + ecx * 8 + 4], 0
	inc	ecx
	cmp	ecx, 4 * 512
	jb	.fill
	mov	dword [pml4], pdpt + 7
	mov	dword [pml4 + WINDOW_SLOT * 8], window_pdpt + 7
	mov	dword [window_pdpt], window_pd + 7
	mov	dword [window_pd], window_pt + 7
	mov	dword [pdpt], pd + 7
	mov	dword [pdpt + 8], pd + 0x1000 + 7
	mov	dword [pdpt + 16], pd + 0x2000 + 7
	mov	dword [pdpt + 24], pd + 0x3000 + 7
.filled:
	mov	eax, cr4
	or	eax, 0x620		; PAE, OSFXSR, OSXMMEXCPT
	mov	cr4, eax
	mov	eax, pml4
	mov	cr3, eax
	mov	ecx, 0xc0000080
	rdmsr
	or	eax, 0x901		; LME, NXE, SCE
	wrmsr
	mov	eax, cr0
	and	eax, ~0x60000000	; caches on
	and	eax, ~4			; no FPU emulation
	or	eax, 0x80010003		; PG, WP, MP, PE
	mov	cr0, eax
	ret

bits 64
load_segments:
	mov	eax, 0x10
	mov	ds, eax
	mov	es, eax
	mov	ss, eax
	xor	eax, eax
	mov	fs, eax
	mov	gs, eax
	ret

; Copied to TRAMPOLINE (below 1 MiB); entered by SIPI in real mode.
bits 16
ap_trampoline:
	cli
	xor	ax, ax
	mov	ds, ax
	o32 lgdt [TRAMPOLINE + .gdtr - ap_trampoline]
	mov	eax, cr0
	or	al, 1
	mov	cr0, eax
	jmp	dword 0x18:ap_start32
align 8
.gdtr:	dw	gdt_end - gdt - 1
	dd	gdt
ap_trampoline_end:

bits 32
ap_start32:
	mov	eax, 0x20
	mov	ds, eax
	mov	es, eax
	mov	ss, eax
	mov	eax, 1
	cpuid
	shr	ebx, 24			; initial APIC ID: a stack each, also when started again
	and	ebx, MAX_CPUS - 1
	inc	ebx
	shl	ebx, STACK_SHIFT
	lea	esp, [ap_stacks + ebx]
	call	enter_long
	lgdt	[gdt_pointer]
	jmp	0x08:.long
bits 64
.long:
	mov	ebx, esp
	call	load_segments
	mov	esp, ebx
	xor	ebp, ebp
	call	ap_main
.stop:
	cli
	hlt
	jmp	.stop

; int guard_call(struct guard *g, void (*fn)(void *), void *arg): runs fn(arg);
; -1, or the vector that ended it (isr() then comes to guard_abort).
guard_call:
	push	rbx
	push	rbp
	push	r12
	push	r13
	push	r14
	push	r15
	pushfq
	push	rdi
	mov	[rdi], rsp
	mov	rbx, [gs:GS_GUARD]
	mov	[rdi + 8], rbx		; the guard outside this one
	mov	[gs:GS_GUARD], rdi
	mov	rax, rsi
	mov	rdi, rdx
	call	rax
	mov	eax, -1
	jmp	guard_leave
guard_abort:				; RAX = vector, RSP = guard's
	cld
guard_leave:
	pop	rdi
	mov	rbx, [rdi + 8]
	mov	[gs:GS_GUARD], rbx
	popfq
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbp
	pop	rbx
	ret

; void user_call(void *code, void *stack): to CPL 3; comes back by an exception or int 0x80, through guard_call.
user_call:
	push	0x33			; user data
	push	rsi			; user stack
	push	0x202
	push	0x2b			; user code
	push	rdi
	iretq

%macro STUB 1
align 16
	%if %1 == 8 || (%1 >= 10 && %1 <= 14) || %1 == 17 || %1 == 21
	%else
	push	0
	%endif
	push	%1
	jmp	isr_common
%endmacro

align 16
isr_stubs:
%assign vector 0
%rep 256
	STUB	vector
%assign vector vector + 1
%endrep

isr_common:
	push	rax
	push	rcx
	push	rdx
	push	rbx
	push	rbp
	push	rsi
	push	rdi
	push	r8
	push	r9
	push	r10
	push	r11
	push	r12
	push	r13
	push	r14
	push	r15
	mov	rdi, rsp
	cld
	call	isr
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	r11
	pop	r10
	pop	r9
	pop	r8
	pop	rdi
	pop	rsi
	pop	rbp
	pop	rbx
	pop	rdx
	pop	rcx
	pop	rax
	add	rsp, 16
	iretq

section .data
align 8
gdt:	dq	0
	dq	0x00af9b000000ffff	; 08 code, 64-bit
	dq	0x00cf93000000ffff	; 10 data
	dq	0x00cf9b000000ffff	; 18 code, 32-bit
	dq	0x00cf93000000ffff	; 20 data
	dq	0x00affb000000ffff	; 28 user code
	dq	0x00cff3000000ffff	; 30 user data
tss_descriptor:
	times MAX_CPUS * 2 dq 0		; 38 onwards: a TSS each CPU
gdt_end:
gdt_pointer:
	dw	gdt_end - gdt - 1
	dq	gdt
boot_magic: dd	0
boot_data: dd	0

section .bss align=4096
alignb 4096
pml4:	resb 4096
pdpt:	resb 4096
pd:	resb 4 * 4096
window_pdpt: resb 4096
window_pd: resb 4096
window_pt: resb 4096
boot_stack: resb 16384
boot_stack_end:
ap_stacks: resb MAX_CPUS << STACK_SHIFT
