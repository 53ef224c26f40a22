/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where an access to a port or to memory that is no RAM goes: the local APIC's
 * page, the control domain's devices, a guest's traps. What a monitor must serve
 * is written down in x->served; the instruction then starts again and finds it.
 */

#include "arch/x86/virt/vcpu_x86.h"
#include "drivers/devices.h"
#include "kernel/log.h"

static u64 all_ones(u32 size)
{
	return size == 8 ? ~0ULL : (1ULL << size * 8) - 1;
}

/* xAPIC registers are 32 bits wide at 16-byte steps; other accesses are undefined (SDM vol. 3 §10.4.1): nothing. */
static void access_lapic(struct xvcpu *x, u32 offset, u32 size, bool write, u64 *value)
{
	u32 reg = offset & ~15u;
	u64 v = 0;

	if (write) {
		if (size == 4 && !(offset & 15))
			lapic_write(x, reg, (u32)*value);
		return;
	}
	lapic_read(x, reg, &v);
	*value = (offset & 15) + size <= 4 ? v >> (offset & 15) * 8 & all_ones(size) : 0;
}

static bool in_lapic_page(struct xvcpu *x, u64 addr)
{
	return lapic_enabled(&x->lapic) && !lapic_x2apic(&x->lapic) &&
	       (addr & PAGE_MASK) == (x->lapic.base_msr & 0x000ffffffffff000ULL);
}

static enum access access_control(bool port, u64 addr, u32 size, bool write, u64 *value)
{
	static u64 last, lines; /* a line a page, and not for ever; no harm in a race */
	bool done = port ? control_port_access(addr, size, write, value) : control_mmio_access(addr, size, write, value);

	if (done)
		return ACCESS_DONE;
	if (!port && addr >> PAGE_SHIFT != last && lines++ < 100)
		log_info("control domain: %s of %u bytes at %lx, where Dais's or a guest's memory or nothing is", write ? "write" : "read",
			 size, addr);
	last = port ? last : addr >> PAGE_SHIFT;
	if (!write)
		*value = all_ones(size);
	return ACCESS_DONE;
}

enum access x86_access(struct xvcpu *x, bool port, u64 addr, u32 size, bool write, u64 *value)
{
	struct served *s = &x->served;

	if (!port && in_lapic_page(x, addr)) {
		access_lapic(x, addr & ~PAGE_MASK, size, write, value);
		return ACCESS_DONE;
	}
	if (is_control(x))
		return access_control(port, addr, size, write, value);
	/* another access: the guest changed the instruction meanwhile */
	if (s->state == SERVED_DONE && s->port == port && s->addr == addr && s->size == size && s->write == write) {
		*value = write ? *value : s->value & all_ones(size);
		return ACCESS_DONE;
	}
	if (trap_access(&x->v, port ? DAIS_TRAP_PORT : DAIS_TRAP_MMIO, addr, size, write, value))
		return ACCESS_DONE;
	*s = (struct served){ .addr = addr, .size = size, .write = write, .port = port, .state = SERVED_ASKED };
	x->v.page->access = (struct dais_access){ addr, *value & all_ones(size), size, write };
	vcpu_exit_to_monitor(&x->v, port ? DAIS_EXIT_IO : DAIS_EXIT_MMIO);
	return ACCESS_EXIT;
}

void arch_vcpu_served(struct vcpu *v)
{
	struct xvcpu *x = xvcpu(v);
	struct served *s = &x->served;

	if (s->state != SERVED_ASKED)
		return;
	s->value = v->page->access.data;
	s->state = SERVED_DONE;
	x->replay = true;
}
