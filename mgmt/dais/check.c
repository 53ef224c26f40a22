/* SPDX-License-Identifier: GPL-2.0-only */
/* What `dais check` looks at, but for the CPU. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

#define MIB (1ULL << 20)
#define MEMORY_LEAST (640 * MIB)	/* the control domain's 512, Dais's 64, and what firmware keeps */
#define MEMORY_USEFUL (1800 * MIB)
#define CPUS_MOST 512
#define GLOBAL "8be4df61-93ca-11d2-aa0d-00e098032b8c"	/* EFI_GLOBAL_VARIABLE, UEFI 2.10 §3.3 */
#define EFIVARS "/sys/firmware/efi/efivars"
#define TABLES "/sys/firmware/acpi/tables/"
#define DMAR_FLAGS 37	/* VT-d 8.1: host address width, then flags; bit 0 INTR_REMAP */

static void look_uefi(const struct check_machine *m, struct check_line *l)
{
	char bits[16];

	if (!check_exists(m, "/sys/firmware/efi")) {
		check_say(l, CHECK_MISSING, "this Linux was started by a BIOS (or by firmware in legacy mode, CSM)");
		check_advise(l, "switch to UEFI boot in the firmware's set-up and make the installation boot that way");
	} else if (check_text(m, bits, sizeof(bits), "/sys/firmware/efi/fw_platform_size") && strcmp(bits, "64")) {
		check_say(l, CHECK_MISSING, "the UEFI firmware has %s bits; Dais's loader needs 64", bits);
	} else {
		check_say(l, CHECK_OK, "started by UEFI");
	}
}

static void look_variables(const struct check_machine *m, struct check_line *l)
{
	char mode[3];

	if (!check_mounted(m, EFIVARS, "efivarfs", mode)) {
		check_say(l, CHECK_MISSING, "the firmware's variables are not there: no boot entry can be made");
		check_advise(l, "mount -t efivarfs efivarfs " EFIVARS "; GRUB and systemd-boot entries need none");
	} else if (strcmp(mode, "rw")) {
		check_say(l, CHECK_MISSING, "the firmware's variables are mounted read-only");
		check_advise(l, "mount -o remount,rw " EFIVARS);
	} else {
		check_say(l, CHECK_OK, "boot entries can be made");
	}
}

static uint64_t file_size(const struct check_machine *m, const char *format, const char *release)
{
	char path[512];
	uint64_t size = 0;
	FILE *f;
	int n = snprintf(path, sizeof(path), "%s", m->root);

	snprintf(path + n, sizeof(path) - n, format, release);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (!fseek(f, 0, SEEK_END))
		size = ftell(f);
	fclose(f);
	return size;
}

/* What two generations of hypervisor, kernel and initrd take (dais-boot). */
static uint64_t needed_room(const struct check_machine *m)
{
	char release[128];

	if (!check_text(m, release, sizeof(release), "/proc/sys/kernel/osrelease"))
		return 200 * MIB;
	return 2 * (file_size(m, "/boot/vmlinuz-%s", release) + file_size(m, "/boot/initrd.img-%s", release) + 4 * MIB);
}

static void look_esp(const struct check_machine *m, struct check_line *l)
{
	static const char *const places[] = { "/boot/efi", "/efi", "/boot" };
	uint64_t need = needed_room(m) / MIB, room;
	char mode[3];

	for (unsigned int i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (!check_mounted(m, places[i], "vfat", mode))
			continue;
		room = m->room(places[i]) / MIB;
		if (strcmp(mode, "rw")) {
			check_say(l, CHECK_MISSING, "the EFI system partition at %s is mounted read-only", places[i]);
			check_advise(l, "mount -o remount,rw %s; if that fails: fsck.vfat", places[i]);
		} else if (room < need && !check_exists(m, "%s/EFI/dais", places[i])) {
			check_say(l, CHECK_MISSING, "%s has %llu MiB free; two generations of kernel and initrd take %llu", places[i],
				  (unsigned long long)room, (unsigned long long)need);
			check_advise(l, "make room there, or MODULES=dep in /etc/initramfs-tools/initramfs.conf for a smaller initrd");
		} else {
			check_say(l, CHECK_OK, "%s, %llu MiB free", places[i], (unsigned long long)room);
		}
		return;
	}
	check_say(l, CHECK_MISSING, "no EFI system partition is mounted at /boot/efi, /efi or /boot");
	check_advise(l, "mount it; lsblk -o NAME,PARTTYPENAME,MOUNTPOINT shows where it is");
}

