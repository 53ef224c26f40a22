/* SPDX-License-Identifier: GPL-2.0-only */
#include <string.h>
#include "boot/clock.h"
#include "boot/cpu.h"
#include "boot/frames.h"
#include "boot/handover.h"
#include "boot/host.h"
#include "boot/iommu.h"
#include "boot/paging.h"

#define STACK_SIZE   (16 * 1024) /* the control domain's */
#define MORE_RANGES  32          /* of memory, from the first plan to the last */
#define EXIT_TRIES   8
#define TRAMPOLINE_END 0xa0000ULL

/* All that is built here. Two blocks: one Dais's, one the control domain's. */
struct work {
	struct firmware *fw;
	struct load *load;
	struct boot_info *info;
	struct acpi_machine machine;
	struct span dais[5];               /* image, boot_info's block, trampoline, store and tables, the IOMMUs' tables */
	struct boot_iommus *iommus;
	struct plan plan;
	uint64_t dais_size, control_size;
	/* The control domain's block, physical = mapped */
	uint8_t *params;
	uint64_t tables, stack, cmdline, efi_map, e820_ext, rsdp;
};

/* Cuts the next 16-byte aligned piece off a block; with base 0 it only measures. */
static uint64_t carve(uint64_t base, uint64_t *used, uint64_t size)
{
	uint64_t at = base + *used;

	*used += (size + 15) & ~15ULL;
	return at;
}

