/* SPDX-License-Identifier: GPL-2.0-only */
/* links: kernel/[!s]*.c kernel/sched/[a-z]*.c boot/frames.c tests/unit/fake.c */
#include "tests/unit/fake.h"
#include "kernel/hypercall.h"
#include "kernel/mem.h"

static mgmt_t m;
static struct domain *d;
static struct vcpu *v;
static struct { struct frame_counts f; u64 heap, caps, vcpus, events, leaves; u32 domains; } before;

static void remember(void)
{
	before.f = frame_counts;
	before.heap = counters.heap;
	before.caps = counters.caps;
	before.vcpus = counters.vcpus;
	before.events = counters.events;
	before.leaves = fake_mapped(control_domain);
	before.domains = counters.domains;
}

static void assert_as_before(void)
{
	struct frame_counts f = frame_counts;

	assert_memory_equal(&f, &before.f, sizeof(f));
	assert_int_equal(counters.heap, before.heap);
	assert_int_equal(counters.caps, before.caps);
	assert_int_equal(counters.vcpus, before.vcpus);
	assert_int_equal(counters.events, before.events);
	assert_int_equal(fake_mapped(control_domain), before.leaves);
	assert_int_equal(counters.domains, before.domains);
	assert_int_equal(frames_check(), 0);
	assert_int_equal(heap_check(), 0);
	assert_int_equal(domains_check(m), 0);
}

static status_t ctl(struct domain *x, u64 op, u64 arg)
{
	struct call c = { .self = fake_control_vcpu(), .dom = control_domain, .arg = { 0, op, arg }, .cap[0].obj = &x->obj };

	return call_dom_ctl(&c);
}

static status_t trap_set(struct domain *x, u64 kind, u64 base, u64 length, u64 action, u64 value)
{
	struct call c = { .arg = { 0, kind, base, length, action, value }, .cap[0].obj = &x->obj };

	return call_trap_set(&c);
}

static void give_memory(struct domain *x, u64 frames)
{
	u64 done, total = 0;
	status_t s;

	do {
		s = FAKE_CALL(mem_map, control_domain, x, &done, 0, total << 12, frames - total, 7, 0);
		total += done;
	} while (s == DAIS_AGAIN);
	assert_int_equal(s, DAIS_OK);
}

static int setup(void **state)
{
	(void)state;
	fake_boot_control();
	m = mgmt_acquire();
	remember();
	assert_int_equal(domain_create(m, &pool_root, 4, 16, &d), DAIS_OK);
	assert_int_equal(vcpu_create(d, 0, DAIS_VCPU_AUTONOMOUS, &v), DAIS_OK);
	return 0;
}

static void reclaim(struct domain *x)
{
	status_t s;

	domain_kill(x, DAIS_DEATH_DESTROYED, "end of test");
	fake_settle();
	do
		s = fake_reclaim(m, x);
	while (s == DAIS_AGAIN);
	assert_int_equal(s, DAIS_OK);
}

static int teardown(void **state)
{
	(void)state;
	if (d)
		reclaim(d);
	assert_as_before();
	mgmt_release(m);
	return 0;
}

