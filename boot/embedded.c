/* SPDX-License-Identifier: GPL-2.0-only */
/* Room in the loader's own image for a dais.conf, which a signature then covers: dais-boot finds the
 * magic in a copy of the file, writes behind it, and signs. */
#include "boot/load.h"

#define MAGIC_SIZE 16

/* Not const: nobody may conclude from its initial value what the text is. */
struct {
	char magic[MAGIC_SIZE];
	char text[EMBEDDED_MAX];
} embedded_block = { .magic = "DAIS-EMBEDDED-1:" };

const char *embedded_config(size_t *length)
{
	size_t n = 0;

	while (n < EMBEDDED_MAX && embedded_block.text[n])
		n++;
	*length = n;
	return n ? embedded_block.text : NULL;
}
