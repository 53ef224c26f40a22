/* SPDX-License-Identifier: MIT */
/*
 * libdais: the control domain's programs' way to Dais, over /dev/dais.
 *
 * Functions that return int return 0 (or what they say) or a negative errno.
 * dais_strerror() turns the error that this thread got last into a text that
 * names Dais's own status when it was Dais that refused
 * ("Dais: NO_MEMORY: pool or heap exhausted").
 * Handles may be used by several threads at once, except that closing one
 * must be the last use. All descriptors are close-on-exec; clear that flag or
 * send them over a socket to hand a domain to another process, which then
 * needs no right on /dev/dais (dais_dom_from_fd, dais_vcpu_from_fd).
 */
#ifndef LIBDAIS_H
#define LIBDAIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <dais/abi.h>
#include "dais_ioctl.h"

struct dais_conn;  /* an open /dev/dais */
struct dais_dom;   /* a domain; the right to this one only */
struct dais_vcpu;  /* one vCPU of it */
struct dais_event; /* an event; its descriptor can be polled */

/* ---- errors ---- */

/* Text for a negative errno just returned to this thread; valid until its next call. */
const char *dais_strerror(int err);
/* enum dais_status behind this thread's last failure; DAIS_OK when it was not Dais's. */
int dais_last_status(void);
/* "NO_MEMORY" and "pool or heap exhausted"; NULL beyond the list. */
const char *dais_status_name(unsigned int status);
const char *dais_status_text(unsigned int status);
/* The negative errno that stands for a status. */
int dais_status_errno(unsigned int status);
/* Texts of the ABI's other numbers; "?" beyond the lists. */
const char *dais_state_name(unsigned int dom_state);     /* "running" … */
const char *dais_death_name(unsigned int death);         /* "powered off" … */
const char *dais_activity_name(unsigned int activity);   /* "halted" … */
const char *dais_call_name(unsigned int nr);             /* "dom_create" …, from calls.def */

/* ---- the machine ---- */

/* -ENOENT: dais.ko is not loaded; -EACCES, -EPERM: not root. */
int dais_open(struct dais_conn **conn);
void dais_close(struct dais_conn *conn);

/* All numbers of the machine (DAIS_STAT_*, sizes in bytes), and what the CPU says of itself. */
#define DAIS_NAMED_MAX 33
struct dais_named { const char *name; bool present, used; }; /* name NULL ends */
struct dais_info {
	char version[16], cpu_vendor[13], cpu_name[49];
	const char *virt;   /* "AMD-V" */
	uint64_t stat[DAIS_STAT_MACHINE_COUNT]; /* but not DAIS_STAT_CHECK */
	uint64_t mem_guests, mem_pool, mem_free, mem_dais;
	struct dais_named features[DAIS_NAMED_MAX], defences[DAIS_DEFENCES + 1];
};

/* Asks for them anew; NULL: see errno. */
const struct dais_info *dais_get_info(struct dais_conn *conn);
/* As they were last. */
const struct dais_info *dais_peek_info(struct dais_conn *conn);
/* ABI version of the running Dais, checked by dais_open against DAIS_ABI_VERSION. */
unsigned int dais_abi_version(struct dais_conn *conn);

/* Rings, mapped read-only at the first call and until dais_close; NULL: see errno. */
const struct dais_log *dais_get_log(struct dais_conn *conn);
const struct dais_trace *dais_get_trace(struct dais_conn *conn);
int dais_set_log_level(struct dais_conn *conn, unsigned int level); /* 0..3 */
int dais_set_trace(struct dais_conn *conn, unsigned int what); /* as DAIS_DOM_TRACE: 0..2 */

/* A global counter: DAIS_STAT_FRAMES_TOTAL … */
int dais_stat(struct dais_conn *conn, enum dais_stat what, uint64_t *value);

/* Any hypercall, as root and with dais.ko's parameter raw_calls=1 only. Returns
 * 0 whatever Dais's status is; r->status, value, value2 are Dais's answer. */
int dais_raw(struct dais_conn *conn, struct dais_ioc_raw *r);

/* ---- domains ---- */

struct dais_dom_config {
	const char *name;        /* 1..63 bytes, -EEXIST when in use */
	uint8_t uuid[16];
	unsigned int max_vcpus;  /* 1..DAIS_MAX_VCPUS */
	unsigned int caps;       /* size of its capability table, 0: default */
	uint64_t flags;          /* dom_create's flags, 0 */
	bool autonomous;         /* lives on without any descriptor until dais_dom_destroy */
};

