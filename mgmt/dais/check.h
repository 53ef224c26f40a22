/* SPDX-License-Identifier: GPL-2.0-only */
/* Can Dais run on this machine? Asked of any Linux, before anything is installed. */
#ifndef DAIS_CHECK_H
#define DAIS_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where the facts come from: this machine, or a test's. */
struct check_machine {
	const char *root;	/* before every path: "" for the machine itself */
	void (*cpuid)(uint32_t leaf, uint32_t subleaf, uint32_t r[4]);
	int (*msr)(uint32_t number, uint64_t *value);	/* 0, or -1: it cannot be read */
	uint64_t (*room)(const char *path);		/* free bytes of its file system */
};

enum check_state { CHECK_OK, CHECK_MISSING, CHECK_UNKNOWN };

struct check_line {
	const char *name;
	bool needed;		/* without it Dais does not run; else it only lacks something */
	enum check_state state;
	char text[200];		/* what was found, and what that means */
	char advice[280];	/* what to switch on, "" if nothing */
};

/* Each fills state, text and advice of one line. */
typedef void (*check_fn)(const struct check_machine *m, struct check_line *l);
extern const struct check_item { const char *name; bool needed; check_fn look; } check_items[];
extern const unsigned int check_items_count;

void check_line(const struct check_machine *m, const struct check_item *item, struct check_line *l);

/* check_cpu.c */
void check_virtualization(const struct check_machine *m, struct check_line *l);
void check_lock(const struct check_machine *m, struct check_line *l);
void check_nx(const struct check_machine *m, struct check_line *l);
void check_tsc(const struct check_machine *m, struct check_line *l);
bool check_on_dais(const struct check_machine *m);

/* check_files.c: files below the root, by a format of their path. */
bool check_exists(const struct check_machine *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The file's first size bytes; their number, or -1 with errno. */
int check_read(const struct check_machine *m, const char *path, void *to, size_t size);
/* The first line, without its end; false: there is none. */
bool check_text(const struct check_machine *m, char *to, size_t size, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* Is a file system of that type mounted there? What its options begin with ("rw", "ro") in mode. */
bool check_mounted(const struct check_machine *m, const char *at, const char *type, char mode[3]);

void check_say(struct check_line *l, enum check_state state, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void check_advise(struct check_line *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
