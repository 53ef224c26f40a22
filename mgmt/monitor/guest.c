/* SPDX-License-Identifier: GPL-2.0-only */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acpi.h"
#include "boot.h"
#include "cpu_state.h"
#include "guest.h"
#include "initrd.h"
#include "layout.h"
#include "pci_claim.h"
#include "dsdt.hex"
#include "pci.hex"

#define HUGE		(2 * MIB)
#define MAP_CHUNK	GIB	/* per call, so that progress can be shown */
#define DESTROY_MS	30000	/* for other processes to let go of the guest's memory */

/* The files of a guest, open while it is being made. */
struct guest_files {
	struct file kernel, file[BOOT_MODULES];
	struct boot_module module[BOOT_MODULES];
	char *path[BOOT_MODULES];
	unsigned int count;
};

static int fail(struct fault *err, const char *what, int ret)
{
	return fault_set(err, "%s: %s", what, dais_strerror(ret));
}

int guest_check(struct guest *g, struct fault *err)
{
	const struct dais_info *info = dais_get_info(g->conn);
	struct dais_dom *other;

	if (!info)
		return fail(err, "asking Dais", -errno);
	if (!dais_dom_open_name(g->conn, g->config.name, &other)) {
		dais_dom_close(other);
		return fault_set(err, "name: a guest named \"%s\" exists already; choose another, or remove it: dais destroy %s",
				 g->config.name, g->config.name);
	}
	if (g->config.memory > info->mem_free)
		return fault_set(err, "memory: %llu MiB wanted, %llu MiB free; ask for less, destroy another guest, or give the control domain less at boot",
				 (unsigned long long)(g->config.memory / MIB),
				 (unsigned long long)(info->mem_free / MIB));
	return 0;
}

static void close_files(struct guest_files *f)
{
	unsigned int i;

	for (i = 0; i < f->count; i++) {
		file_close(&f->file[i]);
		free(f->path[i]);
	}
	file_close(&f->kernel);
	free(f);
}

static int open_module(struct guest_files *f, const char *what, const char *text, struct fault *err)
{
	unsigned int i = f->count;
	const char *space = !strcmp(what, "module") ? strchr(text, ' ') : NULL;

	f->path[i] = space ? strndup(text, space - text) : strdup(text);
	if (!f->path[i])
		return fault_set(err, "%s: out of memory", what);
	if (file_open(&f->file[i], what, f->path[i], err)) {
		free(f->path[i]);
		return -1;
	}
	f->module[i].file = &f->file[i];
	f->module[i].args = space ? space + 1 : "";
	f->count++;
	return 0;
}

static struct guest_files *open_files(const struct guest_config *c, struct fault *err)
{
	struct guest_files *f = calloc(1, sizeof(*f));
	unsigned int i;

	if (!f) {
		fault_set(err, "out of memory in the control domain");
		return NULL;
	}
	if (file_open(&f->kernel, "kernel", c->kernel, err))
		goto fail;
	if (c->initrd && (open_module(f, "initrd", c->initrd, err) ||
			  initrd_check(&f->file[0], err)))
		goto fail;
	for (i = 0; i < c->modules; i++)
		if (open_module(f, "module", c->module[i], err))
			goto fail;
	return f;
fail:
	close_files(f);
	return NULL;
}

static int make_domain(struct guest *g, struct fault *err)
{
	struct dais_dom_config dc = {
		.name = g->config.name, .max_vcpus = g->config.vcpus,
		.autonomous = g->config.autonomous,
	};
	int ret;

	memcpy(dc.uuid, g->uuid, sizeof(dc.uuid));
	ret = dais_dom_create(g->conn, &dc, &g->dom);
	if (ret == -EEXIST)
		return fault_set(err, "name: a guest named \"%s\" exists already; choose another",
				 g->config.name);
	if (ret)
		return fail(err, "creating the domain", ret);
	dais_dom_page(g->dom)->memory = g->config.memory;
	return 0;
}

static int map_range(struct guest *g, uint64_t gpa, uint64_t size, uint64_t *done,
		     struct fault *err)
{
	uint64_t end = gpa + size;

	while (gpa < end) {
		uint64_t n = MAP_CHUNK - gpa % MAP_CHUNK;
		int ret;

		if (n > end - gpa)
			n = end - gpa;
		ret = dais_mem_map(g->dom, gpa, n, DAIS_MAP_RWX, NULL);
		if (ret)
			return fail(err, "giving the guest memory", ret);
		gpa += n;
		*done += n;
		if (g->progress && !g->progress(g->progress_ctx, *done, g->config.memory))
			return fault_set(err, "interrupted");
	}
	return 0;
}

/* Only what must be written is ever seen by the control domain. */
static int map_memory(struct guest *g, struct guest_memory *mem, uint64_t window, struct fault *err)
{
	uint64_t low = mem->region[0].size, done = window;
	void *host;
	int ret;

	ret = dais_mem_map(g->dom, 0, window, DAIS_MAP_RWX, &host);
	if (ret)
		return fail(err, "giving the guest memory", ret);
	mem->region[0].host = host;
	if (map_range(g, window, low - window, &done, err) ||
	    (mem->regions > 1 &&
	     map_range(g, mem->region[1].gpa, mem->region[1].size, &done, err)))
		return -1;
	return 0;
}

static int load(struct guest *g, const struct boot_plan *plan, struct guest_memory *mem,
		struct boot_cpu *start, struct fault *err)
{
	uint64_t window = (plan->end + HUGE - 1) & ~(HUGE - 1);
	uint8_t *tables;
	int ret;

	if (window > mem->region[0].size)
		window = mem->region[0].size;
	if (map_memory(g, mem, window, err))
		return -1;
	*start = boot_load(plan, mem, ACPI_BASE);
	tables = memory_at(mem, ACPI_BASE, ACPI_ROOM);
	if (!acpi_build(tables, ACPI_ROOM, ACPI_BASE, g->config.vcpus, dsdt_aml_code,
			sizeof(dsdt_aml_code), g->config.pci ? pci_aml_code : NULL, sizeof(pci_aml_code)))
		return fault_set(err, "vcpus: the ACPI tables for %u do not fit", g->config.vcpus);
	dais_mem_detach(mem->region[0].host, window);
	ret = dais_mem_seal(g->dom, 0, window, DAIS_MAP_RWX);
	return ret ? fail(err, "sealing the guest's memory", ret) : 0;
}

static int set_trap(struct guest *g, enum dais_trap_kind kind, uint64_t base, uint64_t length,
		    enum dais_trap_action action, uint64_t value, struct fault *err)
{
	int ret = dais_trap_set(g->dom, kind, base, length, action, value);

	return ret ? fail(err, "catching accesses to devices", ret) : 0;
}

static int set_register(struct guest *g, enum dais_trap_kind kind, uint64_t base, uint64_t length,
			const struct dais_register *r, struct fault *err)
{
	return set_trap(g, kind, base, length, DAIS_TRAP_REGISTER, (char *)r - (char *)g->devices.state, err);
}

/* What an autonomous guest touches in its daily life needs no monitor. */
static int set_registers(struct guest *g, struct fault *err)
{
	struct device_state *s = g->devices.state;
	unsigned int i;

	for (i = 0; i < UART_PORTS; i++)
		if (set_register(g, DAIS_TRAP_PORT, UART_PORT + i, 1, &s->serial.reg[i], err))
			return -1;
	return set_register(g, DAIS_TRAP_MMIO, IOAPIC_GPA, 4, &s->ioapic_select, err) ||
	       set_register(g, DAIS_TRAP_MMIO, IOAPIC_GPA + IOAPIC_DATA, 4, &s->ioapic_data, err) ||
	       set_trap(g, DAIS_TRAP_MMIO, IOAPIC_GPA + IOAPIC_EOI, 4, DAIS_TRAP_EXIT, 0, err) ? -1 : 0;
}

static int set_traps(struct guest *g, struct fault *err)
{
	_Static_assert(sizeof(*g->devices.state) <= DAIS_PAGE_SIZE, "the domain's monitor page");
	g->devices.autonomous = g->config.autonomous;
	g->devices.state = dais_dom_monitor_page(g->dom);
	devices_reset(&g->devices);
	if (g->config.autonomous && set_registers(g, err))
		return -1;
	if (!g->config.autonomous &&
	    (set_trap(g, DAIS_TRAP_PORT, UART_PORT, UART_PORTS, DAIS_TRAP_EXIT, 0, err) ||
	     set_trap(g, DAIS_TRAP_MMIO, IOAPIC_GPA, IOAPIC_SIZE, DAIS_TRAP_EXIT, 0, err)))
		return -1;
	if (g->config.pci && (set_trap(g, DAIS_TRAP_PORT, PCI_PORT, PCI_PORTS, DAIS_TRAP_EXIT, 0, err) ||
			      set_trap(g, DAIS_TRAP_MMIO, ECAM_GPA, ECAM_SIZE, DAIS_TRAP_EXIT, 0, err)))
		return -1;
	return set_trap(g, DAIS_TRAP_PORT, POWER_PORT, POWER_PORTS, DAIS_TRAP_EXIT, 0, err);
}

int guest_bind_events(struct guest *g, struct fault *err)
{
	unsigned int i;
	int ret = dais_event_create(g->dom, &g->event);

	if (!ret)
		ret = dais_event_from_death(g->event, DEATH_BIT);
	if (!ret && g->config.autonomous)
		ret = dais_event_from_traps(g->event);
	for (i = 0; !ret && g->config.autonomous && i < g->vcpus; i++)
		ret = dais_event_from_vcpu(g->event, i, 1ULL << i % VCPU_BITS);
	return ret ? fail(err, "binding the guest's events", ret) : 0;
}

static int make_vcpus(struct guest *g, struct fault *err)
{
	uint64_t flags = g->config.autonomous ? DAIS_VCPU_AUTONOMOUS : 0;

	g->vcpu = calloc(g->config.vcpus, sizeof(*g->vcpu));
	if (!g->vcpu)
		return fault_set(err, "out of memory in the control domain");
	for (g->vcpus = 0; g->vcpus < g->config.vcpus; g->vcpus++) {
		struct guest_vcpu *v = &g->vcpu[g->vcpus];
		int ret = dais_vcpu_create(g->dom, g->vcpus, flags, &v->handle);

		if (ret)
			return fail(err, "creating a vCPU", ret);
		if (g->config.autonomous && sched_config_apply(&g->config.sched, v->handle, err)) {
			dais_vcpu_close(v->handle);
			return -1;
		}
		v->guest = g;
	}
	return 0;
}

static int set_start(struct guest *g, const struct boot_cpu *start, struct fault *err)
{
	struct dais_vcpu *first = g->vcpu[0].handle;
	struct dais_gprs gprs;
	struct dais_sregs sregs;
	int ret;

	cpu_state(start, &gprs, &sregs);
	ret = dais_vcpu_set(first, DAIS_STATE_SREGS, &sregs, sizeof(sregs));
	if (!ret)
		ret = dais_vcpu_set(first, DAIS_STATE_GPRS, &gprs, sizeof(gprs));
	return ret ? fail(err, "setting the first vCPU's registers", ret) : 0;
}

/* Its functions are assigned last: they reach its memory from then on. */
static int make_devices(struct guest *g, struct fault *err)
{
	pci_bus_init(&g->devices.pci, g->config.pci ? &g->devices.state->pci : NULL);
	pci_host_init(&g->pci, &g->devices.pci);
	g->pci.event = g->event;
	g->pci.line_shift = LINE_SHIFT;
	return pci_host_attach(&g->pci, g->dom, &g->config, err);
}

static int build(struct guest *g, const struct boot_plan *plan, struct guest_memory *mem,
		 struct fault *err)
{
	struct boot_cpu start;

	if (make_domain(g, err))
		return -1;
	if (load(g, plan, mem, &start, err) || set_traps(g, err) || make_vcpus(g, err) ||
	    guest_bind_events(g, err) || set_start(g, &start, err) || make_devices(g, err)) {
		guest_destroy(g);
		return -1;
	}
	console_set_mark(&g->console, &g->devices.state->console, false);
	return 0;
}

/* A Linux that is told nothing else talks on the serial port. */
static char *make_cmdline(const struct guest_config *c, const struct file *kernel)
{
	const char *given = c->cmdline ? c->cmdline : "";
	char *text;

	if (!linux_probe(kernel) || strstr(given, "console="))
		return strdup(given);
	return asprintf(&text, "%s%sconsole=ttyS0", given, given[0] ? " " : "") < 0 ? NULL : text;
}

int guest_create(struct guest *g, struct fault *err)
{
	const struct guest_config *c = &g->config;
	struct guest_files *files = open_files(c, err);
	struct guest_memory mem;
	struct boot_plan plan;
	char *cmdline;
	int ret;

	if (!files)
		return -1;
	memory_layout(&mem, c->memory);
	mem.pci = c->pci;
	cmdline = make_cmdline(c, &files->kernel);
	if (cmdline)
		ret = boot_make_plan(&plan, &files->kernel, cmdline, files->module, files->count,
				     c->initrd != NULL, &mem, err);
	else
		ret = fault_set(err, "out of memory in the control domain");
	if (!ret)
		ret = pci_claim(c, err);
	if (!ret) {
		ret = build(g, &plan, &mem, err);
		if (ret)
			pci_unclaim(c);
	}
	free(cmdline);
	close_files(files);
	return ret;
}

void guest_close(struct guest *g)
{
	unsigned int i;

	console_set_mark(&g->console, NULL, false);
	if (g->pci.bus)
		pci_host_close(&g->pci);
	if (g->event)
		dais_event_close(g->event);
	for (i = 0; i < g->vcpus; i++)
		dais_vcpu_close(g->vcpu[i].handle);
	free(g->vcpu);
	if (g->dom)
		dais_dom_close(g->dom);
	g->event = NULL;
	g->vcpu = NULL;
	g->vcpus = 0;
	g->dom = NULL;
	g->devices.state = NULL;
}

void guest_destroy(struct guest *g)
{
	struct dais_dom *dom = g->dom;

	console_set_mark(&g->console, NULL, false);
	g->dom = NULL;
	guest_close(g);
	if (!dom)
		return;
	g->last_death = dais_dom_page(dom)->death;
	dais_dom_destroy(dom, DESTROY_MS);
}
