/* SPDX-License-Identifier: GPL-2.0-only */
/* conf-check FILE: reads a dais.conf as the loader will; 1 and why if it would refuse it. For dais-boot. */
#include <stdio.h>
#include "boot/config.h"

int main(int argc, char **argv)
{
	static char text[64 * 1024];
	static struct config config;
	struct error err;
	size_t n;
	FILE *f = argc == 2 ? fopen(argv[1], "re") : NULL;

	if (!f) {
		fputs("usage: conf-check FILE\n", stderr);
		return 2;
	}
	n = fread(text, 1, sizeof(text), f);
	fclose(f);
	config_defaults(&config);
	if (config_parse(&config, text, n, &err) && config_hashes_all(&config, &err))
		return 0;
	fprintf(stderr, "%s\n", err.text);
	return 1;
}
