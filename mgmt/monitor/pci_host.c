/* SPDX-License-Identifier: GPL-2.0-only */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "layout.h"
#include "pci_claim.h"
#include "pci_host.h"
#include "pci_sysfs.h"

/* ---- registers ---- */

static struct pci_host_fn *find(struct pci_host *h, uint32_t fn)
{
	unsigned int i;

	for (i = 0; i < PCI_SLOTS; i++)
		if (h->fn[i].config >= 0 && h->fn[i].fn == fn)
			return &h->fn[i];
	return NULL;
}

static uint32_t config_read(void *ctx, uint32_t fn, unsigned int reg, unsigned int size)
{
	struct pci_host_fn *f = find(ctx, fn);
	uint32_t v = ~0U;

	if (!f || pread(f->config, &v, size, reg) != (ssize_t)size)
		v = ~0U;
	return size < 4 ? v & ((1U << 8 * size) - 1) : v;
}

static void config_write(void *ctx, uint32_t fn, unsigned int reg, unsigned int size, uint32_t value)
{
	struct pci_host_fn *f = find(ctx, fn);

	if (f && pwrite(f->config, &value, size, reg) != (ssize_t)size)
		fprintf(stderr, "dais-monitor: pci: writing register %#x failed: %s\n", reg, strerror(errno));
}

static uint8_t *bar_at(struct pci_host *h, uint32_t fn, unsigned int bar, uint64_t offset, unsigned int size)
{
	struct pci_host_fn *f = find(h, fn);
	char path[PATH_MAX], name[16];
	int fd;

	if (!f || offset + size > f->bar_size[bar])
		return NULL;
	if (!f->bar[bar]) {
		snprintf(path, sizeof(path), PCI_SYSFS "/devices/%s/resource%u", pci_name(fn, name), bar);
		fd = open(path, O_RDWR | O_CLOEXEC);
		f->bar[bar] = fd < 0 ? MAP_FAILED :
			      mmap(NULL, f->bar_skew[bar] + f->bar_size[bar], PROT_READ | PROT_WRITE,
				   MAP_SHARED, fd, 0);
		if (fd >= 0)
			close(fd);
		if (f->bar[bar] == MAP_FAILED)
			f->bar[bar] = NULL;
	}
	return f->bar[bar] ? (uint8_t *)f->bar[bar] + f->bar_skew[bar] + offset : NULL;
}

static uint64_t bar_read(void *ctx, uint32_t fn, unsigned int bar, uint64_t offset, unsigned int size)
{
	volatile uint8_t *p = bar_at(ctx, fn, bar, offset, size);

	if (!p)
		return ~0ULL;
	switch (size) {
	case 1: return *p;
	case 2: return *(volatile uint16_t *)p;
	case 4: return *(volatile uint32_t *)p;
	default: return *(volatile uint64_t *)p;
	}
}

static void bar_write(void *ctx, uint32_t fn, unsigned int bar, uint64_t offset, unsigned int size,
		      uint64_t value)
{
	volatile uint8_t *p = bar_at(ctx, fn, bar, offset, size);

	if (!p)
		return;
	switch (size) {
	case 1: *p = value; break;
	case 2: *(volatile uint16_t *)p = value; break;
	case 4: *(volatile uint32_t *)p = value; break;
	default: *(volatile uint64_t *)p = value; break;
	}
}

/* ---- the guest's memory ---- */

static bool map(void *ctx, uint32_t fn, unsigned int bar, uint64_t offset, uint64_t size, uint64_t gpa)
{
	struct pci_host *h = ctx;

	return !dais_dev_map(h->dom, fn, bar, offset, size, gpa);
}

static void unmap(void *ctx, uint32_t fn, uint64_t gpa, uint64_t size)
{
	struct pci_host *h = ctx;

	dais_dev_unmap(h->dom, fn, gpa, size);
}

static bool trap(void *ctx, uint64_t gpa, uint64_t size, bool on)
{
	struct pci_host *h = ctx;

	return !dais_trap_set(h->dom, DAIS_TRAP_MMIO, gpa, size, on ? DAIS_TRAP_EXIT : DAIS_TRAP_DENY, 0);
}

static void reset(void *ctx, uint32_t fn)
{
	struct pci_host *h = ctx;

	dais_dev_reset(h->dom, fn);
}

static void unmask(void *ctx, uint32_t fn)
{
	struct pci_host *h = ctx;

	dais_dev_unmask(h->dom, fn);
}

/* One that has none, or cannot mask it, shows no pin: it makes messages only. */
static void connect_line(struct pci_host *h, unsigned int slot)
{
	if (!dais_dev_line(h->dom, h->fn[slot].fn, h->event, 1ULL << (h->line_shift + slot)))
		pci_device_set_line(&h->bus->device[slot]);
}