/* A hosted domain (!autonomous) dies when the descriptor made here is closed,
 * in all processes that inherited it, however they end (DAIS_DEATH_MONITOR);
 * its memory goes back when the last other descriptor and mapping is gone. */
int dais_dom_create(struct dais_conn *conn, const struct dais_dom_config *config,
		    struct dais_dom **dom);
/* -ENOENT: no such domain. Does not prolong a hosted domain's life. */
int dais_dom_open(struct dais_conn *conn, uint32_t id, struct dais_dom **dom);
int dais_dom_open_name(struct dais_conn *conn, const char *name, struct dais_dom **dom);
int dais_dom_from_fd(int fd, struct dais_dom **dom); /* takes the descriptor over */
void dais_dom_close(struct dais_dom *dom);           /* also unmaps all pages below */
int dais_dom_fd(const struct dais_dom *dom);

/* Enumeration: the domain with the lowest id greater than `after` (start with
 * 0 and first = true). 1: *info filled; 0: no more. */
int dais_dom_next(struct dais_conn *conn, bool first, uint32_t after,
		  struct dais_ioc_dom_info *info);
int dais_dom_info(struct dais_dom *dom, struct dais_ioc_dom_info *info);

/* The shared area, mapped when the handle was made. */
struct dais_dom_page *dais_dom_page(struct dais_dom *dom);
void *dais_dom_monitor_page(struct dais_dom *dom); /* DAIS_PAGE_SIZE bytes, the monitor's own */
const char *dais_dom_ring(struct dais_dom *dom);   /* DAIS_DOM_RING_SIZE bytes */

int dais_dom_activate(struct dais_dom *dom);
int dais_dom_pause(struct dais_dom *dom);
int dais_dom_unpause(struct dais_dom *dom);
int dais_dom_kill(struct dais_dom *dom, enum dais_death why);
/* Kills, then takes the domain apart once no process maps its memory any more,
 * and closes the handle (whatever is returned). -ETIMEDOUT: some process still
 * maps it after timeout_ms (-1: no limit): the domain is dead and goes away
 * with that process. */
int dais_dom_destroy(struct dais_dom *dom, int timeout_ms);

int dais_dom_stat(struct dais_dom *dom, enum dais_stat what, uint64_t *value);
/* -ENOENT: no such vCPU. */
int dais_dom_vcpu_stat(struct dais_dom *dom, unsigned int index, enum dais_stat what,
		       uint64_t *value);

/* ---- memory: gpa and size in multiples of DAIS_PAGE_SIZE ---- */

/* New scrubbed frames of the pool. prot: DAIS_MAP_READ|WRITE|EXEC. With mem the
 * frames are shared with this process and *mem is where they are mapped; with
 * mem NULL only the guest ever sees them. All or nothing. */
int dais_mem_map(struct dais_dom *dom, uint64_t gpa, uint64_t size, uint64_t prot, void **mem);
/* Maps what an earlier dais_mem_map of some process shared (part of one such call's range). */
int dais_mem_attach(struct dais_dom *dom, uint64_t gpa, uint64_t size, void **mem);
int dais_mem_detach(void *mem, uint64_t size);
/* Ends the control domain's view of a dais_mem_map range for good; detach it first (-EBUSY). */
int dais_mem_seal(struct dais_dom *dom, uint64_t gpa, uint64_t size, uint64_t prot);
/* Takes a whole dais_mem_map range away; detach it first (-EBUSY). */
int dais_mem_unmap(struct dais_dom *dom, uint64_t gpa, uint64_t size);

/* ---- devices ---- */

/* Ranges and actions as trap_set says; DAIS_TRAP_DENY removes. */
int dais_trap_set(struct dais_dom *dom, enum dais_trap_kind kind, uint64_t base, uint64_t length,
		  enum dais_trap_action action, uint64_t value);
/* A message-signalled interrupt; delivered with one ioctl, from any thread. */
int dais_irq_set(struct dais_dom *dom, uint64_t address, uint64_t data);

/* ---- PCI functions: segment << 16 | bus << 8 | device << 3 | function ---- */

/* DAIS_STAT_FN_STATE or _FAULTS */
int dais_function_stat(struct dais_conn *conn, uint32_t fn, enum dais_stat what, uint64_t *value);

/* Given to the domain, after a reset; it must be bound to the driver DAIS_PCI_DRIVER. flags: DAIS_DEV_NO_RESET.
 * -ENODEV: it is not bound; -EBUSY: another domain has it; -ENOTTY: it cannot be reset; -EPERM: Dais refuses. */
