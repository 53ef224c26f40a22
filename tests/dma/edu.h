/* SPDX-License-Identifier: GPL-2.0-only */
/* QEMU's device `edu` (docs/specs/edu.rst there): DMA between any address and a buffer of its own. */
#ifndef EDU_H
#define EDU_H

#include <stdbool.h>
#include <stdint.h>

#define EDU_BUFFER_SIZE 2048 /* QEMU ends when a transfer touches the buffer's very end */

/* Finds the first one and makes it a bus master; its function number, or exits with a message. */
uint32_t edu_open(void);
/* 1..EDU_BUFFER_SIZE bytes from its buffer's start to memory, or back. False: it does not end. */
bool edu_dma(uint64_t address, uint32_t bytes, bool to_memory);
/* May it access memory? From edu_open on it may. */
void edu_master(bool on);
/* All of the buffer through ordinary memory that the device can reach: a page of this process, or what was named last. */
void edu_feed(void *ordinary, uint64_t address);
void edu_put(const void *data);
void edu_get(void *data);
/* A page of this process, locked, and its physical address. */
void *edu_page(uint64_t *physical);

#endif
