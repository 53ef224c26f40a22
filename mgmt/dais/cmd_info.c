/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdio.h>

#include "dais.h"

static void print_named(const char *title, const struct dais_named *list, bool with_state)
{
	unsigned int i, column = 0;

	printf("%s", title);
	for (i = 0; list[i].name; i++) {
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

/* Why DMA is unprotected, or devices cannot be given to guests. */
static const char *why_no_iommu(uint64_t state)
{
	return state & DAIS_IOMMU_OFF ? "it is switched off in dais.conf" :
	       state & DAIS_IOMMU_BAD_TABLE ? "the firmware's description of it (DMAR, IVRS) is malformed" :
	       state & DAIS_IOMMU_TOO_OLD ? "it lacks what Dais needs" :
					    "the firmware describes none (switch VT-d or AMD-Vi on in its set-up)";
}

static void print_dma(uint64_t state)
{
	if (!(state & DAIS_IOMMU_DMA)) {
		printf("DMA              unprotected: no IOMMU is in use: %s.\n"
		       "                 Devices of the control domain can reach all memory, Dais's and the\n"
		       "                 guests' too; none can be given to a guest\n", why_no_iommu(state));
		return;
	}
	printf("DMA              protected by %s, %s\n", state & DAIS_IOMMU_AMD ? "AMD-Vi" : "VT-d",
	       state & DAIS_IOMMU_IRQ ? "interrupts remapped" : "interrupts not remapped");
	if (!(state & DAIS_IOMMU_GUESTS))
		puts("                 devices cannot be given to guests: no interrupt remapping, or no large\n"
		     "                 pages in the IOMMU");
}

static void print_text(const struct dais_info *i)
{
	char size[32];

	printf("Dais             %s (ABI %d)\n", i->version, DAIS_ABI_VERSION);
	printf("CPU              %s, %s\n", i->cpu_vendor, i->cpu_name);
	printf("Virtualization   %s, %lu ASIDs\n", i->virt, i->stat[DAIS_STAT_ASIDS]);
	print_named("Features used    ", i->features, false);
	print_named("Defences         ", i->defences, true);
	printf("CPUs             %lu", i->stat[DAIS_STAT_CPUS]);
	if (i->stat[DAIS_STAT_CPUS_SKIPPED])
		printf(" (%lu more not used)", i->stat[DAIS_STAT_CPUS_SKIPPED]);
	printf(", control domain has %lu vCPUs, %s\n", i->stat[DAIS_STAT_CONTROL_VCPUS],
	       i->stat[DAIS_STAT_X2APIC] ? "x2APIC" : "xAPIC");
	printf("TSC              %llu.%03llu MHz\n", (unsigned long long)(i->stat[DAIS_STAT_TSC_HZ] / 1000000),
	       (unsigned long long)(i->stat[DAIS_STAT_TSC_HZ] / 1000 % 1000));
	print_size("Memory           ", i->stat[DAIS_STAT_MEM_TOTAL], " in all");
	print_size("  control domain ", i->stat[DAIS_STAT_MEM_CONTROL], "");
	print_size("  guests         ", i->mem_guests, "");
	print_size("  free           ", i->mem_free, " for guests");
	printf("  Dais's own     %s", format_size(i->mem_dais, size));
	printf(" (heap in use: %s)", format_size(i->stat[DAIS_STAT_HEAP_USED], size));
	printf(", image %s\n", format_size(i->stat[DAIS_STAT_MEM_IMAGE], size));
	print_dma(i->stat[DAIS_STAT_IOMMU]);
	printf("Boot             %s, Secure Boot %s\n",
	       i->stat[DAIS_STAT_BOOT] & DAIS_BOOT_TPM ? "measured into the TPM" : "not measured (no TPM)",
	       i->stat[DAIS_STAT_BOOT] & DAIS_BOOT_SECURE ? "on" : "off");
	printf("Objects          %lu domains, %lu vCPUs, %lu capabilities, %lu events\n", i->stat[DAIS_STAT_DOMAINS],
	       i->stat[DAIS_STAT_VCPUS], i->stat[DAIS_STAT_CAPS], i->stat[DAIS_STAT_EVENTS]);
}

static struct json_object *named(const struct dais_named *list)
{
	struct json_object *array = json_object_new_array();
	unsigned int i;

	for (i = 0; list[i].name; i++) {
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

	json_add(o, "version", i->version);
	json_add_number(o, "abi", DAIS_ABI_VERSION);
	json_add(o, "cpu_vendor", i->cpu_vendor);
	json_add(o, "cpu_name", i->cpu_name);
	json_add(o, "virtualization", i->virt);
	json_add_number(o, "asids", i->stat[DAIS_STAT_ASIDS]);
	json_object_object_add(o, "features", named(i->features));
	json_object_object_add(o, "defences", named(i->defences));
	json_add_number(o, "cpus", i->stat[DAIS_STAT_CPUS]);
	json_add_number(o, "cpus_skipped", i->stat[DAIS_STAT_CPUS_SKIPPED]);
	json_add_number(o, "control_vcpus", i->stat[DAIS_STAT_CONTROL_VCPUS]);
	json_add_bool(o, "x2apic", i->stat[DAIS_STAT_X2APIC]);
	json_add_number(o, "tsc_hz", i->stat[DAIS_STAT_TSC_HZ]);
	json_add_number(o, "memory_total", i->stat[DAIS_STAT_MEM_TOTAL]);
	json_add_number(o, "memory_control", i->stat[DAIS_STAT_MEM_CONTROL]);
	json_add_number(o, "memory_guests", i->mem_guests);
	json_add_number(o, "memory_pool", i->mem_pool);
	json_add_number(o, "memory_free", i->mem_free);
	json_add_number(o, "memory_dais", i->mem_dais);
	json_add_number(o, "memory_dais_image", i->stat[DAIS_STAT_MEM_IMAGE]);
	json_add_number(o, "heap_used", i->stat[DAIS_STAT_HEAP_USED]);
	json_add(o, "dma", i->stat[DAIS_STAT_IOMMU] & DAIS_IOMMU_DMA ? "protected" : "unprotected");
	json_add_bool(o, "interrupt_remapping", i->stat[DAIS_STAT_IOMMU] & DAIS_IOMMU_IRQ);
	json_add_bool(o, "passthrough", i->stat[DAIS_STAT_IOMMU] & DAIS_IOMMU_GUESTS);
	if (i->stat[DAIS_STAT_IOMMU] & DAIS_IOMMU_DMA)
		json_add(o, "iommu", i->stat[DAIS_STAT_IOMMU] & DAIS_IOMMU_AMD ? "AMD-Vi" : "VT-d");
	else
		json_add(o, "iommu_missing", why_no_iommu(i->stat[DAIS_STAT_IOMMU]));
	json_add_bool(o, "tpm", i->stat[DAIS_STAT_BOOT] & DAIS_BOOT_TPM);
	json_add_bool(o, "secure_boot", i->stat[DAIS_STAT_BOOT] & DAIS_BOOT_SECURE);
	json_add_number(o, "domains", i->stat[DAIS_STAT_DOMAINS]);
	json_add_number(o, "vcpus", i->stat[DAIS_STAT_VCPUS]);
	json_add_number(o, "capabilities", i->stat[DAIS_STAT_CAPS]);
	json_add_number(o, "events", i->stat[DAIS_STAT_EVENTS]);
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
	if (first < argc)
		return fail_usage(c, "unexpected argument \"%s\"", argv[first]);
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
			printf("running on Dais %s (ABI %u)\n", dais_peek_info(conn)->version,
			       dais_abi_version(conn));
		else
			puts("not running on Dais, or no permission to ask it");
	}
	if (conn)
		dais_close(conn);
	return EXIT_OK;
}
