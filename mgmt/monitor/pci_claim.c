/* SPDX-License-Identifier: GPL-2.0-only */
#include <libdais.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pci_claim.h"
#include "pci_sysfs.h"
#include "server.h"

static int check(const struct pci_machine *m, const struct guest_config *c, struct fault *err)
{
	const struct pci_info *f;
	unsigned int i;
	char name[16];

	for (i = 0; i < c->functions; i++) {
		if (pci_check(m, c->function[i], c->function, c->functions, err))
			return -1;
		f = pci_lookup(m, c->function[i]);
		if (strcmp(f->driver, DAIS_PCI_DRIVER) && pci_check_idle(m, f->fn, err))
			return -1;
		if (!(f->ids >> 16) && !(f->ids & 0xffff))
			return fault_set(err, "pci: %s tells no vendor", pci_name(f->fn, name));
	}
	return 0;
}

static void reserve_path(char *path, size_t size, uint32_t fn)
{
	char name[16];

	snprintf(path, size, RUN_DIR "/pci-%s", pci_name(fn, name));
}

int pci_reserve(uint32_t fn, bool on, struct fault *err)
{
	char path[64];
	int fd;

	reserve_path(path, sizeof(path), fn);
	if (!on)
		return unlink(path) && errno != ENOENT ? fault_set(err, "%s: %s", path, strerror(errno)) : 0;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return fault_set(err, "%s: %s", path, strerror(errno));
	close(fd);
	return 0;
}

/* Bound for guests, but no guest has it. */
static bool is_free(uint32_t fn)
{
	struct dais_conn *conn;
	char path[64];
	uint64_t state;
	bool yes;

	reserve_path(path, sizeof(path), fn);
	if (!access(path, F_OK))
		return false;
	if (dais_open(&conn))
		return false;
	yes = !dais_function_stat(conn, fn, DAIS_STAT_FN_STATE, &state) && !(state >> 32);
	dais_close(conn);
	return yes && pci_bound(PCI_SYSFS, fn, DAIS_PCI_DRIVER);
}

/* The first count of c's. */
static void release(const struct guest_config *c, unsigned int count)
{
	struct fault err;
	unsigned int i;

	for (i = 0; i < count; i++)
		if (is_free(c->function[i]) && pci_bind(PCI_SYSFS, c->function[i], NULL, &err))
			fprintf(stderr, "dais: %s\n", err.text);
}

void pci_unclaim(const struct guest_config *c)
{
	release(c, c->functions);
}

static int check_iommu(struct fault *err)
{
	struct dais_conn *conn;
	uint64_t state = 0;

	if (dais_open(&conn))
		return 0; /* who goes on without it says so */
	dais_stat(conn, DAIS_STAT_IOMMU, &state);
	dais_close(conn);
	if (state & DAIS_IOMMU_GUESTS)
		return 0;
	return fault_set(err, "pci: no function can be given to a guest: this machine has no IOMMU with interrupt remapping in use; dais info says why");
}

int pci_claim(const struct guest_config *c, struct fault *err)
{
	struct pci_machine m;
	unsigned int i = 0;
	int ret;

	if (!c->functions)
		return 0;
	if (check_iommu(err) || pci_scan(&m, PCI_SYSFS, err))
		return -1;
	ret = check(&m, c, err);
	for (; !ret && i < c->functions; i++) {
		pci_isolate(&m, c->function[i]);
		ret = pci_bind(m.root, c->function[i], DAIS_PCI_DRIVER, err);
	}
	if (ret)
		release(c, i);
	pci_scan_free(&m);
	return ret;
}
