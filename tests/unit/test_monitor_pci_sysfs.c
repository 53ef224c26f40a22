/* SPDX-License-Identifier: GPL-2.0-only */
/* links: mgmt/monitor/pci_sysfs.c mgmt/monitor/fault.c */
/* Isolation groups and what is refused, from made-up trees of sysfs. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "mgmt/monitor/pci_sysfs.h"

#define PCI_BRIDGE_CLASS 0x060400U
#define NVME_CLASS 0x010802U
#define ACS 0x1f

static char top[32], root[64]; /* root: top/sys/bus/pci */
static struct pci_machine m;
static struct fault err;

static void run(const char *format, const char *a, const char *b)
{
	char command[512];

	snprintf(command, sizeof(command), format, a, b);
	assert_int_equal(system(command), 0);
}

static void write_file(const char *dir, const char *name, const void *data, size_t size)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, size, f), size);
	fclose(f);
}

struct made { const char *name, *parent; uint32_t class; uint8_t header; int express; int acs; };

/* parent: path below the root bus, "" for none; express < 0: conventional; acs < 0: no such capability */
static void make(const struct made *f)
{
	uint8_t config[4096] = { 0 };
	char dir[192], text[16];

	snprintf(dir, sizeof(dir), "%s/all/pci0000:00/%s%s", root, f->parent, f->name);
	run("mkdir -p %s%s", dir, "");
	config[0x0e] = f->header;
	if (f->express >= 0) {
		config[6] = 0x10;
		config[0x34] = 0x40;
		config[0x40] = 0x10;
		config[0x42] = f->express << 4 | 2;
	}
	if (f->acs >= 0) { /* behind another extended capability */
		memcpy(config + 0x100, &(uint32_t){ 0x00010001 | 0x148U << 20 }, 4);
		memcpy(config + 0x148, &(uint32_t){ 0x0001000d }, 4);
		config[0x14c] = f->acs;
	}
	write_file(dir, "config", config, sizeof(config));
	write_file(dir, "vendor", "0x8086\n", 7);
	write_file(dir, "device", "0x10d3\n", 7);
	snprintf(text, sizeof(text), "0x%06x\n", f->class);
	write_file(dir, "class", text, 9);
	snprintf(dir, sizeof(dir), "../all/pci0000:00/%s%s", f->parent, f->name);
	run("ln -s %s %s/devices/", dir, root);
}

static int setup(void **state)
{
	(void)state;
	strcpy(top, "/tmp/dais-pci-XXXXXX");
	assert_non_null(mkdtemp(top));
	snprintf(root, sizeof(root), "%s/sys/bus/pci", top);
	run("mkdir -p %s/devices %s/all", root, root);
	run("mkdir -p %s/sys/class/net %s/sys/class/block", top, top);
	run("mkdir -p %s/proc/self %s/dev", top, top);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pci_scan_free(&m);
	run("rm -r %s%s", top, "");
	return 0;
}

static void scan(const struct made *list)
{
	for (; list->name; list++)
		make(list);
	assert_int_equal(pci_scan(&m, root, &err), 0);
}

static uint32_t number(const char *name)
{
	const char *end;
	uint32_t fn;

	assert_true(pci_parse(name, &fn, &end) && !*end);
	return fn;
}

static bool together(const char *a, const char *b)
{
	return pci_lookup(&m, number(a))->group == pci_lookup(&m, number(b))->group;
}

static int check(const char *name) { return pci_check(&m, number(name), NULL, 0, &err); }

static void test_names(void **state)
{
	static const char *const bad[] = { "", "x", "00:04", "00:20.0", "00:04.8", "0000:00:04", "pci0000:00", ":00:04.0" };
	const char *end;
	uint32_t fn;
	char name[16];

	(void)state;
	assert_int_equal(number("0000:00:04.0"), 0x20);
	assert_int_equal(number("ab:1f.7"), 0xabff);
	assert_int_equal(number("0002:ab:1f.7"), 0x2abff);
	assert_true(pci_parse("00:04.0,more", &fn, &end));
	assert_string_equal(end, ",more");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(pci_parse(bad[i], &fn, &end) && !*end);
	assert_string_equal(pci_name(0x2abff, name), "0002:ab:1f.7");
}

