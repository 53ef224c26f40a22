/* SPDX-License-Identifier: GPL-2.0-only */
/* Writes docs/hypercalls.md from the list of hypercalls and its comments; from the top of the tree:  gcc -Ikernel/abi docs/gen-hypercalls.c && ./a.out >docs/hypercalls.md */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dais/abi.h>

static const char *const statuses[][2] = {
	{ "OK", "done" },
	{ "BAD_CALL", "no such call, an argument that the call does not have is not zero, or the CPU's state is wrong for it" },
	{ "BAD_ARG", "a value out of range, misaligned, or with reserved bits set" },
	{ "BAD_CAP", "the capability slot is empty or beyond the table" },
	{ "BAD_TYPE", "a capability to another kind of object" },
	{ "DENIED", "the capability lacks the right, or only the control domain may do this" },
	{ "NO_MEMORY", "the pool or Dais's own heap is exhausted" },
	{ "NO_SPACE", "a table is full: capabilities, traps, events, domains" },
	{ "BUSY", "in use: running, lent, mapped elsewhere, or the last capability to a domain" },
	{ "BAD_STATE", "out of order in the object's life" },
	{ "EXISTS", "already there" },
	{ "AGAIN", "progress was made, more is left: call again" },
};
_Static_assert(sizeof(statuses) / sizeof(statuses[0]) == DAIS_STATUS_COUNT, "every status is described");

struct arg { const char *kind, *name, *type, *rights; };
struct call { int nr; const char *name; struct arg arg[6]; };

#define LIST "kernel/abi/dais/calls.def"
#define UNPACK(...) __VA_ARGS__
#define CAP(name, type, rights) { "capability", #name, #type, #rights }
#define OPT(name, type, rights) { "capability or 0", #name, #type, #rights }
#define VAL(name, max) { "value", #name, "", limit(#max) }
#define DAIS_CALL(nr, name, args) { nr, #name, { UNPACK args } },

static const char *const registers[] = { "RDI", "RSI", "RDX", "RCX", "R8", "R9" };

static const char *limit(const char *max)
{
	static char text[64][64];
	static int n;

	if (!strcmp(max, "DAIS_ANY"))
		return "";
	snprintf(text[n], sizeof(text[n]), "≤ %s", max);
	return text[n++];
}

/* The comment before this call in the list */
static void print_doc(const char *list, const char *name)
{
	char key[64];
	const char *call, *p;

	snprintf(key, sizeof(key), ", %s, (", name);
	call = strstr(list, key);
	for (p = call; strncmp(p, "/* ", 3); p--)
		;
	for (p += 3; strncmp(p, " */", 3); p++) {
		if (!strncmp(p, "\n * ", 4)) {
			putchar(' ');
			p += 3;
		} else {
			putchar(*p);
		}
	}
}

static void print_call(const char *list, const struct call *c)
{
	printf("\n## %d `%s`\n\n", c->nr, c->name);
	print_doc(list, c->name);
	printf("\n\n| register | argument | kind | object | right or limit |\n|---|---|---|---|---|\n");
	for (int i = 0; i < 6 && c->arg[i].name; i++)
		printf("| %s | `%s` | %s | %s | %s |\n", registers[i], c->arg[i].name, c->arg[i].kind, c->arg[i].type,
		       c->arg[i].rights);
}

int main(void)
{
	const struct call calls[] = {
#include <dais/calls.def>
	};
	static char list[65536];
	FILE *f = fopen(LIST, "r");

	if (!f || !fread(list, 1, sizeof(list) - 1, f))
		return EXIT_FAILURE;
	printf("# Hypercalls of Dais, ABI version %d\n\n"
	       "Made by `docs/gen-hypercalls.c` from `kernel/abi/dais/calls.def`: do not edit.\n\n"
	       "`VMMCALL` (AMD-V) or `VMCALL` (VT-x) at CPL 0, without prefixes. RAX = %#llx + number; RDI, RSI, RDX, RCX, R8, R9 = arguments;\n"
	       "those that a call does not have must be 0. Returns RAX = status, RDI = value, RSI = second value; all other\n"
	       "registers are preserved. A capability argument is an index in the caller's table; 0 in an argument of type\n"
	       "DOMAIN is the caller's own domain (a guest has the rights GRANT and IRQ on itself, the control domain all).\n"
	       "Types, rights and structures are in `kernel/abi/dais/abi.h`.\n\n"
	       "## Statuses\n\n| | name | meaning |\n|---|---|---|\n",
	       DAIS_ABI_VERSION, DAIS_CALL_BASE);
	for (int i = 0; i < DAIS_STATUS_COUNT; i++)
		printf("| %d | %s | %s |\n", i, statuses[i][0], statuses[i][1]);
	for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		print_call(list, &calls[i]);
	return 0;
}
