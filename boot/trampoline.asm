; SPDX-License-Identifier: GPL-2.0-only
; How the other CPUs start: from real mode, in a page below 1 MiB, to long mode on the core's page tables.

%define PAGE_END 4096
%define AP_CR3   PAGE_END - 32 ; struct boot_ap
%define AP_ENTRY PAGE_END - 24
%define AP_STACK PAGE_END - 16
%define AP_ARG   PAGE_END - 8

section .note.GNU-stack noalloc noexec nowrite progbits
section .data
global trampoline, trampoline_end
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
bits 64
.long:	mov eax, 0x10
	mov ds, eax
	mov es, eax
	mov ss, eax
	mov ebx, ebx
	mov rsp, [rbx + AP_STACK]
	mov rdi, [rbx + AP_ARG]
	xor ebp, ebp
	push rbp                        ; the end of every backtrace
	jmp [rbx + AP_ENTRY]
align 8
.gdt:	dq 0
	dq 0x00af9b000000ffff           ; 0x08 code, 64-bit
	dq 0x00cf93000000ffff           ; 0x10 data
.gdt_ptr:
	dw 23
	dd 0
.far:	dd 0
	dw 0x08
trampoline_end:
