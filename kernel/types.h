/* SPDX-License-Identifier: GPL-2.0-only */
/* Basic types of the core. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <dais/abi.h>

typedef uint8_t u8; typedef uint16_t u16; typedef uint32_t u32; typedef uint64_t u64;
typedef int64_t s64;

/* Addresses as types: none can be taken for another. */
typedef struct { u64 v; } hpa_t; /* host physical */
typedef struct { u64 v; } gpa_t; /* guest physical */
static inline hpa_t hpa(u64 v) { return (hpa_t){ v }; }
static inline gpa_t gpa(u64 v) { return (gpa_t){ v }; }

typedef enum dais_status status_t;

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096ULL
#define PAGE_MASK  (~(PAGE_SIZE - 1))
#define SIZE_2M    0x200000ULL
#define SIZE_1G    0x40000000ULL
/* Orders of mappings, as log2 of 4 KiB frames */
#define ORDER_4K 0u
#define ORDER_2M 9u
#define ORDER_1G 18u

#ifndef MAX_CPUS
#define MAX_CPUS    512
#endif
#define MAX_DOMAINS 1024 /* slots; slot 0 is the control domain */

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(p, type, member) ((type *)((char *)(p) - offsetof(type, member)))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define ALIGN_UP(x, a) (((x) + (a) - 1) & ~((u64)(a) - 1))
#define ALIGN_DOWN(x, a) ((x) & ~((u64)(a) - 1))
#define __packed __attribute__((packed))
#define __aligned(n) __attribute__((aligned(n)))
#define __noreturn __attribute__((noreturn))
#define __must_check __attribute__((warn_unused_result))
#define __printf(a, b) __attribute__((format(printf, a, b)))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define __cold __attribute__((cold, noinline)) /* rare: kept out of the way that most calls take */
