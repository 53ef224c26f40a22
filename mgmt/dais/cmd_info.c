/* SPDX-License-Identifier: GPL-2.0-only */
#include <cpuid.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dais.h"

/* enum dais_defence */
static const char *const defence_names[DAIS_DEFENCES] = {
	"IBPB", "RSB filling", "VERW buffer clear", "L1D flush", "automatic IBRS",
};

static const struct dais_named *defences(const struct dais_info *info)
{
	static struct dais_named list[DAIS_DEFENCES + 1];
	unsigned int i;

	for (i = 0; i < DAIS_DEFENCES; i++) {
		snprintf(list[i].name, sizeof(list[i].name), "%s", defence_names[i]);
		list[i].present = info->defences >> i & 1;
		list[i].used = info->defences_used >> i & 1;
	}
	return list;
}

/* CPUID shows the control domain the real CPU. */
struct cpu_names {
	char vendor[13], model[49];
};

static struct cpu_names cpu_names(void)
{
	struct cpu_names n = { "", "" };
	unsigned int r[4] = { 0 }, i;

	__get_cpuid(0, &r[0], &r[1], &r[3], &r[2]);
	memcpy(n.vendor, &r[1], 12);
	for (i = 0; i < 3 && __get_cpuid(0x80000002 + i, &r[0], &r[1], &r[2], &r[3]); i++)
		memcpy(n.model + 16 * i, r, 16);
	return n;
}

static void print_named(const char *title, const struct dais_named *list, bool with_state)
{
	unsigned int i, column = 0;

	printf("%s", title);
	for (i = 0; i < DAIS_INFO_NAMES && list[i].name[0]; i++) {
		const struct dais_named *n = &list[i];

		if (!with_state && !n->used)
			continue;
		if (column + 32 > 78 && column) {
			printf(",\n%17s", "");
			column = 0;
		}
		column += printf("%s%s%s", column ? ", " : "", n->name,
				 n->used ? "" : n->present ? " (not used)" : " (absent)");
	}
	puts(column ? "" : "none");
}

static void print_size(const char *title, uint64_t bytes, const char *note)
{
	char buf[32];

	printf("%-17s%s%s\n", title, format_size(bytes, buf), note);
}

static void print_text(const struct dais_info *i)
{
	struct cpu_names cpu = cpu_names();
	char size[32];

	printf("Dais             %.32s (ABI %u)\n", i->version, i->abi);
	printf("CPU              %s, %s\n", cpu.vendor, cpu.model);
	printf("Virtualization   %.16s, %u ASIDs\n", i->virt, i->asids);
	print_named("Features used    ", i->features, false);
	print_named("Defences         ", defences(i), true);
	printf("CPUs             %u", i->cpus);
	if (i->cpus_skipped)
		printf(" (%u more not used)", i->cpus_skipped);
	printf(", control domain has %u vCPUs, %s\n", i->control_vcpus,
	       i->host_x2apic ? "x2APIC" : "xAPIC");
	printf("TSC              %llu.%03llu MHz\n", (unsigned long long)(i->tsc_hz / 1000000),
	       (unsigned long long)(i->tsc_hz / 1000 % 1000));
	print_size("Memory           ", i->mem_total, " in all");
	print_size("  control domain ", i->mem_control, "");
	print_size("  guests         ", i->mem_guests, "");
	print_size("  free           ", i->mem_pool_free, " for guests");
	printf("  Dais's own     %s", format_size(i->mem_dais, size));
	printf(" (heap in use: %s)", format_size(i->heap_used, size));
	printf(", image %s\n", format_size(i->mem_dais_image, size));
	if (i->iommu)
		puts("DMA              protected by the IOMMU");
	else
		puts("DMA              unprotected: no IOMMU is in use; devices of the control domain can\n"
		     "                 reach all memory, Dais's and the guests' too");
	printf("Boot             %s, Secure Boot %s\n",
	       i->flags & DAIS_INFO_F_TPM ? "measured into the TPM" : "not measured (no TPM)",
	       i->flags & DAIS_INFO_F_SECURE_BOOT ? "on" : "off");
	printf("Objects          %u domains, %u vCPUs, %u capabilities, %u events\n", i->domains,
	       i->vcpus, i->caps, i->events);
}

