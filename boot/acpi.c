/* SPDX-License-Identifier: GPL-2.0-only */
#include <string.h>
#include "boot/acpi.h"
#include "boot/acpi_defs.h"

/* No real table comes near: a longer one is a broken header. */
#define TABLE_MAX (16u << 20)

uint8_t acpi_sum(const void *data, uint64_t length)
{
	const uint8_t *p = data;
	uint8_t sum = 0;

	while (length-- > 0)
		sum += *p++;
	return sum;
}

const struct acpi_header *acpi_table(const struct acpi_tables *t, uint64_t address)
{
	const struct acpi_header *head = t->map(address, sizeof(*head));

	if (!head || head->length < sizeof(*head) || head->length > TABLE_MAX)
		return NULL;
	return t->map(address, head->length);
}

static uint64_t root_entry(const struct acpi_tables *t, const struct acpi_header *root, uint32_t i)
{
	const char *first = (const char *)(root + 1);
	uint64_t address = 0;

	if (t->root_is_xsdt)
		memcpy(&address, first + i * 8, 8);
	else
		memcpy(&address, first + i * 4, 4);
	return address;
}

static bool find_root(struct acpi_tables *t, struct error *err)
{
	const struct acpi_rsdp *rsdp = t->map(t->rsdp, RSDP_V1_LENGTH);
	const struct acpi_header *root;

	if (!rsdp || memcmp(rsdp->signature, "RSD PTR ", 8) != 0 ||
	    acpi_sum(rsdp, RSDP_V1_LENGTH) != 0)
		return refuse(err, "ACPI: the firmware's RSDP at 0x%llx is not sound",
			      (unsigned long long)t->rsdp);
	if (rsdp->revision >= 2)
		rsdp = t->map(t->rsdp, sizeof(*rsdp));
	t->root_is_xsdt = rsdp && rsdp->revision >= 2 && rsdp->xsdt != 0;
	t->root = !rsdp ? 0 : t->root_is_xsdt ? rsdp->xsdt : rsdp->rsdt;
	root = acpi_table(t, t->root);
	if (!root || memcmp(root->signature, t->root_is_xsdt ? "XSDT" : "RSDT", 4) != 0 ||
	    acpi_sum(root, root->length) != 0)
		return refuse(err, "ACPI: the firmware's %s at 0x%llx is not sound",
			      t->root_is_xsdt ? "XSDT" : "RSDT", (unsigned long long)t->root);
	t->count = (root->length - sizeof(*root)) / (t->root_is_xsdt ? 8 : 4);
	return true;
}

static uint64_t find_table(const struct acpi_tables *t, const char *signature)
{
	const struct acpi_header *root = acpi_table(t, t->root), *table;
	uint64_t address;

	for (uint32_t i = 0; i < t->count; i++) {
		address = root_entry(t, root, i);
		table = acpi_table(t, address);
		if (table && memcmp(table->signature, signature, 4) == 0)
			return address;
	}
	return 0;
}

bool acpi_find(struct acpi_tables *t, acpi_map_fn map, uint64_t rsdp, struct error *err)
{
	t->map = map;
	t->rsdp = rsdp;
	if (!find_root(t, err))
		return false;
	t->madt = find_table(t, "APIC");
	t->fadt = find_table(t, "FACP");
	t->mcfg = find_table(t, "MCFG");
	t->hpet = find_table(t, "HPET");
	t->dmar = find_table(t, "DMAR");
	t->ivrs = find_table(t, "IVRS");
	if (!t->madt || acpi_table(t, t->madt)->length < sizeof(struct acpi_madt))
		return refuse(err, "ACPI: the firmware has no usable MADT (table APIC), which "
			      "names CPUs and interrupt controllers");
	return true;
}

/* --- MADT --------------------------------------------------------------------- */

/* The entry at *offset, which moves on; NULL at the end or at a broken entry. */
static const uint8_t *next_entry(const struct acpi_madt *madt, uint32_t *offset)
{
	const uint8_t *entry = (const uint8_t *)madt + *offset;
	uint32_t left = madt->header.length - *offset;

	if (left < 2 || entry[1] < 2 || entry[1] > left)
		return NULL;
	*offset += entry[1];
	return entry;
}

