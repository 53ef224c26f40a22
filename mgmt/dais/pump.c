/* SPDX-License-Identifier: GPL-2.0-only */
/* The console on this terminal, or on whatever the standard streams are. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "guests.h"

#define ESCAPE 0x1d	/* Ctrl-] */

static struct termios saved;

static bool raw_terminal(void)
{
	struct termios raw;

	if (!isatty(0) || tcgetattr(0, &saved))
		return false;
	raw = saved;
	cfmakeraw(&raw);
	return !tcsetattr(0, TCSADRAIN, &raw);
}

static int open_signals(sigset_t *old)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, old);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static bool write_all(int fd, const char *data, size_t n)
{
	while (n) {
		ssize_t done = write(fd, data, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		data += done;
		n -= done;
	}
	return true;
}

static bool send_all(int fd, const char *data, size_t n)
{
	while (n) {
		ssize_t done = send(fd, data, n, MSG_NOSIGNAL);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		data += done;
		n -= done;
	}
	return true;
}

/* From the keyboard: true when the escape key was pressed. */
static bool pass_input(int fd, struct pollfd *in, bool tty)
{
	char buf[512], *escape;
	ssize_t n = read(0, buf, sizeof(buf));

	if (n < 0 && errno == EINTR)
		return false;
	if (n <= 0) {
		in->fd = -1; /* the end of the input is not the end of the guest */
		shutdown(fd, SHUT_WR);
		return false;
	}
	escape = tty ? memchr(buf, ESCAPE, n) : NULL;
	send_all(fd, buf, escape ? escape - buf : n);
	return escape;
}

static bool pass_output(int fd, uint64_t *received)
{
	char buf[4096];
	ssize_t n = recv(fd, buf, sizeof(buf), 0);

	if (n < 0 && errno == EINTR)
		return true;
	if (n > 0 && received)
		*received += n;
	return n > 0 && write_all(1, buf, n);
}

enum pump_end console_pump(int fd, uint64_t *received)
{
	sigset_t old;
	bool tty = raw_terminal();
	struct pollfd p[3] = {
		{ .fd = 0, .events = POLLIN },
		{ .fd = fd, .events = POLLIN },
		{ .fd = open_signals(&old), .events = POLLIN },
	};
	enum pump_end end = PUMP_GUEST_ENDED;

	for (;;) {
		if (poll(p, 3, -1) < 0)
			continue;
		if (p[1].revents && !pass_output(fd, received))
			break;
		if (p[2].revents) {
			struct signalfd_siginfo taken; /* else it would come again below */

			if (read(p[2].fd, &taken, sizeof(taken)) < 0)
				continue;
			end = PUMP_SIGNALLED;
			break;
		}
		if (p[0].revents && pass_input(fd, &p[0], tty)) {
			end = PUMP_DETACHED;
			break;
		}
	}
	close(p[2].fd);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (tty)
		tcsetattr(0, TCSADRAIN, &saved);
	return end;
}