int dais_dev_assign(struct dais_dom *dom, uint32_t fn, uint32_t flags);
/* Taken away, reset, the control domain's again. Unmap its BARs before. The end of the domain does all this, too. */
int dais_dev_return(struct dais_dom *dom, uint32_t fn);
int dais_dev_reset(struct dais_dom *dom, uint32_t fn);
/* Whole pages of one of its BARs appear in the domain at gpa. */
int dais_dev_map(struct dais_dom *dom, uint32_t fn, unsigned int bar, uint64_t offset, uint64_t size,
		 uint64_t gpa);
int dais_dev_unmap(struct dais_dom *dom, uint32_t fn, uint64_t gpa, uint64_t size);
/* Its line interrupt (INTx) raises bits of an event of the same domain and masks itself, until dais_dev_unmask.
 * event NULL: no more. It begins masked. -ENOTTY: it has none, or cannot mask it. */
struct dais_event;
int dais_dev_line(struct dais_dom *dom, uint32_t fn, struct dais_event *event, uint64_t bits);
int dais_dev_unmask(struct dais_dom *dom, uint32_t fn);

/* ---- vCPUs ---- */

/* flags: 0 (hosted) or DAIS_VCPU_AUTONOMOUS; must agree with the domain's kind. */
int dais_vcpu_create(struct dais_dom *dom, unsigned int index, uint64_t flags,
		     struct dais_vcpu **vcpu);
int dais_vcpu_open(struct dais_dom *dom, unsigned int index, struct dais_vcpu **vcpu);
int dais_vcpu_from_fd(int fd, struct dais_vcpu **vcpu); /* takes the descriptor over */
void dais_vcpu_close(struct dais_vcpu *vcpu);
int dais_vcpu_fd(const struct dais_vcpu *vcpu);
struct dais_vcpu_page *dais_vcpu_page(struct dais_vcpu *vcpu);

/* A register group, whole or from its start: len bytes at buf. Windows and
 * offsets are handled inside. -EBUSY while the vCPU runs. */
int dais_vcpu_get(struct dais_vcpu *vcpu, enum dais_state_group group, void *buf, size_t len);
int dais_vcpu_set(struct dais_vcpu *vcpu, enum dais_state_group group, const void *buf, size_t len);

/* Hosted: runs the guest in this thread until an exit for the monitor, and
 * returns its enum dais_exit (details in the page): IO, MMIO, EOI, KICK, DEAD.
 * Interrupts, halts and pauses are dealt with in the kernel. -EINTR: a signal
 * came; call again. For an IO or MMIO read put the value in the page's data
 * before the next call. One thread at a time (others wait). */
int dais_vcpu_run(struct dais_vcpu *vcpu);
/* The running or next dais_vcpu_run returns DAIS_EXIT_KICK; also out of a halt or pause. */
int dais_vcpu_kick(struct dais_vcpu *vcpu);

/* Autonomous: lets it go on after its exit (page->reason) was served. */
int dais_vcpu_resume(struct dais_vcpu *vcpu);
/* Autonomous. When a CPU cannot promise so much, the last status is DAIS_NO_SPACE; *left (or NULL): millionths of a CPU that
 * one has left. */
int dais_sched_set(struct dais_vcpu *vcpu, enum dais_sched_param param, uint64_t value, uint64_t *left);
int dais_sched_set_cpus(struct dais_vcpu *vcpu, const uint64_t mask[DAIS_MAX_CPUS / 64], uint64_t *left);
int dais_vcpu_stat(struct dais_vcpu *vcpu, enum dais_stat what, uint64_t *value);

/* ---- events ---- */

/* An event of this domain's. Poll its descriptor for POLLIN, then dais_event_take. */
int dais_event_create(struct dais_dom *dom, struct dais_event **event);
void dais_event_close(struct dais_event *event);
int dais_event_fd(const struct dais_event *event);
/* What raises it. An autonomous vCPU parks at each exit for the monitor and
 * raises `bits`; one event can serve up to 64 vCPUs. A vCPU that was parked
 * before it was bound is found by DAIS_STAT_VCPU_ACTIVITY. The domain's death
 * and its EVENT traps likewise (the traps' bits are those of trap_set). */
int dais_event_from_vcpu(struct dais_event *event, unsigned int vcpu_index, uint64_t bits);
int dais_event_from_death(struct dais_event *event, uint64_t bits);
int dais_event_from_traps(struct dais_event *event);
int dais_event_send(struct dais_event *event, uint64_t bits);
/* The bits raised since the last take, which are then zero. block: waits for
 * any (-EINTR on a signal); otherwise *bits may be 0. */
int dais_event_take(struct dais_event *event, bool block, uint64_t *bits);

#endif
