/* SPDX-License-Identifier: GPL-2.0-only */
/* The `dais` command: what its parts share. */
#ifndef DAIS_COMMAND_H
#define DAIS_COMMAND_H

#include <json-c/json.h>
#include <libdais.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Exit codes, documented in dais(1). */
enum exit_code {
	EXIT_OK = 0,
	EXIT_ERROR = 1,
	EXIT_USAGE = 2,
	EXIT_GUEST_DIED = 3,	/* a fault of the guest, or of the machine under it */
	EXIT_GUEST_DESTROYED = 4,
	EXIT_MONITOR_DIED = 5,
	EXIT_CANT_TELL = 6,	/* dais check: something could not be looked at */
};

struct command {
	const char *name, *summary, *help;
	int (*run)(const struct command *c, int argc, char **argv);
};

extern const struct command commands[];

int cmd_check(const struct command *c, int argc, char **argv);
int cmd_info(const struct command *c, int argc, char **argv);
int cmd_list(const struct command *c, int argc, char **argv);
int cmd_create(const struct command *c, int argc, char **argv);
int cmd_start(const struct command *c, int argc, char **argv);
int cmd_run(const struct command *c, int argc, char **argv);
int cmd_pause(const struct command *c, int argc, char **argv);
int cmd_resume(const struct command *c, int argc, char **argv);
int cmd_stop(const struct command *c, int argc, char **argv);
int cmd_destroy(const struct command *c, int argc, char **argv);
int cmd_attach(const struct command *c, int argc, char **argv);
int cmd_console(const struct command *c, int argc, char **argv);
int cmd_log(const struct command *c, int argc, char **argv);
int cmd_stat(const struct command *c, int argc, char **argv);
int cmd_top(const struct command *c, int argc, char **argv);
int cmd_trace(const struct command *c, int argc, char **argv);
int cmd_pci(const struct command *c, int argc, char **argv);
int cmd_sched(const struct command *c, int argc, char **argv);
int cmd_version(const struct command *c, int argc, char **argv);

/* Prints "dais: …" on the error output; returns EXIT_ERROR. */
int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same with the hint at --help; returns EXIT_USAGE. */
int fail_usage(const struct command *c, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * For commands whose only options are these. flags: any of the letters j (--json),
 * f (--follow). Returns the index of the first argument, or -1 after an error
 * message, or -2 after --help.
 */
struct simple_options { bool json, follow, force; };
int parse_simple(const struct command *c, int argc, char **argv, const char *flags,
		 struct simple_options *o);
/* What a command returns when parse_simple gave index < 0. */
int simple_exit(int index);

/* The word, or the letter in it, that getopt_long refused with opt ('?' or ':'). */
const char *bad_option(int opt, char **argv);

/* Opens /dev/dais or says why not. */
struct dais_conn *connect_dais(void);
/* Opens a guest by its name or says why not. */
struct dais_dom *open_guest(struct dais_conn *conn, const char *name);

/* Prints and frees. */
void print_json(struct json_object *o);
void json_add(struct json_object *o, const char *key, const char *value);
void json_add_number(struct json_object *o, const char *key, uint64_t value);
void json_add_bool(struct json_object *o, const char *key, bool value);

/* A string with its quotes, for what is too long to be built first. */
void json_write(FILE *to, const char *value);

/* "1.5 GiB"; buf at least 32 bytes. */
const char *format_size(uint64_t bytes, char *buf);
/* "1d 02:03:04" */
const char *format_time(uint64_t seconds, char *buf);
/* The time-stamp counter's present value. */
uint64_t read_tsc(void);

#endif