static void close_function(struct pci_host_fn *f)
{
	unsigned int bar;

	for (bar = 0; bar < PCI_BARS; bar++)
		if (f->bar[bar])
			munmap(f->bar[bar], f->bar_skew[bar] + f->bar_size[bar]);
	if (f->config >= 0)
		close(f->config);
	memset(f, 0, sizeof(*f));
	f->config = -1;
}

static void remove_from_config(struct guest_config *c, uint32_t fn)
{
	unsigned int i = 0, n;

	while (i < c->functions && c->function[i] != fn)
		i++;
	if (i == c->functions)
		return;
	n = --c->functions - i;
	memmove(&c->function[i], &c->function[i + 1], n * sizeof(c->function[0]));
	memmove(&c->no_reset[i], &c->no_reset[i + 1], n * sizeof(c->no_reset[0]));
	c->no_reset[c->functions] = false;
}

/* From here on it is the control domain's, held by dais.ko's driver until another is bound. */
static void eject(void *ctx, uint32_t fn)
{
	struct pci_host *h = ctx;
	int ret = dais_dev_return(h->dom, fn);
	char name[16];

	if (ret)
		fprintf(stderr, "dais-monitor: pci: %s could not be reset and stays blocked: %s\n",
			pci_name(fn, name), dais_strerror(ret));
	close_function(find(h, fn));
	remove_from_config(h->config, fn);
}

void pci_host_init(struct pci_host *h, struct pci_bus *bus)
{
	unsigned int i;

	memset(h, 0, sizeof(*h));
	h->bus = bus;
	h->hw = (struct pci_hw){
		.config_read = config_read, .config_write = config_write, .bar_read = bar_read,
		.bar_write = bar_write, .map = map, .unmap = unmap, .trap = trap, .reset = reset,
		.unmask = unmask, .eject = eject, .ctx = h,
	};
	for (i = 0; i < PCI_SLOTS; i++)
		h->fn[i].config = -1;
}

/* ---- the domain's ---- */

static int open_function(struct pci_host *h, unsigned int slot, uint32_t fn, struct pci_bar *bars,
			 struct fault *err)
{
	struct pci_host_fn *f = &h->fn[slot];
	char path[PATH_MAX], name[16];
	unsigned int i;

	snprintf(path, sizeof(path), PCI_SYSFS "/devices/%s/config", pci_name(fn, name));
	if (pci_read_bars(PCI_SYSFS, fn, bars, err))
		return -1;
	f->config = open(path, O_RDWR | O_CLOEXEC);
	if (f->config < 0)
		return fault_set(err, "pci: %s: %s", path, strerror(errno));
	f->fn = fn;
	for (i = 0; i < PCI_BARS; i++) {
		f->bar_size[i] = bars[i].size;
		f->bar_skew[i] = bars[i].address % DAIS_PAGE_SIZE;
	}
	return 0;
}

static int refused(const char *name, int ret, struct fault *err)
{
	switch (ret) {
	case -ENOTTY:
		return fault_set(err, "pci: %s cannot be reset, so what one owner set up might hit the next; --pci %s=noreset gives it away nevertheless",
				 name, name);
	case -EBUSY:
		return fault_set(err, "pci: %s is in use: another guest has it, or a driver; dais pci list shows who",
				 name);
	case -EPERM:
		return fault_set(err, "pci: Dais refuses to give %s away: no IOMMU is in front of it, firmware uses its memory, or it is Dais's own",
				 name);
	case -EPROTO:
		return fault_set(err, "pci: %s: this machine has no IOMMU with interrupt remapping in use; dais info says why",
				 name);
	default:
		return fault_set(err, "pci: assigning %s: %s", name, dais_strerror(ret));
	}
}

/* Linux gives one that comes later its addresses itself. */
static int put_on_bus(struct pci_host *h, unsigned int slot, const struct pci_info *f, const struct pci_bar *bars,
		      bool later, struct fault *err)
{
	struct pci_device *d = &h->bus->device[slot];
	char name[16];

	pci_device_init(d, &h->bus->slots->slot[slot], &h->hw, f->fn, f->ids, bars);
	if (later)
		pci_bus_tell(h->bus, slot, PCI_ADDED);
	else if (!pci_device_place(d, &h->bus->low, PCI_LOW_END, &h->bus->high, PCI_HIGH_END))
		return fault_set(err, "pci: %s: there is no room for its memory in the guest", pci_name(f->fn, name));
	return 0;
}

static int attach(struct pci_host *h, const struct pci_machine *m, uint32_t fn, bool no_reset, bool later,
		  struct fault *err)
{
	const struct pci_info none = { .fn = fn, .ids = ~0U }, *f = pci_lookup(m, fn);
	int slot = pci_bus_free_slot(h->bus), ret;
	struct pci_bar bars[PCI_BARS];
	char name[16];

