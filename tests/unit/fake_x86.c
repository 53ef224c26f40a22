/* SPDX-License-Identifier: GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <asm/prctl.h>
#include <sys/syscall.h>
#include <cmocka.h>
#include "tests/unit/fake_x86.h"
#include "drivers/devices.h"
#include "kernel/frame.h"
#include "kernel/heap.h"
#include "kernel/info.h"
#include "kernel/log.h"

struct fake fake;
struct boot_info fake_boot;
bool fake_intel;
struct host host;
const struct boot_info *boot = &fake_boot;
struct xdomain *fake_domain;
struct domain *control_domain;
u32 defences_used;
u64 facts[DAIS_STAT_FRAMES_TOTAL];
static struct cpu cpu;
static u8 *ram;
static struct vcpu *vcpus[FAKE_VCPUS];
static struct dais_vcpu_page pages[FAKE_VCPUS];
static struct timer *timers[FAKE_VCPUS];

/* --- memory --- */

void *heap_alloc(size_t size)
{
	u32 n = (u32)(size / PAGE_SIZE);
	void *p;

	if (fake.heap_left < n)
		return NULL;
	fake.heap_left -= n;
	fake.heap_used += n;
	p = aligned_alloc(PAGE_SIZE, n * PAGE_SIZE);
	memset(p, 0, n * PAGE_SIZE);
	return p;
}

void heap_free(void *p, size_t size)
{
	u32 n = (u32)(size / PAGE_SIZE);

	fake.heap_used -= n;
	fake.heap_left += n;
	free(p);
}

void *hpa_to_hva(hpa_t a) { return (void *)a.v; }
hpa_t hva_to_hpa(const void *p) { return hpa((u64)p); }
void *window_open(enum window_slot slot, hpa_t frame) { (void)slot; return (void *)frame.v; }
void window_close(enum window_slot slot) { (void)slot; }

struct frame frame_get(hpa_t a)
{
	struct frame f = { .state = FRAME_NONE };

	if (a.v >= (u64)ram && a.v < (u64)ram + FAKE_RAM)
		f.state = FRAME_CONTROL;
	return f;
}

void x86_flush(struct domain *d) { d->flush_gen++; fake.flushes++; }
void nested_flush(struct domain *d) { x86_flush(d); }
u8 *fake_ram(u64 gpa) { return ram + gpa; }

/* --- time --- */

u64 time_now(void) { return fake.now; }
u64 time_hz(void) { return FAKE_HZ; }

void timer_cancel(struct timer *t)
{
	for (u32 n = 0; n < FAKE_VCPUS; n++)
		if (timers[n] == t)
			timers[n] = NULL;
}

void timer_set(struct timer *t, u64 deadline, u64 period)
{
	timer_cancel(t);
	t->deadline = deadline;
	t->period = period;
	for (u32 n = 0; n < FAKE_VCPUS; n++) {
		if (timers[n])
			continue;
		timers[n] = t;
		return;
	}
	fail_msg("too many timers");
}

static struct timer *first_due(u64 until)
{
	struct timer *best = NULL;

	for (u32 n = 0; n < FAKE_VCPUS; n++)
		if (timers[n] && timers[n]->deadline <= until && (!best || timers[n]->deadline < best->deadline))
			best = timers[n];
	return best;
}

void fake_time(u64 ticks)
{
	u64 until = fake.now + ticks;
	struct timer *t;

	while ((t = first_due(until))) {
		if (t->deadline > fake.now)
			fake.now = t->deadline;
		if (t->period)
			t->deadline += t->period;
		else
			timer_cancel(t);
		t->fire(t);
	}
	fake.now = until;
}

/* --- kernel --- */

void vcpu_notify(struct vcpu *v, u32 bits)
{
	v->pending |= bits;
	fake.notified[v->index] |= bits;
}

bool sched_yield_to(struct sched_ctx *to)
{
	fake.yielded_to = container_of(to, struct vcpu, sc);
	return fake.yielded_to->index == fake.waits;
}

void vcpu_exit_to_monitor(struct vcpu *v, enum dais_exit reason)
{
	(void)v;
	fake.exit = reason;
}

void domain_kill(struct domain *d, enum dais_death why, const char *fmt, ...)
{
	va_list ap;

	(void)d; (void)why;
	va_start(ap, fmt);
	vsnprintf(fake.reason, sizeof(fake.reason), fmt, ap);
	va_end(ap);
	fake.kills++;
}

