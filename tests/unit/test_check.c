/* SPDX-License-Identifier: GPL-2.0-only */
/* dais check: machines as trees of files, CPUID and MSRs; which line says what. */
/* links: mgmt/dais/check.c mgmt/dais/check_cpu.c mgmt/dais/check_files.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "boot/boot_info_vmx.h"
#include "mgmt/dais/check.h"

#define GUID "8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define EFIVARS "/sys/firmware/efi/efivars"
#define MIB (1ULL << 20)

static char root[] = "/tmp/dais-check.XXXXXX";

/* The CPU of the machine that is looked at. */
static struct {
	bool intel, svm, npt, vmx, nx, invtsc, dais, msrs;
	uint64_t vm_cr, feature_control;
	uint32_t lacks_word, lacks_bit;	/* of VT-x; lacks_bit 32: nothing */
	uint64_t room;
} cpu;

static void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t r[4])
{
	(void)subleaf;
	memset(r, 0, 4 * sizeof(r[0]));
	switch (leaf) {
	case 0:
		r[0] = 0x16;
		memcpy(&r[1], cpu.intel ? "Genu" : "Auth", 4);
		break;
	case 1:
		r[2] = (cpu.vmx ? 1u << 5 : 0) | (cpu.dais ? 1u << 31 : 0);
		break;
	case 0x40000100:
		memcpy(&r[1], cpu.dais ? "DaisDaisDais" : "other things", 12);
		break;
	case 0x80000000:
		r[0] = 0x8000001f;
		break;
	case 0x80000001:
		r[2] = cpu.svm ? 1u << 2 : 0;
		r[3] = cpu.nx ? 1u << 20 : 0;
		break;
	case 0x80000007:
		r[3] = cpu.invtsc ? 1u << 8 : 0;
		break;
	case 0x8000000a:
		r[3] = cpu.npt;
		break;
	}
}

static int msr(uint32_t number, uint64_t *value)
{
	static const uint32_t words[] = { VMX_MSR_TRUE, VMX_MSR_TRUE + 1, VMX_MSR_TRUE + 2, VMX_MSR_TRUE + 3,
					  VMX_MSR_PROC2 };
	unsigned int w;

	if (!cpu.msrs)
		return -1;
	*value = 0;
	if (number == 0xc0010114)
		*value = cpu.vm_cr;
	if (number == 0x3a)
		*value = cpu.feature_control;
	if (number == VMX_MSR_BASIC)
		*value = 1ULL << VMX_BASIC_TRUE;
	if (number == VMX_MSR_EPT)
		*value = cpu.lacks_word == VMX_EPT ? ~(1u << cpu.lacks_bit) : 0xffffffff;
	for (w = 0; w < sizeof(words) / sizeof(words[0]); w++)
		if (number == words[w])
			*value = (uint64_t)(cpu.lacks_bit < 32 && w == cpu.lacks_word ? ~(1u << cpu.lacks_bit) : 0xffffffff) << 32;
	return 0;
}

static uint64_t room(const char *path)
{
	(void)path;
	return cpu.room;
}

static const struct check_machine machine = { root, cpuid, msr, room };

static void make(const char *path, const void *data, size_t size)
{
	char whole[512], *at;
	FILE *f;

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	for (at = strchr(whole + sizeof(root), '/'); at; at = strchr(at + 1, '/')) {
		*at = 0;
		if (mkdir(whole, 0700))
			assert_int_equal(errno, EEXIST);
		*at = '/';
	}
	f = fopen(whole, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
}

static void text(const char *path, const char *data)
{
	make(path, data, strlen(data));
}

static void flag(const char *name, char value)
{
	char path[160];

	snprintf(path, sizeof(path), EFIVARS "/%s-" GUID, name);
	make(path, (const char[]){ 6, 0, 0, 0, value }, 5);
}

static void mounts(const char *efivars, const char *esp)
{
	char all[400];

	snprintf(all, sizeof(all), "/dev/sda2 / ext4 rw,relatime 0 0\n%s%s%s%s%s%s",
		 efivars ? "efivarfs " EFIVARS " efivarfs " : "", efivars ? efivars : "", efivars ? ",nosuid 0 0\n" : "",
		 esp ? "/dev/sda1 /boot/efi vfat " : "", esp ? esp : "", esp ? ",umask=0077 0 0\n" : "");
	text("/proc/self/mounts", all);
}

static void dmar(unsigned char flags)
{
	unsigned char table[48] = "DMAR";

	table[37] = flags;
	make("/sys/firmware/acpi/tables/DMAR", table, sizeof(table));
}

static void forget(const char *path)
{
	char command[600];

	snprintf(command, sizeof(command), "rm -rf '%s%s'", root, path);
	assert_int_equal(system(command), 0);
}

/* A server with all that can be wished for. */
static void good(bool intel)
{
	forget("/*");
	forget("");
	assert_int_equal(mkdir(root, 0700), 0);
	memset(&cpu, 0, sizeof(cpu));
	cpu.intel = cpu.vmx = intel;
	cpu.svm = cpu.npt = !intel;
	cpu.nx = cpu.invtsc = cpu.msrs = true;
	cpu.feature_control = 5;
	cpu.lacks_bit = 32;
	cpu.room = 400 * MIB;
	text("/proc/meminfo", "MemTotal:       16384000 kB\nMemFree: 1 kB\n");
	text("/proc/sys/kernel/osrelease", "6.1.0-56-amd64\n");
	text("/lib/modules/6.1.0-56-amd64/build/Makefile", "");
	text("/boot/vmlinuz-6.1.0-56-amd64", "kernel");
	text("/sys/devices/system/cpu/present", "0-3,8-11\n");
	text("/sys/firmware/efi/fw_platform_size", "64\n");
	text("/sys/class/tpm/tpm0/tpm_version_major", "2\n");
	text("/sys/class/tty/ttyS0/type", "0\n");
	text("/sys/class/tty/ttyS1/type", "4\n");
	text("/sys/class/tty/ttyS1/io_type", "0\n");
	text("/sys/class/tty/ttyS1/port", "0x2F8\n");
	flag("SecureBoot", 0);
	flag("SetupMode", 0);
	mounts("rw", "rw");
	if (intel)
		dmar(1);
	else
		text("/sys/firmware/acpi/tables/IVRS", "IVRS");
}

static void says(const char *name, enum check_state state, const char *what, const char *advice)
{
	struct check_line l;
	unsigned int i;

	for (i = 0; i < check_items_count && strcmp(check_items[i].name, name); i++)
		;
	assert_true(i < check_items_count);
	check_line(&machine, &check_items[i], &l);
	if (l.state != state || !strstr(l.text, what) || !strstr(l.advice, advice))
		fail_msg("%s: state %d, \"%s\", \"%s\"; expected %d, \"%s\", \"%s\"", name, l.state, l.text, l.advice,
			 state, what, advice);
	if (state == CHECK_OK)
		assert_string_equal(l.advice, "");
}

static void all_good(void **state)
{
	struct check_line l;
	unsigned int i, vendor;

	(void)state;
	for (vendor = 0; vendor < 2; vendor++) {
		good(vendor);
		for (i = 0; i < check_items_count; i++) {
			check_line(&machine, &check_items[i], &l);
			if (l.state != CHECK_OK || !l.text[0] || l.advice[0])
				fail_msg("%s: %d, \"%s\", \"%s\"", l.name, l.state, l.text, l.advice);
		}
	}
	says("CPUs", CHECK_OK, "8", "");
	says("serial console", CHECK_OK, "ttyS1 at port 0x2F8", "");
}

static void amd(void **state)
{
	(void)state;
	good(false);
	says("virtualization", CHECK_OK, "AMD-V", "");
	says("interrupt remapping", CHECK_OK, "AMD-Vi", "");
	cpu.npt = false;
	says("virtualization", CHECK_MISSING, "NPT", "");
	cpu.vm_cr = 1 << 4;
	says("firmware lock", CHECK_MISSING, "AMD-V is locked off", "SVM Mode");
	text("/dev/kvm", ""); /* another vendor of firmware: KVM runs, so it is not locked */
	says("firmware lock", CHECK_OK, "KVM", "");
	forget("/dev/kvm");
	cpu.msrs = false;
	says("firmware lock", CHECK_UNKNOWN, "cannot be read", "modprobe msr");
	cpu.svm = false;
	says("virtualization", CHECK_MISSING, "neither", "firmware's set-up");
	text("/dev/kvm", "");
	says("firmware lock", CHECK_UNKNOWN, "nothing to lock", "");
}

static void intel(void **state)
{
	(void)state;
	good(true);
	says("virtualization", CHECK_OK, "VT-x", "");
	cpu.lacks_word = VMX_PROC2;
	cpu.lacks_bit = 7;
	says("virtualization", CHECK_MISSING, "unrestricted guest", "another CPU model");
	cpu.lacks_bit = 1; /* no EPT: nor what only EPT has */
	says("virtualization", CHECK_MISSING, "EPT (extended page tables), EPT of four levels", "");
	cpu.msrs = false;
	says("virtualization", CHECK_UNKNOWN, "cannot be read", "modprobe msr");
	cpu.msrs = true;
	cpu.feature_control = 1;
	says("firmware lock", CHECK_MISSING, "VT-x is locked off", "Virtualization Technology");
	cpu.feature_control = 0; /* not locked: the loader switches it on */
	says("firmware lock", CHECK_OK, "not locked off", "");
	cpu.nx = false;
	says("NX", CHECK_MISSING, "no-execute", "Execute Disable");
	cpu.invtsc = false;
	says("TSC", CHECK_MISSING, "invariant", "invtsc");
}

static void under_dais(void **state)
{
	(void)state;
	good(false);
	cpu.svm = false;
	cpu.dais = true;
	forget("/sys/firmware/acpi/tables/IVRS");
	says("virtualization", CHECK_OK, "Dais runs", "");
	says("firmware lock", CHECK_OK, "in use", "");
	says("IOMMU", CHECK_UNKNOWN, "dais info", "");
	says("interrupt remapping", CHECK_UNKNOWN, "dais info", "");
	says("memory", CHECK_OK, "control domain's", "");
}

static void firmware(void **state)
{
	(void)state;
	good(true);
	mounts(NULL, "rw");
	says("boot variables", CHECK_MISSING, "not there", "mount -t efivarfs");
	mounts("ro", "ro");
	says("boot variables", CHECK_MISSING, "read-only", "remount");
	says("ESP", CHECK_MISSING, "read-only", "remount");
	mounts("rw", NULL);
	says("ESP", CHECK_MISSING, "no EFI system partition", "lsblk");
	mounts("rw", "rw");
	cpu.room = 3 * MIB;
	says("ESP", CHECK_MISSING, "3 MiB free; two generations of kernel and initrd take 8", "make room");
	text("/boot/efi/EFI/dais/dais.conf", ""); /* it lies there already */
	says("ESP", CHECK_OK, "/boot/efi", "");
	text("/sys/firmware/efi/fw_platform_size", "32\n");
	says("UEFI", CHECK_MISSING, "32 bits", "");
	forget("/sys/firmware/efi");
	says("UEFI", CHECK_MISSING, "BIOS", "firmware's set-up");
}

static void secure_boot(void **state)
{
	(void)state;
	good(true);
	flag("SecureBoot", 1);
	says("Secure Boot", CHECK_MISSING, "no key", "/etc/dais/secureboot.key");
	text("/etc/dais/secureboot.key", "");
	says("Secure Boot", CHECK_OK, "on; dais-boot signs", "");
	forget("/etc/dais/secureboot.key");
	flag("SetupMode", 1);
	says("Secure Boot", CHECK_OK, "off", "");
	forget(EFIVARS);
	says("Secure Boot", CHECK_OK, "off", "");
	mounts(NULL, NULL);
	says("Secure Boot", CHECK_UNKNOWN, "not there", "");
}

static void devices(void **state)
{
	(void)state;
	good(true);
	dmar(0);
	says("IOMMU", CHECK_OK, "VT-d", "");
	says("interrupt remapping", CHECK_MISSING, "does not remap", "x2APIC");
	make("/sys/firmware/acpi/tables/DMAR", "DMAR", 4);
	says("interrupt remapping", CHECK_UNKNOWN, "cannot be read", "root");
	forget("/sys/firmware/acpi/tables/DMAR");
	text("/sys/firmware/acpi/tables/APIC", "APIC");
	says("IOMMU", CHECK_MISSING, "all memory", "VT-d or IOMMU");
	says("interrupt remapping", CHECK_MISSING, "no IOMMU", "");
	forget("/sys/firmware/acpi");
	says("IOMMU", CHECK_UNKNOWN, "cannot be read", "");
	says("interrupt remapping", CHECK_UNKNOWN, "cannot be read", "");
	text("/sys/class/tpm/tpm0/tpm_version_major", "1\n");
	says("TPM", CHECK_MISSING, "version 1", "");
	forget("/sys/class/tpm");
	says("TPM", CHECK_MISSING, "not measured", "fTPM");
	text("/sys/class/tty/ttyS1/io_type", "2\n"); /* in memory: the loader has no words for it */
	says("serial console", CHECK_MISSING, "silent", "serial-over-LAN");
}

static void sizes(void **state)
{
	(void)state;
	good(true);
	text("/proc/meminfo", "MemTotal:         499000 kB\n");
	says("memory", CHECK_MISSING, "487 MiB", "");
	text("/proc/meminfo", "MemTotal:        1000000 kB\n");
	says("memory", CHECK_OK, "few guests", "");
	text("/proc/meminfo", "nonsense\n");
	says("memory", CHECK_UNKNOWN, "cannot be read", "");
	text("/sys/devices/system/cpu/present", "0-1023\n");
	says("CPUs", CHECK_OK, "1024: Dais will use the first 512", "");
	text("/sys/devices/system/cpu/present", "\n");
	says("CPUs", CHECK_UNKNOWN, "cannot be read", "");
	forget("/lib/modules/6.1.0-56-amd64/build");
	says("module build", CHECK_MISSING, "6.1.0-56-amd64", "linux-headers-6.1.0-56-amd64");
	forget("/proc/sys");
	says("module build", CHECK_UNKNOWN, "cannot be read", "");
}

static int end(void **state)
{
	(void)state;
	forget("");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_good), cmocka_unit_test(amd), cmocka_unit_test(intel), cmocka_unit_test(under_dais),
		cmocka_unit_test(firmware), cmocka_unit_test(secure_boot), cmocka_unit_test(devices), cmocka_unit_test(sizes),
	};

	if (!mkdtemp(root))
		return 1;
	return cmocka_run_group_tests(tests, NULL, end);
}
