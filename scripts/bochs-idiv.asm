; SPDX-License-Identifier: GPL-2.0-only
; Bochs's long_idiv(quotient, remainder, dividend, divisor): 128 by 64 bits, signed. Debian's build of 3.1 lost
; the copy of the dividend to the compiler (github.com/bochs-emu/Bochs/issues/668): IDIV r64 gave garbage, and
; Linux a divide error. scripts/fetch-bochs puts this in its place. The divisor is not 0.
bits 64
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
