/* SPDX-License-Identifier: GPL-2.0-only */
/* One guest: its domain, memory, vCPUs and devices. */
#ifndef MONITOR_GUEST_H
#define MONITOR_GUEST_H

#include <libdais.h>
#include <pthread.h>

#include "config.h"
#include "console.h"
#include "devices.h"
#include "pci_host.h"

/* Of the guest's event; DAIS_REGISTER_BITS says that there is output; then the slots of the PCI bus, for line
 * interrupts; the vCPUs share the others. */
#define DEATH_BIT	(1ULL << 63)
#define LINE_SHIFT	54
#define VCPU_BITS	54

struct guest;

struct guest_vcpu {
	struct guest *guest;
	struct dais_vcpu *handle;
	pthread_t thread;
	bool has_thread;
};

struct guest {
	struct guest_config config;
	uint8_t uuid[16];
	struct dais_conn *conn;
	struct dais_dom *dom;
	struct dais_event *event;
	struct guest_vcpu *vcpu;
	unsigned int vcpus;
	pthread_mutex_t lock;	/* devices and console */
	struct devices devices;
	struct pci_host pci;	/* the hardware behind devices.pci */
	struct console console;
	struct fault failure;	/* why the monitor ended the guest; "" when it did not */
	uint32_t last_death;	/* enum dais_death of the domain destroyed last */
	int output_timer;	/* armed while the console has something to flush */
	bool output_due;	/* it is; a guest that goes on and on must not put it off */
	/* Called with the bytes of memory prepared so far; false: the guest is not wanted any more. */
	bool (*progress)(void *ctx, uint64_t done, uint64_t all);
	void *progress_ctx;
};

/* Before anything is made: enough memory, name free? */
int guest_check(struct guest *g, struct fault *err);
/* The domain with its memory, kernel, devices and vCPUs, not yet running. Undone on failure. */
int guest_create(struct guest *g, struct fault *err);
/* One event for the guest's death and, when it is autonomous, for its exits. */
int guest_bind_events(struct guest *g, struct fault *err);
/* Lets go of the handles; a hosted domain ends with them. */
void guest_close(struct guest *g);
/* Takes the domain apart. */
void guest_destroy(struct guest *g);

/* adopt.c: opens an autonomous guest whose monitor is gone. */
int guest_adopt(struct guest *g, struct fault *err);
/* Then, with the console's file open: goes on in the ring behind what is in the file. */
void guest_find_output(struct guest *g);
/* What an autonomous guest has printed, from its ring to the console. */
void guest_take_output(struct guest *g);
/* Whether the guest can be left alone. */
int guest_release(struct guest *g, struct fault *err);

/* vcpu.c: starts the threads of a hosted guest. */
int guest_start_threads(struct guest *g, struct fault *err);
void guest_join_threads(struct guest *g);
/* Autonomous: serves the parked vCPUs that the event's bits name. */
void guest_serve(struct guest *g, uint64_t bits);
/* Ends the guest from the monitor's side. */
void guest_kill(struct guest *g, enum dais_death why);

#endif
