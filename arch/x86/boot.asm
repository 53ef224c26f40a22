; SPDX-License-Identifier: GPL-2.0-only
; From the loader to C: leaves the firmware's page tables, stack and GDT at once
; (they lie in memory that is about to be reused), and the start of the other CPUs.

bits 64
default rel

extern boot_main, ap_main, __image_start, boot_stack_top

%define PAGE_RW      3
%define PAGE_RW_2M   0x83
%define IMAGE_BASE   0xffffffff80000000

section .boot progbits alloc exec nowrite align=16

; RDI = boot_info (physical), running on the firmware's identity mapping
global _start
_start:
	cli
	cld
	lea rbx, [__image_start]        ; physical base: image runs where it was loaded
	; identity and direct mapping of the first 4 GiB, by 2 MiB pages
	lea rax, [early_pd]
	mov rcx, PAGE_RW_2M
	mov edx, 2048
.fill:	mov [rax], rcx
	add rax, 8
	add rcx, 0x200000
	dec edx
	jnz .fill
	lea rax, [early_pd + PAGE_RW]
	lea rdx, [early_pdpt]
	mov ecx, 4
.link:	mov [rdx], rax
	add rax, 4096
	add rdx, 8
	dec ecx
	jnz .link
	lea rsi, [early_pml4]
	lea rax, [early_pdpt + PAGE_RW]
	mov [rsi], rax                  ; identity
	mov [rsi + 256 * 8], rax        ; DIRECT_BASE
	; the image at its link address: 16 MiB from its base on
	lea rax, [early_pd_image]
	lea rcx, [rbx + PAGE_RW_2M]
	mov edx, 8
.image:	mov [rax], rcx
	add rax, 8
	add rcx, 0x200000
	dec edx
	jnz .image
	lea rax, [early_pd_image + PAGE_RW]
	lea rdx, [early_pdpt_image]
	mov [rdx + 510 * 8], rax
	lea rax, [early_pdpt_image + PAGE_RW]
	mov [rsi + 511 * 8], rax
	mov cr3, rsi
	mov rsp, boot_stack_top         ; link address: 64-bit absolute
	lgdt [boot_gdt_ptr]
	mov eax, 0x10
	mov ds, eax
	mov es, eax
	mov ss, eax
	xor eax, eax
	mov fs, eax
	mov gs, eax
	push 0x08
	mov rax, .high
	push rax
	retfq
.high:	xor ebp, ebp
	mov rsi, rbx
	mov rax, boot_main
	call rax
	ud2

section .rodata
align 8
boot_gdt:
	dq 0
	dq 0x00af9b000000ffff           ; 0x08 code, 64-bit
	dq 0x00cf93000000ffff           ; 0x10 data
boot_gdt_ptr:
	dw 23
	dq boot_gdt

; --- other CPUs: copied to a page below 1 MiB; the last bytes are filled in by smp.c ---
global trampoline_start, trampoline_end, trampoline_cr3, trampoline_stack, trampoline_cpu
section .rodata
align 16
bits 16
trampoline_start:
	cli
	cld
	mov ax, cs
	mov ds, ax
	movzx ebx, ax
	shl ebx, 4                      ; physical address of this page
	lea eax, [ebx + (.gdt - trampoline_start)]
	mov [.gdt_ptr - trampoline_start + 2], eax
	lea eax, [ebx + (.long - trampoline_start)]
	mov [.far - trampoline_start], eax
	mov eax, 0x6a0                  ; PAE, PGE, OSFXSR, OSXMMEXCPT
	mov cr4, eax
	mov eax, [trampoline_cr3 - trampoline_start]
	mov cr3, eax
	mov ecx, 0xc0000080             ; EFER: LME, NXE
	rdmsr
	or eax, 0x900
	wrmsr
	lgdt [.gdt_ptr - trampoline_start]
	mov eax, 0x80010033             ; PG, WP, NE, ET, MP, PE
	mov cr0, eax
	jmp dword far [.far - trampoline_start]
bits 64
.long:	mov eax, 0x10
	mov ds, eax
	mov es, eax
	mov ss, eax
	mov ebx, ebx
	mov rsp, [rbx + (trampoline_stack - trampoline_start)]
	mov rdi, [rbx + (trampoline_cpu - trampoline_start)]
	xor ebp, ebp
	mov rax, ap_main
	call rax
	ud2
align 8
.gdt:	dq 0
	dq 0x00af9b000000ffff
	dq 0x00cf93000000ffff
.gdt_ptr:
	dw 23
	dd 0
.far:	dd 0
	dw 0x08
align 8
trampoline_cr3:   dq 0
trampoline_stack: dq 0
trampoline_cpu:   dq 0
trampoline_end:

section .bss
alignb 4096
early_pml4:       resb 4096
early_pdpt:       resb 4096
early_pdpt_image: resb 4096
early_pd_image:   resb 4096
early_pd:         resb 4096 * 4