static void carve_dais(struct work *w, uint64_t base)
{
	struct acpi_machine *m = &w->machine;
	uint64_t used = 0;

	w->info = (void *)carve(base, &used, sizeof(*w->info));
	w->plan.mem = (void *)carve(base, &used, w->plan.capacity * sizeof(*w->plan.mem));
	w->plan.own = (void *)carve(base, &used, w->plan.capacity * sizeof(*w->plan.own));
	m->cpus = (void *)carve(base, &used, m->cpu_capacity * sizeof(*m->cpus));
	m->ioapics = (void *)carve(base, &used, m->ioapic_capacity * sizeof(*m->ioapics));
	m->ecams = (void *)carve(base, &used, m->ecam_capacity * sizeof(*m->ecams));
	w->iommus = (void *)carve(base, &used, sizeof(*w->iommus));
	w->dais_size = (used + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
}

static void carve_control(struct work *w, uint64_t base)
{
	uint64_t used = 0;

	w->params = (void *)carve(base, &used, BZIMAGE_PARAMS_SIZE);
	w->tables = carve(base, &used, PAGING_SIZE);
	w->stack = carve(base, &used, STACK_SIZE) + STACK_SIZE;
	w->cmdline = carve(base, &used, CONFIG_CMDLINE_MAX);
	w->efi_map = carve(base, &used, w->plan.capacity * w->fw->entry_size);
	w->e820_ext = carve(base, &used, BZIMAGE_EXT_SIZE(w->plan.capacity));
	w->plan.efi = (void *)carve(base, &used, w->plan.capacity * sizeof(*w->plan.efi));
	w->plan.e820 = (void *)carve(base, &used, w->plan.capacity * sizeof(*w->plan.e820));
	w->control_size = used;
}

static bool allocate(struct work *w, struct error *err)
{
	uint64_t dais, control, trampoline;

	acpi_capacities(&w->load->tables, &w->machine);
	w->plan.capacity = PLAN_CAPACITY(w->fw->map_capacity, 5);
	carve_dais(w, 0);
	carve_control(w, 0);
	if (!pages_alloc(w->fw, PAGES_HIGH, EfiLoaderData, w->dais_size, PAGE_SIZE, MIB, BELOW_4G,
			 "boot information", &dais, err) ||
	    !pages_alloc(w->fw, PAGES_LOW, EfiLoaderData, w->control_size, PAGE_SIZE, MIB, BELOW_4G,
			 "kernel parameters", &control, err) ||
	    !pages_alloc(w->fw, PAGES_HIGH, EfiLoaderData, PAGE_SIZE, PAGE_SIZE, PAGE_SIZE,
			 TRAMPOLINE_END, "start-up code for CPUs", &trampoline, err))
		return false;
	memset((void *)dais, 0, w->dais_size);
	memset((void *)control, 0, w->control_size);
	carve_dais(w, dais);
	carve_control(w, control);
	w->dais[0].base = w->load->hypervisor_base;
	w->dais[0].pages = w->load->hypervisor.size / PAGE_SIZE;
	w->dais[1] = (struct span){ dais, w->dais_size / PAGE_SIZE };
	w->dais[2] = (struct span){ trampoline, 1 };
	return true;
}

static bool describe_cpus(struct work *w, struct error *err)
{
	const struct config *config = &w->load->config;
	struct acpi_machine *m = &w->machine;
	struct boot_info *info = w->info;

	if (!acpi_read(&w->load->tables, cpu_apic_id(), m, err))
		return false;
	info->tsc_hz = cpu_tsc_hz(m->pm_timer_port, err);
	if (!info->tsc_hz)
		return false;
	info->cpu_count = m->cpu_count;
	if (info->cpu_count > BOOT_CPUS_MAX)
		info->cpu_count = BOOT_CPUS_MAX;
	if (config->cpus != 0 && config->cpus < info->cpu_count)
		info->cpu_count = config->cpus;
	info->control_vcpus = config->control_vcpus ? config->control_vcpus : info->cpu_count;
	if (info->control_vcpus > info->cpu_count)
		return refuse(err, "control_vcpus: %u asked for, but %u CPUs are used; lower it in "
			      "dais.conf, or say all", info->control_vcpus, info->cpu_count);
	info->cpus = (uintptr_t)m->cpus;
	info->ecams = (uintptr_t)m->ecams;
	if (m->ecam_count > BOOT_ECAMS_MAX) /* one that is left out would not trap */
		return refuse(err, "ACPI: MCFG names more than %u ranges of PCI buses", BOOT_ECAMS_MAX);
	info->ecam_count = m->ecam_count;
	info->ioapics = (uintptr_t)m->ioapics;
	for (uint32_t i = 0; i < m->ioapic_count; i++) {
		struct boot_ioapic *io = &m->ioapics[info->ioapic_count];

		*io = m->ioapics[i];
		io->pins = cpu_ioapic_pins(io->base);
		info->ioapic_count += io->pins > 0; /* whatever the MADT says */
	}
	return true;
}

static void describe_machine(struct work *w)
{
	const struct acpi_tables *tables = &w->load->tables;
	const struct acpi_machine *m = &w->machine;
	struct boot_info *info = w->info;

	info->image_base = w->load->hypervisor_base;
	info->image_size = w->load->hypervisor.size;
	info->trampoline = w->dais[2].base;
	info->mem = (uintptr_t)w->plan.mem;
	info->own = (uintptr_t)w->plan.own;
	info->rsdp = tables->rsdp;
	info->pm1a_cnt_port = m->pm1a_cnt_port;
	info->pm1b_cnt_port = m->pm1b_cnt_port;
	info->reset_port = m->reset_port;
	info->reset_value = m->reset_value;
	info->hpet_base = m->hpet_base;
}

/* --- IOMMUs: without a usable one, devices are not confined, and that is said --- */

#define CONFIG_SIZE 0x100u /* what the ports reach */

static struct acpi_machine *machine; /* whose ECAMs pci_dword() uses */

static volatile uint32_t *ecam(uint32_t fn, uint32_t reg)
{
	for (const struct boot_ecam *e = machine->ecams; e < machine->ecams + machine->ecam_count; e++)
		if (e->segment == fn >> 16 && (fn >> 8 & 0xff) >= e->bus_first && (fn >> 8 & 0xff) <= e->bus_last)
			return (void *)(e->base + ((uint64_t)(fn & 0xffff) << 12) + reg);
	return NULL;
}

static uint32_t pci_dword(uint32_t fn, uint32_t reg)
{
	if (!(fn >> 16) && reg < CONFIG_SIZE)
		return cpu_pci_read(fn, reg);
	return ecam(fn, reg) ? *ecam(fn, reg) : UINT32_MAX;
}

static void pci_put(uint32_t fn, uint32_t reg, uint32_t value)
{
	if (!(fn >> 16))
		cpu_pci_write(fn, reg, value);
	else
		*ecam(fn, reg) = value;
}

static uint64_t register_read(uint64_t address)
{
	return *(volatile uint64_t *)address;
}

static struct iommu_machine iommu_machine(struct work *w)
{
	machine = &w->machine;
	return (struct iommu_machine){ pci_dword, register_read, (void *)w->info->ioapics, w->info->ioapic_count };
}

static void no_iommu(struct work *w, uint64_t why, const struct error *err)
{
	w->info->iommus = 0;
	w->info->facts[DAIS_STAT_IOMMU] = why;
	if (why & (DAIS_IOMMU_BAD_TABLE | DAIS_IOMMU_TOO_OLD))
		say("dais boot: warning: no IOMMU is used: %s\n", err->text);
}

static void describe_iommus(struct work *w)
{
	const struct acpi_tables *t = &w->load->tables;
	const struct acpi_header *dmar = t->dmar ? acpi_table(t, t->dmar) : NULL;
	const struct acpi_header *ivrs = t->ivrs ? acpi_table(t, t->ivrs) : NULL;
	struct iommu_machine m = iommu_machine(w);
	struct error err;
	uint64_t why;

	w->info->iommus = (uintptr_t)w->iommus;
	why = iommu_find(dmar, ivrs, &m, w->info->host.x2apic, w->iommus, &err);
	if (!w->load->config.iommu)
		why = DAIS_IOMMU_OFF;
	if (why)
		no_iommu(w, why, &err);
	else if (!w->iommus->guests)
		w->info->facts[DAIS_STAT_IOMMU] = DAIS_IOMMU_TOO_OLD;
}

static void describe_control(struct work *w)
{
	const struct config *config = &w->load->config;
	struct boot_info *info = w->info;

	info->control_entry = w->load->kernel_base + BZIMAGE_ENTRY_64;
	info->control_params = (uintptr_t)w->params;
	info->control_cr3 = w->tables;
	info->control_stack = w->stack;
	info->log_level = config->log_level;
	info->console_port = config->console == CONSOLE_UART_IO ? config->console_port : 0;
	info->console_baud = config->console_baud;
	info->panic = config->panic;
	paging_build((void *)w->tables, w->tables);
	memcpy((void *)w->cmdline, config->cmdline, text_length(config->cmdline) + 1);
}

static void describe_facts(struct work *w)
{
	const struct config *config = &w->load->config;
	struct boot_info *info = w->info;
	uint64_t *facts = info->facts;

	info->host = cpu_host(cpu_cpuid, cpu_msr, config->x2apic || cpu_in_x2apic());
	info->host.apicv = config->apicv;
	facts[DAIS_STAT_CPUS] = info->cpu_count;
	facts[DAIS_STAT_CPUS_SKIPPED] = w->machine.cpu_count - info->cpu_count;
	facts[DAIS_STAT_CONTROL_VCPUS] = info->control_vcpus;
	facts[DAIS_STAT_TSC_HZ] = info->tsc_hz;
	facts[DAIS_STAT_X2APIC] = info->host.x2apic;
	facts[DAIS_STAT_DEFENCES] = cpu_defences(cpu_cpuid, cpu_msr) | CPU_DEFENCES_BUILT_IN;
	facts[DAIS_STAT_DEFENCES_USED] = config->mitigations ? facts[DAIS_STAT_DEFENCES] : CPU_DEFENCES_BUILT_IN;
	facts[DAIS_STAT_BOOT] = (security_measured_all() ? DAIS_BOOT_TPM : 0) |
				(security_state(w->fw) == SECURE_BOOT_ON ? DAIS_BOOT_SECURE : 0);
	facts[DAIS_STAT_MEM_IMAGE] = info->image_size;
}

static void describe_screen(struct work *w, struct bzimage_screen *screen)
{
	static EFI_GUID guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
	const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *mode;
	EFI_GRAPHICS_OUTPUT_PROTOCOL *gop;
	struct boot_info *info = w->info;

	if (w->fw->bs->LocateProtocol(&guid, NULL, (void **)&gop) != EFI_SUCCESS ||
	    !gop->Mode || !gop->Mode->Info)
		return;
	mode = gop->Mode->Info;
	if (mode->PixelFormat != PixelRedGreenBlueReserved8BitPerColor &&
	    mode->PixelFormat != PixelBlueGreenRedReserved8BitPerColor)
		return;
	screen->base = info->fb_base = gop->Mode->FrameBufferBase;
	screen->width = info->fb_width = mode->HorizontalResolution;
	screen->height = info->fb_height = mode->VerticalResolution;
	screen->pitch = info->fb_pitch = mode->PixelsPerScanLine * 4;
	info->fb_format = mode->PixelFormat == PixelRedGreenBlueReserved8BitPerColor;
	screen->rgbx = info->fb_format;
}

static void describe_time(struct work *w)
{
	EFI_TIME t;
	int64_t epoch;

	if (w->fw->st->RuntimeServices->GetTime(&t, NULL) != EFI_SUCCESS)
		return;
	w->info->epoch_tsc = cpu_tsc();
	epoch = clock_epoch(t.Year, t.Month, t.Day, t.Hour, t.Minute, t.Second);
	if (t.TimeZone != EFI_UNSPECIFIED_TIMEZONE) /* minutes: local time = UTC - zone */
		epoch += t.TimeZone * 60;
	w->info->epoch_seconds = epoch > 0 ? epoch : 0;
}

static bool build_acpi(struct work *w, struct error *err)
{
	uint64_t address;

	if (!pages_alloc(w->fw, PAGES_LOW, EfiACPIReclaimMemory,
			 acpi_build_size(&w->load->tables, w->info->control_vcpus), PAGE_SIZE, MIB,
			 BELOW_4G, "ACPI tables", &address, err))
		return false;
	w->rsdp = acpi_build(&w->load->tables, w->machine.cpus, w->info->control_vcpus,
			     (void *)address, address);
	return true;
}

/* The plan's EFI map in the firmware's own entry size, which may be larger than ours. */
static uint32_t write_efi_map(struct work *w)
{
	const struct map_entry *e;
	EFI_MEMORY_DESCRIPTOR *d;

	for (uint32_t i = 0; i < w->plan.efi_count; i++) {
		e = &w->plan.efi[i];
		d = (void *)(w->efi_map + i * w->fw->entry_size);
		memset(d, 0, w->fw->entry_size);
		d->Type = e->type;
		d->PhysicalStart = e->base;
		d->NumberOfPages = e->pages;
		d->Attribute = e->attributes;
	}
	return w->plan.efi_count * w->fw->entry_size;
}

static void write_params(struct work *w, const struct bzimage_screen *screen, enum bzimage_secure_boot secure)
{
	struct bzimage_params p = {
		.load = w->load->kernel_base, .initrd = w->load->initrd,
		.initrd_size = w->load->initrd_size, .cmdline = w->cmdline, .rsdp = w->rsdp,
		.efi_system_table = (uintptr_t)w->fw->st, .efi_map = w->efi_map,
		.efi_map_size = write_efi_map(w), .efi_entry_size = w->fw->entry_size,
		.efi_map_version = w->fw->entry_version, .screen = *screen,
		.e820 = w->plan.e820, .e820_count = w->plan.e820_count,
		.e820_ext = w->e820_ext, .secure_boot = secure,
	};

	bzimage_fill(w->params, &w->load->kernel, &p, (void *)w->e820_ext);
}

/* ECAMs and the IOMMUs' registers: at most BOOT_ECAMS_MAX + BOOT_IOMMUS_MAX */
static uint32_t list_registers(const struct work *w, struct span *out)
{
	const struct boot_iommus *iommus = w->info->iommus ? w->iommus : NULL;
	uint32_t n = 0;

	for (const struct boot_ecam *e = w->machine.ecams; e < w->machine.ecams + w->machine.ecam_count; e++)
		out[n++] = (struct span){ e->base + ((uint64_t)e->bus_first << 20), (e->bus_last - e->bus_first + 1ULL) << 8 };
	for (uint32_t i = 0; iommus && i < iommus->unit_count; i++)
		out[n++] = (struct span){ iommus->unit[i].base, (iommus->unit[i].size + PAGE_SIZE - 1) / PAGE_SIZE };
	return n;
}

static bool make_plan(struct work *w, uint32_t dais_count, struct error *err)
{
	static struct span registers[BOOT_ECAMS_MAX + BOOT_IOMMUS_MAX];
	struct plan_request request = {
		.map = w->fw->map, .map_count = w->fw->map_count, .dais = w->dais,
		.dais_count = dais_count, .control_bytes = w->load->config.control_memory,
		.registers = registers, .register_count = list_registers(w, registers),
	};
	struct boot_info *info = w->info;

	if (!memory_plan(&request, &w->plan, err))
		return false;
	info->mem_count = w->plan.mem_count;
	info->own_count = w->plan.own_count;
	info->facts[DAIS_STAT_MEM_CONTROL] = w->plan.control_bytes;
	info->facts[DAIS_STAT_MEM_TOTAL] = w->plan.control_bytes + w->plan.pool_bytes + w->plan.dais_bytes;
	return true;
}

/* By the plan as it is now. */
static bool allocate_iommu_tables(struct work *w, uint64_t more, struct error *err)
{
	uint64_t size;
	struct error why;

	if (w->info->iommus && !iommu_check_memory(w->iommus, w->plan.mem, w->plan.mem_count, &why))
		no_iommu(w, DAIS_IOMMU_BAD_TABLE, &why);
	if (!w->info->iommus)
		return true;
	size = iommu_tables_size(w->iommus, w->plan.mem, w->plan.mem_count) + more;
	w->dais[4].pages = size / PAGE_SIZE;
	if (!pages_alloc(w->fw, PAGES_HIGH, EfiLoaderData, size, PAGE_SIZE, MIB, BELOW_4G, "IOMMU tables",
			 &w->dais[4].base, err))
		return false;
	memset((void *)w->dais[4].base, 0, size);
	return true;
}

/* Dais's store and tables, by the memory map as it is now; the last one may have some ranges more. */
static bool allocate_store(struct work *w, struct error *err)
{
	struct boot_info *info = w->info;
	uint64_t more = MORE_RANGES * 6 * PAGE_SIZE; /* frame database or tables */

	if (!pages_read_map(w->fw, err) || !make_plan(w, 3, err) || !allocate_iommu_tables(w, more, err))
		return false;
	info->store_size = BOOT_HEAP + frames_size(w->plan.mem, w->plan.mem_count) + more;
	w->dais[3].pages = (info->store_size + host_tables_size(info) + more) / PAGE_SIZE;
	if (!pages_alloc(w->fw, PAGES_HIGH, EfiLoaderData, w->dais[3].pages * PAGE_SIZE, 2 * MIB, MIB,
			 BELOW_4G, "Dais's tables", &info->store, err))
		return false;
	w->dais[3].base = info->store;
	memset((void *)info->store, 0, w->dais[3].pages * PAGE_SIZE);
	return true;
}

static bool store_suffices(struct work *w, struct error *err)
{
	struct boot_info *info = w->info;

	if (BOOT_HEAP + frames_size(w->plan.mem, w->plan.mem_count) <= info->store_size &&
	    info->store_size + host_tables_size(info) <= w->dais[3].pages * PAGE_SIZE &&
	    (!info->iommus || iommu_tables_size(w->iommus, w->plan.mem, w->plan.mem_count) <= w->dais[4].pages * PAGE_SIZE))
		return true;
	return refuse(err, "the firmware's memory map grew while it was read (%u ranges)",
		      w->plan.mem_count);
}

/* Firmware is over: what only now stays as it is, and its clocks are ours. */
static void build_host(struct work *w)
{
	struct boot_info *info = w->info;

	__asm__ volatile("cli");
	info->frames = DIRECT_BASE + info->store + BOOT_HEAP;
	frames_build(w->plan.mem, w->plan.mem_count, (void *)(info->store + BOOT_HEAP), DIRECT_BASE, &info->frame_groups);
	host_build(info, &w->load->hypervisor, info->store + info->store_size,
		   (uintptr_t)cpu_enter & ~(PAGE_SIZE - 1), cpu_apic_base());
	info->free_device = cpu_free_pci_device(cpu_pci_ids);
	if (info->iommus) {
		struct iommu_machine m = iommu_machine(w);

		iommu_quiet_devices(w->iommus, &m, pci_put);
		iommu_build(w->iommus, w->plan.mem, w->plan.mem_count, w->dais[4].base);
		__asm__ volatile("wbinvd" : : : "memory"); /* IOMMUs may read past the caches */
	}
	info->apic_hz = cpu_apic_hz(info->tsc_hz);
}

/* UEFI 2.9 §7.4: when the map has changed since it was read, ExitBootServices()
 * refuses, having perhaps ended some services; then only reading it again and
 * another attempt are allowed. All is computed from the map that is left with. */
static bool leave(struct work *w, const struct bzimage_screen *screen, struct error *err)
{
	static const enum bzimage_secure_boot words[] = {
		[SECURE_BOOT_UNKNOWN] = BZIMAGE_SECURE_UNKNOWN, [SECURE_BOOT_OFF] = BZIMAGE_SECURE_OFF,
		[SECURE_BOOT_ON] = BZIMAGE_SECURE_ON,
	};
	enum bzimage_secure_boot secure = words[security_state(w->fw)];

	for (int i = 0; i < EXIT_TRIES; i++) {
		if (!pages_read_map(w->fw, err))
			return false;
		if (!make_plan(w, w->info->iommus ? 5 : 4, err) || !store_suffices(w, err))
			return false;
		write_params(w, screen, secure);
		if (w->fw->bs->ExitBootServices(w->fw->image, w->fw->map_key) == EFI_SUCCESS)
			return true;
	}
	return refuse(err, "the firmware does not end its boot services");
}

bool handover_leave(struct firmware *fw, struct load *load, uint64_t load_tsc,
		    const struct boot_info **info, struct error *err)
{
	static struct work w;
	struct bzimage_screen screen = { 0 };

	w.fw = fw;
	w.load = load;
	if (!allocate(&w, err))
		return false;
	w.info->magic = BOOT_INFO_MAGIC;
	w.info->version = BOOT_INFO_VERSION;
	w.info->size = sizeof(*w.info);
	w.info->load_tsc = load_tsc;
	if (!describe_cpus(&w, err) || !build_acpi(&w, err))
		return false;
	describe_machine(&w);
	describe_control(&w);
	describe_facts(&w);
	describe_iommus(&w);
	describe_screen(&w, &screen);
	describe_time(&w);
	if (!allocate_store(&w, err) || !leave(&w, &screen, err))
		return false;
	build_host(&w);
	*info = w.info;
	return true;
}

void handover_enter(const struct boot_info *info, uint64_t entry)
{
	volatile struct boot_ap *ap = (void *)(info->trampoline + BOOT_AP_OFFSET);
	const struct boot_cpu *cpus = (void *)info->cpus;

	memcpy((void *)info->trampoline, trampoline, trampoline_end - trampoline);
	ap->cr3 = info->start_cr3;
	ap->entry = entry;
	ap->info = DIRECT_BASE + (uintptr_t)info;
	for (uint32_t i = 1; i < info->cpu_count; i++) {
		ap->area = CPU_AREA(i);
		if (!cpu_start(cpus[i].apic_id, info->trampoline, &ap->area, info->tsc_hz))
			break; /* the core will miss it, and says so */
	}
	ap->area = CPU_AREA(0);
	cpu_enter(info->start_cr3, info->trampoline, info->trampoline + (trampoline_enter - trampoline));
}
