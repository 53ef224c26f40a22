/* SPDX-License-Identifier: GPL-2.0-only */
/* links: mgmt/monitor/pci_bus.c mgmt/monitor/pci_device.c mgmt/monitor/config.c mgmt/monitor/sched_config.c mgmt/monitor/fault.c */
/* flags: -Imgmt/libdais */
/* Functions that come to a guest and leave it; whatever fails, the guest has what it had, and so has the control domain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "mgmt/monitor/pci_sysfs.h"
#undef PCI_SYSFS
#define PCI_SYSFS "sys" /* below a directory of the test's own */
#include "mgmt/monitor/pci_host.c"

#define A 0x20u
#define B 0x28u
#define C 0x30u

static struct pci_slots slots;
static struct pci_bus bus;
static struct pci_host host;
static struct guest_config config;
static struct fault err;
static bool with_guest[0x100], claimed[0x100];
static unsigned int fail_in, mates;	/* the call that fails, 0: none; functions that A cannot be kept apart from: B */

static int may_fail(int how) { return fail_in && !--fail_in ? how : 0; }

/* --- what pci_host.c stands on --- */
int dais_dev_assign(struct dais_dom *dom, uint32_t fn, uint32_t flags)
{
	int ret = may_fail(-ENOTTY);

	(void)dom;
	(void)flags;
	assert_true(claimed[fn] && !with_guest[fn]);
	with_guest[fn] = !ret;
	return ret;
}

int dais_dev_return(struct dais_dom *dom, uint32_t fn)
{
	(void)dom;
	assert_true(with_guest[fn]);
	with_guest[fn] = false;
	return 0;
}

int dais_dev_reset(struct dais_dom *dom, uint32_t fn) { (void)dom; (void)fn; return 0; }
int dais_dev_line(struct dais_dom *dom, uint32_t fn, struct dais_event *event, uint64_t bits)
{
	(void)dom; (void)event; (void)bits;
	assert_true(with_guest[fn]);
	return fn == B ? -ENOTTY : 0;
}
int dais_dev_unmask(struct dais_dom *dom, uint32_t fn)
{
	(void)dom;
	assert_true(with_guest[fn] && fn != B);
	return 0;
}
int dais_dev_map(struct dais_dom *dom, uint32_t fn, unsigned int bar, uint64_t offset, uint64_t size, uint64_t gpa)
{
	(void)dom; (void)fn; (void)bar; (void)offset; (void)size; (void)gpa;
	return 0;
}
int dais_dev_unmap(struct dais_dom *dom, uint32_t fn, uint64_t gpa, uint64_t size)
{
	(void)dom; (void)gpa; (void)size;
	assert_true(with_guest[fn]); /* before it is given back */
	return 0;
}
int dais_trap_set(struct dais_dom *dom, enum dais_trap_kind kind, uint64_t base, uint64_t length, enum dais_trap_action action,
		  uint64_t value)
{
	(void)dom; (void)kind; (void)base; (void)length; (void)action; (void)value;
	return 0;
}
const char *dais_strerror(int ret) { (void)ret; return "some error"; }

int pci_scan(struct pci_machine *m, const char *root, struct fault *e)
{
	memset(m, 0, sizeof(*m));
	m->root = root;
	return may_fail(-1) ? fault_set(e, "scan") : 0;
}
void pci_scan_free(struct pci_machine *m) { (void)m; }
const struct pci_info *pci_lookup(const struct pci_machine *m, uint32_t fn)
{
	static struct pci_info f;

	(void)m;
	f = (struct pci_info){ .fn = fn, .ids = 0x12348086 };
	return &f;
}
int pci_check(const struct pci_machine *m, uint32_t fn, const uint32_t *list, unsigned int count, struct fault *e)
{
	(void)m;
	while (count--)
		if (list[count] == B)
			return 0;
	return fn == A && mates ? fault_set(e, "cannot be kept apart") : 0;
}
int pci_read_bars(const char *root, uint32_t fn, struct pci_bar *bars, struct fault *e)
{
	(void)root; (void)fn;
	memset(bars, 0, PCI_BARS * sizeof(*bars));
	bars[0] = (struct pci_bar){ 0xfe000000, 0x4000, false, false };
	return may_fail(-1) ? fault_set(e, "bars") : 0;
}
bool pci_parse(const char *text, uint32_t *fn, const char **end)
{
	*fn = text[0] == 'A' ? A : text[0] == 'B' ? B : C;
	*end = text + 1;
	return text[0] >= 'A' && text[0] <= 'C';
}
const char *pci_name(uint32_t fn, char *buf) { snprintf(buf, 16, "%02x", fn); return buf; }
int pci_claim(const struct guest_config *c, struct fault *e)
{
	if (may_fail(-1))
		return fault_set(e, "claim");
	for (unsigned int i = 0; i < c->functions; i++)
		claimed[c->function[i]] = true;
	return 0;
}
void pci_unclaim(const struct guest_config *c)
{
	for (unsigned int i = 0; i < c->functions; i++)
		claimed[c->function[i]] = claimed[c->function[i]] && with_guest[c->function[i]];
}

/* --- */
static void make_files(void)
{
	static const char *const names[] = { "sys/devices/20", "sys/devices/28", "sys/devices/30" };
	char directory[] = "/tmp/pci-host-XXXXXX", path[64];

	assert_non_null(mkdtemp(directory));
	assert_int_equal(chdir(directory) | mkdir("sys", 0700) | mkdir("sys/devices", 0700), 0);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(mkdir(names[i], 0700), 0);
		snprintf(path, sizeof(path), "%s/config", names[i]);
		close(open(path, O_CREAT | O_RDWR, 0600));
		assert_int_equal(truncate(path, 256), 0);
	}
}

static int setup(void **state)
{
	(void)state;
	pci_host_close(&host);
	memset(&slots, 0, sizeof(slots));
	memset(with_guest, 0, sizeof(with_guest));
	memset(claimed, 0, sizeof(claimed));
	fail_in = mates = 0;
	gconf_init(&config);
	config.name = (char *)"guest";
	config.pci = true;
	pci_bus_init(&bus, &slots);
	pci_host_init(&host, &bus);
	assert_int_equal(pci_host_attach(&host, NULL, &config, &err), 0);
	return 0;
}

/* These, and no others, as all that keep account see it. */
static void guest_has(const char *names)
{
	unsigned int used = 0, open_files = 0;
	uint32_t fn;
	const char *end;

	for (unsigned int i = 0; i < PCI_SLOTS; i++) {
		used += !!slots.slot[i].used;
		open_files += host.fn[i].config >= 0;
	}
	assert_int_equal(used, strlen(names));
	assert_int_equal(open_files, strlen(names));
	assert_int_equal(config.functions, strlen(names));
	for (fn = 0; fn < 0x100; fn++) {
		assert_int_equal(with_guest[fn], slot_of(&host, fn) >= 0);
		assert_int_equal(claimed[fn], with_guest[fn]);
	}
	for (; *names; names++) {
		assert_true(pci_parse(names, &fn, &end));
		assert_true(slot_of(&host, fn) >= 0);
	}
}

/* The CLI binds the drivers again when it sees that the guest has let go. */
static void unclaim(const char *list)
{
	struct guest_config c;

	gconf_init(&c);
	assert_int_equal(gconf_add_pci(&c, list, &err), 0);
	pci_unclaim(&c);
}

static void test_comes_and_goes(void **state)
{
	(void)state;
	assert_int_equal(pci_host_plug(&host, "A", &err), 0);
	assert_int_equal(pci_host_plug(&host, "B=noreset,C", &err), 0);
	guest_has("ABC");
	assert_int_equal(slots.slot[0].config[0x3d], 1);
	assert_int_equal(slots.slot[1].config[0x3d], 0); /* messages only */
	assert_int_equal(slots.added, 7);
	assert_true(config.no_reset[1] && !config.no_reset[2]);
	/* asked for: it stays until the guest says so */
	assert_int_equal(pci_host_unplug(&host, "B", false, &err), 0);
	guest_has("ABC");
	assert_int_equal(slots.wanted, 2);
	pci_bus_eject(&bus, 1);
	unclaim("B");
	guest_has("AC");
	assert_false(config.no_reset[1]);
	slots.added = 0;
	assert_int_equal(pci_host_unplug(&host, "A,C", true, &err), 0);
	unclaim("A,C");
	guest_has("");
	assert_int_equal(slots.added, 5); /* the guest shall look */
}

static void test_refused(void **state)
{
	(void)state;
	assert_int_equal(pci_host_plug(&host, "A", &err), 0);
	assert_int_equal(pci_host_plug(&host, "B,A", &err), -1);
	assert_non_null(strstr(err.text, "twice"));
	assert_int_equal(pci_host_plug(&host, "x", &err), -1);
	assert_int_equal(pci_host_unplug(&host, "A,B", true, &err), -1);
	assert_non_null(strstr(err.text, "does not have 28"));
	guest_has("A");
	/* a part of a group does not leave */
	mates = 1;
	assert_int_equal(pci_host_plug(&host, "B", &err), 0);
	assert_int_equal(pci_host_unplug(&host, "B", true, &err), -1);
	guest_has("AB");
	assert_int_equal(pci_host_unplug(&host, "B,A", true, &err), 0);
	unclaim("A,B");
	guest_has("");
	config.pci = false;
	assert_int_equal(pci_host_plug(&host, "A", &err), -1);
	assert_non_null(strstr(err.text, "--pci none"));
	assert_int_equal(pci_host_unplug(&host, "A", false, &err), -1);
	guest_has("");
}

static void test_each_step_fails(void **state)
{
	unsigned int n;
	int ret = -1;

	(void)state;
	assert_int_equal(pci_host_plug(&host, "A", &err), 0);
	for (n = 1; ret; n++) {
		fail_in = n;
		ret = pci_host_plug(&host, "B,C", &err);
		if (ret)
			guest_has("A");
	}
	assert_in_range(n, 6, 10); /* claim, scan, and two of each function's */
	guest_has("ABC");
	fail_in = 1; /* the scan for groups */
	assert_int_equal(pci_host_unplug(&host, "B", true, &err), -1);
	guest_has("ABC");
	/* its configuration space cannot be opened */
	setup(NULL);
	assert_int_equal(rename("sys/devices/30", "sys/devices/hidden"), 0);
	assert_int_equal(pci_host_plug(&host, "B,C", &err), -1);
	assert_int_equal(rename("sys/devices/hidden", "sys/devices/30"), 0);
	guest_has("");
}

static void test_slots_run_out(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < PCI_SLOTS; i++)
		slots.slot[i] = (struct pci_state){ .fn = 0xf000 + i, .used = PCI_USED };
	assert_int_equal(pci_host_plug(&host, "A", &err), -1);
	assert_non_null(strstr(err.text, "8 functions at most"));
	assert_false(with_guest[A] || claimed[A]);
	memset(&slots, 0, sizeof(slots));
}

/* A new monitor knows what its guest has, whatever was in the guest's file. */
static void test_adopt(void **state)
{
	struct pci_host next;

	(void)state;
	assert_int_equal(pci_host_plug(&host, "A,B=noreset", &err), 0);
	assert_int_equal(pci_host_unplug(&host, "A", true, &err), 0);
	unclaim("A");
	pci_host_close(&host);
	config.functions = 2;
	pci_host_init(&next, &bus);
	assert_int_equal(pci_host_adopt(&next, NULL, &config, &err), 0);
	host = next;
	guest_has("B");
	assert_true(config.no_reset[0]);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		T(test_comes_and_goes), T(test_refused), T(test_each_step_fails), T(test_slots_run_out), T(test_adopt),
	};
	int failed;

	for (unsigned int i = 0; i < PCI_SLOTS; i++)
		host.fn[i].config = -1;
	make_files();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	pci_host_close(&host);
	return failed;
}
