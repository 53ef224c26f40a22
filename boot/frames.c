/* SPDX-License-Identifier: GPL-2.0-only */
/* Who owns which frame of RAM, to begin with. */
#include "boot/frames.h"

#define PAGE  4096ULL
#define BLOCK (FRAME_BLOCK * PAGE)
#define GIB   (FRAME_GROUP * BLOCK)

static const uint8_t states[] = {
	[BOOT_MEM_CONTROL] = FRAME_CONTROL, [BOOT_MEM_FIRMWARE] = FRAME_FIRMWARE,
	[BOOT_MEM_DAIS] = FRAME_DAIS, [BOOT_MEM_POOL] = FRAME_FREE,
};

struct builder { char *next; uint64_t direct; };

static uint64_t end_of(const struct boot_mem *m)
{
	return m->base + m->pages * PAGE;
}

/* Each range may begin and end within a block. */
uint64_t frames_size(const struct boot_mem *mem, uint32_t count)
{
	uint64_t bytes = (end_of(&mem[count - 1]) / GIB + 1) * sizeof(struct frame_block *);

	for (uint32_t i = 0; i < count; i++)
		bytes += 2 * FRAME_BLOCK * sizeof(struct frame) +
			 ((end_of(&mem[i]) - 1) / GIB - mem[i].base / GIB + 1) * FRAME_GROUP * sizeof(struct frame_block);
	return (bytes + PAGE - 1) & ~(PAGE - 1);
}

/* What *pointer points to, as it is mapped now; made if it is not there yet. */
static void *follow(struct builder *b, void *pointer, uint64_t size)
{
	uint64_t *p = pointer;

	if (!*p) {
		*p = (uintptr_t)b->next + b->direct;
		b->next += size;
	}
	return (void *)(*p - b->direct);
}

static void enter(struct builder *b, struct frame_block **groups, const struct boot_mem *m)
{
	struct frame e = { .state = states[m->kind] };
	struct frame_block *block;
	struct frame *table;
	uint64_t step;

	for (uint64_t a = m->base; a < end_of(m); a += step) {
		block = follow(b, &groups[a / GIB], FRAME_GROUP * sizeof(*block));
		block += a / BLOCK % FRAME_GROUP;
		step = a % BLOCK || end_of(m) - a < BLOCK ? PAGE : BLOCK;
		if (step == BLOCK) {
			block->e = e;
			continue;
		}
		table = follow(b, &block->table, FRAME_BLOCK * sizeof(*table));
		table[a / PAGE % FRAME_BLOCK] = e;
		block->e.state = FRAME_FREE;
		block->same += e.state == FRAME_FREE;
	}
}

uint64_t frames_build(const struct boot_mem *mem, uint32_t count, void *store, uint64_t direct, uint64_t *groups)
{
	struct builder b = { store, direct };

	*groups = end_of(&mem[count - 1]) / GIB + 1;
	b.next += *groups * sizeof(struct frame_block *);
	for (uint32_t i = 0; i < count; i++)
		enter(&b, store, &mem[i]);
	return b.next - (char *)store;
}