static void test_root_bus(void **state)
{
	static const struct made list[] = {
		{ "0000:00:00.0", "", 0x060000, 0, -1, -1 },
		{ "0000:00:04.0", "", NVME_CLASS, 0, 9, -1 },
		{ "0000:00:05.0", "", 0x00ff00, 0, -1, -1 },
		{ "0000:00:1f.0", "", 0x060100, 0x80, -1, -1 },
		{ "0000:00:1f.2", "", 0x010601, 0x80, -1, -1 },
		{ "0000:00:1f.3", "", 0x0c0500, 0x80, -1, -1 },
		{ NULL, NULL, 0, 0, 0, 0 },
	};
	const uint32_t both[] = { 0xfa, 0xfb, 0xf8 };

	(void)state;
	scan(list);
	assert_int_equal(m.count, 6);
	assert_int_equal(check("00:04.0"), 0);
	assert_int_equal(check("00:05.0"), 0);
	assert_false(together("00:04.0", "00:05.0"));
	assert_int_equal(check("00:1f.2"), -1);
	assert_non_null(strstr(err.text, "0000:00:1f.0, 0000:00:1f.3"));
	assert_int_equal(pci_check(&m, 0xfa, both, 2, &err), -1);
	assert_null(strstr(err.text, "00:1f.3"));
	assert_int_equal(pci_check(&m, 0xfa, both, 3, &err), 0);
	assert_int_equal(check("00:1f.0"), -1);
	assert_non_null(strstr(err.text, "bridge"));
	assert_int_equal(check("00:00.0"), -1);
	assert_int_equal(check("00:07.0"), -1);
	assert_non_null(strstr(err.text, "0000:00:07.0"));
}

/* A root port that can keep its neighbours apart, and one that cannot; a device of two functions that can, and one that cannot. */
static void test_ports(void **state)
{
	static const struct made list[] = {
		{ "0000:00:1c.0", "", PCI_BRIDGE_CLASS, 1, 4, ACS },
		{ "0000:01:00.0", "0000:00:1c.0/", NVME_CLASS, 0, 0, -1 },
		{ "0000:00:1d.0", "", PCI_BRIDGE_CLASS, 1, 4, ACS & ~8 },
		{ "0000:02:00.0", "0000:00:1d.0/", NVME_CLASS, 0, 0, -1 },
		{ "0000:02:01.0", "0000:00:1d.0/", NVME_CLASS, 0, 0, -1 },
		{ "0000:00:1e.0", "", PCI_BRIDGE_CLASS, 1, 4, ACS },
		{ "0000:03:00.0", "0000:00:1e.0/", 0x020000, 0x80, 0, -1 },
		{ "0000:03:00.1", "0000:00:1e.0/", 0x020000, 0x80, 0, -1 },
		{ "0000:03:01.0", "0000:00:1e.0/", 0x020000, 0x80, 0, ACS },
		{ "0000:03:01.1", "0000:00:1e.0/", 0x020000, 0x80, 0, ACS },
		{ NULL, NULL, 0, 0, 0, 0 },
	};

	(void)state;
	scan(list);
	assert_int_equal(check("01:00.0"), 0);
	assert_false(together("01:00.0", "00:1c.0"));
	assert_true(together("02:00.0", "02:01.0"));
	assert_int_equal(check("02:00.0"), -1);
	assert_non_null(strstr(err.text, "0000:02:01.0"));
	assert_null(strstr(err.text, "00:1d.0")); /* the bridge itself stays */
	assert_true(together("03:00.0", "03:00.1"));
	assert_false(together("03:01.0", "03:01.1"));
	assert_false(together("03:00.0", "03:01.0"));
	assert_int_equal(check("03:01.1"), 0);
}

/* A switch isolates only if all its ports do; behind a conventional bridge nothing is apart. */
static void test_switches(void **state)
{
	static const struct made list[] = {
		{ "0000:00:1c.0", "", PCI_BRIDGE_CLASS, 1, 4, ACS },
		{ "0000:01:00.0", "0000:00:1c.0/", PCI_BRIDGE_CLASS, 1, 5, ACS },
		{ "0000:02:00.0", "0000:00:1c.0/0000:01:00.0/", PCI_BRIDGE_CLASS, 1, 6, ACS },
		{ "0000:02:01.0", "0000:00:1c.0/0000:01:00.0/", PCI_BRIDGE_CLASS, 1, 6, -1 },
		{ "0000:03:00.0", "0000:00:1c.0/0000:01:00.0/0000:02:00.0/", NVME_CLASS, 0, 0, -1 },
		{ "0000:04:00.0", "0000:00:1c.0/0000:01:00.0/0000:02:01.0/", NVME_CLASS, 0, 0, -1 },
		{ "0000:04:00.1", "0000:00:1c.0/0000:01:00.0/0000:02:01.0/", NVME_CLASS, 0x80, 0, ACS },
		{ "0000:00:1d.0", "", PCI_BRIDGE_CLASS, 1, 7, -1 },
		{ "0000:05:00.0", "0000:00:1d.0/", 0x020000, 0, -1, -1 },
		{ "0000:05:01.0", "0000:00:1d.0/", 0x020000, 0, -1, -1 },
		{ NULL, NULL, 0, 0, 0, 0 },
	};

	(void)state;
	scan(list);
	assert_int_equal(check("03:00.0"), 0);
	assert_int_equal(check("04:00.0"), -1);
	assert_non_null(strstr(err.text, "0000:04:00.1"));
	assert_true(together("05:00.0", "05:01.0"));
	assert_int_equal(check("05:00.0"), -1);
}

static void test_bars(void **state)
{
	static const struct made list[] = { { "0000:00:04.0", "", NVME_CLASS, 0, 9, -1 }, { NULL, NULL, 0, 0, 0, 0 } };
	static const char resource[] = "0x00000000febd0000 0x00000000febd3fff 0x0000000000140204\n"
		"0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
		"0x000000000000c040 0x000000000000c05f 0x0000000000040101\n"
		"0x0000000000000000 0x0000000000003fff 0x0000000000040200\n"
		"0x000000e000000000 0x000000e00fffffff 0x000000000014220c\n";
	struct pci_bar bars[PCI_BARS];
	char dir[128];

	(void)state;
	scan(list);
	snprintf(dir, sizeof(dir), "%s/devices/0000:00:04.0", root);
	write_file(dir, "resource", resource, sizeof(resource) - 1);
	assert_int_equal(pci_read_bars(root, 0x20, bars, &err), 0);
	assert_int_equal(bars[0].address, 0xfebd0000);
	assert_int_equal(bars[0].size, 0x4000);
	assert_true(bars[0].wide && !bars[0].prefetch);
	assert_int_equal(bars[2].size, 0); /* ports */
	assert_int_equal(bars[3].size, 0); /* it has no address */
	assert_true(bars[4].size == 0x10000000 && bars[4].wide && bars[4].prefetch);
	assert_int_equal(pci_read_bars(root, 0x28, bars, &err), -1);
}

/* Whatever a device's configuration space holds, the scan ends. */
static void test_random(void **state)
{
	static const struct made list[] = { { "0000:00:04.0", "", NVME_CLASS, 0, 9, -1 }, { NULL, NULL, 0, 0, 0, 0 } };
	uint8_t config[4096];
	char dir[128];

	(void)state;
	scan(list);
	snprintf(dir, sizeof(dir), "%s/devices/0000:00:04.0", root);
	srand(4);
	for (unsigned int n = 0; n < 300; n++) {
		for (unsigned int i = 0; i < sizeof(config); i++)
			config[i] = rand() % 3 ? rand() : 0x10;
		write_file(dir, "config", config, rand() % 4 ? sizeof(config) : (size_t)rand() % 256);
		pci_scan_free(&m);
		assert_int_equal(pci_scan(&m, root, &err), 0);
		check("00:04.0");
	}
}

static void test_driver(void **state)
{
	static const struct made list[] = { { "0000:00:04.0", "", NVME_CLASS, 0, 9, -1 }, { NULL, NULL, 0, 0, 0, 0 } };
	char dir[128], text[64] = "";
	FILE *f;

	(void)state;
	scan(list);
	snprintf(dir, sizeof(dir), "%s/devices/0000:00:04.0", root);
	run("mkdir -p %s/drivers/nvme && ln -s ../../../drivers/nvme %s/driver", root, dir);
	assert_true(pci_bound(root, 0x20, "nvme"));
	/* no driver_override: an old kernel */
	assert_int_equal(pci_bind(root, 0x20, "dais-guest", &err), -1);
	assert_non_null(strstr(err.text, "driver_override"));
	write_file(dir, "driver_override", "", 0);
	write_file(root, "drivers_probe", "", 0);
	write_file(dir, "driver/unbind", "", 0);
	assert_int_equal(pci_bind(root, 0x20, "dais-guest", &err), -1); /* nobody bound it */
	assert_non_null(strstr(err.text, "0000:00:04.0"));
	strcat(dir, "/driver/unbind");
	f = fopen(dir, "r");
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	assert_string_equal(text, "0000:00:04.0");
}

/* One of a class, at a path below the function; "..": elsewhere in the tree */
static void make_member(char *dir, const char *class, const char *below, const char *name)
{
	char link[128];

	snprintf(dir, 256, "%s/all/pci0000:00/0000:00:04.0/%s/%s", root, below, name);
	run("mkdir -p %s%s", dir, "");
	snprintf(link, sizeof(link), "%s/sys/class/%s/%s", top, class, name);
	run("ln -s %s %s", dir, link);
}

static void write_proc(const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/proc", top);
	write_file(path, name, text, strlen(text));
}

static int idle(void) { return pci_check_idle(&m, 0x20, &err); }

