/* SPDX-License-Identifier: GPL-2.0-only */
/* See fake_devices.h. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/unit/fake_devices.h"
#include "drivers/internal.h"
#include "drivers/iommu/iommu.h"
#include "kernel/arch.h"
#include "kernel/frame.h"
#include "kernel/heap.h"
#include "kernel/log.h"

#define PAGES_MAX 4096

static struct boot_ecam ecam = { .base = FAKE_ECAM, .bus_last = 255 };
static struct boot_ioapic ioapic = { .base = FAKE_IOAPIC, .pins = FAKE_PINS, .source = FAKE_IOAPIC_SOURCE };
struct boot_info fake_boot;
u64 fake_rte[FAKE_PINS];
u32 fake_ioapic_eoi, fake_ioapic_writes, fake_home_shift, fake_delivered, fake_data;
u32 fake_port_writes, fake_port_value;
u64 fake_address, fake_heap_bytes;
status_t fake_deliver_status, fake_trap_status;
bool fake_trapped_port[65536], fake_heap_empty;
u16 fake_port;
u8 fake_port_in;

static u32 ioapic_index, ioapic_id, cf8;
static struct fake_fn *fns[64];
static u32 fn_count;
static u64 trapped[PAGES_MAX];
static u32 trapped_count;

__attribute__((constructor)) static void fill(void)
{
	fake_boot = (struct boot_info){
		.ioapics = (u64)&ioapic, .ioapic_count = 1, .ecams = (u64)&ecam, .ecam_count = 1,
		.control_vcpus = FAKE_CPUS, .pm1a_cnt_port = 0x604,
		.reset_port = 0xcf9, .reset_value = 0xf, .free_device = FAKE_FREE_DEVICE,
	};
	for (u32 i = 0; i < FAKE_PINS; i++)
		fake_rte[i] = 0x1234; /* what firmware may leave: unmasked */
}

/* --- PCI --- */
struct fake_fn *fake_find(u16 bdf)
{
	for (u32 i = 0; i < fn_count; i++)
		if (fns[i]->bdf == bdf)
			return fns[i];
	return NULL;
}

void fake_put32(struct fake_fn *f, u32 reg, u32 value) { memcpy(f->config + reg, &value, 4); }

u32 fake_get32(const struct fake_fn *f, u32 reg)
{
	u32 v;

	memcpy(&v, f->config + reg, 4);
	return v;
}

struct fake_fn *fake_add(u16 bdf, u32 ids)
{
	struct fake_fn *f = calloc(1, sizeof(*f));
	u32 bar_mask = ~(FAKE_BAR_SIZE - 1);

	f->bdf = bdf;
	fake_put32(f, 0, ids);
	fake_put32(f, 4, 1u << 20);
	fake_put32(f, 0x10, 4); /* a 64-bit BAR */
	f->writable[4] = 6;
	memcpy(f->writable + 0x10, &bar_mask, 4);
	memset(f->writable + 0x14, 0xff, 4);
	fns[fn_count++] = f;
	return f;
}

static void add_cap(struct fake_fn *f, u8 at, u8 id)
{
	f->config[at] = id;
	f->config[at + 1] = f->config[0x34];
	f->config[0x34] = at;
}

void fake_add_msi(struct fake_fn *f, u8 at, bool maskable)
{
	add_cap(f, at, 5);
	f->config[at + 2] = 0x80 | 3 << 1; /* 64-bit, eight messages */
	f->config[at + 3] = maskable;
	f->writable[at + 2] = 0x71;
	memset(f->writable + at + 4, 0xff, 10);
	if (maskable)
		f->writable[at + 16] = 0xff;
}

void fake_add_msix(struct fake_fn *f, u8 at, u16 vectors, u32 table, u32 pba)
{
	add_cap(f, at, 0x11);
	fake_put32(f, at, (fake_get32(f, at) & 0xffff) | (u32)(vectors - 1) << 16);
	f->writable[at + 3] = 0xc0;
	fake_put32(f, at + 4, table);
	fake_put32(f, at + 8, pba);
	for (u32 i = 0; i < vectors; i++)
		f->bar[table + 16 * i + 12] = 1; /* masked by reset */
}

static u32 config_read(u16 bdf, u32 reg, u32 size)
{
	struct fake_fn *f = fake_find(bdf);
	u32 v = ~0u;

	if (f)
		memcpy(&v, f->config + reg, size);
	return size == 4 ? v : v & ((1u << size * 8) - 1);
}