static void add_cpu(struct acpi_machine *m, uint32_t apic_id, uint32_t uid, uint32_t flags)
{
	if (!(flags & MADT_ENABLED) || m->cpu_count == m->cpu_capacity)
		return;
	for (uint32_t i = 0; i < m->cpu_count; i++) {
		if (m->cpus[i].apic_id == apic_id) /* listed as both kinds */
			return;
	}
	m->cpus[m->cpu_count++] = (struct boot_cpu){ apic_id, uid };
}

static void read_entry(struct acpi_machine *m, const uint8_t *entry)
{
	struct madt_lapic lapic;
	struct madt_x2apic x2apic;
	struct madt_ioapic io;

	if (entry[0] == MADT_LAPIC && entry[1] >= sizeof(lapic)) {
		memcpy(&lapic, entry, sizeof(lapic));
		if (lapic.apic_id != 0xff)
			add_cpu(m, lapic.apic_id, lapic.uid, lapic.flags);
	} else if (entry[0] == MADT_X2APIC && entry[1] >= sizeof(x2apic)) {
		memcpy(&x2apic, entry, sizeof(x2apic));
		if (x2apic.apic_id != UINT32_MAX)
			add_cpu(m, x2apic.apic_id, x2apic.uid, x2apic.flags);
	} else if (entry[0] == MADT_IOAPIC && entry[1] >= sizeof(io) &&
		   m->ioapic_count < m->ioapic_capacity) {
		memcpy(&io, entry, sizeof(io));
		m->ioapics[m->ioapic_count++] =
			(struct boot_ioapic){ io.address, io.id, io.gsi_base, 0, BOOT_NO_FN };
	}
}

static bool put_boot_cpu_first(struct acpi_machine *m, uint32_t boot_apic_id, struct error *err)
{
	struct boot_cpu boot;
	uint32_t i = 0;

	while (i < m->cpu_count && m->cpus[i].apic_id != boot_apic_id)
		i++;
	if (i == m->cpu_count)
		return refuse(err, "ACPI: the MADT does not list the CPU that boots (APIC ID %u)",
			      boot_apic_id);
	boot = m->cpus[i];
	for (; i > 0; i--)
		m->cpus[i] = m->cpus[i - 1];
	m->cpus[0] = boot;
	return true;
}

static bool read_madt(const struct acpi_tables *t, uint32_t boot_apic_id, struct acpi_machine *m,
		      struct error *err)
{
	const struct acpi_madt *madt = (const void *)acpi_table(t, t->madt);
	uint32_t offset = sizeof(*madt);
	const uint8_t *entry;

	m->cpu_count = m->ioapic_count = 0;
	while ((entry = next_entry(madt, &offset)))
		read_entry(m, entry);
	if (offset != madt->header.length)
		return refuse(err, "ACPI: the MADT has a broken entry at byte %u", offset);
	return put_boot_cpu_first(m, boot_apic_id, err);
}

/* --- MCFG, FADT, HPET: may be missing ------------------------------------------ */

static void read_mcfg(const struct acpi_tables *t, struct acpi_machine *m)
{
	const struct acpi_header *mcfg = t->mcfg ? acpi_table(t, t->mcfg) : NULL;
	struct acpi_mcfg_entry e;
	uint32_t at;

	m->ecam_count = 0;
	if (!mcfg)
		return;
	for (at = MCFG_FIRST; at + sizeof(e) <= mcfg->length; at += sizeof(e)) {
		memcpy(&e, (const char *)mcfg + at, sizeof(e));
		if (m->ecam_count == m->ecam_capacity || e.base % 4096 || e.first > e.last)
			continue;
		m->ecams[m->ecam_count++] =
			(struct boot_ecam){ e.base, e.segment, e.first, e.last, 0 };
	}
}

static uint32_t fadt_u32(const struct acpi_header *fadt, uint32_t offset)
{
	uint32_t value = 0;

	if (offset + sizeof(value) <= fadt->length)
		memcpy(&value, (const char *)fadt + offset, sizeof(value));
	return value;
}

