/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

static int map(struct file *f, const char *what, int fd, struct fault *err)
{
	struct stat st;
	void *data;

	if (fstat(fd, &st))
		return fault_set(err, "%s %s: %s", what, f->path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return fault_set(err, "%s %s: not a regular file", what, f->path);
	if (!st.st_size)
		return fault_set(err, "%s %s: the file is empty", what, f->path);
	data = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return fault_set(err, "%s %s: %s", what, f->path, strerror(errno));
	f->data = data;
	f->size = st.st_size;
	return 0;
}

int file_open(struct file *f, const char *what, const char *path, struct fault *err)
{
	int fd, ret;

	memset(f, 0, sizeof(*f));
	f->path = path;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO without a writer is to be refused, not waited for */
	if (fd < 0)
		return fault_set(err, "%s %s: %s; check the path (it is one of the control domain's)",
				 what, path, strerror(errno));
	ret = map(f, what, fd, err);
	close(fd);
	return ret;
}

void file_close(struct file *f)
{
	if (f->data)
		munmap((void *)f->data, f->size);
	memset(f, 0, sizeof(*f));
}

int file_is_text(const struct file *f)
{
	size_t i, n = f->size < 512 ? f->size : 512;

	for (i = 0; i < n; i++) {
		uint8_t c = f->data[i];

		if (c < 0x20 && c != '\n' && c != '\r' && c != '\t' && c != '\f')
			return 0;
	}
	return 1;
}
