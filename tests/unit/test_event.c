/* SPDX-License-Identifier: GPL-2.0-only */
/* links: kernel/[!s]*.c kernel/sched/rr.c tests/unit/fake.c */
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
	assert_int_equal(event_create(control_domain, &e), DAIS_OK);
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
		assert_int_equal(event_create(control_domain, &e[i]), DAIS_OK);
		assert_int_equal(e[i]->number, i);
		event_set_target(e[i], DAIS_EV_TO_MSIX, 2, NULL);
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
	event_set_target(e[3], DAIS_EV_TO_MSIX, 1, NULL);
	assert_int_equal(fake_msix[1], 1);
	event_set_target(e[3], DAIS_EV_TO_NONE, 0, NULL);
	event_raise(e[3], 16);
	assert_int_equal(fake_msix[1], 1);
	for (u32 i = 0; i < 70; i++)
		event_end(e[i]);
	p->select = p->word[0] = p->word[1] = 0;
	p[-1].select = p[-1].word[0] = 0;
	/* numbers are free again */
	assert_int_equal(event_create(control_domain, &e[0]), DAIS_OK);
	assert_int_equal(e[0]->number, 0);
	event_end(e[0]);
}

static void test_vcpu_target(void **state)
{
	struct vcpu *v = fake_control_vcpu();
	u32 refs = v->obj.refs;
	struct event *e;

	(void)state;
	assert_int_equal(event_create(control_domain, &e), DAIS_OK);
	event_set_target(e, DAIS_EV_TO_VCPU, 77, v);
	assert_int_equal(v->obj.refs, refs + 1);
	event_raise(e, 1);
	assert_int_equal(fake_interrupts, 1);
	assert_int_equal(fake_last_vector, 77);
	event_end(e);
	assert_int_equal(v->obj.refs, refs);
}

static void test_binding(void **state)
{
	struct event_binding b = { 0 };
	struct event *e, *f;

	(void)state;
	event_raise_binding(&b, 1);
	assert_int_equal(event_create(control_domain, &e), DAIS_OK);
	assert_int_equal(event_create(control_domain, &f), DAIS_OK);
	event_bind(&b, e, 0x30);
	event_raise_binding(&b, 0);
	event_raise_binding(&b, 1);
	assert_int_equal(event_take(e, ~0ULL), 0x31);
	event_bind(&b, f, 2);
	assert_int_equal(e->obj.refs, 1);
	event_end(e);
	/* bound: its memory stays when its last capability goes */
	event_end(f);
	assert_int_equal(f->obj.refs, 1);
	event_raise_binding(&b, 0);
	event_bind(&b, NULL, 0);
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
		assert_int_equal(event_create(control_domain, &chain[i]), DAIS_OK);
		event_set_target(chain[i], DAIS_EV_TO_VCPU, 40, fake_control_vcpu());
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

static void test_no_space(void **state)
{
	static struct event *e[DAIS_MAX_EVENTS];
	struct event *one_more;

	(void)state;
	for (u32 i = 0; i < DAIS_MAX_EVENTS; i++)
		assert_int_equal(event_create(control_domain, &e[i]), DAIS_OK);
	assert_int_equal(event_create(control_domain, &one_more), DAIS_NO_SPACE);
	for (u32 i = 0; i < DAIS_MAX_EVENTS; i++)
		event_end(e[i]);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_word), T(test_msix), T(test_vcpu_target), T(test_binding), T(test_chain), T(test_no_space),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
