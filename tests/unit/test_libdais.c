/* SPDX-License-Identifier: GPL-2.0-only */
/* libdais against a fake ioctl(2); mappings are those of a sparse memfd. */
/* links: mgmt/libdais/conn.c mgmt/libdais/domain.c mgmt/libdais/error.c mgmt/libdais/event.c mgmt/libdais/info.c mgmt/libdais/names.c mgmt/libdais/vcpu.c */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>
#include "mgmt/libdais/libdais.h"

#define MAX_CALLS 32

static struct {
	unsigned long request;
	struct dais_ioc_state state; /* when it is a STATE call */
	struct dais_ioc_mem mem;
} calls[MAX_CALLS];
static unsigned int call_count;
static int next_result, next_errno, next_fd;
static void (*on_ioctl)(unsigned int nth);

int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	(void)fd;
	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	assert_true(call_count < MAX_CALLS);
	calls[call_count].request = request;
	if (request == DAIS_IOC_STATE)
		calls[call_count].state = *(struct dais_ioc_state *)arg;
	if (request == DAIS_IOC_MEM_MAP || request == DAIS_IOC_MEM_UNMAP)
		calls[call_count].mem = *(struct dais_ioc_mem *)arg;
	if (request == DAIS_IOC_EVENT_CREATE)
		((struct dais_ioc_event *)arg)->fd = next_fd;
	if (on_ioctl)
		on_ioctl(call_count);
	call_count++;
	errno = next_errno;
	return next_errno ? -1 : next_result;
}

static int sparse_fd(void)
{
	int fd = memfd_create("dais", 0);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, DAIS_MMAP_AREA + DAIS_DOM_AREA_PAGES * DAIS_PAGE_SIZE), 0);
	return fd;
}

static int setup(void **state)
{
	(void)state;
	memset(calls, 0, sizeof(calls));
	call_count = 0;
	next_result = next_errno = 0;
	on_ioctl = NULL;
	return 0;
}

static struct dais_dom *make_dom(void)
{
	struct dais_dom *dom;

	assert_int_equal(dais_dom_from_fd(sparse_fd(), &dom), 0);
	return dom;
}

static struct dais_vcpu *make_vcpu(void)
{
	struct dais_vcpu *vcpu;

	assert_int_equal(dais_vcpu_from_fd(sparse_fd(), &vcpu), 0);
	return vcpu;
}

static void every_status_has_name_text_and_errno(void **state)
{
	(void)state;
	for (unsigned int s = 1; s < DAIS_STATUS_COUNT; s++) {
		assert_non_null(dais_status_name(s));
		assert_non_null(dais_status_text(s));
		assert_true(dais_status_errno(s) < 0);
	}
	assert_null(dais_status_name(DAIS_STATUS_COUNT));
	assert_int_equal(dais_status_errno(DAIS_STATUS_COUNT), -EIO);
}

static void dais_refusal_names_its_status(void **state)
{
	struct dais_dom *dom = make_dom();
	int ret;

	(void)state;
	next_result = DAIS_NO_MEMORY;
	ret = dais_dom_activate(dom);
	assert_int_equal(ret, -ENOMEM);
	assert_int_equal(dais_last_status(), DAIS_NO_MEMORY);
	assert_string_equal(dais_strerror(ret), "Dais: NO_MEMORY: pool or heap exhausted");
	next_result = 99;
	assert_int_equal(dais_dom_activate(dom), -EIO);
	assert_string_equal(dais_strerror(-EIO), "Dais: unknown status 99");
	dais_dom_close(dom);
}

static void linux_error_is_not_dais(void **state)
{
	struct dais_dom *dom = make_dom();

	(void)state;
	next_result = DAIS_NO_MEMORY;
	assert_int_equal(dais_dom_activate(dom), -ENOMEM);
	next_errno = ENOMEM;
	assert_int_equal(dais_dom_activate(dom), -ENOMEM);
	assert_int_equal(dais_last_status(), DAIS_OK);
	assert_string_equal(dais_strerror(-ENOMEM), strerror(ENOMEM));
	next_errno = ESTALE;
	assert_string_equal(dais_strerror(dais_dom_pause(dom)), "the domain is gone");
	dais_dom_close(dom);
}

static void *other_thread(void *arg)
{
	(void)arg;
	assert_int_equal(dais_last_status(), DAIS_OK);
	return NULL;
}

static void errors_belong_to_their_thread(void **state)
{
	struct dais_dom *dom = make_dom();
	pthread_t thread;

	(void)state;
	next_result = DAIS_BUSY;
	assert_int_equal(dais_dom_activate(dom), -EBUSY);
	assert_int_equal(pthread_create(&thread, NULL, other_thread, NULL), 0);
	pthread_join(thread, NULL);
	assert_int_equal(dais_last_status(), DAIS_BUSY);
	dais_dom_close(dom);
}

static void large_state_goes_in_windows(void **state)
{
	struct dais_vcpu *vcpu = make_vcpu();
	static unsigned char large[11 * 1024 + 8];
	size_t total = 0;

	(void)state;
	assert_int_equal(dais_vcpu_set(vcpu, DAIS_STATE_SREGS, large, sizeof(large)), 0);
	assert_int_equal(call_count, 6);
	for (unsigned int i = 0; i < call_count; i++) {
		assert_int_equal(calls[i].state.op, DAIS_STATE_SET | DAIS_STATE_SREGS);
		assert_int_equal(calls[i].state.offset, total);
		assert_int_equal(calls[i].state.addr, (uintptr_t)(large + total));
		assert_true(calls[i].state.length <= 2048);
		total += calls[i].state.length;
	}
	assert_int_equal(total, sizeof(large));
	dais_vcpu_close(vcpu);
}

static void state_stops_at_an_error(void **state)
{
	struct dais_vcpu *vcpu = make_vcpu();
	static unsigned char large[8192];

	(void)state;
	next_result = DAIS_BUSY;
	assert_int_equal(dais_vcpu_get(vcpu, DAIS_STATE_SREGS, large, sizeof(large)), -EBUSY);
	assert_int_equal(call_count, 1);
	dais_vcpu_close(vcpu);
}

static struct dais_vcpu *running;

static void third_is_io(unsigned int nth)
{
	dais_vcpu_page(running)->reason = nth < 2 ? DAIS_EXIT_INTR : DAIS_EXIT_IO;
}

static void run_goes_on_after_interrupts(void **state)
{
	(void)state;
	running = make_vcpu();
	on_ioctl = third_is_io;
	assert_int_equal(dais_vcpu_run(running), DAIS_EXIT_IO);
	assert_int_equal(call_count, 3);
	next_errno = EINTR;
	assert_int_equal(dais_vcpu_run(running), -EINTR);
	dais_vcpu_close(running);
}

static void memory_is_shared_only_when_wanted(void **state)
{
	struct dais_dom *dom = make_dom();
	unsigned char *mem;

	(void)state;
	assert_int_equal(dais_mem_map(dom, 0x100000, 0x2000, DAIS_MAP_RWX, NULL), 0);
	assert_int_equal(calls[0].mem.flags, DAIS_MAP_RWX);
	assert_int_equal(dais_mem_map(dom, 0x200000, 0x2000, DAIS_MAP_RWX, (void **)&mem), 0);
	assert_int_equal(calls[1].mem.flags, DAIS_MAP_RWX | DAIS_MAP_SHARE);
	mem[0x1fff] = 1;
	assert_int_equal(dais_mem_detach(mem, 0x2000), 0);
	assert_int_equal(dais_mem_map(dom, 0, 0x1000, 0x80, NULL), -EINVAL);
	dais_dom_close(dom);
}

static void memory_that_cannot_be_mmapped_is_given_back(void **state)
{
	struct dais_dom *dom = make_dom();
	void *mem;

	(void)state;
	/* The fake takes any gpa, mmap wants a multiple of the page size. */
	assert_int_equal(dais_mem_map(dom, 0x100001, 0x1000, DAIS_MAP_RWX, &mem), -EINVAL);
	assert_int_equal(call_count, 2);
	assert_int_equal(calls[1].request, DAIS_IOC_MEM_UNMAP);
	assert_int_equal(calls[1].mem.gpa, 0x100001);
	assert_int_equal(dais_last_status(), DAIS_OK);
	dais_dom_close(dom);
}

static void event_take_does_not_block_unless_told(void **state)
{
	struct dais_dom *dom = make_dom();
	struct dais_event *event;
	uint64_t bits = 1;

	(void)state;
	next_fd = eventfd(0, 0);
	assert_int_equal(dais_event_create(dom, &event), 0);
	assert_int_equal(dais_event_take(event, false, &bits), 0);
	assert_int_equal(bits, 0);
	assert_int_equal(dais_event_send(event, 5), 0);
	assert_int_equal(dais_event_take(event, true, &bits), 0);
	assert_int_equal(bits, 5);
	dais_event_close(event);
	dais_dom_close(dom);
}

static void area_lies_as_the_abi_says(void **state)
{
	struct dais_dom *dom = make_dom();
	char *page = (char *)dais_dom_page(dom);

	(void)state;
	assert_ptr_equal(dais_dom_monitor_page(dom), page + 4096);
	assert_ptr_equal(dais_dom_ring(dom), page + 8192);
	dais_dom_close(dom);
}

static void names_end_at_their_lists(void **state)
{
	(void)state;
	assert_string_equal(dais_call_name(DAIS_NR_vcpu_run), "vcpu_run");
	assert_string_equal(dais_call_name(DAIS_CALL_COUNT), "?");
	assert_string_equal(dais_state_name(DAIS_DOM_DEAD), "dead");
	assert_string_equal(dais_state_name(4), "?");
	assert_string_equal(dais_death_name(DAIS_DEATH_MACHINE_CHECK), "machine check");
	assert_string_equal(dais_death_name(~0u), "?");
	assert_string_equal(dais_activity_name(DAIS_ACT_PARKED), "parked");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_status_has_name_text_and_errno, setup),
		cmocka_unit_test_setup(dais_refusal_names_its_status, setup),
		cmocka_unit_test_setup(linux_error_is_not_dais, setup),
		cmocka_unit_test_setup(errors_belong_to_their_thread, setup),
		cmocka_unit_test_setup(large_state_goes_in_windows, setup),
		cmocka_unit_test_setup(state_stops_at_an_error, setup),
		cmocka_unit_test_setup(run_goes_on_after_interrupts, setup),
		cmocka_unit_test_setup(memory_is_shared_only_when_wanted, setup),
		cmocka_unit_test_setup(memory_that_cannot_be_mmapped_is_given_back, setup),
		cmocka_unit_test_setup(event_take_does_not_block_unless_told, setup),
		cmocka_unit_test_setup(area_lies_as_the_abi_says, setup),
		cmocka_unit_test_setup(names_end_at_their_lists, setup),
	};

	return cmocka_run_group_tests_name("libdais", tests, NULL, NULL);
}
