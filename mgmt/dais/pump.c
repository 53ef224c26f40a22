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

/* Bytes that were read and could not be written yet. */
struct flow {
	char data[4096];
	size_t at, count;
};

struct pump {
	int guest, signals;
	bool tty, input_ended;
	struct flow in, out;
	uint64_t *received;
};

static bool raw_terminal(void)
{
	struct termios raw;

	if (!isatty(0) || tcgetattr(0, &saved))
		return false;
	raw = saved;
	cfmakeraw(&raw);
	return !tcsetattr(0, TCSADRAIN, &raw);
}

/* SIGPIPE, too, waits until the terminal is as it was. */
static int open_signals(sigset_t *old)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, old);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static bool try_again(void)
{
	return errno == EAGAIN || errno == EINTR;
}

/* To the guest, as far as its monitor takes it: one that reads nothing must hold up neither output nor signals. */
static void push_input(struct pump *p)
{
	ssize_t n = send(p->guest, p->in.data + p->in.at, p->in.count, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && try_again())
		return;
	if (n < 0)
		n = p->in.count; /* its end is seen where its output ends */
	p->in.at += n;
	p->in.count -= n;
}

/* From the keyboard: true when the escape key was pressed. What comes while the guest takes nothing is lost. */
static bool pass_input(struct pump *p)
{
	char buf[sizeof(p->in.data)], *escape;
	ssize_t n = read(0, buf, sizeof(buf));

	if (n < 0 && try_again())
		return false;
	if (n <= 0) {
		p->input_ended = true; /* the end of the input is not the end of the guest */
		shutdown(p->guest, SHUT_WR);
		return false;
	}
	escape = p->tty ? memchr(buf, ESCAPE, n) : NULL;
	if (!p->in.count) {
		p->in.at = 0;
		p->in.count = escape ? escape - buf : n;
		memcpy(p->in.data, buf, p->in.count);
	}
	if (p->in.count)
		push_input(p);
	return escape;
}

/* False: the guest has ended. */
static bool take_output(struct pump *p)
{
	ssize_t n = recv(p->guest, p->out.data, sizeof(p->out.data), MSG_DONTWAIT);

	if (n < 0 && try_again())
		return true;
	if (n <= 0)
		return false;
	p->out.at = 0;
	p->out.count = n;
	if (p->received)
		*p->received += n;
	return true;
}

/* False: the standard output takes nothing any more, errno says why. */
static bool pass_output(struct pump *p)
{
	ssize_t n = write(1, p->out.data + p->out.at, p->out.count);

	if (n < 0)
		return try_again();
	p->out.at += n;
	p->out.count -= n;
	return true;
}

enum { FD_IN, FD_GUEST, FD_SIGNAL, FD_OUT, FDS };

static void wait_for(const struct pump *p, struct pollfd *fds)
{
	short guest = (p->out.count ? 0 : POLLIN) | (p->in.count ? POLLOUT : 0);
	bool listen = !p->input_ended && (p->tty || !p->in.count); /* always to the escape key */

	/* One that is not waited for is not looked at: its hang-up would be reported all the time. */
	fds[FD_IN] = (struct pollfd){ .fd = listen ? 0 : -1, .events = POLLIN };
	fds[FD_GUEST] = (struct pollfd){ .fd = guest ? p->guest : -1, .events = guest };
	fds[FD_SIGNAL] = (struct pollfd){ .fd = p->signals, .events = POLLIN };
	fds[FD_OUT] = (struct pollfd){ .fd = p->out.count ? 1 : -1, .events = POLLOUT };
	while (poll(fds, FDS, -1) < 0)
		;
}

static enum pump_end run(struct pump *p)
{
	struct signalfd_siginfo taken; /* else it would come again behind us */
	struct pollfd fds[FDS];

	for (;;) {
		wait_for(p, fds);
		if (fds[FD_OUT].revents && !pass_output(p))
			return PUMP_NO_OUTPUT;
		if (fds[FD_GUEST].revents & (POLLIN | POLLHUP | POLLERR) && !p->out.count && !take_output(p))
			return PUMP_GUEST_ENDED;
		if (fds[FD_SIGNAL].revents && read(p->signals, &taken, sizeof(taken)) > 0)
			return PUMP_SIGNALLED;
		if (fds[FD_GUEST].revents && p->in.count)
			push_input(p);
		if (fds[FD_IN].revents && pass_input(p))
			return PUMP_DETACHED;
	}
}

enum pump_end console_pump(int fd, uint64_t *received)
{
	struct pump p = { .guest = fd, .received = received };
	enum pump_end end;
	sigset_t old;
	int why;

	p.signals = open_signals(&old);
	p.tty = raw_terminal();
	end = run(&p);
	why = errno;
	close(p.signals);
	if (p.tty)
		tcsetattr(0, TCSADRAIN, &saved);
	sigprocmask(SIG_SETMASK, &old, NULL);
	errno = why;
	return end;
}
