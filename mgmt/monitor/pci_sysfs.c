/* SPDX-License-Identifier: GPL-2.0-only */
/* Section numbers are those of PCIe base 5.0. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pci_sysfs.h"

#define CONFIG_BYTES	4096
#define EXTENDED	0x100
#define CAP_EXPRESS	0x10
#define EXTENDED_ACS	0x0d
#define ACS_CONTROL	6
/* Source validation, request and completion redirect, upstream forwarding (§6.12.1.1) */
#define ACS_NEEDED	0x1dU

#define TYPE_ENDPOINT	0x0
#define TYPE_LEGACY	0x1
#define TYPE_ROOT_PORT	0x4
#define TYPE_UPSTREAM	0x5
#define TYPE_DOWNSTREAM	0x6
#define TYPE_INTEGRATED	0x9

#define CLASS_BRIDGE	0x06
#define INTERFACE_UP	1U
#define FLAG_MEMORY	0x00000200ULL	/* in sysfs's resource file: Linux's IORESOURCE_* */
#define FLAG_PREFETCH	0x00002000ULL
#define FLAG_WIDE	0x00100000ULL

/* ---- names ---- */

bool pci_parse(const char *text, uint32_t *fn, const char **end)
{
	unsigned int s = 0, b, d, f;
	int n = 0;

	if ((sscanf(text, "%4x:%2x:%2x.%1x%n", &s, &b, &d, &f, &n) != 4 || !n) &&
	    (s = 0, n = 0, sscanf(text, "%2x:%2x.%1x%n", &b, &d, &f, &n) != 3 || !n))
		return false;
	if (d > 31 || f > 7)
		return false;
	*fn = s << 16 | b << 8 | d << 3 | f;
	*end = text + n;
	return true;
}

const char *pci_name(uint32_t fn, char *buf)
{
	snprintf(buf, 16, "%04x:%02x:%02x.%x", fn >> 16, fn >> 8 & 0xff, fn >> 3 & 0x1f, fn & 7);
	return buf;
}

static void path_of(char *path, const char *root, uint32_t fn, const char *file)
{
	char name[16];

	snprintf(path, PATH_MAX, "%s/devices/%s/%s", root, pci_name(fn, name), file);
}

static ssize_t read_file(const char *path, void *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size);

	if (fd >= 0)
		close(fd);
	return n;
}

static uint32_t read_hex(const char *root, uint32_t fn, const char *file)
{
	char path[PATH_MAX], text[32] = "";

	path_of(path, root, fn, file);
	if (read_file(path, text, sizeof(text) - 1) <= 0)
		return 0;
	return strtoul(text, NULL, 16);
}

/* ---- one function ---- */

static uint32_t get(const uint8_t *config, unsigned int at, unsigned int size)
{
	uint32_t v = 0;

	if (at + size <= CONFIG_BYTES)
		memcpy(&v, config + at, size);
	return v;
}

static unsigned int find_capability(const uint8_t *config, uint8_t id)
{
	unsigned int at = config[6] & 0x10 ? config[0x34] & ~3U : 0, n;

	for (n = 0; n < 48 && at >= 0x40; n++) {
		if (config[at] == id)
			return at;
		at = config[at + 1] & ~3U;
	}
	return 0;
}

static unsigned int find_extended(const uint8_t *config, uint16_t id)
{
	unsigned int at = EXTENDED, n;

	for (n = 0; n < 960 && at >= EXTENDED; n++) {
		uint32_t header = get(config, at, 4);

		if (header && (header & 0xffff) == id)
			return at;
		at = header >> 20 & 0xffc;
	}
	return 0;
}

static void read_driver(struct pci_info *f, const char *root)
{
	char path[PATH_MAX], to[PATH_MAX];
	const char *last;
	ssize_t n;

	path_of(path, root, f->fn, "driver");
	n = readlink(path, to, sizeof(to) - 1);
	if (n <= 0)
		return;
	to[n] = 0;
	last = strrchr(to, '/') ? strrchr(to, '/') + 1 : to;
	snprintf(f->driver, sizeof(f->driver), "%.31s", last);
}

static void read_function(struct pci_info *f, const char *root)
{
	uint8_t config[CONFIG_BYTES] = { 0 };
	unsigned int express, acs;
	char path[PATH_MAX];

	path_of(path, root, f->fn, "config");
	read_file(path, config, sizeof(config));
	f->ids = read_hex(root, f->fn, "device") << 16 | (read_hex(root, f->fn, "vendor") & 0xffff);
	f->class = read_hex(root, f->fn, "class");
	f->header = config[0x0e] & 0x7f;
	f->many = config[0x0e] & 0x80;
	express = find_capability(config, CAP_EXPRESS);
	f->is_express = express;
	f->express = express ? config[express + 2] >> 4 : 0;
	acs = express ? find_extended(config, EXTENDED_ACS) : 0;
	/* What a function that shares no link cannot do it need not be told to leave. */
	f->acs = acs && (get(config, acs + 4, 2) & ACS_NEEDED) == ACS_NEEDED;
	path_of(path, root, f->fn, "physfn");
	f->virtual = !access(path, F_OK);
	read_driver(f, root);
}

/* ---- the machine ---- */

static int by_number(const void *a, const void *b)
{
	const struct pci_info *x = a, *y = b;

	return x->fn < y->fn ? -1 : x->fn > y->fn;
}

const struct pci_info *pci_lookup(const struct pci_machine *m, uint32_t fn)
{
	const struct pci_info key = { .fn = fn };

	return m->count ? bsearch(&key, m->fn, m->count, sizeof(key), by_number) : NULL;
}

/* The name before its own in its true path is its bridge's. */
static void find_parent(struct pci_machine *m, struct pci_info *f)
{
	char path[PATH_MAX], real[PATH_MAX];
	const struct pci_info *up = NULL;
	const char *end;
	uint32_t fn;
	char *slash;

	path_of(path, m->root, f->fn, "");
	if (realpath(path, real) && (slash = strrchr(real, '/'))) {
		*slash = 0;
		slash = strrchr(real, '/');
		if (slash && pci_parse(slash + 1, &fn, &end) && !*end)
			up = pci_lookup(m, fn);
	}
	f->parent = up ? up - m->fn : -1;
}

static void join(struct pci_machine *m, unsigned int a, unsigned int b)
{
	int from = m->fn[a].group, to = m->fn[b].group;
	unsigned int i;

	for (i = 0; i < m->count; i++)
		if (m->fn[i].group == from)
			m->fn[i].group = to;
}

/* Does every bridge from here to the root send what its neighbours say to each other up to the IOMMU? */
static bool path_isolates(const struct pci_machine *m, int i)
{
	for (; i >= 0; i = m->fn[i].parent)
		if (!m->fn[i].is_express || !m->fn[i].acs)
			return false;
	return true;
}

static bool same_device(const struct pci_info *a, const struct pci_info *b)
{
	return a->fn >> 3 == b->fn >> 3;
}

/*
 * Joined are: the functions of one device that can talk to each other inside it;
 * whatever is behind a bridge that lets neighbours talk, with that bridge, and
 * so on upwards. Virtual functions of SR-IOV are made to be kept apart.
 */
static void find_groups(struct pci_machine *m)
{
	unsigned int i, k;
	int up;

	for (i = 0; i < m->count; i++)
		m->fn[i].group = i;
	for (i = 0; i < m->count; i++) {
		for (k = 0; k < i; k++)
			if (same_device(&m->fn[i], &m->fn[k]) && !m->fn[i].acs && !m->fn[k].acs &&
			    !m->fn[i].virtual && !m->fn[k].virtual)
				join(m, i, k);
		for (up = m->fn[i].parent; up >= 0 && !path_isolates(m, up); up = m->fn[up].parent)
			join(m, i, up);
	}
}

int pci_scan(struct pci_machine *m, const char *root, struct fault *err)
{
	char path[PATH_MAX];
	struct dirent *e;
	unsigned int i;
	uint32_t fn;
	DIR *dir;

	memset(m, 0, sizeof(*m));
	m->root = root;
	snprintf(path, sizeof(path), "%s/devices", root);
	dir = opendir(path);
	if (!dir)
		return fault_set(err, "%s: %s", path, strerror(errno));
	while ((e = readdir(dir))) {
		const char *end;
		struct pci_info *more;

		if (!pci_parse(e->d_name, &fn, &end) || *end)
			continue;
		more = realloc(m->fn, (m->count + 1) * sizeof(*more));
		if (!more)
			abort();
		m->fn = more;
		m->fn[m->count] = (struct pci_info){ .fn = fn };
		read_function(&m->fn[m->count++], root);
	}
	closedir(dir);
	if (m->count)
		qsort(m->fn, m->count, sizeof(*m->fn), by_number);
	for (i = 0; i < m->count; i++)
		find_parent(m, &m->fn[i]);
	find_groups(m);
	return 0;
}

void pci_scan_free(struct pci_machine *m)
{
	free(m->fn);
	m->fn = NULL;
	m->count = 0;
}

/* ---- may it be given away? ---- */

static bool listed(uint32_t fn, const uint32_t *list, unsigned int count)
{
	while (count--)
		if (list[count] == fn)
			return true;
	return false;
}

int pci_check(const struct pci_machine *m, uint32_t fn, const uint32_t *list, unsigned int count,
	      struct fault *err)
{
	const struct pci_info *f = pci_lookup(m, fn), *o;
	char name[16], other[16], names[256] = "";

	pci_name(fn, name);
	if (!f)
		return fault_set(err, "pci: there is no function %s; dais pci list shows all", name);
	if ((f->ids & 0xffff) == 0xda15)
		return fault_set(err, "pci: %s is Dais's own: it carries the control domain's events", name);
	if (f->header || f->class >> 16 == CLASS_BRIDGE)
		return fault_set(err, "pci: %s is a bridge: others depend on it; give the functions behind it", name);
	for (o = m->fn; o < m->fn + m->count; o++) {
		if (o->group != f->group || o->header || o->fn == fn || listed(o->fn, list, count))
			continue;
		if (strlen(names) + 24 < sizeof(names))
			sprintf(names + strlen(names), "%s%s", names[0] ? ", " : "", pci_name(o->fn, other));
	}
	if (names[0])
		return fault_set(err, "pci: %s cannot be kept apart from %s (same isolation group); give all of them to the guest, or none",
				 name, names);
	return 0;
}

/* ---- does the control domain use it now? ---- */

static bool lies_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);
	char real[PATH_MAX];

	return realpath(path, real) && !strncmp(real, dir, n) && real[n] == '/';
}

/* NVMe with several paths: the disk lies in its subsystem, which names the controllers behind it. */
static bool leads_below(const char *path, const char *dir)
{
	static const char subsystem[] = "/nvme-subsystem/";
	char real[PATH_MAX], link[PATH_MAX + NAME_MAX + 1], *end;
	bool yes = false;
	struct dirent *e;
	DIR *d;

	if (!realpath(path, real) || !(end = strstr(real, subsystem)))
		return false;
	end += strlen(subsystem);
	end[strcspn(end, "/")] = 0;
	d = opendir(real);
	while (d && !yes && (e = readdir(d))) {
		snprintf(link, sizeof(link), "%s/%s", real, e->d_name);
		yes = e->d_type == DT_LNK && lies_below(link, dir);
	}
	if (d)
		closedir(d);
	return yes;
}

static int interface_idle(const char *root, const char *path, const char *name, struct fault *err)
{
	char file[PATH_MAX + 8], text[32] = "";

	(void)root;
	snprintf(file, sizeof(file), "%s/flags", path);
	if (read_file(file, text, sizeof(text) - 1) > 0 && strtoul(text, NULL, 16) & INTERFACE_UP)
		return fault_set(err, "network interface %s is up; ip link set %s down", name, name);
	return 0;
}

/* LVM, dm-crypt, md and the like: their disks are the ones that are mounted. */
static bool has_holder(const char *path, char holder[NAME_MAX + 1])
{
	char dir[PATH_MAX + 8];
	bool found = false;
	struct dirent *e;
	DIR *d;

	snprintf(dir, sizeof(dir), "%s/holders", path);
	d = opendir(dir);
	while (d && !found && (e = readdir(d))) {
		found = e->d_name[0] != '.';
		strcpy(holder, e->d_name);
	}
	if (d)
		closedir(d);
	return found;
}

static bool is_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	return !strncmp(text, word, n) && (text[n] == ' ' || text[n] == '\t' || text[n] == '\n');
}

/* proc(5): ID PARENT MAJOR:MINOR … - TYPE SOURCE …; btrfs has a number of its own there. */
static bool mounts_it(const char *line, const char *number, const char *device)
{
	const char *end = strstr(line, " - ");
	int at = 0;

	sscanf(line, "%*u %*u %n", &at);
	end = end ? strchr(end + 3, ' ') : NULL;
	return (at && number[0] && is_word(line + at, number)) || (end && is_word(end + 1, device));
}

static bool swaps_to_it(const char *line, const char *number, const char *device)
{
	(void)number;
	return is_word(line, device);
}

/* Whether it says so in a line of a file of /proc, which can be long. */
static bool any_line(const char *root, const char *file, bool (*says)(const char *, const char *, const char *),
		     const char *number, const char *device)
{
	char path[PATH_MAX], *line = NULL;
	bool found = false;
	size_t size = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/../../../proc/%s", root, file);
	f = fopen(path, "re");
	while (f && !found && getline(&line, &size, f) > 0)
		found = says(line, number, device);
	if (f)
		fclose(f);
	free(line);
	return found;
}

/* sysfs writes ! for / in a name. */
static void device_of(char device[NAME_MAX + 8], const char *name)
{
	char *c;

	snprintf(device, NAME_MAX + 8, "/dev/%s", name);
	for (c = device; *c; c++)
		*c = *c == '!' ? '/' : *c;
}

/* Partitions come here, too: class/block has them beside their disks. */
static int disk_idle(const char *root, const char *path, const char *name, struct fault *err)
{
	char file[PATH_MAX + 8], number[32] = "", holder[NAME_MAX + 1], device[NAME_MAX + 8];

	snprintf(file, sizeof(file), "%s/dev", path);
	read_file(file, number, sizeof(number) - 1);
	number[strcspn(number, "\n")] = 0;
	device_of(device, name);
	if (has_holder(path, holder))
		return fault_set(err, "disk %s is a part of %s (LVM, encryption or RAID); take that apart first", device, holder);
	if (any_line(root, "swaps", swaps_to_it, number, device))
		return fault_set(err, "disk %s is swapped to; swapoff %s", device, device);
	if (any_line(root, "self/mountinfo", mounts_it, number, device))
		return fault_set(err, "disk %s is mounted; umount it", device);
	return 0;
}

/* The kernel's own word, for what is not seen in these files: whoever uses a disk has claimed it. */
static int disk_free(const char *root, const char *path, const char *name, struct fault *err)
{
	char device[NAME_MAX + 8], file[PATH_MAX];
	int fd;

	(void)path;
	device_of(device, name);
	snprintf(file, sizeof(file), "%s/../../..%s", root, device);
	fd = open(file, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return fd < 0 && errno == EBUSY ? fault_set(err, "disk %s is in use by a filesystem or a volume", device) : 0;
}

/* All of a class that lie below device, however deep: a disk can be behind a USB hub. */
static int all_idle(const char *root, const char *device, const char *class,
		    int (*idle)(const char *, const char *, const char *, struct fault *), struct fault *err)
{
	char path[PATH_MAX], dir[PATH_MAX];
	struct dirent *e;
	int ret = 0;
	DIR *d;

	snprintf(dir, sizeof(dir), "%s/../../class/%s", root, class);
	d = opendir(dir);
	while (d && !ret && (e = readdir(d))) {
		if (e->d_name[0] == '.' || (size_t)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) >= sizeof(path))
			continue;
		if (lies_below(path, device) || leads_below(path, device))
			ret = idle(root, path, e->d_name, err);
	}
	if (d)
		closedir(d);
	return ret;
}

int pci_check_idle(const struct pci_machine *m, uint32_t fn, struct fault *err)
{
	char path[PATH_MAX], device[PATH_MAX], name[16];
	struct fault why;

	path_of(path, m->root, fn, ".");
	if (!realpath(path, device))
		return fault_set(err, "pci: %s: %s", path, strerror(errno));
	if (all_idle(m->root, device, "net", interface_idle, &why) || all_idle(m->root, device, "block", disk_idle, &why) ||
	    all_idle(m->root, device, "block", disk_free, &why))
		return fault_set(err, "pci: %s is in use by the control domain: %s", pci_name(fn, name), why.text);
	return 0;
}

/* ---- doing ---- */

void pci_isolate(const struct pci_machine *m, uint32_t fn)
{
	const struct pci_info *f = pci_lookup(m, fn);
	uint8_t config[CONFIG_BYTES];
	char path[PATH_MAX];
	unsigned int acs;
	uint16_t control;
	int fd, up;

	for (up = f ? f->parent : -1; up >= 0; up = m->fn[up].parent) {
		if (!m->fn[up].acs)
			continue;
		memset(config, 0, sizeof(config));
		path_of(path, m->root, m->fn[up].fn, "config");
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (read(fd, config, sizeof(config)) > 0 && (acs = find_extended(config, EXTENDED_ACS))) {
			control = get(config, acs + ACS_CONTROL, 2) | ACS_NEEDED;
			if (pwrite(fd, &control, sizeof(control), acs + ACS_CONTROL) < 0)
				control = 0; /* Dais's IOMMU still stands between it and all memory */
		}
		close(fd);
	}
}

static int write_text(const char *path, const char *text, struct fault *err)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));
	int saved = errno;

	if (fd >= 0)
		close(fd);
	return n < 0 ? fault_set(err, "pci: writing %s: %s", path, strerror(saved)) : 0;
}

int pci_bind(const char *root, uint32_t fn, const char *driver, struct fault *err)
{
	struct pci_info now = { .fn = fn };
	char path[PATH_MAX], name[16];

	pci_name(fn, name);
	read_driver(&now, root);
	path_of(path, root, fn, "driver_override");
	if (write_text(path, driver ? driver : "\n", err))
		return -1;
	if (driver && !strcmp(now.driver, driver))
		return 0;
	path_of(path, root, fn, "driver/unbind");
	if (now.driver[0] && write_text(path, name, err))
		return -1;
	snprintf(path, sizeof(path), "%s/drivers_probe", root);
	if (write_text(path, name, err) && driver)
		return -1;
	memset(now.driver, 0, sizeof(now.driver));
	read_driver(&now, root);
	if (driver && strcmp(now.driver, driver))
		return fault_set(err, "pci: %s could not be bound to the driver %s; dmesg may tell why", name, driver);
	return 0;
}

bool pci_bound(const char *root, uint32_t fn, const char *driver)
{
	struct pci_info now = { .fn = fn };

	read_driver(&now, root);
	return !strcmp(now.driver, driver);
}

int pci_read_bars(const char *root, uint32_t fn, struct pci_bar *bars, struct fault *err)
{
	unsigned long long start, end, flags;
	char path[PATH_MAX], name[16];
	unsigned int i;
	FILE *file;

	memset(bars, 0, PCI_BARS * sizeof(*bars));
	path_of(path, root, fn, "resource");
	file = fopen(path, "re");
	if (!file)
		return fault_set(err, "pci: %s: %s", pci_name(fn, name), strerror(errno));
	for (i = 0; i < PCI_BARS; i++) {
		if (fscanf(file, "%llx %llx %llx", &start, &end, &flags) != 3)
			break;
		if (!(flags & FLAG_MEMORY) || !start || end <= start)
			continue;
		bars[i] = (struct pci_bar){ start, end - start + 1, flags & FLAG_WIDE, flags & FLAG_PREFETCH };
	}
	fclose(file);
	return 0;
}
