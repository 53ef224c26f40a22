/* SPDX-License-Identifier: GPL-2.0-only */
/* links: arch/x86/virt/insn.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "arch/x86/virt/guest.h"

/* Lengths against objdump over the dynamic linker: integer, SSE, AVX and AVX-512 code. Its lines: "  addr:\tbytes\tmnemonic". */
static u32 bytes_of(const char *line, u8 *b)
{
	const char *p = strchr(line, ':');
	u32 n = 0, v;
	int used;

	if (!p || p[1] != '\t')
		return 0;
	for (p += 2; n < INSN_BYTES && sscanf(p, "%2x%n", &v, &used) == 1 && used == 2 && *p != '\t'; p += 3)
		b[n++] = v;
	return n;
}

static void same_as_objdump(void **state)
{
	FILE *f = popen("objdump -d -w --insn-width=15 /lib64/ld-linux-x86-64.so.2", "r");
	char line[512];
	u32 count = 0;

	(void)state;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		u8 b[INSN_BYTES + 1];
		u32 n = bytes_of(line, b);
		struct insn i;

		if (!n || strstr(line, "(bad)") || strstr(line, "fwait") || strstr(line, "data16 "))
			continue;
		if (insn_decode(b, n, INSN_64, &i) != INSN_OK || i.length != n)
			fail_msg("%s: length %u", line, i.length);
		assert_int_equal(insn_decode(b, n - 1, INSN_64, &i), INSN_SHORT);
		count++;
	}
	assert_int_equal(pclose(f), 0);
	assert_true(count > 10000);
}

struct known { enum insn_mode mode; const char *bytes; u32 n; struct insn want; };
#define NONE 0xff

static const struct known list[] = {
	/* mov (%rax),%ebx */
	{ INSN_64, "\x8b\x18", 2, { .opsize = 4, .addrsize = 8, .opcode = 0x8b, .reg = RBX, .base = RAX, .index = NONE, .seg = NONE } },
	/* mov %r9,0x12345678(%r10,%r12,8) */
	{ INSN_64, "\x4f\x89\x8c\xe2\x78\x56\x34\x12", 8, { .opsize = 8, .addrsize = 8, .opcode = 0x89, .reg = R9, .base = R10, .index = R12, .scale = 3, .disp = 0x12345678, .seg = NONE } },
	/* mov 0x10(%rip),%ax */
	{ INSN_64, "\x66\x8b\x05\x10\x00\x00\x00", 7, { .opsize = 2, .addrsize = 8, .opcode = 0x8b, .base = NONE, .index = NONE, .disp = 16, .rip_relative = true, .seg = NONE } },
	/* the same bytes in 32-bit mode: absolute */
	{ INSN_32, "\x66\x8b\x05\x10\x00\x00\x00", 7, { .opsize = 2, .addrsize = 4, .opcode = 0x8b, .base = NONE, .index = NONE, .disp = 16, .seg = NONE } },
	/* mov -2(%bp,%si),%ax */
	{ INSN_16, "\x8b\x42\xfe", 3, { .opsize = 2, .addrsize = 2, .opcode = 0x8b, .base = RBP, .index = RSI, .disp = -2, .seg = NONE } },
	/* mov 0x1234,%ax by ModRM in 16-bit mode */
	{ INSN_16, "\x8b\x06\x34\x12", 4, { .opsize = 2, .addrsize = 2, .opcode = 0x8b, .base = NONE, .index = NONE, .disp = 0x1234, .seg = NONE } },
	/* lock cmpxchg %ecx,%fs:(%rsp) */
	{ INSN_64, "\x64\xf0\x0f\xb1\x0c\x24", 6, { .opsize = 4, .addrsize = 8, .map = 1, .opcode = 0xb1, .reg = RCX, .base = RSP, .index = NONE, .lock = true, .seg = 4 } },
	/* movabs $.., %rax is no memory; movl $1,0(%ebx) with an address prefix */
	{ INSN_64, "\x67\xc7\x03\x01\x00\x00\x00", 7, { .opsize = 4, .addrsize = 4, .opcode = 0xc7, .base = RBX, .index = NONE, .imm = 1, .imm_size = 4, .seg = NONE } },
	/* a REX before another prefix is none */
	{ INSN_64, "\x48\x66\x8b\x18", 4, { .opsize = 2, .addrsize = 8, .opcode = 0x8b, .reg = RBX, .base = RAX, .index = NONE, .seg = NONE } },
};

static void operands(void **state)
{
	(void)state;
	for (u32 n = 0; n < ARRAY_SIZE(list); n++) {
		const struct insn *w = &list[n].want;
		struct insn i;

		assert_int_equal(insn_decode((const u8 *)list[n].bytes, list[n].n, list[n].mode, &i), INSN_OK);
		assert_int_equal(i.length, list[n].n);
		assert_true(i.modrm_mem);
		assert_int_equal(i.opsize, w->opsize);
		assert_int_equal(i.addrsize, w->addrsize);
		assert_int_equal(i.map, w->map);
		assert_int_equal(i.opcode, w->opcode);
		assert_int_equal(i.reg, w->reg);
		assert_int_equal(i.base, w->base);
		assert_int_equal(i.index, w->index);
		assert_int_equal(i.scale, w->scale);
		assert_int_equal(i.disp, w->disp);
		assert_int_equal(i.imm, w->imm);
		assert_int_equal(i.seg, w->seg);
		assert_int_equal(i.lock, w->lock);
		assert_int_equal(i.rip_relative, w->rip_relative);
	}
}

/* Random bytes: no read beyond n (ASan), no length beyond n, prefixes up to 15 bytes. */
static void fuzz(void **state)
{
	(void)state;
	srand(1);
	for (u32 k = 0; k < 300000; k++) {
		u32 n = 1 + rand() % INSN_BYTES;
		u8 *b = malloc(n);
		struct insn i;
		enum insn_result r;

		for (u32 j = 0; j < n; j++)
			b[j] = rand();
		r = insn_decode(b, n, rand() % 3, &i);
		assert_true(i.length <= n);
		if (r == INSN_OK)
			assert_true(i.length >= 1);
		if (r == INSN_SHORT)
			assert_true(n < INSN_BYTES);
		free(b);
	}
}

static void too_long(void **state)
{
	u8 b[16];
	struct insn i;

	(void)state;
	memset(b, 0x66, sizeof(b));
	assert_int_equal(insn_decode(b, 15, INSN_64, &i), INSN_BAD);
	b[14] = 0x90;
	assert_int_equal(insn_decode(b, 15, INSN_64, &i), INSN_OK);
	assert_int_equal(i.length, 15);
	b[14] = 0x8b;
	b[15] = 0;
	assert_int_equal(insn_decode(b, 16, INSN_64, &i), INSN_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(operands), cmocka_unit_test(same_as_objdump), cmocka_unit_test(fuzz), cmocka_unit_test(too_long) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