static int read_flag(const struct check_machine *m, const char *name)
{
	unsigned char value[5]; /* 4 bytes of attributes, then the value */
	char path[160];

	snprintf(path, sizeof(path), EFIVARS "/%s-" GLOBAL, name);
	return check_read(m, path, value, sizeof(value)) == 5 ? value[4] : -1;
}

static void look_secure_boot(const struct check_machine *m, struct check_line *l)
{
	char mode[3];
	int on = read_flag(m, "SecureBoot");

	if (on < 0 && !check_mounted(m, EFIVARS, "efivarfs", mode))
		check_say(l, CHECK_UNKNOWN, "the firmware's variables are not there");
	else if (on != 1 || read_flag(m, "SetupMode") == 1)
		check_say(l, CHECK_OK, "off");
	else if (check_exists(m, "/etc/dais/secureboot.key"))
		check_say(l, CHECK_OK, "on; dais-boot signs the loader with /etc/dais/secureboot.key");
	else {
		check_say(l, CHECK_MISSING, "on, and there is no key to sign Dais's loader with: the firmware will refuse it");
		check_advise(l, "put a key whose certificate the firmware trusts into /etc/dais/secureboot.key and .crt, "
			     "or switch Secure Boot off in the firmware's set-up");
	}
}

static void look_iommu(const struct check_machine *m, struct check_line *l)
{
	bool intel = check_exists(m, TABLES "DMAR"), amd = check_exists(m, TABLES "IVRS");

	if (check_on_dais(m)) {
		check_say(l, CHECK_UNKNOWN, "Dais hides it from this Linux: dais info tells what it does with it");
	} else if (intel || amd) {
		check_say(l, CHECK_OK, "%s", intel ? "Intel VT-d (ACPI table DMAR)" : "AMD-Vi (ACPI table IVRS)");
	} else if (!check_exists(m, "/sys/firmware/acpi/tables")) {
		check_say(l, CHECK_UNKNOWN, "ACPI's tables cannot be read");
	} else {
		check_say(l, CHECK_MISSING, "none: devices can reach all memory, and none can be given to a guest");
		check_advise(l, "switch on VT-d or IOMMU (AMD-Vi) in the firmware's set-up");
	}
}

static void look_remapping(const struct check_machine *m, struct check_line *l)
{
	unsigned char dmar[DMAR_FLAGS + 1];
	int n = check_read(m, TABLES "DMAR", dmar, sizeof(dmar));
	bool none = n < 0 && errno == ENOENT;

	if (check_on_dais(m)) {
		check_say(l, CHECK_UNKNOWN, "Dais hides it from this Linux: dais info tells what it does with it");
	} else if (!check_exists(m, "/sys/firmware/acpi/tables")) {
		check_say(l, CHECK_UNKNOWN, "ACPI's tables cannot be read");
	} else if (none) {
		if (check_exists(m, TABLES "IVRS"))
			check_say(l, CHECK_OK, "AMD-Vi remaps interrupts");
		else
			check_say(l, CHECK_MISSING, "there is no IOMMU to remap interrupts");
	} else if (n < (int)sizeof(dmar)) {
		check_say(l, CHECK_UNKNOWN, "ACPI's table DMAR cannot be read");
		check_advise(l, "run dais check as root");
	} else if (dmar[DMAR_FLAGS] & 1) {
		check_say(l, CHECK_OK, "VT-d remaps interrupts");
	} else {
		check_say(l, CHECK_MISSING, "VT-d does not remap interrupts: a device could forge them");
		check_advise(l, "switch on interrupt remapping or x2APIC support in the firmware's set-up");
	}
}

static void look_memory(const struct check_machine *m, struct check_line *l)
{
	unsigned long long kib, bytes;
	char line[128];

	if (!check_text(m, line, sizeof(line), "/proc/meminfo") || sscanf(line, "MemTotal: %llu kB", &kib) != 1) {
		check_say(l, CHECK_UNKNOWN, "/proc/meminfo cannot be read");
		return;
	}
	bytes = kib * 1024;
	if (check_on_dais(m)) {
		check_say(l, CHECK_OK, "%llu MiB are the control domain's; dais info tells the machine's", bytes / MIB);
	} else if (bytes < MEMORY_LEAST) {
		check_say(l, CHECK_MISSING, "%llu MiB; the control domain takes 512 MiB, Dais 64 MiB at least", bytes / MIB);
	} else {
		check_say(l, CHECK_OK, "%llu MiB%s", bytes / MIB, bytes < MEMORY_USEFUL ? ": few guests will fit" : "");
	}
}

/* "0-3,8-11" */
static unsigned int count_list(const char *s)
{
	unsigned int n = 0, first, last;
	int used;

	while (*s) {
		if (sscanf(s, "%u-%u%n", &first, &last, &used) < 2) {
			if (sscanf(s, "%u%n", &first, &used) < 1)
				break;
			last = first;
		}
		n += last - first + 1;
		s += used;
		s += *s == ',';
	}
	return n;
}

static void look_cpus(const struct check_machine *m, struct check_line *l)
{
	char list[1024];
	unsigned int n;

	if (!check_text(m, list, sizeof(list), "/sys/devices/system/cpu/present") || !(n = count_list(list)))
		check_say(l, CHECK_UNKNOWN, "/sys/devices/system/cpu/present cannot be read");
	else
		check_say(l, CHECK_OK, n > CPUS_MOST ? "%u: Dais will use the first 512" : "%u", n);
}

static void look_tpm(const struct check_machine *m, struct check_line *l)
{
	char version[16];

	if (!check_exists(m, "/sys/class/tpm/tpm0")) {
		check_say(l, CHECK_MISSING, "none: what is started is not measured");
		check_advise(l, "switch on the TPM 2.0 (fTPM, PTT) in the firmware's set-up, if that matters to you");
	} else if (check_text(m, version, sizeof(version), "/sys/class/tpm/tpm0/tpm_version_major") && strcmp(version, "2")) {
		check_say(l, CHECK_MISSING, "version %s; the loader measures into a TPM 2.0 only", version);
	} else {
		check_say(l, CHECK_OK, "2.0: the loader measures all that it loads");
	}
}

/* Dais speaks on a 16550 at an I/O port: port types other than 0 (io_type 0) it cannot use. */
static void look_console(const struct check_machine *m, struct check_line *l)
{
	char type[16], port[32], io[16];

	for (unsigned int i = 0; i < 4; i++) {
		if (!check_text(m, type, sizeof(type), "/sys/class/tty/ttyS%u/type", i) || !atoi(type))
			continue;
		if (check_text(m, io, sizeof(io), "/sys/class/tty/ttyS%u/io_type", i) && atoi(io))
			continue;
		if (!check_text(m, port, sizeof(port), "/sys/class/tty/ttyS%u/port", i))
			continue;
		check_say(l, CHECK_OK, "ttyS%u at port %s: Dais and the loader speak there", i, port);
		return;
	}
	check_say(l, CHECK_MISSING, "no serial port at an I/O port: a panic of Dais will be silent");
	check_advise(l, "switch on a serial port or the BMC's serial-over-LAN in the firmware's set-up");
}

static void look_module(const struct check_machine *m, struct check_line *l)
{
	char release[128];

	if (!check_text(m, release, sizeof(release), "/proc/sys/kernel/osrelease"))
		check_say(l, CHECK_UNKNOWN, "this kernel's release cannot be read");
	else if (check_exists(m, "/lib/modules/%s/build/Makefile", release))
		check_say(l, CHECK_OK, "dais.ko can be built for %s", release);
	else {
		check_say(l, CHECK_MISSING, "the headers of kernel %s are not installed: dais.ko cannot be built", release);
		check_advise(l, "apt install linux-headers-%s (better: linux-headers-amd64, which follows upgrades)", release);
	}
}

const struct check_item check_items[] = {
	{ "virtualization", true, check_virtualization },
	{ "firmware lock", true, check_lock },
	{ "NX", true, check_nx },
	{ "UEFI", true, look_uefi },
	{ "Secure Boot", true, look_secure_boot },
	{ "boot variables", false, look_variables },
	{ "ESP", true, look_esp },
	{ "memory", true, look_memory },
	{ "CPUs", false, look_cpus },
	{ "TSC", false, check_tsc },
	{ "IOMMU", false, look_iommu },
	{ "interrupt remapping", false, look_remapping },
	{ "TPM", false, look_tpm },
	{ "serial console", false, look_console },
	{ "module build", true, look_module },
};
const unsigned int check_items_count = sizeof(check_items) / sizeof(check_items[0]);

void check_line(const struct check_machine *m, const struct check_item *item, struct check_line *l)
{
	memset(l, 0, sizeof(*l));
	l->name = item->name;
	l->needed = item->needed;
	item->look(m, l);
}