static void config_write(u16 bdf, u32 reg, u32 size, u32 value)
{
	struct fake_fn *f = fake_find(bdf);

	for (u32 i = 0; f && i < size; i++) {
		u8 m = f->writable[reg + i];

		f->config[reg + i] = (f->config[reg + i] & ~m) | ((u8)(value >> i * 8) & m);
	}
}

static u8 *bar_byte(u64 address)
{
	for (u32 i = 0; i < fn_count; i++) {
		u64 at = (fake_get32(fns[i], 0x10) & ~0xfu) | (u64)fake_get32(fns[i], 0x14) << 32;

		bool decodes = fns[i]->config[4] & 2;
		if (at && decodes && address >= at && address < at + FAKE_BAR_SIZE)
			return fns[i]->bar + (address - at);
	}
	return NULL;
}

/* --- IO-APIC: version 0x20, remote IRR cleared by an edge-triggered write --- */
static u32 ioapic_read(void)
{
	u32 i = ioapic_index - 0x10;

	if (ioapic_index == 0)
		return ioapic_id;
	if (ioapic_index == 1)
		return 0x20 | (FAKE_PINS - 1) << 16;
	return i / 2 < FAKE_PINS ? fake_rte[i / 2] >> (i & 1) * 32 : 0;
}

static void ioapic_write(u32 v)
{
	u32 i = ioapic_index - 0x10;

	fake_ioapic_writes++;
	if (ioapic_index == 0)
		ioapic_id = v;
	if (ioapic_index < 0x10 || i / 2 >= FAKE_PINS)
		return;
	if (i & 1)
		fake_rte[i / 2] = (u32)fake_rte[i / 2] | (u64)v << 32;
	else
		fake_rte[i / 2] = (fake_rte[i / 2] & 0xffffffff00000000ULL) | (v & ~0x5000u) |
				  (v & 0x8000 ? fake_rte[i / 2] & 0x4000 : 0);
}

/* --- what drivers ask of the machine --- */
static u64 mmio_read(u64 address, u32 size)
{
	u64 v = ~0ULL;
	u8 *p = bar_byte(address);

	if (p)
		memcpy(&v, p, size);
	else if (address >= FAKE_ECAM && address < FAKE_ECAM + 0x10000000)
		v = config_read((address - FAKE_ECAM) >> 12, address & 0xfff, size);
	else if (address == FAKE_IOAPIC + 0x10)
		v = ioapic_read();
	return size == 8 ? v : v & ((1ULL << size * 8) - 1);
}

static void mmio_write(u64 address, u32 size, u64 value)
{
	u8 *p = bar_byte(address);

	if (p)
		memcpy(p, &value, size);
	else if (address >= FAKE_ECAM && address < FAKE_ECAM + 0x10000000)
		config_write((address - FAKE_ECAM) >> 12, address & 0xfff, size, value);
	else if (address == FAKE_IOAPIC)
		ioapic_index = value;
	else if (address == FAKE_IOAPIC + 0x10)
		ioapic_write(value);
	else if (address == FAKE_IOAPIC + 0x40)
		fake_ioapic_eoi = value;
}

void mmio_access(struct access *a)
{
	if (a->write)
		mmio_write(a->at, a->size, a->value);
	else
		a->value = mmio_read(a->at, a->size);
}

u32 mmio_read32(u64 address) { return mmio_read(address, 4); }
void mmio_write32(u64 address, u32 value) { mmio_write(address, 4, value); }

u32 port_read(u16 port, u32 size)
{
	if (port >= 0xcfc && port <= 0xcff)
		return cf8 >> 31 ? config_read(cf8 >> 8, (cf8 & 0xfc) + (port & 3), size) : ~0u;
	return fake_port_in;
}

void port_write(u16 port, u32 size, u32 v)
{
	if (port == 0xcf8 && size == 4) {
		cf8 = v;
	} else if (port >= 0xcfc && port <= 0xcff) {
		config_write(cf8 >> 8, (cf8 & 0xfc) + (port & 3), size, v);
	} else {
		fake_port = port;
		fake_port_value = v;
		fake_port_writes++;
	}
}

u32 cpu_apic_id(u32 cpu) { return cpu * 2; }
u32 cpu_count(void) { return FAKE_CPUS; }
void control_trap_port(u16 port, bool on) { fake_trapped_port[port] = on; }
u32 irq_home_cpu(struct domain *d, u64 address) { (void)d; return ((address >> 12 & 0xff) + fake_home_shift) % FAKE_CPUS; }
void *hpa_to_hva(hpa_t a) { return (void *)a.v; }

