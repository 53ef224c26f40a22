/* SPDX-License-Identifier: GPL-2.0-only */
/* The end of a guest that the command brings about. */
#include <errno.h>
#include <unistd.h>

#include "../monitor/pci_claim.h"
#include "../monitor/pci_sysfs.h"
#include "guests.h"

#define DESTROY_MS 30000	/* for a dead guest's monitor to let go */

/* Also those that its file does not tell of: they came while it ran. */
static void find_functions(struct dais_conn *conn, uint32_t id, struct guest_config *had)
{
	struct pci_machine m;
	struct fault err;
	uint64_t state;
	unsigned int i;

	gconf_init(had);
	if (pci_scan(&m, PCI_SYSFS, &err))
		return;
	for (i = 0; i < m.count && had->functions < CONFIG_FUNCTIONS; i++)
		if (!dais_function_stat(conn, m.fn[i].fn, DAIS_STAT_FN_STATE, &state) && state >> 32 == id)
			had->function[had->functions++] = m.fn[i].fn;
	pci_scan_free(&m);
}

/* The monitor of a `dais run` takes its guest apart itself, which waits for our mapping: so that goes first. */
static struct dais_dom *outwait_monitor(struct dais_conn *conn, struct dais_dom *dom, int fd)
{
	uint32_t id = dais_dom_page(dom)->id;

	dais_dom_close(dom);
	monitor_wait_gone(fd, DESTROY_MS);
	close(fd);
	return dais_dom_open(conn, id, &dom) ? NULL : dom;
}

int take_apart(struct dais_conn *conn, struct dais_dom *dom, const char *name, struct guest_config *had)
{
	int fd = monitor_connect(name), ret;

	find_functions(conn, dais_dom_page(dom)->id, had);
	dais_dom_kill(dom, DAIS_DEATH_DESTROYED); /* may be dead already */
	if (fd >= 0)
		dom = outwait_monitor(conn, dom, fd);
	ret = dom ? dais_dom_destroy(dom, DESTROY_MS) : 0;
	return ret == -ENOENT ? 0 : ret;
}
