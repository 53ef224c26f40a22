/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Spinlocks, unfair: where Dais itself runs virtualized, a queue of tickets would
 * stand still whenever the next in line is not running; sections are short. Host mode runs with interrupts off, so no lock needs an
 * irq-safe form; NMI and machine-check code takes none.
 *
 * Lock order, outermost first:
 *   1. mgmt_lock         creation, destruction, configuration (kernel/domain.c)
 *   2. view_lock         the control domain's nested tables (kernel/mem.h)
 *      iommu_lock        who reaches what (drivers/iommu/iommu.c)
 *   3. memory_lock       frames and heap (kernel/heap.h)
 *   4. capability lock   one for the contents of all slots (kernel/cap.c)
 *   5. events: one event, one binding, a domain's traps and console ring (kernel/event.c, trap.c)
 *   6. run queue of one CPU, or of two in the order of their numbers (kernel/sched/)
 *   7. timer lock        of one CPU (kernel/timer.c)
 *   8. log lock (kernel/log.c); note_level (arch/x86/virt/ipi.c)
 * The device lock of drivers/ comes between 1 and 2: its holder may map and unmap.
 */
#pragma once

#include "kernel/types.h"

typedef struct { u32 locked; } spinlock_t;

static inline void spin_lock(spinlock_t *l)
{
	while (__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE))
		while (__atomic_load_n(&l->locked, __ATOMIC_RELAXED))
			__builtin_ia32_pause();
}

static inline void spin_unlock(spinlock_t *l)
{
	__atomic_store_n(&l->locked, 0, __ATOMIC_RELEASE);
}

static inline spinlock_t *guard_begin(spinlock_t *l) { spin_lock(l); return l; }
static inline void guard_end(spinlock_t **l) { spin_unlock(*l); }
/* Among the declarations of a block: holds the lock to its end. */
#define spin_guard(l) __attribute__((cleanup(guard_end))) spinlock_t *guard_ = guard_begin(l)