static void test_life(void **state)
{
	(void)state;
	assert_int_equal(d->page->id, d->id);
	assert_int_equal(d->page->max_vcpus, 4);
	assert_int_equal(fake_reclaim(m, d), DAIS_BAD_STATE);
	assert_int_equal(ctl(d, DAIS_DOM_ACTIVATE, 0), DAIS_BAD_STATE); /* no memory */
	give_memory(d, 16);
	assert_int_equal(ctl(d, DAIS_DOM_ACTIVATE, 1), DAIS_BAD_ARG);
	assert_int_equal(ctl(d, DAIS_DOM_PAUSE, 0), DAIS_BAD_STATE);
	assert_int_equal(ctl(d, DAIS_DOM_UNPAUSE, 0), DAIS_BAD_STATE);
	assert_int_equal(ctl(d, DAIS_DOM_ACTIVATE, 0), DAIS_OK);
	assert_int_equal(v->sc.state, SCHED_QUEUED);
	assert_int_equal(d->page->state, DAIS_DOM_RUNNING);
	assert_int_equal(ctl(d, DAIS_DOM_ACTIVATE, 0), DAIS_BAD_STATE);
	fake_cpu = v->sc.cpu;
	assert_ptr_equal(sched_pick(fake_now), &v->sc);
	assert_int_equal(ctl(d, DAIS_DOM_PAUSE, 0), DAIS_AGAIN);
	assert_int_equal(d->page->state, DAIS_DOM_PAUSED);
	assert_true(v->pending & VP_STOP);
	assert_int_equal(ctl(d, DAIS_DOM_PAUSE, 0), DAIS_AGAIN);
	assert_true(sched_block(&v->sc, &v->pending, 0));
	assert_int_equal(ctl(d, DAIS_DOM_PAUSE, 0), DAIS_OK);
	vcpu_notify(v, VP_IRQ);
	assert_int_equal(v->sc.state, SCHED_FROZEN); /* nothing wakes it */
	assert_int_equal(ctl(d, DAIS_DOM_UNPAUSE, 0), DAIS_OK);
	assert_int_equal(v->sc.state, SCHED_QUEUED);
	assert_int_equal(ctl(d, DAIS_DOM_PAUSE, 0), DAIS_OK); /* it waits only for a CPU */
	assert_int_equal(ctl(d, DAIS_DOM_UNPAUSE, 0), DAIS_OK);
	assert_ptr_equal(sched_pick(fake_now), &v->sc);
	assert_int_equal(ctl(d, DAIS_DOM_SHUTDOWN, 1), DAIS_DENIED);
	assert_int_equal(ctl(d, DAIS_DOM_KILL, 0), DAIS_BAD_ARG);
	assert_int_equal(ctl(d, DAIS_DOM_KILL, 10), DAIS_BAD_ARG);
	assert_int_equal(ctl(d, DAIS_DOM_KILL, DAIS_DEATH_POWEROFF), DAIS_OK);
	assert_int_equal(d->page->state, DAIS_DOM_DEAD);
	assert_int_equal(d->page->death, DAIS_DEATH_POWEROFF);
	assert_int_equal(ctl(d, DAIS_DOM_KILL, DAIS_DEATH_DESTROYED), DAIS_OK);
	assert_int_equal(d->page->death, DAIS_DEATH_POWEROFF); /* the first one wins */
	assert_int_equal(ctl(d, DAIS_DOM_ACTIVATE, 0), DAIS_BAD_STATE);
	assert_int_equal(ctl(d, DAIS_DOM_PAUSE, 0), DAIS_BAD_STATE);
	assert_int_equal(fake_reclaim(m, d), DAIS_AGAIN); /* the vCPU runs */
	assert_true(sched_block(&v->sc, &v->pending, 0));
	assert_null(sched_pick(fake_now));
	fake_cpu = 0;
}

static void test_control(void **state)
{
	(void)state;
	assert_int_equal(ctl(control_domain, DAIS_DOM_KILL, 3), DAIS_DENIED);
	assert_int_equal(ctl(control_domain, DAIS_DOM_PAUSE, 0), DAIS_DENIED);
	assert_int_equal(ctl(control_domain, DAIS_DOM_ACTIVATE, 0), DAIS_DENIED);
	assert_int_equal(fake_reclaim(m, control_domain), DAIS_DENIED);
	assert_int_equal(ctl(control_domain, DAIS_DOM_SHUTDOWN, 1), DAIS_OK);
	assert_true(fake_shutdown);
	assert_int_equal(ctl(control_domain, DAIS_DOM_SHUTDOWN, 2), DAIS_BAD_ARG);
	assert_int_equal(ctl(control_domain, DAIS_DOM_LOG_LEVEL, 4), DAIS_BAD_ARG);
	assert_int_equal(ctl(control_domain, DAIS_DOM_LOG_LEVEL, 0), DAIS_OK);
	assert_int_equal(ctl(control_domain, DAIS_DOM_TRACE, 3), DAIS_BAD_ARG);
	assert_int_equal(ctl(control_domain, DAIS_DOM_TRACE, 2), DAIS_OK);
	assert_int_equal(ctl(control_domain, DAIS_DOM_TRACE, 0), DAIS_OK);
}

static void test_kill_reports(void **state)
{
	struct event *e;

	(void)state;
	assert_non_null(e = event_create());
	link_set(&d->on_death, &e->obj, 0x80);
	domain_kill(d, DAIS_DEATH_TRIPLE_FAULT, "triple fault at %lx", 0x1234UL);
	assert_string_equal(d->page->reason, "triple fault at 1234");
	assert_int_equal(event_take(e, ~0ULL), 0x80);
	event_end(e);
}

/* Whoever refers to a vCPU or its domain finds both in memory, even after the end. */
/* An entry that the processor refuses, or an exit that Dais does not know: else all would stand still in silence. */
static void test_control_dies_loudly(void **state)
{
	jmp_buf here;

	(void)state;
	fake_panic = &here;
	if (!setjmp(here)) {
		domain_kill(control_domain, DAIS_DEATH_BAD_STATE, "vCPU 0: unknown exit");
		fail_msg("it went on");
	}
	fake_panic = NULL;
	atomic_store(&control_domain->state, DAIS_DOM_RUNNING);
}

static void test_references(void **state)
{
	struct domain *x = d;
	struct vcpu *w = v;

	(void)state;
	object_get(&w->obj);
	reclaim(d);
	d = NULL;
	assert_int_equal(counters.vcpus, before.vcpus + 1);
	vcpu_notify(w, VP_IRQ);
	assert_int_equal(w->sc.state, SCHED_FROZEN);
	assert_ptr_equal(w->dom, x);
	domain_kill(x, DAIS_DEATH_DESTROYED, "again");
	object_put(&w->obj);
}

static void notify(u32 bits, u32 in_guest, u32 posts)
{
	u32 pokes = fake_pokes;

	fake_posts = 0;
	v->pending = 0;
	v->in_guest = in_guest;
	vcpu_notify(v, bits);
	assert_int_equal(v->pending, bits); /* in any case: it may be on its way out */
	assert_int_equal(fake_pokes - pokes, in_guest ? 1 : 0);
	assert_int_equal(fake_posts, posts);
}

/* Whatever is not an interrupt for the very vCPU that runs makes the CPU leave guest mode. */
static void test_posted(void **state)
{
	(void)state;
	v->on_cpu = fake_cpu + 2;
	notify(VP_IRQ, 1, 0);
	v->posted = true;
	notify(VP_IRQ, 1, 1);
	notify(VP_IRQ, 1, 1);
	notify(VP_IRQ, 0, 0);
	notify(VP_IRQ, 2, 0); /* its borrower's CPU would keep the notice to itself */
	notify(VP_NMI, 1, 0);
	notify(VP_IRQ | VP_STOP, 1, 0);
	v->on_cpu = v->in_guest = 0;
}

/* A loan and a look at the state keep each other out; a hosted vCPU that is lent is not still. */
static void test_hosted(void **state)
{
	struct vcpu *w;

	(void)state;
	assert_int_equal(vcpu_create(d, 1, 0, &w), DAIS_OK);
	w->lender = fake_control_vcpu();
	give_memory(d, 1);
	assert_int_equal(ctl(d, DAIS_DOM_ACTIVATE, 0), DAIS_OK);
	assert_int_equal(ctl(d, DAIS_DOM_PAUSE, 0), DAIS_AGAIN);
	domain_kill(d, DAIS_DEATH_DESTROYED, "x");
	assert_int_equal(fake_reclaim(m, d), DAIS_AGAIN);
	w->lender = NULL;
}

/* Memory, objects and capabilities that a guest came to own end with it; a guest of its own falls to the control domain. */
static void test_creator_dies(void **state)
{
	struct domain *child;
	struct pool *sub;
	struct event *e;
	struct object *last;
	u64 i, j, k, adopted = 0;
	struct cap c;

	(void)state;
	give_memory(d, 600);
	assert_int_equal(pool_split(&pool_root, 100, &sub), DAIS_OK);
	assert_int_equal(cap_insert(&d->caps, &sub->obj, DAIS_R_ALL, &i), DAIS_OK);
	assert_non_null(e = event_create());
	assert_int_equal(cap_insert(&d->caps, &e->obj, DAIS_R_ALL, &j), DAIS_OK);
	assert_int_equal(cap_derive(&d->caps, j, &control_domain->caps, DAIS_R_ALL, 0, &k), DAIS_OK);
	assert_int_equal(domain_create(m, sub, 1, 16, &child), DAIS_OK);
	assert_int_equal(cap_insert(&d->caps, &child->obj, DAIS_R_ALL, &j), DAIS_OK);
	give_memory(child, 20);
	reclaim(d);
	d = NULL;
	/* the event lives by the capability that is left */
	assert_int_equal(cap_get(&control_domain->caps, k, DAIS_T_EVENT, 0, &c), DAIS_OK);
	object_put(c.obj);
	last = cap_drop(&control_domain->caps, k);
	assert_ptr_equal(last, c.obj);
	object_orphaned(m, last);
	for (u64 n = 1; n < 100 && !adopted; n++) {
		if (cap_get(&control_domain->caps, n, DAIS_T_DOMAIN, DAIS_R_CONTROL, &c) == DAIS_OK) {
			assert_ptr_equal(c.obj, &child->obj);
			object_put(c.obj);
			adopted = n;
		}
	}
	assert_true(adopted);
	/* its pool lives as long as it does */
	assert_int_equal(counters.pools, 2);
	reclaim(child);
	assert_int_equal(counters.pools, 1);
	assert_null(cap_drop(&control_domain->caps, adopted));
}

static void test_many_times(void **state)
{
	struct domain *x;
	struct vcpu *w;
	u32 id = 0;

	(void)state;
	for (u32 i = 0; i < 100; i++) {
		assert_int_equal(domain_create(m, &pool_root, 3, 100, &x), DAIS_OK);
		assert_true(x->id > id);
		id = x->id;
		give_memory(x, 1000);
		for (u32 k = 0; k < 3; k++)
			assert_int_equal(vcpu_create(x, k, k % 2, &w), DAIS_OK);
		assert_int_equal(ctl(x, DAIS_DOM_ACTIVATE, 0), DAIS_OK);
		reclaim(x);
	}
}

static void test_slots_run_out(void **state)
{
	static struct domain *x[MAX_DOMAINS];
	u32 n = 0;
	status_t s;

	(void)state;
	do
		s = domain_create(m, &pool_root, 1, 1, &x[n]);
	while (s == DAIS_OK && ++n);
	assert_int_equal(s, DAIS_NO_SPACE);
	assert_int_equal(n, MAX_DOMAINS - 2);
	while (n--)
		reclaim(x[n]);
	before.f = frame_counts; /* the heap keeps what it grew by */
}

/* The heap gives out at every place once; nothing is left behind. */
static void test_no_heap(void **state)
{
	struct domain *x;
	void *list = NULL, *p;
	u64 budget = pool_root.free;
	u32 tries = 0;
	status_t s;

	(void)state;
	pool_root.free = 0; /* the heap cannot grow */
	while ((p = heap_pages(1))) {
		*(void **)p = list;
		list = p;
	}
	do {
		u64 used = counters.heap;

		s = domain_create(m, &pool_root, 512, 16, &x);
		assert_true(s == DAIS_OK || s == DAIS_NO_MEMORY);
		if (s != DAIS_OK)
			assert_int_equal(counters.heap, used);
		p = list;
		list = *(void **)p;
		heap_pages_free(p, 1);
		tries++;
	} while (s != DAIS_OK);
	assert_true(tries > 5);
	reclaim(x);
	while ((p = list)) {
		list = *(void **)p;
		heap_pages_free(p, 1);
	}
	pool_root.free = budget;
	for (int i = 0; i < 8; i++) { /* tables for the area */
		fake_nested_fails_in = i;
		s = domain_create(m, &pool_root, 1, 1, &x);
		if (s == DAIS_OK)
			reclaim(x);
		else
			assert_int_equal(s, DAIS_NO_MEMORY);
	}
	fake_nested_fails_in = -1;
}

static bool in(u64 port, u64 *value, u32 size)
{
	return trap_access(v, DAIS_TRAP_PORT, port, size, false, value);
}

static bool out(u64 port, u64 value, u32 size)
{
	return trap_access(v, DAIS_TRAP_PORT, port, size, true, &value);
}

static void test_traps(void **state)
{
	struct event *e;
	u64 x;

	(void)state;
	assert_non_null(e = event_create());
	link_set(&d->on_trap, &e->obj, 0);
	assert_int_equal(trap_set(d, DAIS_TRAP_PORT, 0x60, 2, DAIS_TRAP_EXIT, 0), DAIS_OK);
	assert_int_equal(trap_set(d, DAIS_TRAP_PORT, 0x70, 1, DAIS_TRAP_EVENT, 6), DAIS_OK);
	assert_int_equal(trap_set(d, DAIS_TRAP_PORT, 0x3f8, 1, DAIS_TRAP_POST, 1), DAIS_OK);
	assert_int_equal(trap_set(d, DAIS_TRAP_PORT, 0x3fd, 1, DAIS_TRAP_CONST, 0x1160), DAIS_OK);
	assert_int_equal(trap_set(d, DAIS_TRAP_MMIO, 0x60, 8, DAIS_TRAP_CONST, ~0x1ULL), DAIS_OK);
	assert_true(in(0x61, &x, 2) && x == 0xffff); /* half outside */
	assert_true(in(0x5f, &x, 2) && x == 0xffff);
	assert_false(in(0x60, &x, 2));
	assert_false(out(0x61, 1, 1));
	assert_true(in(0x3fd, &x, 1) && x == 0x60);
	assert_true(out(0x3fd, 1, 1));
	assert_true(in(0x1234, &x, 4) && x == 0xffffffff);
	assert_true(trap_access(v, DAIS_TRAP_MMIO, 0x60, 8, false, &x) && x == ~1ULL);
	assert_true(trap_access(v, DAIS_TRAP_MMIO, ~0ULL, 8, false, &x) && x == ~0ULL);
	assert_true(out(0x70, 0xff, 1));
	assert_int_equal(event_take(e, ~0ULL), 6);
	for (u32 i = 0; i < DAIS_DOM_RING_SIZE + 3; i++)
		assert_true(out(0x3f8, 'a' + i % 26, 1));
	assert_int_equal(event_take(e, ~0ULL), 1);
	assert_int_equal(d->page->ring_head, DAIS_DOM_RING_SIZE + 3);
	assert_int_equal(((char *)d->page)[DAIS_DOM_RING_PAGE * PAGE_SIZE + 2], 'a' + (DAIS_DOM_RING_SIZE + 2) % 26);
	d->page->ring_head = ~0ULL; /* the creator's mischief */
	assert_true(out(0x3f8, 'x', 1));
	assert_int_equal(((char *)d->page)[DAIS_DOM_RING_PAGE * PAGE_SIZE + 3], 'x');
	/* refusals */
	assert_int_equal(trap_set(d, 0, 0xffff, 2, 1, 0), DAIS_BAD_ARG);
	assert_int_equal(trap_set(d, 0, 0, 0, 1, 0), DAIS_BAD_ARG);
	assert_int_equal(trap_set(d, 0, 0, 1, DAIS_TRAP_EXIT, 1), DAIS_BAD_ARG);
	assert_int_equal(trap_set(d, 0, 0, 1, DAIS_TRAP_EVENT, 0), DAIS_BAD_ARG);
	assert_int_equal(trap_set(d, 1, GPA_LIMIT, 1, 1, 0), DAIS_BAD_ARG);
	assert_int_equal(trap_set(d, 0, 0x61, 5, 1, 0), DAIS_EXISTS);
	assert_int_equal(trap_set(d, 0, 0x50, 0x11, 1, 0), DAIS_EXISTS);
	assert_int_equal(trap_set(d, 0, 0x60, 1, DAIS_TRAP_DENY, 0), DAIS_BAD_ARG);
	assert_int_equal(trap_set(d, 0, 0x60, 2, DAIS_TRAP_DENY, 0), DAIS_OK);
	assert_int_equal(trap_set(control_domain, 0, 0x60, 2, 1, 0), DAIS_DENIED);
	assert_true(in(0x60, &x, 1) && x == 0xff);
	for (u64 i = 0; i < DAIS_MAX_TRAPS - 4; i++)
		assert_int_equal(trap_set(d, 1, 0x1000 + 16 * i, 16, 1, 0), DAIS_OK);
	assert_int_equal(trap_set(d, 1, 0x100, 1, 1, 0), DAIS_NO_SPACE);
	link_set(&d->on_trap, NULL, 0);
	event_end(e);
}

#define PAGE_OF(x) ((u8 *)(x)->page + DAIS_DOM_MONITOR_PAGE * PAGE_SIZE)
#define MESSAGE (0xfee01000ULL | 0x41ULL << 32)