void log_line(enum log_level level, const char *fmt, ...) { (void)level; (void)fmt; }

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	abort();
}

/* --- devices --- */

static void record(bool port, u64 addr, u32 size, bool write, u64 *value)
{
	u8 *at = fake.memory && !port ? fake.memory + (addr - FAKE_MMIO) : NULL;

	assert_true(fake.ios < ARRAY_SIZE(fake.io));
	if (!write)
		*value = fake.device + addr;
	if (at)
		assert_true(addr >= FAKE_MMIO && addr + size <= FAKE_MMIO + 2 * PAGE_SIZE);
	if (at)
		memcpy(write ? at : (u8 *)value, write ? (u8 *)value : at, size);
	if (size < 8)
		*value &= (1ULL << 8 * size) - 1;
	fake.io[fake.ios++] = (struct fake_io){ port, write, addr, *value, size };
}

bool trap_access(struct vcpu *v, u32 kind, u64 addr, u32 size, bool write, u64 *value)
{
	(void)v;
	if (fake.monitor)
		return false;
	record(kind == DAIS_TRAP_PORT, addr, size, write, value);
	return true;
}

void fake_serve(struct xvcpu *x)
{
	struct dais_vcpu_page *p = x->v.page;

	if (fake.exit == DAIS_EXIT_IO || fake.exit == DAIS_EXIT_MMIO)
		record(fake.exit == DAIS_EXIT_IO, p->access.addr, p->access.size, p->access.write, (u64 *)&p->access.data);
	fake.exit = 0;
	arch_vcpu_served(&x->v);
	assert_int_equal(x->access.state, ACCESS_NONE);
}

bool control_port_access(u32 port, u32 size, bool write, u64 *value)
{
	record(true, port, size, write, value);
	return true;
}

bool control_mmio_access(u64 gpa, u32 size, bool write, u64 *value)
{
	record(false, gpa, size, write, value);
	return true;
}

void irq_eoi(u32 vector) { fake.eoi = vector; }

/* --- the back end and vcpu_x86.c --- */

static u64 *msr_at(u32 msr)
{
	for (u32 n = 0; n < fake.msrs; n++)
		if (fake.msr_index[n] == msr)
			return &fake.msr[n];
	assert_true(fake.msrs < ARRAY_SIZE(fake.msr));
	fake.msr_index[fake.msrs] = msr;
	return &fake.msr[fake.msrs++];
}

static void set_pat(struct xvcpu *x, u64 v) { (void)x; *msr_at(MSR_PAT) = v; }
static void read_debug(struct xvcpu *x, u64 *dr6, u64 *dr7) { (void)x; *dr6 = *msr_at(6); *dr7 = *msr_at(7); }
static void write_debug(struct xvcpu *x, u64 dr6, u64 dr7) { (void)x; *msr_at(6) = dr6; *msr_at(7) = dr7; }
static void set_tsc_offset(struct xvcpu *x, u64 offset) { (void)x; fake.tsc_offset = offset; }

static const struct virt_ops ops = {
	.name = "fake", .nested = &nested_npt, .set_pat = set_pat, .read_debug = read_debug,
	.write_debug = write_debug, .set_tsc_offset = set_tsc_offset,
};
const struct virt_ops *virt = &ops;

struct dais_sregs *x86_sregs(struct xvcpu *x) { x->sregs_cached = true; return &x->sregs; }
void x86_set_tsc_aux(struct xvcpu *x, u64 v) { x->tsc_aux = v; }

void x86_exception(struct xvcpu *x, u8 vector, u32 error)
{
	(void)x;
	fake.vector = vector;
	fake.raised = true;
	fake.error = error;
}

void x86_skip_rest(struct xvcpu *x) { (void)x; }

/* --- CPUID of a host that has everything; vCPU 0 is on it --- */

void host_cpuid(u32 leaf, u32 sub, u32 out[4])
{
	for (u32 n = 0; n < 4; n++)
		out[n] = fake.cpuid_all;
	if (leaf == 0xd && sub < 2)
		out[1] = fake_vcpu(0)->xcr0 & 4 ? 832 : 576;
	if (leaf == 0xd && sub >= 2) {
		static const u32 size[8] = { [2] = 256, [5] = 64, [6] = 512, [7] = 1024 };
		static const u32 at[8] = { [2] = 576, [5] = 1088, [6] = 1152, [7] = 1664 };

		out[0] = sub < 8 ? size[sub] : 0;
		out[1] = sub < 8 ? at[sub] : 0;
		out[2] = sub == 6 ? 2 : 0;
	}
}

