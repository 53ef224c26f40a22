; SPDX-License-Identifier: GPL-2.0-only
; How each CPU comes to the core, in a page below 1 MiB: the first by trampoline_enter, in long mode already; the
; others from real mode, after INIT and SIPI.

%include "boot/layout.inc"

section .note.GNU-stack noalloc noexec nowrite progbits
section .data
global trampoline, trampoline_enter, trampoline_end
bits 16
trampoline:
	cli
	cld
	mov ax, cs
	mov ds, ax
	movzx ebx, ax
	shl ebx, 4                      ; physical address of this page
	lea eax, [ebx + (.gdt - trampoline)]
	mov [.gdt_ptr - trampoline + 2], eax
	lea eax, [ebx + (.long - trampoline)]
	mov [.far - trampoline], eax
	mov eax, 0x6a0                  ; PAE, PGE, OSFXSR, OSXMMEXCPT
	mov cr4, eax
	mov eax, [AP_CR3]
	mov cr3, eax
	mov ecx, 0xc0000080             ; EFER: LME, NXE
	rdmsr
	or eax, 0x900
	wrmsr
	lgdt [.gdt_ptr - trampoline]
	mov eax, 0x80010033             ; PG, WP, NE, ET, MP, PE
	mov cr0, eax
	jmp dword far [.far - trampoline]
align 8
.gdt:	dq 0
	dq 0x00af9b000000ffff           ; 0x08 code, 64-bit
.gdt_ptr:
	dw 15
	dd 0
.far:	dd 0
	dw 0x08

bits 64
.long:	mov ebx, ebx
; RBX = this page, CR3 = start_cr3
trampoline_enter:
	mov r8, [rbx + AP_AREA]
	mov rdi, [rbx + AP_INFO]
	mov rsi, [rbx + AP_ENTRY]
	lea rsp, [r8 + CPU_STACK_END]
	xor ebp, ebp
	push rbp                        ; the end of every backtrace
	push CPU_CODE
	push rsi
	lea rax, [r8 + CPU_TABLES]      ; the GDT
	push rax
	push word CPU_GDT_SIZE - 1
	lgdt [rsp]
	add rsp, 10
	mov eax, CPU_DATA
	mov ds, eax
	mov es, eax
	mov ss, eax
	xor eax, eax
	mov fs, eax
	mov gs, eax
	mov eax, CPU_TSS
	ltr ax
	lea rax, [r8 + CPU_DATA_AREA]
	mov rdx, rax
	shr rdx, 32
	mov ecx, 0xc0000101             ; GS base
	wrmsr
	mov qword [rbx + AP_AREA], 0    ; the loader may start the next
	retfq
trampoline_end:
