/* SPDX-License-Identifier: GPL-2.0-only */
/* links: kernel/[!s]*.c kernel/sched/[a-z]*.c boot/frames.c tests/unit/fake.c */
#include "tests/unit/fake.h"
#include "kernel/event.h"

static mgmt_t m;
static u64 events, heap;

static int setup(void **state)
{
	(void)state;
	fake_boot_control();
	m = mgmt_acquire();
	events = counters.events;
	heap = counters.heap;
	memset(fake_msix, 0, sizeof(fake_msix));
	fake_interrupts = 0;
	fake_on_interrupt = NULL;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mgmt_release(m);
	assert_int_equal(counters.events, events);
	assert_int_equal(counters.heap, heap);
	assert_int_equal(heap_check(), 0);
	return 0;
}

static void test_word(void **state)
{
	struct event *e;

	(void)state;
	assert_non_null(e = event_create());
	event_raise(e, 5);
	event_raise(e, 0x12);
	assert_int_equal(event_take(e, 0x11), 0x11);
	assert_int_equal(event_take(e, ~0ULL), 6);
	assert_int_equal(event_take(e, ~0ULL), 0);
	event_end(e);
}

static void test_msix(void **state)
{
	struct dais_pending *p = events_pending + 2;
	struct event *e[70];

	(void)state;
	for (u32 i = 0; i < 70; i++) {
		assert_non_null(e[i] = event_create());
		event_set_target(e[i], &control_domain->obj, 2 | (u64)i << 32);
	}
	assert_int_equal(fake_msix[2], 0);
	event_raise(e[69], 1);
	assert_int_equal(fake_msix[2], 1);
	assert_int_equal(p->select, 2);
	assert_int_equal(p->word[1], 1 << 5);
	event_raise(e[69], 1); /* not taken yet */
	event_raise(e[68], 1); /* the receiver is on its way */
	assert_int_equal(fake_msix[2], 1);
	assert_int_equal(p->word[1], 3 << 4);
	event_raise(e[3], 8);
	assert_int_equal(fake_msix[2], 2);
	assert_int_equal(p->select, 3);
	p->select = p->word[0] = p->word[1] = 0;
	assert_int_equal(event_take(e[69], ~0ULL), 1);
	event_raise(e[69], 1);
	assert_int_equal(fake_msix[2], 3);
	/* bound while bits are set: told at once */
	event_set_target(e[3], &control_domain->obj, 1 | 3ULL << 32);
	assert_int_equal(fake_msix[1], 1);
	event_set_target(e[3], NULL, 0);
	event_raise(e[3], 16);
	assert_int_equal(fake_msix[1], 1);
	for (u32 i = 0; i < 70; i++)
		event_end(e[i]);
	p->select = p->word[0] = p->word[1] = 0;
	p[-1].select = p[-1].word[0] = 0;
}

static void test_vcpu_target(void **state)
{
	struct vcpu *v = fake_control_vcpu();
	u32 refs = control_domain->obj.refs; /* its vCPUs live as long */
	struct event *e;

	(void)state;
	assert_non_null(e = event_create());
	event_set_target(e, &v->obj, 77);
	assert_int_equal(control_domain->obj.refs, refs + 1);
	event_raise(e, 1);
	assert_int_equal(fake_interrupts, 1);
	assert_int_equal(fake_last_vector, 77);
	event_end(e);
	assert_int_equal(control_domain->obj.refs, refs);
}

static void test_link(void **state)
{
	struct link b = { 0 };
	struct event *e, *f;

	(void)state;
	event_raise_link(&b, 1);
	assert_non_null(e = event_create());
	assert_non_null(f = event_create());
	link_set(&b, &e->obj, 0x30);
	event_raise_link(&b, 0);
	event_raise_link(&b, 1);
	assert_int_equal(event_take(e, ~0ULL), 0x31);
	link_set(&b, &f->obj, 2);
	assert_int_equal(e->obj.refs, 1);
	event_end(e);
	/* linked: its memory stays when its last capability goes */
	event_end(f);
	assert_int_equal(f->obj.refs, 1);
	event_raise_link(&b, 0);
	link_set(&b, NULL, 0);
}

static struct event *chain[20];

static void go_on(struct vcpu *v)
{
	(void)v;
	if (fake_interrupts < ARRAY_SIZE(chain))
		event_raise(chain[fake_interrupts], 1);
}

/* A chain of events that raise each other ends before the stack does. */
static void test_chain(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(chain); i++) {
		assert_non_null(chain[i] = event_create());
		event_set_target(chain[i], &fake_control_vcpu()->obj, 40);
	}
	fake_on_interrupt = go_on;
	event_raise(chain[0], 1);
	assert_int_equal(fake_interrupts, 8);
	fake_on_interrupt = NULL;
	fake_interrupts = 0;
	event_raise(chain[19], 1);
	assert_int_equal(fake_interrupts, 1);
	for (u32 i = 0; i < ARRAY_SIZE(chain); i++)
		event_end(chain[i]);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_word), T(test_msix), T(test_vcpu_target), T(test_link), T(test_chain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