	pci_name(fn, name);
	if (slot < 0)
		return fault_set(err, "pci: a guest can have %d functions at most", PCI_SLOTS);
	ret = dais_dev_assign(h->dom, fn, no_reset ? DAIS_DEV_NO_RESET : 0);
	if (ret)
		return refused(name, ret, err);
	if (open_function(h, slot, fn, bars, err) || put_on_bus(h, slot, f ? f : &none, bars, later, err)) {
		h->bus->slots->slot[slot].used = 0;
		close_function(&h->fn[slot]);
		dais_dev_return(h->dom, fn);
		return -1;
	}
	h->bus->slots->slot[slot].used |= no_reset ? PCI_NO_RESET : 0;
	connect_line(h, slot);
	return 0;
}

int pci_host_attach(struct pci_host *h, struct dais_dom *dom, struct guest_config *c, struct fault *err)
{
	struct pci_machine m;
	unsigned int i;
	int ret = 0;

	h->dom = dom;
	h->config = c;
	if (!c->functions)
		return 0;
	if (pci_scan(&m, PCI_SYSFS, err))
		return -1;
	for (i = 0; !ret && i < c->functions; i++)
		ret = attach(h, &m, c->function[i], c->no_reset[i], false, err);
	pci_scan_free(&m);
	return ret;
}

int pci_host_adopt(struct pci_host *h, struct dais_dom *dom, struct guest_config *c, struct fault *err)
{
	struct pci_bar bars[PCI_BARS];
	unsigned int i;

	h->dom = dom;
	h->config = c;
	c->functions = 0; /* some may have come or gone since the file was written */
	for (i = 0; i < PCI_SLOTS; i++) {
		struct pci_state *s = &h->bus->slots->slot[i];

		if (!s->used)
			continue;
		c->no_reset[c->functions] = s->used & PCI_NO_RESET;
		c->function[c->functions++] = s->fn;
		if (open_function(h, i, s->fn, bars, err))
			return -1;
		pci_device_adopt(&h->bus->device[i], s, &h->hw, bars);
		connect_line(h, i);
	}
	return 0;
}

/* -1: the guest does not have it. */
static int slot_of(const struct pci_host *h, uint32_t fn)
{
	int i;

	for (i = 0; i < PCI_SLOTS; i++)
		if (h->bus->slots->slot[i].used && h->bus->slots->slot[i].fn == fn)
			return i;
	return -1;
}

int pci_host_plug(struct pci_host *h, const char *list, struct fault *err)
{
	struct guest_config all = *h->config;
	unsigned int had = all.functions, i;
	struct pci_machine m;
	int ret = 0;

	if (!all.pci)
		return fault_set(err, "pci: guest \"%s\" has no PCI bus; one that was started with --pci none has an empty one",
				 all.name);
	if (gconf_add_pci(&all, list, err) || pci_claim(&all, err))
		return -1;
	if (pci_scan(&m, PCI_SYSFS, err)) {
		pci_unclaim(&all);
		return -1;
	}
	for (i = had; !ret && i < all.functions; i++)
		ret = attach(h, &m, all.function[i], all.no_reset[i], true, err);
	pci_scan_free(&m);
	if (!ret) {
		*h->config = all;
		return 0;
	}
	while (i-- > had) /* the last one failed by itself */
		if (slot_of(h, all.function[i]) >= 0)
			pci_bus_eject(h->bus, slot_of(h, all.function[i]));
	pci_unclaim(&all); /* what the guest has stays */
	return -1;
}

/* Those that stay must do without those that leave. */
static int check_leaving(struct pci_host *h, const struct guest_config *leaving, struct fault *err)
{
	struct guest_config rest = *h->config;
	struct pci_machine m;
	unsigned int i;
	char name[16];
	int ret = 0;

	for (i = 0; i < leaving->functions; i++) {
		if (slot_of(h, leaving->function[i]) < 0)
			return fault_set(err, "pci: guest \"%s\" does not have %s; dais pci list shows who has", rest.name,
					 pci_name(leaving->function[i], name));
		remove_from_config(&rest, leaving->function[i]);
	}
	if (pci_scan(&m, PCI_SYSFS, err))
		return -1;
	for (i = 0; !ret && i < rest.functions; i++)
		ret = pci_check(&m, rest.function[i], rest.function, rest.functions, err);
	pci_scan_free(&m);
	return ret;
}

int pci_host_unplug(struct pci_host *h, const char *list, bool now, struct fault *err)
{
	struct guest_config leaving;
	unsigned int i;
	int slot;

	gconf_init(&leaving);
	if (!h->config->pci)
		return fault_set(err, "pci: guest \"%s\" has no PCI bus", h->config->name);
	if (gconf_add_pci(&leaving, list, err) || check_leaving(h, &leaving, err))
		return -1;
	for (i = 0; i < leaving.functions; i++) {
		slot = slot_of(h, leaving.function[i]);
		pci_bus_tell(h->bus, slot, now ? PCI_ADDED : PCI_WANTED); /* added: it shall look, and finds nothing */
		if (now)
			pci_bus_eject(h->bus, slot);
	}
	return 0;
}

void pci_host_close(struct pci_host *h)
{
	unsigned int i;

	for (i = 0; i < PCI_SLOTS; i++)
		close_function(&h->fn[i]);
}