/* A data port in two banks, and an interrupt line as in a serial port. */
static void test_register_trap(void **state)
{
	struct dais_register r = {
		.read = 0x300, .write = 0x300, .select = 0x200, .select_mask = 0x80, .input = 0x201,
		.line = 0x210, .line_select = 0x202, .line_mask = 3, .message = 0x220, .writable = 0x7f,
		.flags = DAIS_REGISTER_POST,
	};
	struct event *e = event_create();
	u8 *page = PAGE_OF(d), *ring = (u8 *)d->page + DAIS_DOM_RING_PAGE * PAGE_SIZE;
	u64 x, message = MESSAGE;

	(void)state;
	link_set(&d->on_trap, &e->obj, 0);
	memcpy(page + 0x100, &r, sizeof(r));
	memcpy(page + 0x220, &message, sizeof(message));
	memcpy(page + 0x210, "\1\1\0\1", 4);
	assert_int_equal(trap_set(d, 0, 0x3f8, 1, DAIS_TRAP_REGISTER, 0x101), DAIS_BAD_ARG);
	assert_int_equal(trap_set(d, 0, 0x3f8, 1, DAIS_TRAP_REGISTER, PAGE_SIZE - sizeof(r) + 2), DAIS_BAD_ARG);
	assert_int_equal(trap_set(d, 0, 0x3f8, 1, DAIS_TRAP_REGISTER, 0x100), DAIS_OK);
	fake_last_msi = 0;
	assert_true(out(0x3f8, 0xc1, 1)); /* bank 0: stored as far as writable, posted whole */
	assert_int_equal(page[0x300], 0x41);
	assert_int_equal(ring[0], 0xc1);
	assert_int_equal(d->page->ring_head, 1);
	assert_int_equal(event_take(e, ~0ULL), DAIS_REGISTER_BITS);
	assert_true(out(0x3f8, 'b', 1)); /* the reader has not come yet: told once is enough */
	assert_int_equal(event_take(e, ~0ULL), 0);
	d->page->ring_tail = 2;
	assert_true(out(0x3f8, 'c', 1));
	assert_int_equal(event_take(e, ~0ULL), DAIS_REGISTER_BITS);
	assert_int_equal(fake_last_msi, 0);
	page[0x202] = 2; /* the line is up after this write */
	assert_true(out(0x3f8, 'd', 1));
	assert_int_equal(fake_last_msi, MESSAGE);
	assert_true(in(0x3f8, &x, 1) && x == 'd');
	page[0x201] = 1; /* input waits */
	assert_false(in(0x3f8, &x, 1));
	page[0x200] = 0xff; /* the other bank posts nothing and has no input */
	assert_true(out(0x3f8, 5, 1));
	assert_int_equal(d->page->ring_head, 4);
	assert_true(in(0x3f8, &x, 1) && x == 5 && page[0x380] == 5);
	link_set(&d->on_trap, NULL, 0);
	event_end(e);
}

/* Whatever the page says, nothing beyond it and the ring behind it is touched. */
static void test_register_mischief(void **state)
{
	struct dais_dom_page before_page = *d->page;
	u8 *page = PAGE_OF(d), *end = (u8 *)d->page + (DAIS_DOM_RING_PAGE + 1) * PAGE_SIZE;
	u64 x;

	(void)state;
	memset(page, 0xff, PAGE_SIZE);
	assert_int_equal(trap_set(d, 1, 0xfec00000, 8, DAIS_TRAP_REGISTER, PAGE_SIZE - sizeof(struct dais_register)), DAIS_OK);
	x = ~0ULL;
	assert_true(trap_access(v, DAIS_TRAP_MMIO, 0xfec00000, 8, true, &x));
	trap_access(v, DAIS_TRAP_MMIO, 0xfec00000, 8, false, &x);
	assert_true(trap_access(v, DAIS_TRAP_MMIO, 0xfec00000, 4, false, &x) && x == 0xffffffff); /* half a register is none */
	assert_int_equal(d->page->ring_head, 0);
	assert_memory_equal(d->page, &before_page, sizeof(before_page));
	for (; end < (u8 *)d->page + DAIS_DOM_AREA_PAGES * PAGE_SIZE; end++)
		assert_int_equal(*end, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_kill_reports), T(test_life), T(test_control), T(test_control_dies_loudly), T(test_references), T(test_posted),
		T(test_hosted), T(test_creator_dies),
		T(test_many_times), T(test_slots_run_out), T(test_no_heap), T(test_traps),
		T(test_register_trap), T(test_register_mischief),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
