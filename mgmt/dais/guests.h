/* SPDX-License-Identifier: GPL-2.0-only */
/* Guests and their monitors, as seen from the command. */
#ifndef DAIS_COMMAND_GUESTS_H
#define DAIS_COMMAND_GUESTS_H

#include <libdais.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "../monitor/config.h"
#include "../monitor/server.h"

/* Why a dead guest died; "" for others. */
void guest_death(const struct dais_ioc_dom_info *d, char *buf, size_t size);

/* ---- files in RUN_DIR ---- */
int run_dir_make(struct fault *err);
/* suffix as "sock"; the caller frees. */
char *run_path(const char *name, const char *suffix);
void run_files_remove(const char *name);

/* ---- the end ---- */

/* Ends the guest, outwaits its monitor, takes it apart and closes dom; had: the functions that it had, to be given back by
 * pci_unclaim when nobody shall have them. 0, or dais_dom_destroy's error: it is dead, but not yet gone. */
int take_apart(struct dais_conn *conn, struct dais_dom *dom, const char *name, struct guest_config *had);

/* ---- a monitor that this process started ---- */
struct launch {
	pid_t pid;
	int status;		/* reading end of its reports */
	int console;		/* the guest's, when it was started with LAUNCH_TIED */
	unsigned int death;	/* enum dais_death, after launch_end() */
	char reason[512];
};

enum launch_flags { LAUNCH_TIED = 1, LAUNCH_PAUSED = 2, LAUNCH_ADOPT = 4 };

/* Starts a monitor with that guest file and waits until the guest exists. */
int launch_start(struct launch *l, const char *config_path, unsigned int flags, struct fault *err);
/* Waits for its end; -1: it was killed or failed, reason says so. */
int launch_end(struct launch *l);
/* Makes the guest of c: writes its file, starts the monitor. */
int launch_guest(struct launch *l, const struct guest_config *c, unsigned int flags,
		 struct fault *err);

/* ---- talking to a monitor ---- */

/* Connected to the guest's monitor, or -1 (no message) when it has none. */
int monitor_connect(const char *name);
/* The process that serves the guest, 0: none. One that is just ending is waited for. */
int monitor_serving(const char *name);
/* Starts a monitor for an autonomous guest that lost its own. */
int monitor_adopt(const char *name, struct fault *err);
/* Connected, starting a monitor for an autonomous guest that lost its own. */
int monitor_connect_or_adopt(const char *name, struct fault *err);
/* Sends a request and reads the answer; -1: refused. */
#define MONITOR_GONE (-2) /* it ended */
int monitor_ask(int fd, const char *request, struct fault *err);
/* Asks for the console; position: behind what this client has had before, or ~0; it becomes that of the first byte to come. */
int monitor_ask_console(int fd, uint64_t *position, struct fault *err);
/* Whether the guest's monitor was killed: one that was told to leave takes its socket's file with it. */
bool monitor_was_killed(const char *name);
/* Waits until the monitor goes away: 1, or 0 after timeout_ms. */
int monitor_wait_gone(int fd, int timeout_ms);

/* ---- the terminal ---- */
enum pump_end { PUMP_GUEST_ENDED, PUMP_DETACHED, PUMP_SIGNALLED, PUMP_NO_OUTPUT /* errno says why */ };
/* Passes bytes between the standard streams and fd until one of these; adds those that came to *received, if not NULL. */
enum pump_end console_pump(int fd, uint64_t *received);

#endif
