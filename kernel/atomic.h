/* SPDX-License-Identifier: GPL-2.0-only */
/* Atomic access, on plain u32/u64 words; full barriers unless named otherwise. */
#ifndef DAIS_ATOMIC_H
#define DAIS_ATOMIC_H

#include "kernel/types.h"

#define atomic_load(p)          __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define atomic_store(p, v)      __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define atomic_load_relaxed(p)  __atomic_load_n((p), __ATOMIC_RELAXED)
#define atomic_store_relaxed(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define atomic_xchg(p, v)       __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)
#define atomic_or(p, v)         __atomic_fetch_or((p), (v), __ATOMIC_SEQ_CST)  /* returns the old value */
#define atomic_and(p, v)        __atomic_fetch_and((p), (v), __ATOMIC_SEQ_CST) /* returns the old value */
#define atomic_add(p, v)        __atomic_add_fetch((p), (v), __ATOMIC_SEQ_CST) /* returns the new value */
#define atomic_sub(p, v)        __atomic_sub_fetch((p), (v), __ATOMIC_SEQ_CST) /* returns the new value */
#define atomic_fence()          __atomic_thread_fence(__ATOMIC_SEQ_CST)

#define atomic_cas(p, old, new) ({ __typeof__(*(p)) old_ = (old); \
	__atomic_compare_exchange_n((p), &old_, (new), false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED); })

#endif