/* --- start and stop --- */

struct xvcpu *fake_vcpu(u32 n) { return xvcpu(vcpus[n]); }

void fake_unmap(u64 gpa)
{
	nested_set(&fake_domain->d, (gpa_t){ gpa }, hpa(0), ORDER_4K, 0);
}

static void map_ram(void)
{
	for (u64 a = 0; a < FAKE_RAM; a += PAGE_SIZE) {
		assert_int_equal(nested_prepare(&fake_domain->d, (gpa_t){ a }, ORDER_4K), DAIS_OK);
		nested_set(&fake_domain->d, (gpa_t){ a }, hpa((u64)ram + a), ORDER_4K, DAIS_MAP_RWX);
	}
}

static void start_vcpu(u32 n)
{
	struct xvcpu *x = calloc(1, sizeof(*x));

	vcpus[n] = &x->v;
	x->v.dom = &fake_domain->d;
	x->v.index = n;
	x->v.page = &pages[n];
	x->v.activity = DAIS_ACT_RUNNABLE;
	x->xcr0 = 1;
	x->sregs_cached = true;
	x->xsave = calloc(1, 4096);
	lapic_reset(x, false);
	fake_flat(x, INSN_64);
}

void fake_start(u32 count)
{
	memset(&fake, 0, sizeof(fake));
	cpu = (struct cpu){ .self = &cpu };
	syscall(SYS_arch_prctl, ARCH_SET_GS, &cpu);
	fake.heap_left = 4096;
	fake.now = 1000000;
	fake.cpuid_all = ~0u;
	host = (struct host){ .amd = !fake_intel, .intel = fake_intel, .max_leaf = 0x20, .max_ext_leaf = 0x80000021, .xsave = true,
			      .xcr0 = 0xe7, .rdtscp = true, .smep = true, .smap = true, .umip = true, .pcid = true, .fsgsbase = true };
	ram = aligned_alloc(SIZE_2M, FAKE_RAM);
	memset(ram, 0, FAKE_RAM);
	fake_domain = calloc(1, sizeof(*fake_domain));
	fake_domain->d.slot = 1;
	fake_domain->d.max_vcpus = count;
	fake_domain->d.vcpu = vcpus;
	assert_int_equal(nested_init(&fake_domain->d, fake_intel ? &nested_ept : &nested_npt), DAIS_OK);
	map_ram();
	for (u32 n = 0; n < count; n++)
		start_vcpu(n);
}

void fake_stop(void)
{
	for (u32 n = 0; n < fake_domain->d.max_vcpus; n++) {
		timer_cancel(&fake_vcpu(n)->lapic.timer);
		free(fake_vcpu(n)->xsave);
		free(vcpus[n]);
		vcpus[n] = NULL;
	}
	nested_free(&fake_domain->d);
	assert_int_equal(fake.heap_used, 0);
	free(fake_domain);
	free(ram);
	control_domain = NULL;
}

void fake_flat(struct xvcpu *x, enum insn_mode mode)
{
	struct dais_seg data = { .selector = 0x10, .attr = 0xc93, .limit = ~0u };
	u16 code = mode == INSN_64 ? 0xa9b : mode == INSN_32 ? 0xc9b : 0x89b;

	x->sregs.es = x->sregs.ss = x->sregs.ds = x->sregs.fs = x->sregs.gs = data;
	x->sregs.cs = (struct dais_seg){ .selector = 8, .attr = code, .limit = mode == INSN_16 ? 0xffff : ~0u };
	x->sregs.cr0 = CR0_PE | CR0_ET;
	x->sregs.cr4 = mode == INSN_64 ? CR4_PAE : 0;
	/* paging stays off: linear = physical, which a real processor would not do in 64-bit mode */
	x->sregs.efer = mode == INSN_64 ? EFER_LME | EFER_LMA : 0;
}

void fake_long_mode(struct xvcpu *x, u64 cr3)
{
	fake_flat(x, INSN_64);
	x->sregs.cr0 |= CR0_PG;
	x->sregs.cr3 = cr3;
}

void cache_write_back(const void *p) { (void)p; fake.written_back++; }