bool fake_page_trapped(u64 page)
{
	return control_mmio_traps(page, PAGE_SIZE);
}

/* Of all pages that ever trapped, how many do. */
u32 fake_trapped_pages(void)
{
	u32 n = 0;

	for (u32 i = 0; i < trapped_count; i++)
		n += fake_page_trapped(trapped[i]);
	return n;
}

status_t control_trap_page(u64 page)
{
	if (fake_trap_status != DAIS_OK)
		return fake_trap_status;
	for (u32 i = 0; i < trapped_count; i++)
		if (trapped[i] == page)
			return DAIS_OK;
	assert(trapped_count < PAGES_MAX);
	trapped[trapped_count++] = page;
	return DAIS_OK;
}

status_t control_deliver(u64 address, u32 data)
{
	fake_delivered++;
	fake_address = address;
	fake_data = data;
	return fake_deliver_status;
}

struct domain *fake_delivered_to;
struct domain *control_domain;
status_t arch_msi(struct domain *d, u64 address, u32 data)
{
	fake_delivered_to = d;
	fake_address = address;
	fake_data = data;
	return DAIS_OK;
}

void cpu_relax(void) { abort(); } /* nobody else runs */

struct frame frame_get(hpa_t a)
{
	if ((a.v & PAGE_MASK) == FAKE_DAIS_RAM)
		return (struct frame){ .state = FRAME_DAIS };
	return (struct frame){ .state = a.v < FAKE_RAM_END ? FRAME_CONTROL : FRAME_NONE };
}

static void *take(size_t size)
{
	if (fake_heap_empty)
		return NULL;
	fake_heap_bytes += size;
	return calloc(1, size);
}

static void give(void *p, size_t size)
{
	if (!p)
		return;
	fake_heap_bytes -= size;
	free(p);
}

void *heap_alloc(size_t size) { assert(size && size <= 1 << 20); return take(size); }
void heap_free(void *p, size_t size) { give(p, size); }

void log_line(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	(void)level;
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

void panic(const char *fmt, ...) { puts(fmt); abort(); }

/* --- the control domain --- */
u64 guest_read(u64 gpa, u32 size)
{
	u64 v = 0;

	if (!control_mmio_traps(gpa & PAGE_MASK, PAGE_SIZE))
		return mmio_read(gpa, size);
	if (control_mmio_access(gpa, size, false, &v))
		return v;
	return size == 8 ? ~0ULL : (1ULL << size * 8) - 1;
}

void guest_write(u64 gpa, u32 size, u64 value)
{
	if (control_mmio_traps(gpa & PAGE_MASK, PAGE_SIZE))
		control_mmio_access(gpa, size, true, &value);
	else
		mmio_write(gpa, size, value);
}

u32 guest_in(u16 port, u32 size)
{
	u64 v = 0;

	return control_port_access(port, size, false, &v) ? v : ~0u;
}

void guest_out(u16 port, u32 size, u32 value)
{
	u64 v = value;

	control_port_access(port, size, true, &v);
}

u32 guest_config_read(u16 bdf, u32 reg, u32 size)
{
	if (fake_boot.ecam_count)
		return guest_read(FAKE_ECAM + ((u64)bdf << 12) + reg, size);
	guest_out(0xcf8, 4, 0x80000000u | (u32)bdf << 8 | (reg & 0xfc));
	return guest_in(0xcfc + (reg & 3), size);
}

void guest_config_write(u16 bdf, u32 reg, u32 size, u32 value)
{
	if (fake_boot.ecam_count) {
		guest_write(FAKE_ECAM + ((u64)bdf << 12) + reg, size, value);
		return;
	}
	guest_out(0xcf8, 4, 0x80000000u | (u32)bdf << 8 | (reg & 0xfc));
	guest_out(0xcfc + (reg & 3), size, value);
}

/* --- a machine without an IOMMU, unless a test has its own --- */
#define WEAK __attribute__((weak))
WEAK u64 iommu_state(void) { return 0; }
WEAK bool iommu_hides(u32 fn) { (void)fn; return false; }
WEAK void iommu_claim(u32 fn) { (void)fn; }
WEAK void iommu_block(u32 fn) { (void)fn; }
WEAK u32 iommu_irq_dest_max(void) { return 254; }
WEAK u64 iommu_irq_alloc(u32 fn, u64 host) { (void)fn; return host; }
WEAK void iommu_irq_free(u32 fn, u64 message) { (void)fn; (void)message; }