/* An I/O port: by the extended field where that is filled, else by the old one. */
static uint32_t fadt_port(const struct acpi_header *fadt, uint32_t extended, uint32_t old)
{
	struct acpi_gas gas;

	if (extended + sizeof(gas) <= fadt->length) {
		memcpy(&gas, (const char *)fadt + extended, sizeof(gas));
		if (gas.address != 0 && gas.address <= 0xffff && gas.space == GAS_IO)
			return (uint32_t)gas.address;
	}
	return old ? fadt_u32(fadt, old) & 0xffff : 0;
}

static void read_fadt(const struct acpi_tables *t, struct acpi_machine *m)
{
	const struct acpi_header *fadt = t->fadt ? acpi_table(t, t->fadt) : NULL;
	uint32_t flags;

	if (!fadt)
		return;
	flags = fadt_u32(fadt, FADT_FLAGS);
	m->pm_timer_port = fadt_port(fadt, FADT_X_PM_TIMER, FADT_PM_TIMER);
	m->pm_timer_bits = flags & FADT_TIMER_32BIT ? 32 : 24;
	m->pm1a_cnt_port = fadt_port(fadt, FADT_X_PM1A_CNT, FADT_PM1A_CNT);
	m->pm1b_cnt_port = fadt_port(fadt, FADT_X_PM1B_CNT, FADT_PM1B_CNT);
	if ((flags & FADT_RESET_SUPPORTED) && FADT_RESET_VALUE < fadt->length) {
		m->reset_port = fadt_port(fadt, FADT_RESET_REG, 0);
		m->reset_value = ((const uint8_t *)fadt)[FADT_RESET_VALUE];
	}
}

static void read_hpet(const struct acpi_tables *t, struct acpi_machine *m)
{
	const struct acpi_header *hpet = t->hpet ? acpi_table(t, t->hpet) : NULL;
	struct acpi_gas gas;

	if (!hpet || hpet->length < HPET_ADDRESS + sizeof(gas))
		return;
	memcpy(&gas, (const char *)hpet + HPET_ADDRESS, sizeof(gas));
	if (gas.space == GAS_MEMORY)
		m->hpet_base = gas.address;
}

void acpi_capacities(const struct acpi_tables *t, struct acpi_machine *m)
{
	const struct acpi_header *madt = acpi_table(t, t->madt);
	const struct acpi_header *mcfg = t->mcfg ? acpi_table(t, t->mcfg) : NULL;

	m->cpu_capacity = madt->length / sizeof(struct madt_lapic);
	m->ioapic_capacity = madt->length / sizeof(struct madt_ioapic);
	m->ecam_capacity = mcfg ? mcfg->length / sizeof(struct acpi_mcfg_entry) : 0;
}

bool acpi_read(const struct acpi_tables *t, uint32_t boot_apic_id, struct acpi_machine *m,
	       struct error *err)
{
	m->pm_timer_port = m->pm_timer_bits = m->pm1a_cnt_port = m->pm1b_cnt_port = 0;
	m->reset_port = m->reset_value = 0;
	m->hpet_base = 0;
	read_mcfg(t, m);
	read_fadt(t, m);
	read_hpet(t, m);
	return read_madt(t, boot_apic_id, m, err);
}

/* --- The control domain's own tables --------------------------------------------- */

/* Left out of the XSDT: what Dais owns or describes otherwise. */
static bool is_withheld(const char *signature)
{
	static const char withheld[][5] = { "APIC", "SRAT", "SLIT", "DMAR", "IVRS" };

	for (unsigned int i = 0; i < sizeof(withheld) / sizeof(withheld[0]); i++) {
		if (memcmp(signature, withheld[i], 4) == 0)
			return true;
	}
	return false;
}

static uint64_t round16(uint64_t n)
{
	return (n + 15) & ~15ULL;
}

static uint64_t madt_bound(const struct acpi_tables *t, uint32_t vcpus)
{
	return round16(acpi_table(t, t->madt)->length + vcpus * sizeof(struct madt_x2apic));
}