static void in_use(const char *why)
{
	assert_int_equal(idle(), -1);
	assert_non_null(strstr(err.text, "0000:00:04.0"));
	if (!strstr(err.text, why))
		fail_msg("%s", err.text);
}

static const struct made one[] = { { "0000:00:04.0", "", 0x010601, 0, 9, -1 }, { NULL, NULL, 0, 0, 0, 0 } };

static void test_idle(void **state)
{
	char dir[256];

	(void)state;
	scan(one);
	assert_int_equal(idle(), 0);
	make_member(dir, "net", "virtio0/net", "eth7");
	write_file(dir, "flags", "0x1002\n", 7);
	assert_int_equal(idle(), 0);
	write_file(dir, "flags", "0x1003\n", 7);
	in_use("eth7 is up");
	write_file(dir, "flags", "0x1002\n", 7);
	make_member(dir, "net", "../0000:00:05.0/net", "eth8"); /* another function's */
	write_file(dir, "flags", "0x1003\n", 7);
	assert_int_equal(idle(), 0);
	make_member(dir, "net", "usb2/2-1/2-1.4/2-1.4.1/2-1.4.1:1.0/net", "eth9");
	write_file(dir, "flags", "0x1003\n", 7);
	in_use("eth9 is up");
}

#define AHCI "ata1/host0/target0:0:0/0:0:0:0/block"
#define ROOT_MOUNT "22 1 0:20 / /proc rw - proc proc rw\n"

/* A partition of an AHCI disk, as deep as these are */
static void test_disks(void **state)
{
	char dir[256], *text;
	size_t i;

	(void)state;
	scan(one);
	make_member(dir, "block", AHCI, "sda");
	write_file(dir, "dev", "8:0\n", 4);
	make_member(dir, "block", AHCI "/sda", "sda1");
	write_file(dir, "dev", "8:1\n", 4);
	write_proc("self/mountinfo", ROOT_MOUNT "23 1 8:11 / /x rw - ext4 /dev/sda11 rw\n");
	write_proc("swaps", "Filename Type Size Used Priority\n/dev/sda11 partition 1 0 -2\n");
	assert_int_equal(idle(), 0);
	/* by its number; the source is only what mount was told */
	write_proc("self/mountinfo", ROOT_MOUNT "23 1 8:1 / / rw shared:1 - ext4 /dev/root rw\n");
	in_use("/dev/sda1 is mounted");
	/* by its name: btrfs */
	write_proc("self/mountinfo", ROOT_MOUNT "23 1 0:31 /@ / rw shared:1 - btrfs /dev/sda1 rw\n");
	in_use("/dev/sda1 is mounted");
	/* behind a thousand others */
	text = calloc(1, 100000);
	for (i = 0; i < 1000; i++)
		strcat(text, ROOT_MOUNT);
	strcat(text, "23 1 8:0 / /data rw - ext4 /dev/sda rw\n");
	write_proc("self/mountinfo", text);
	in_use("/dev/sda is mounted");
	free(text);
	write_proc("self/mountinfo", ROOT_MOUNT);
	assert_int_equal(idle(), 0);
	write_proc("swaps", "Filename Type Size Used Priority\n/dev/sda1\tpartition\t1\t0\t-2\n");
	in_use("swapoff /dev/sda1");
	write_proc("swaps", "");
	strcat(dir, "/holders");
	run("mkdir %s%s", dir, "");
	assert_int_equal(idle(), 0);
	strcat(dir, "/dm-0");
	run("mkdir %s%s", dir, "");
	in_use("/dev/sda1 is a part of dm-0");
}

/* An NVMe disk that several controllers lead to lies below none of them. */
static void test_paths(void **state)
{
	char dir[256];

	(void)state;
	scan(one);
	run("mkdir -p %s/sys/class/nvme%s", top, "");
	make_member(dir, "nvme", "nvme", "nvme3");
	make_member(dir, "block", "../../virtual/nvme-subsystem/nvme-subsys3/nvme3n1", "nvme3n1p1");
	write_file(dir, "dev", "259:1\n", 6);
	write_proc("self/mountinfo", ROOT_MOUNT "23 1 259:1 / / rw - ext4 /dev/nvme3n1p1 rw\n");
	assert_int_equal(idle(), 0);
	run("ln -s %s/all/pci0000:00/0000:00:04.0/nvme/nvme3 %s/all/virtual/nvme-subsystem/nvme-subsys3/", root, root);
	in_use("/dev/nvme3n1p1 is mounted");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_names), T(test_root_bus), T(test_ports), T(test_switches), T(test_bars), T(test_random), T(test_driver), T(test_idle),
		T(test_disks), T(test_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
