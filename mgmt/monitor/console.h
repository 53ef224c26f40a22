/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's console: what it prints goes to one attached client, or waits for
 * the next one, and to a file of bounded size; what the client types waits for the guest.
 */
#ifndef MONITOR_CONSOLE_H
#define MONITOR_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONSOLE_BACKLOG	(1U << 20)	/* when it is full the oldest bytes go */
#define CONSOLE_INPUT	4096U
#define CONSOLE_LOG_MAX	(256L << 10)	/* then the file becomes FILE.old */

/*
 * How far the output has come, in bytes ever printed. Plain data: it lies in an autonomous guest's monitor page, so that
 * after a monitor's death the next one goes on without losing or doubling a byte. What is in the file is known from the
 * file's size; so nothing has to change together with it.
 */
struct console_mark {
	uint64_t base;		/* that of the domain's ring's first byte */
	uint64_t start;		/* that of the file's first byte */
	uint64_t next;		/* while the file is being replaced: start of the new one; else 0 */
	uint64_t sent;		/* to clients */
};

struct console {
	struct console_mark *mark, own;
	int client;		/* -1: none */
	int peer;		/* its process */
	bool input_ended;	/* the client sends no more */
	int log;
	long log_size;
	char *log_path;
	uint64_t head, sent, logged;	/* bytes ever printed, sent to clients, logged */
	uint64_t oldest;	/* nothing before is in the backlog */
	uint64_t in_head, in_tail;
	uint8_t out[CONSOLE_BACKLOG];
	uint8_t in[CONSOLE_INPUT];
};

void console_init(struct console *c);
/* path is taken over; keep: what the file holds is this guest's, and the mark says where it belongs: head, sent and the
 * backlog are then as they were. */
void console_open_log(struct console *c, char *path, bool keep);
void console_free(struct console *c);
/* Removes the file: the guest never was. */
void console_forget(struct console *c);
/* Goes on with the mark somewhere else, in a domain that begins now (or is taken over: adopt); NULL: on its own. */
void console_set_mark(struct console *c, struct console_mark *mark, bool adopt);
void console_print(struct console *c, uint8_t byte);
void console_print_text(struct console *c, const char *text);
int console_next_input(struct console *c);
bool console_input_waits(const struct console *c);
bool console_has_output(const struct console *c);
bool console_wants_input(const struct console *c);
/* Writes what can be written without waiting; drops a client that is gone. */
void console_flush(struct console *c);
/* Reads what has been typed, all that there is room for: its sender may have left since. False: the client is gone. */
bool console_fill(struct console *c);
void console_attach(struct console *c, int fd, int peer);
/* The client has had the output up to there: goes on behind it, if it is still in the backlog. */
void console_seek(struct console *c, uint64_t position);
void console_detach(struct console *c);

#endif
