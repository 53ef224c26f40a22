/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An initrd is a row of cpio archives ("newc"), each plain or compressed, with
 * zeros between them (Linux's Documentation/driver-api/early-userspace/buffer-format.rst).
 */
#include <stdbool.h>
#include <string.h>

#include "initrd.h"

#define CPIO_HEADER	110
#define CPIO_SIZE	54	/* fields of eight hexadecimal digits */
#define CPIO_NAME_SIZE	94
#define CPIO_TRAILER	"TRAILER!!!"
#define ZSTD_MAGIC	0xfd2fb528U
#define ZSTD_LAST	1U
#define ZSTD_RLE	1U

static int truncated(const struct file *f, const char *what, struct fault *err)
{
	return fault_set(err, "initrd %s: truncated: its %s goes on behind the file's %zu bytes; copy the file again",
			 f->path, what, f->size);
}

static bool is_cpio(const struct file *f, size_t at)
{
	return f->size - at >= 6 && (!memcmp(f->data + at, "070701", 6) ||
				     !memcmp(f->data + at, "070702", 6));
}

static bool read_hex(const uint8_t *at, uint64_t *value)
{
	unsigned int i;

	*value = 0;
	for (i = 0; i < 8; i++) {
		uint8_t c = at[i] | 0x20;

		if ((c < '0' || c > '9') && (c < 'a' || c > 'f'))
			return false;
		*value = *value << 4 | (c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return true;
}

/* Moves *at behind one archive. */
static int pass_cpio(const struct file *f, size_t *at, struct fault *err)
{
	for (;;) {
		uint64_t name_size, size, name = *at + CPIO_HEADER, end;
		bool last;

		if (*at >= f->size || f->size - *at < CPIO_HEADER)
			return truncated(f, "cpio archive", err);
		if (!is_cpio(f, *at) || !read_hex(f->data + *at + CPIO_NAME_SIZE, &name_size) ||
		    !read_hex(f->data + *at + CPIO_SIZE, &size))
			return fault_set(err, "initrd %s: damaged: no cpio header at byte %zu; copy the file again",
					 f->path, *at);
		/* Name and contents are padded to four bytes. */
		end = ((name + name_size + 3) & ~3ULL) + size;
		if (end > f->size)
			return truncated(f, "cpio archive", err);
		last = name_size == sizeof(CPIO_TRAILER) &&
		       !memcmp(f->data + name, CPIO_TRAILER, sizeof(CPIO_TRAILER));
		*at = (end + 3) & ~3ULL;
		if (last)
			return 0;
	}
}

static uint32_t little(const uint8_t *at, unsigned int bytes)
{
	uint32_t value = 0;

	while (bytes--)
		value = value << 8 | at[bytes];
	return value;
}

static bool is_zstd(const struct file *f, size_t at)
{
	return f->size - at >= 4 && little(f->data + at, 4) == ZSTD_MAGIC;
}

/* Zstandard's frame header (RFC 8878, 3.1.1.1): its length after the magic number. */
static size_t zstd_header(uint8_t descriptor)
{
	static const size_t dictionary[] = { 0, 1, 2, 4 }, content[] = { 0, 2, 4, 8 };
	bool single = descriptor >> 5 & 1;
	size_t n = 1 + !single + dictionary[descriptor & 3] + content[descriptor >> 6];

	return n + (single && !(descriptor >> 6));
}

static int pass_zstd(const struct file *f, size_t *at, struct fault *err)
{
	size_t p = *at + 4;
	bool checksum, last = false;

	if (p >= f->size)
		return truncated(f, "Zstandard frame", err);
	checksum = f->data[p] >> 2 & 1;
	p += zstd_header(f->data[p]);
	while (!last) {
		uint32_t block;

		if (p > f->size || f->size - p < 3)
			return truncated(f, "Zstandard frame", err);
		block = little(f->data + p, 3);
		last = block & ZSTD_LAST;
		p += 3 + ((block >> 1 & 3) == ZSTD_RLE ? 1 : block >> 3);
	}
	p += checksum ? 4 : 0;
	if (p > f->size)
		return truncated(f, "Zstandard frame", err);
	*at = p;
	return 0;
}

int initrd_check(const struct file *f, struct fault *err)
{
	size_t at = 0;

	while (at < f->size) {
		if (!f->data[at]) {
			at++;
		} else if (is_cpio(f, at)) {
			if (pass_cpio(f, &at, err))
				return -1;
		} else if (is_zstd(f, at)) {
			if (pass_zstd(f, &at, err))
				return -1;
		} else {
			return 0;
		}
	}
	return 0;
}
