/* SPDX-License-Identifier: GPL-2.0-only */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>

#include "boot/frames.h"
#include "tests/unit/fake.h"
#include "kernel/event.h"
#include "kernel/hypercall.h"
#include "kernel/info.h"
#include "kernel/log.h"
#include "kernel/sched.h"
#include "kernel/timer.h"
#include "kernel/trace.h"

struct leaf { u64 gpa, hpa, prot; u32 order; };
struct fake_domain { struct domain d; struct leaf *leaf; u32 leaves, room; };

u32 fake_cpu, fake_cpus = FAKE_CPUS, fake_requests[MAX_CPUS], fake_msix[8], fake_pokes, fake_posts, fake_flushes, fake_device_ends;
u64 fake_frames_at_end;
u32 fake_interrupts, fake_last_vector;
u64 fake_last_msi;
u64 fake_now = 1, fake_timer[MAX_CPUS];
bool fake_irqs_off, fake_has_work, fake_shutdown;
int fake_nested_fails_in = -1;
void (*fake_on_interrupt)(struct vcpu *v);

static char *ram;
/* Frames that left a nested table and were not flushed yet: nobody may have them meanwhile. */
static struct { struct domain *d; u64 hpa, bytes; } stale[4096];
static u32 stales;

/* --- CPU, time --- */
u32 cpu_id(void) { return fake_cpu; }
u32 cpu_count(void) { return fake_cpus; }
void cpu_relax(void) { }
void cpu_poke(u32 cpu, bool posted) { (void)cpu; fake_pokes++; fake_posts += posted; }
void cpu_request(u32 cpu, u32 bits) { fake_requests[cpu] |= bits; }
u64 time_now(void) { return fake_now; }
u64 time_hz(void) { return 1000000000; }
void arch_timer_set(u64 deadline) { fake_timer[fake_cpu] = deadline; }

jmp_buf *fake_panic;
void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	if (fake_panic)
		longjmp(*fake_panic, 1);
	abort();
}

/* --- memory --- */
void *hpa_to_hva(hpa_t a)
{
	assert_true(a.v < FAKE_RAM);
	return ram + a.v;
}

hpa_t hva_to_hpa(const void *p)
{
	assert_true((const char *)p >= ram && (const char *)p < ram + FAKE_RAM);
	return hpa((u64)((const char *)p - ram));
}

void *fake_ram(u64 at) { return ram + at; }
void host_map_2m(hpa_t a) { assert_int_equal(a.v % SIZE_2M, 0); }
void window_close(enum window_slot slot) { (void)slot; }

void *window_open(enum window_slot slot, hpa_t frame)
{
	for (u32 i = 0; i < stales && slot == WIN_SCRUB; i++)
		assert_false(stale[i].hpa <= frame.v && frame.v < stale[i].hpa + stale[i].bytes);
	return hpa_to_hva(frame);
}

/* --- nested tables: sorted leaves --- */
static struct fake_domain *fake(struct domain *d) { return container_of(d, struct fake_domain, d); }

