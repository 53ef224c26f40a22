/* SPDX-License-Identifier: GPL-2.0-only */
#include <string.h>
#include "boot/boot_info.h"
#include "boot/elf.h"

#define PAGE 4096ULL
/* Far more than any hypervisor; keeps the sums below from overflowing. */
#define IMAGE_MAX (64ULL << 20)

struct elf_header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_segment {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

enum { ELF_EXEC = 2, ELF_X86_64 = 62, ELF_LOAD = 1, ELF_X = 1, ELF_W = 2 };

static const uint8_t elf_ident[7] = { 0x7f, 'E', 'L', 'F', 2 /* 64-bit */, 1 /* LSB */, 1 };

static struct elf_segment read_segment(const void *file, const struct elf_header *head,
				       unsigned int i)
{
	struct elf_segment segment;

	memcpy(&segment, (const char *)file + head->phoff + i * sizeof(segment), sizeof(segment));
	return segment;
}

static bool check_header(const struct elf_header *head, size_t length, struct error *err)
{
	if (memcmp(head->ident, elf_ident, sizeof(elf_ident)) != 0)
		return refuse(err, "is not a 64-bit ELF file");
	if (head->type != ELF_EXEC || head->machine != ELF_X86_64)
		return refuse(err, "is not an x86-64 ELF executable");
	if (head->phentsize != sizeof(struct elf_segment) || head->phnum == 0)
		return refuse(err, "has no usable program headers");
	if (head->phoff > length || length - head->phoff < head->phnum * sizeof(struct elf_segment))
		return refuse(err, "is truncated in its program headers");
	return true;
}

static bool check_segment(const struct elf_segment *s, size_t length, struct error *err)
{
	if (s->offset > length || s->filesz > length - s->offset)
		return refuse(err, "is truncated: a segment ends at byte %llu of %llu",
			      (unsigned long long)(s->offset + s->filesz),
			      (unsigned long long)length);
	if (s->memsz < s->filesz || s->memsz > IMAGE_MAX || s->paddr > IMAGE_MAX ||
	    s->paddr % PAGE)
		return refuse(err, "has a segment of impossible size or place");
	if (s->vaddr != BOOT_IMAGE_VIRT + s->paddr)
		return refuse(err, "is not linked as a Dais hypervisor");
	if ((s->flags & (ELF_W | ELF_X)) == (ELF_W | ELF_X))
		return refuse(err, "has a segment that is both writable and executable");
	return true;
}

bool elf_check(const void *file, size_t length, struct elf_image *image, struct error *err)
{
	struct elf_header head;
	struct elf_segment s;
	uint64_t end = 0;

	image->segment_count = 0;
	if (length < sizeof(head))
		return refuse(err, "is too short for an ELF file");
	memcpy(&head, file, sizeof(head));
	if (!check_header(&head, length, err))
		return false;
	for (unsigned int i = 0; i < head.phnum; i++) {
		s = read_segment(file, &head, i);
		if (s.type != ELF_LOAD)
			continue;
		if (!check_segment(&s, length, err))
			return false;
		if (s.paddr < end) /* a page of two segments would have the rights of the later one */
			return refuse(err, "has segments that overlap, or are not in order of their addresses");
		if (image->segment_count == ELF_PARTS_MAX)
			return refuse(err, "has more than %u segments", ELF_PARTS_MAX);
		image->segment[image->segment_count++] = (struct elf_part){
			s.paddr, (s.memsz + PAGE - 1) & ~(PAGE - 1), s.flags & ELF_W, s.flags & ELF_X };
		end = (s.paddr + s.memsz + PAGE - 1) & ~(PAGE - 1);
	}
	image->size = end;
	image->entry = head.entry - BOOT_IMAGE_VIRT;
	if (image->entry >= image->size)
		return refuse(err, "has its entry point outside the image");
	return true;
}

void elf_load(const void *file, void *base, const struct elf_image *image)
{
	struct elf_header head;
	struct elf_segment s;

	memcpy(&head, file, sizeof(head));
	memset(base, 0, image->size);
	for (unsigned int i = 0; i < head.phnum; i++) {
		s = read_segment(file, &head, i);
		if (s.type == ELF_LOAD)
			memcpy((char *)base + s.paddr, (const char *)file + s.offset, s.filesz);
	}
}
