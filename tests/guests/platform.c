/* SPDX-License-Identifier: GPL-2.0-only */
/* What the loader left: command line, memory; ACPI's ways to end. */
#include "rt.h"

#define MULTIBOOT_MAGIC	0x2badb002
#define FADT_HW_REDUCED	(1u << 20)
#define SLP_EN_REDUCED	0x20
#define SLP_EN		0x2000

struct multiboot { u32 flags, mem_lower, mem_upper, boot_device, cmdline; };
struct hvm_start_info { u32 magic, version, flags, modules; u64 modlist, cmdline, rsdp, memmap; u32 entries; };
struct hvm_memory { u64 base, size; u32 type, reserved; };
struct sdt { char signature[4]; u32 length; u8 revision, checksum; char ids[26]; } __attribute__((packed));
struct gas { u8 space, width, offset, access; u64 address; } __attribute__((packed));
struct rsdp { char signature[8]; u8 checksum; char oem[6]; u8 revision; u32 rsdt, length; u64 xsdt; }
	__attribute__((packed));

extern u32 boot_magic, boot_data;

static char cmdline[1024];
static u64 top;
static u16 sleep_at, reset_at;
static u8 sleep_type, reset_value;
static bool reduced;
static u32 cpu_count;
bool intel;

bool argument(const char *name, char *value, size_t size)
{
	const char *s = cmdline;
	size_t n = strlen(name), i;

	while (*s) {
		if (!memcmp(s, name, n) && s[n] == '=') {
			for (s += n + 1, i = 0; *s && *s != ' ' && i < size - 1; i++)
				value[i] = *s++;
			value[i] = 0;
			return true;
		}
		while (*s && *s != ' ')
			s++;
		while (*s == ' ')
			s++;
	}
	return false;
}

u64 argument_number(const char *name, u64 otherwise)
{
	char text[24];
	const char *s = text;
	u64 v = 0;

	if (!argument(name, text, sizeof(text)))
		return otherwise;
	for (; *s >= '0' && *s <= '9'; s++)
		v = v * 10 + (*s - '0');
	return v;
}

u64 ram_top(void)
{
	return top;
}

u16 sleep_port(void)
{
	return sleep_at;
}

u16 reset_port(void)
{
	return reset_at;
}

u32 cpus_listed(void)
{
	return cpu_count;
}

/* The loader may have put it where a test takes its pages from. */
static void keep_cmdline(u64 address)
{
	const char *s = (const char *)address;
	size_t n = address ? strlen(s) : 0;

	if (n >= sizeof(cmdline))
		n = sizeof(cmdline) - 1;
	memcpy(cmdline, s, n);
}

static void read_start_info(void)
{
	struct hvm_start_info *info = (void *)(u64)boot_data;
	struct hvm_memory *map = (void *)info->memmap;
	u32 i;

	keep_cmdline(info->cmdline);
	for (i = 0; info->version >= 1 && i < info->entries; i++)
		if (map[i].type == 1 && map[i].base <= 1 << 20 && map[i].base + map[i].size > top)
			top = map[i].base + map[i].size;
}

static void read_boot_data(void)
{
	struct multiboot *mb = (void *)(u64)boot_data;

	if (boot_magic != MULTIBOOT_MAGIC) {
		read_start_info();
		return;
	}
	if (mb->flags & 4)
		keep_cmdline(mb->cmdline);
	top = (1UL << 20) + mb->mem_upper * 1024UL;
}

static struct rsdp *find_rsdp(void)
{
	u64 p;

	if (boot_magic != MULTIBOOT_MAGIC && ((struct hvm_start_info *)(u64)boot_data)->rsdp)
		return (void *)((struct hvm_start_info *)(u64)boot_data)->rsdp;
	for (p = 0xe0000; p < 0x100000; p += 16)
		if (!memcmp((void *)p, "RSD PTR ", 8))
			return (void *)p;
	for (p = 0x80000; p < 0xa0000; p += 16)
		if (!memcmp((void *)p, "RSD PTR ", 8))
			return (void *)p;
	return NULL;
}

/* \_S5: a package whose first element is the sleep type (ACPI 6.5 §7.4.2). */
static u8 find_sleep_type(const u8 *dsdt)
{
	u32 length = ((struct sdt *)dsdt)->length, i;

	for (i = sizeof(struct sdt); i + 8 < length; i++)
		if (!memcmp(dsdt + i, "_S5_\x12", 5)) {
			i += 7;	/* package length of one byte, number of elements */
			return dsdt[i] == 0x0a ? dsdt[i + 1] : dsdt[i] == 1;
		}
	return 0;
}

static void read_fadt(const u8 *t)
{
	struct gas gas;
	u32 flags, low, pm1a;

	memcpy(&flags, t + 112, 4);
	memcpy(&low, t + 40, 4);
	memcpy(&pm1a, t + 64, 4);
	if (((struct sdt *)t)->length >= 256 && (flags & FADT_HW_REDUCED)) {
		memcpy(&gas, t + 244, sizeof(gas));
		reduced = true;
		pm1a = gas.address;
		if (!low)
			memcpy(&low, t + 140, 4);
	}
	sleep_at = pm1a;
	memcpy(&gas, t + 116, sizeof(gas));
	reset_at = gas.address;
	reset_value = t[128];
	if (low)
		sleep_type = find_sleep_type((u8 *)(u64)low);
}

static void read_madt(const u8 *t)
{
	u32 length = ((struct sdt *)t)->length, i;

	for (i = 44; i + 2 <= length && t[i + 1]; i += t[i + 1])
		if (t[i] == 0 && (t[i + 4] & 1))
			cpu_count++;
}

static void read_table(u64 address)
{
	struct sdt *t = (void *)address;

	if (!memcmp(t->signature, "FACP", 4))
		read_fadt((u8 *)t);
	if (!memcmp(t->signature, "APIC", 4))
		read_madt((u8 *)t);
}

void platform_setup(void)
{
	struct rsdp *rsdp;
	struct sdt *list;
	u64 entry;
	u32 size, i;

	intel = cpuid(0, 0).ebx == 0x756e6547; /* "Genu" */
	outb(0x21, 0xff);	/* PICs, should there be any */
	outb(0xa1, 0xff);
	read_boot_data();
	console_port(argument_number("debugport", 0x3f8));
	rsdp = find_rsdp();
	if (!rsdp) {
		print("no RSDP: cannot power off\n");
		return;
	}
	size = rsdp->revision >= 2 ? 8 : 4;
	list = (void *)(size == 8 ? rsdp->xsdt : rsdp->rsdt);
	for (i = sizeof(*list); i + size <= list->length; i += size) {
		entry = 0;
		memcpy(&entry, (u8 *)list + i, size);
		read_table(entry);
	}
}

void power_off(void)
{
	if (sleep_at && reduced)
		outb(sleep_at, sleep_type << 2 | SLP_EN_REDUCED);
	else if (sleep_at)
		outw(sleep_at, sleep_type << 10 | SLP_EN);
	for (;;)
		asm volatile("cli; hlt");
}

void reboot(void)
{
	outb(reset_at, reset_value);
	for (;;)
		asm volatile("cli; hlt");
}