static struct json_object *named(const struct dais_named *list)
{
	struct json_object *array = json_object_new_array();
	unsigned int i;

	for (i = 0; i < DAIS_INFO_NAMES && list[i].name[0]; i++) {
		struct json_object *o = json_object_new_object();

		json_add(o, "name", list[i].name);
		json_add_bool(o, "present", list[i].present);
		json_add_bool(o, "used", list[i].used);
		json_object_array_add(array, o);
	}
	return array;
}

static void print_as_json(const struct dais_info *i)
{
	struct json_object *o = json_object_new_object();
	struct cpu_names cpu = cpu_names();

	json_add(o, "version", i->version);
	json_add_number(o, "abi", i->abi);
	json_add(o, "cpu_vendor", cpu.vendor);
	json_add(o, "cpu_name", cpu.model);
	json_add(o, "virtualization", i->virt);
	json_add_number(o, "asids", i->asids);
	json_object_object_add(o, "features", named(i->features));
	json_object_object_add(o, "defences", named(defences(i)));
	json_add_number(o, "cpus", i->cpus);
	json_add_number(o, "cpus_skipped", i->cpus_skipped);
	json_add_number(o, "control_vcpus", i->control_vcpus);
	json_add_bool(o, "x2apic", i->host_x2apic);
	json_add_number(o, "tsc_hz", i->tsc_hz);
	json_add_number(o, "memory_total", i->mem_total);
	json_add_number(o, "memory_control", i->mem_control);
	json_add_number(o, "memory_guests", i->mem_guests);
	json_add_number(o, "memory_pool", i->mem_pool_total);
	json_add_number(o, "memory_free", i->mem_pool_free);
	json_add_number(o, "memory_dais", i->mem_dais);
	json_add_number(o, "memory_dais_image", i->mem_dais_image);
	json_add_number(o, "heap_used", i->heap_used);
	json_add(o, "dma", i->iommu ? "protected" : "unprotected");
	json_add_bool(o, "tpm", i->flags & DAIS_INFO_F_TPM);
	json_add_bool(o, "secure_boot", i->flags & DAIS_INFO_F_SECURE_BOOT);
	json_add_number(o, "domains", i->domains);
	json_add_number(o, "vcpus", i->vcpus);
	json_add_number(o, "capabilities", i->caps);
	json_add_number(o, "events", i->events);
	print_json(o);
}

int cmd_info(const struct command *c, int argc, char **argv)
{
	const struct dais_info *info;
	struct simple_options o;
	struct dais_conn *conn;
	int first = parse_simple(c, argc, argv, "j", &o);

	if (first < 0)
		return simple_exit(first);
	if (first < argc)
		return fail_usage(c, "unexpected argument \"%s\"", argv[first]);
	conn = connect_dais();
	if (!conn)
		return EXIT_ERROR;
	info = dais_get_info(conn);
	if (!info)
		return fail("asking Dais: %s", dais_strerror(-errno));
	if (o.json)
		print_as_json(info);
	else
		print_text(info);
	dais_close(conn);
	return EXIT_OK;
}

int cmd_version(const struct command *c, int argc, char **argv)
{
	struct simple_options o;
	struct dais_conn *conn;
	int first = parse_simple(c, argc, argv, "j", &o);

	if (first < 0)
		return simple_exit(first);
	if (dais_open(&conn))
		conn = NULL; /* the command's own version can be told anywhere */
	if (o.json) {
		struct json_object *j = json_object_new_object();

		json_add(j, "command", DAIS_VERSION);
		json_add_number(j, "command_abi", DAIS_ABI_VERSION);
		json_add(j, "hypervisor", conn ? dais_peek_info(conn)->version : "");
		print_json(j);
	} else {
		printf("dais %s (ABI %d)\n", DAIS_VERSION, DAIS_ABI_VERSION);
		if (conn)
			printf("running on Dais %.32s (ABI %u)\n", dais_peek_info(conn)->version,
			       dais_abi_version(conn));
		else
			puts("not running on Dais, or no permission to ask it");
	}
	if (conn)
		dais_close(conn);
	return EXIT_OK;
}