static uint64_t xsdt_bound(const struct acpi_tables *t)
{
	return round16(sizeof(struct acpi_header) + (t->count + 1) * 8ULL);
}

uint64_t acpi_build_size(const struct acpi_tables *t, uint32_t vcpus)
{
	return madt_bound(t, vcpus) + xsdt_bound(t) + sizeof(struct acpi_rsdp);
}

static void finish(struct acpi_header *table, uint32_t length)
{
	table->length = length;
	table->checksum = 0;
	table->checksum = -acpi_sum(table, length);
}

static uint32_t put_vcpu(uint8_t *out, uint32_t apic_id, uint32_t uid)
{
	struct madt_lapic lapic = {
		MADT_LAPIC, sizeof(lapic), (uint8_t)uid, (uint8_t)apic_id, MADT_ENABLED,
	};
	struct madt_x2apic x2apic = {
		MADT_X2APIC, sizeof(x2apic), 0, apic_id, MADT_ENABLED, uid,
	};

	if (apic_id < 255 && uid < 255) {
		memcpy(out, &lapic, sizeof(lapic));
		return sizeof(lapic);
	}
	memcpy(out, &x2apic, sizeof(x2apic));
	return sizeof(x2apic);
}

/* Interrupt wiring is the machine's own and is kept. */
static bool is_kept(uint8_t type)
{
	return type == MADT_IOAPIC || type == MADT_OVERRIDE || type == MADT_NMI_SOURCE ||
	       type == MADT_LAPIC_NMI || type == MADT_X2APIC_NMI;
}

static void build_madt(const struct acpi_tables *t, const struct boot_cpu *cpus, uint32_t vcpus,
		       uint8_t *out)
{
	const struct acpi_madt *madt = (const void *)acpi_table(t, t->madt);
	uint32_t offset = sizeof(*madt), used = sizeof(*madt);
	const uint8_t *entry;

	memcpy(out, madt, sizeof(*madt));
	((struct acpi_madt *)out)->lapic_address = 0xfee00000;
	for (uint32_t i = 0; i < vcpus; i++)
		used += put_vcpu(out + used, i, cpus[i].acpi_uid);
	while ((entry = next_entry(madt, &offset))) {
		if (!is_kept(entry[0]))
			continue;
		memcpy(out + used, entry, entry[1]);
		used += entry[1];
	}
	finish((struct acpi_header *)out, used);
}

static void build_xsdt(const struct acpi_tables *t, uint64_t madt, uint8_t *out)
{
	const struct acpi_header *root = acpi_table(t, t->root), *table;
	uint32_t used = sizeof(*root);
	uint64_t address;

	memcpy(out, root, sizeof(*root));
	memcpy(out, "XSDT", 4);
	((struct acpi_header *)out)->revision = 1;
	memcpy(out + used, &madt, 8);
	used += 8;
	for (uint32_t i = 0; i < t->count; i++) {
		address = root_entry(t, root, i);
		table = acpi_table(t, address);
		if (!table || is_withheld(table->signature))
			continue;
		memcpy(out + used, &address, 8);
		used += 8;
	}
	finish((struct acpi_header *)out, used);
}

uint64_t acpi_build(const struct acpi_tables *t, const struct boot_cpu *cpus, uint32_t vcpus,
		    void *out, uint64_t address)
{
	uint64_t xsdt = madt_bound(t, vcpus), rsdp = xsdt + xsdt_bound(t);
	const struct acpi_rsdp *old = t->map(t->rsdp, RSDP_V1_LENGTH);
	struct acpi_rsdp new = {
		.signature = "RSD PTR ", .revision = 2, .length = sizeof(new),
		.xsdt = address + xsdt,
	};

	build_madt(t, cpus, vcpus, out);
	build_xsdt(t, address, (uint8_t *)out + xsdt);
	memcpy(new.oem_id, old->oem_id, sizeof(new.oem_id));
	new.checksum = -acpi_sum(&new, RSDP_V1_LENGTH);
	new.checksum_all = -acpi_sum(&new, sizeof(new));
	memcpy((uint8_t *)out + rsdp, &new, sizeof(new));
	return address + rsdp;
}
