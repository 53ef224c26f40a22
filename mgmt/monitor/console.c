/* SPDX-License-Identifier: GPL-2.0-only */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "console.h"

static void open_log(struct console *c)
{
	struct stat st;

	c->log = open(c->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	c->log_size = c->log >= 0 && !fstat(c->log, &st) ? st.st_size : 0;
}

void console_init(struct console *c)
{
	memset(c, 0, sizeof(*c));
	c->client = c->log = -1;
	c->mark = &c->own;
}

void console_set_mark(struct console *c, struct console_mark *mark, bool adopt)
{
	struct console_mark *to = mark ? mark : &c->own;

	if (!adopt && to != c->mark) {
		*to = *c->mark;
		if (mark)
			to->base = c->head;
	}
	c->mark = to;
}

void console_seek(struct console *c, uint64_t position)
{
	uint64_t oldest = c->head > CONSOLE_BACKLOG ? c->head - CONSOLE_BACKLOG : 0;

	if (oldest < c->oldest)
		oldest = c->oldest;
	c->sent = position > c->head ? c->head : position < oldest ? oldest : position;
	c->mark->sent = c->sent;
}

/* A file's bytes into the backlog. */
static void load(struct console *c, const char *path)
{
	uint8_t buf[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n, i;

	while (fd >= 0 && (n = read(fd, buf, sizeof(buf))) > 0)
		for (i = 0; i < n; i++)
			console_print(c, buf[i]);
	if (fd >= 0)
		close(fd);
}

static void recover(struct console *c)
{
	struct console_mark *m = c->mark;
	struct stat st;
	char *old;

	if (c->log < 0)
		return;
	/* The last monitor ended while it replaced the file: has it already? */
	if (m->next && c->log_size < CONSOLE_LOG_MAX)
		m->start = m->next;
	m->next = 0;
	c->oldest = m->start;
	if (asprintf(&old, "%s.old", c->log_path) >= 0) {
		if (!stat(old, &st) && (uint64_t)st.st_size <= m->start) {
			c->head = c->oldest = m->start - st.st_size;
			load(c, old);
		}
		free(old);
	}
	c->head = m->start;
	load(c, c->log_path);
	c->logged = c->head;
	console_seek(c, m->sent);
}

void console_open_log(struct console *c, char *path, bool keep)
{
	c->log_path = path;
	if (!keep)
		console_forget(c); /* of an earlier guest with this name */
	open_log(c);
	if (keep)
		recover(c);
}

void console_free(struct console *c)
{
	console_detach(c);
	if (c->log >= 0)
		close(c->log);
	c->log = -1;
	free(c->log_path);
	c->log_path = NULL;
}

void console_forget(struct console *c)
{
	char *old;

	unlink(c->log_path);
	if (asprintf(&old, "%s.old", c->log_path) < 0)
		return;
	unlink(old);
	free(old);
}

void console_print(struct console *c, uint8_t byte)
{
	c->out[c->head++ % CONSOLE_BACKLOG] = byte;
	if (c->head - c->sent > CONSOLE_BACKLOG)
		c->sent = c->head - CONSOLE_BACKLOG;
	if (c->head - c->logged > CONSOLE_BACKLOG)
		c->logged = c->head - CONSOLE_BACKLOG;
}

void console_print_text(struct console *c, const char *text)
{
	while (*text)
		console_print(c, *text++);
}

bool console_input_waits(const struct console *c)
{
	return c->in_tail != c->in_head;
}

int console_next_input(struct console *c)
{
	return c->in_tail == c->in_head ? -1 : c->in[c->in_tail++ % CONSOLE_INPUT];
}

bool console_has_output(const struct console *c)
{
	return c->client >= 0 && c->sent != c->head;
}

bool console_wants_input(const struct console *c)
{
	return c->client >= 0 && !c->input_ended && c->in_head - c->in_tail < CONSOLE_INPUT;
}

/* The longest piece from position that does not wrap. */
static size_t piece(const struct console *c, uint64_t position)
{
	uint64_t left = c->head - position, to_end = CONSOLE_BACKLOG - position % CONSOLE_BACKLOG;

	return left < to_end ? left : to_end;
}

static void rotate_log(struct console *c)
{
	char *old;

	if (c->log_size < CONSOLE_LOG_MAX || asprintf(&old, "%s.old", c->log_path) < 0)
		return;
	close(c->log);
	c->mark->next = c->mark->start + c->log_size;
	rename(c->log_path, old);
	free(old);
	open_log(c);
	c->mark->start = c->mark->next;
	c->mark->next = 0;
}

static void flush_log(struct console *c)
{
	while (c->log >= 0 && c->logged != c->head) {
		ssize_t n = write(c->log, c->out + c->logged % CONSOLE_BACKLOG,
				  piece(c, c->logged));

		if (n <= 0) {
			close(c->log); /* a full disk must not stop the guest */
			c->log = -1;
			break;
		}
		c->logged += n;
		c->log_size += n;
		rotate_log(c);
	}
	if (c->log < 0)
		c->logged = c->head; /* nothing waits for a file that is not there */
}

void console_flush(struct console *c)
{
	flush_log(c);
	while (console_has_output(c)) {
		ssize_t n = send(c->client, c->out + c->sent % CONSOLE_BACKLOG, piece(c, c->sent),
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n <= 0) {
			console_detach(c);
			break;
		}
		c->sent += n;
		c->mark->sent = c->sent;
	}
}

bool console_fill(struct console *c)
{
	uint8_t buf[256];
	size_t i, room;
	ssize_t n;

	while (console_wants_input(c)) {
		room = CONSOLE_INPUT - (c->in_head - c->in_tail);
		n = recv(c->client, buf, room < sizeof(buf) ? room : sizeof(buf), MSG_DONTWAIT);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		if (n == 0)
			c->input_ended = true;
		for (i = 0; i < (size_t)n; i++)
			c->in[c->in_head++ % CONSOLE_INPUT] = buf[i];
	}
	return true;
}

void console_attach(struct console *c, int fd, int peer)
{
	c->client = fd;
	c->peer = peer;
	c->input_ended = false;
}

void console_detach(struct console *c)
{
	if (c->client >= 0)
		close(c->client);
	c->client = -1;
}
