/* SPDX-License-Identifier: GPL-2.0-only */
/* A machine of malloc'ed memory for the core's architecture-neutral part: kernel/arch.h without hardware. */
#ifndef DAIS_FAKE_H
#define DAIS_FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "boot/boot_info.h"
#include "kernel/arch.h"
#include "kernel/domain.h"
#include "kernel/frame.h"
#include "kernel/heap.h"
#include "kernel/hypercall.h"
#include "kernel/info.h"
#include "kernel/vcpu.h"

#define FAKE_RAM    (256ULL << 20) /* host-physical 0.. */
#define FAKE_CPUS   4
#define FAKE_TRAPPED (FAKE_RAM + 0x5000) /* a page of device memory that traps; the rest above RAM does not */
#define FAKE_POOL   (64ULL << 20)  /* pool from here on */

extern u32 fake_cpu, fake_cpus;       /* cpu_id(), cpu_count() */
extern u64 fake_now;                  /* time_now() */
extern u64 fake_timer[MAX_CPUS];      /* arch_timer_set */
extern u32 fake_requests[MAX_CPUS];   /* cpu_request */
extern u32 fake_msix[8], fake_pokes, fake_posts; /* pokes; of them such as a guest may take itself */
extern u32 fake_interrupts, fake_last_vector;
extern u64 fake_last_msi;             /* arch_msi: address | data << 32 */
extern jmp_buf *fake_panic;           /* where a panic goes that a test expects */
extern bool fake_irqs_off, fake_has_work, fake_shutdown;
extern int fake_nested_fails_in;      /* nested_prepare fails after so many calls; < 0: never */
extern u32 fake_flushes, fake_device_ends;
extern u64 fake_frames_at_end;        /* the domain's at the first devices_end since that was 0 */
extern void (*fake_on_interrupt)(struct vcpu *v);

/* Heap, frames, scheduler: 64 MiB of control domain with a hole for firmware, the rest pool. */
void fake_boot(void);
/* ... and the control domain with its vCPU, running on CPU 0, with all its memory mapped. Once per program. */
void fake_boot_control(void);
struct vcpu *fake_control_vcpu(void);
status_t fake_reclaim(mgmt_t m, struct domain *d); /* the hypercall mem_reclaim */
/* Every queued vCPU of a guest blocks, as its run loop would have it after VP_STOP. */
void fake_settle(void);
/* A handler called with domain d as its first argument, and these. */
status_t fake_call(status_t (*handler)(struct call *c), struct domain *caller, struct domain *d, const u64 *args, u32 count,
		   u64 *done);
#define FAKE_CALL(name, caller, d, done, ...) \
	fake_call(call_##name, caller, d, (const u64[]){ __VA_ARGS__ }, sizeof((u64[]){ __VA_ARGS__ }) / 8, done)
/* mem_split without a table to put the pool into */
status_t pool_split(struct pool *p, u64 frames, struct pool **out);
void *fake_ram(u64 at);
u64 fake_mapped(struct domain *d);    /* leaves in d's nested tables */

#endif