/* The first leaf that ends after a. */
static u32 lower(struct fake_domain *f, u64 a)
{
	u32 lo = 0, hi = f->leaves;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (f->leaf[mid].gpa + (PAGE_SIZE << f->leaf[mid].order) <= a)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void insert(struct fake_domain *f, u32 at, struct leaf l)
{
	if (f->leaves == f->room) {
		f->room = f->room ? 2 * f->room : 64;
		f->leaf = realloc(f->leaf, f->room * sizeof(l));
	}
	memmove(&f->leaf[at + 1], &f->leaf[at], (f->leaves - at) * sizeof(l));
	f->leaf[at] = l;
	f->leaves++;
}

static void erase(struct fake_domain *f, u32 at)
{
	f->leaves--;
	memmove(&f->leaf[at], &f->leaf[at + 1], (f->leaves - at) * sizeof(f->leaf[0]));
}

status_t nested_prepare(struct domain *d, gpa_t a, u32 order)
{
	struct fake_domain *f = fake(d);
	u32 i = lower(f, a.v);

	assert_true(a.v % (PAGE_SIZE << order) == 0);
	if (fake_nested_fails_in >= 0 && fake_nested_fails_in-- == 0) {
		fake_nested_fails_in = -1;
		return DAIS_NO_MEMORY;
	}
	if (i < f->leaves && f->leaf[i].gpa <= a.v && f->leaf[i].order > order) {
		struct leaf big = f->leaf[i];

		erase(f, i);
		for (u64 n = 0; n < 1ULL << (big.order - order); n++)
			insert(f, i + n, (struct leaf){ big.gpa + (PAGE_SIZE << order) * n,
							big.hpa + (PAGE_SIZE << order) * n, big.prot, order });
	}
	return DAIS_OK;
}

void nested_set(struct domain *d, gpa_t a, hpa_t to, u32 order, u64 prot)
{
	struct fake_domain *f = fake(d);
	u32 i = lower(f, a.v);

	/* smaller ones there go too */
	while (i < f->leaves && f->leaf[i].gpa < a.v + (PAGE_SIZE << order)) {
		assert_true(f->leaf[i].gpa >= a.v && (f->leaf[i].order == order || (f->leaf[i].order < order && !prot)));
		stale[stales].d = d;
		stale[stales].hpa = f->leaf[i].hpa;
		stale[stales++].bytes = PAGE_SIZE << f->leaf[i].order;
		assert_true(stales < ARRAY_SIZE(stale));
		erase(f, i);
	}
	if (prot)
		insert(f, i, (struct leaf){ a.v, to.v, prot, order });
}

static u32 hole_order(struct fake_domain *f, u64 a)
{
	static const u32 orders[] = { 27, 18, 9 };

	for (u32 i = 0; i < ARRAY_SIZE(orders); i++) {
		u64 size = PAGE_SIZE << orders[i], start = ALIGN_DOWN(a, size);
		u32 l = lower(f, start);

		if (l == f->leaves || f->leaf[l].gpa >= start + size)
			return orders[i];
	}
	return 0;
}

u64 nested_get(struct domain *d, gpa_t a, hpa_t *to, u32 *order)
{
	struct fake_domain *f = fake(d);
	u32 i = lower(f, a.v);

	if (i == f->leaves || f->leaf[i].gpa > a.v) {
		*order = hole_order(f, a.v);
		return 0;
	}
	*to = hpa(f->leaf[i].hpa + ALIGN_DOWN(a.v - f->leaf[i].gpa, PAGE_SIZE));
	*order = f->leaf[i].order;
	return f->leaf[i].prot;
}

void nested_flush(struct domain *d)
{
	u32 n = 0;

	fake_flushes++;
	for (u32 i = 0; i < stales; i++)
		if (stale[i].d != d)
			stale[n++] = stale[i];
	stales = n;
}

void nested_free(struct domain *d)
{
	nested_flush(d);
	free(fake(d)->leaf);
	fake(d)->leaf = NULL;
	fake(d)->leaves = fake(d)->room = 0;
}

u64 fake_mapped(struct domain *d) { return fake(d)->leaves; }

/* --- hypercalls without a dispatch --- */

status_t fake_call(status_t (*handler)(struct call *c), struct domain *caller, struct domain *d, const u64 *args, u32 count,
		   u64 *done)
{
	struct call c = { .dom = caller, .cap[0] = { .obj = &d->obj, .rights = DAIS_R_ALL }, .mgmt = { 1 } };
	status_t s;

	memcpy(&c.arg[1], args, count * sizeof(u64));
	s = handler(&c);
	*done = c.out[0];
	return s;
}

status_t pool_split(struct pool *p, u64 frames, struct pool **out)
{
	struct call c = { .cap[0] = { .obj = &p->obj }, .arg[1] = frames };
	status_t s = call_mem_split(&c);

	*out = c.made ? container_of(c.made, struct pool, obj) : NULL;
	return s;
}

/* --- domains, vCPUs, devices --- */
struct domain *arch_domain_alloc(void)
{
	struct fake_domain *f = heap_alloc(sizeof(*f));

	return f ? &f->d : NULL;
}

void arch_domain_free(struct domain *d) { heap_free(fake(d), sizeof(struct fake_domain)); }

struct vcpu *arch_vcpu_alloc(struct domain *d, u32 index)
{
	(void)d;
	(void)index;
	return heap_alloc(sizeof(struct vcpu));
}

void arch_vcpu_free(struct vcpu *v) { heap_free(v, sizeof(*v)); }

status_t arch_vcpu_state(struct vcpu *v, u64 op, u32 offset, u32 length, void *buf)
{
	(void)v;
	if (op & ~(DAIS_STATE_SET | 7ULL) || (op & 7) > DAIS_STATE_SREGS || offset + length > 1024)
		return DAIS_BAD_ARG;
	if (!(op & DAIS_STATE_SET))
		memset(buf, 0x5a, length);
	return DAIS_OK;
}

bool arch_vcpu_has_work(struct vcpu *v) { (void)v; return fake_has_work; }
bool arch_vcpu_irqs_off(struct vcpu *v) { (void)v; return fake_irqs_off; }
void arch_vcpu_served(struct vcpu *v) { (void)v; }
void arch_vcpu_unload(struct vcpu *v) { (void)v; }
void arch_vcpu_result(struct vcpu *v, status_t s, u64 a, u64 b) { (void)v; (void)s; (void)a; (void)b; }

status_t arch_msi(struct domain *d, u64 address, u32 data)
{
	(void)d;
	fake_last_msi = address | (u64)data << 32;
	return address >> 20 == 0xfee && !(data & 0x700) ? DAIS_OK : DAIS_BAD_ARG;
}

void arch_vcpu_interrupt(struct vcpu *v, u32 vector)
{
	fake_interrupts++;
	fake_last_vector = vector;
	if (fake_on_interrupt)
		fake_on_interrupt(v);
}

void control_msix_raise(u32 index) { fake_msix[index]++; }
u32 control_msix_count(void) { return ARRAY_SIZE(fake_msix); }
void arch_shutdown_allowed(bool yes) { fake_shutdown = yes; }
bool arch_device_memory(u64 hpa, u64 size) { return hpa >= FAKE_RAM && !(hpa <= FAKE_TRAPPED && FAKE_TRAPPED < hpa + size); }
void devices_end(struct domain *d)
{
	if (!fake_device_ends++)
		fake_frames_at_end = d->frames;
}
u64 device_stat(u32 fn, bool faults) { return faults ? 0 : fn; }
status_t call_dev_assign(struct call *c) { return c->arg[1] & 1 ? DAIS_OK : DAIS_DENIED; }
status_t call_dev_return(struct call *c) { return c->arg[1] & 1 ? DAIS_OK : DAIS_BAD_ARG; }


/* --- boot --- */
void fake_boot(void)
{
	static const struct boot_mem map[] = {
		{ 0, 0x9f, BOOT_MEM_CONTROL, 0 },
		{ 0x9f000, 0x61, BOOT_MEM_FIRMWARE, 0 },
		{ 0x100000, (FAKE_POOL - 0x500000) >> PAGE_SHIFT, BOOT_MEM_CONTROL, 0 },
		{ FAKE_POOL - 0x400000, 0x400, BOOT_MEM_DAIS, 0 },
		{ FAKE_POOL, (FAKE_RAM - FAKE_POOL) >> PAGE_SHIFT, BOOT_MEM_POOL, 0 },
	};
	u64 groups;

	for (fake_cpu = 0; fake_cpu < fake_cpus; fake_cpu++)
		timers_run(~0ULL - 1);
	if (ram)
		munmap(ram, FAKE_RAM);
	ram = mmap((void *)0x100000000000, FAKE_RAM, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true(ram != MAP_FAILED && (uintptr_t)ram % SIZE_2M == 0);
	memset(fake_requests, 0, sizeof(fake_requests));
	memset(fake_msix, 0, sizeof(fake_msix));
	fake_cpu = 0;
	fake_nested_fails_in = -1;
	fake_irqs_off = fake_has_work = false;
	stales = 0;
	log_level = LOG_ERROR;
	heap_init(ram + FAKE_POOL - 0x400000);
	assert_true(frames_size(map, ARRAY_SIZE(map)) < SIZE_2M);
	frames_build(map, ARRAY_SIZE(map), ram + FAKE_POOL - 0x200000, 0, &groups);
	frames_init((void *)(ram + FAKE_POOL - 0x200000), groups);
	for (u32 i = 0; i < fake_cpus; i++)
		sched_init_cpu(i, i, 0);
}

status_t fake_reclaim(mgmt_t m, struct domain *d)
{
	struct call c = { .self = fake_control_vcpu(), .dom = control_domain, .cap[0].obj = &d->obj, .mgmt = m };

	return call_mem_reclaim(&c);
}

struct vcpu *fake_control_vcpu(void) { return control_domain->vcpu[0]; }

static void free_tables(void)
{
	for (u32 i = 0; i < MAX_DOMAINS; i++)
		if (domains[i])
			free(fake(domains[i])->leaf); /* out of the leak checker's sight */
}

void fake_boot_control(void)
{
	struct vcpu *v;

	mgmt_lock = (spinlock_t){ 0 }; /* a failed test may have held it */
	fake_cpu = 0;
	fake_nested_fails_in = -1;
	if (control_domain)
		return;
	fake_boot();
	assert_int_equal(domain_create_control(1), DAIS_OK);
	atexit(free_tables);
	for (u64 a = 0; a < FAKE_POOL - 0x400000; a += SIZE_2M) {
		assert_int_equal(nested_prepare(control_domain, gpa(a), ORDER_2M), DAIS_OK);
		nested_set(control_domain, gpa(a), hpa(a), ORDER_2M, DAIS_MAP_RWX);
	}
	facts[DAIS_STAT_MEM_IMAGE] = SIZE_2M;
	facts[DAIS_STAT_CPUS] = fake_cpus;
	assert_int_equal(trace_init(), DAIS_OK);
	assert_int_equal(events_init(control_msix_count()), DAIS_OK);
	assert_int_equal(vcpu_create(control_domain, 0, DAIS_VCPU_AUTONOMOUS, &v), DAIS_OK);
	domain_notify(control_domain);
	assert_ptr_equal(sched_pick(fake_now), &v->sc);
}

void fake_settle(void)
{
	for (u32 i = 1; i < MAX_DOMAINS; i++) {
		struct domain *d = domains[i];

		for (u32 k = 0; d && k < d->max_vcpus; k++) {
			struct vcpu *v = d->vcpu[k];

			if (!v || !v->autonomous || v->sc.state != SCHED_QUEUED)
				continue;
			sched_freeze(&v->sc);
			v->sc.state = SCHED_BLOCKED;
		}
	}
}
