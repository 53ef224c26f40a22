/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control domain's memory and start. Its RAM and firmware ranges are mapped
 * at boot, GPA = HPA; device memory when it is first touched; Dais's and guests'
 * frames never: there the access is emulated as a hole.
 */

#include "arch/x86/virt/control.h"
#include "arch/x86/cpu.h"
#include "arch/x86/x86.h"
#include "drivers/devices.h"
#include "kernel/frame.h"
#include "kernel/log.h"
#include "kernel/mem.h"

/* Largest page that starts at a, ends before end. */
static u32 order_at(u64 a, u64 end)
{
	if (host.page1g && !(a & (SIZE_1G - 1)) && a + SIZE_1G <= end)
		return ORDER_1G;
	return !(a & (SIZE_2M - 1)) && a + SIZE_2M <= end ? ORDER_2M : ORDER_4K;
}

static status_t map_identity(u64 a, u32 order, u64 prot)
{
	status_t s = nested_prepare(control_domain, gpa(a), order);

	if (s == DAIS_OK)
		nested_set(control_domain, gpa(a), hpa(a), order, prot);
	return s;
}

status_t control_map_memory(const struct boot_mem *own, u32 count)
{
	spin_guard(&view_lock);
	status_t s = DAIS_OK;

	for (; count--; own++) {
		u64 a = own->base, end = a + own->pages * PAGE_SIZE;

		for (u32 order; a < end && s == DAIS_OK; a += PAGE_SIZE << order) {
			order = order_at(a, end);
			s = map_identity(a, order, DAIS_MAP_RWX);
		}
	}
	return s;
}

static bool holds_ram(u64 a, u64 size)
{
	for (u64 o = 0; o < size; o += PAGE_SIZE)
		if (frame_get(hpa(a + o)).state != FRAME_NONE)
			return true;
	return false;
}

bool arch_device_memory(u64 a, u64 size)
{
	if (a >> host.phys_bits || (LAPIC_BASE_DEFAULT >= a && LAPIC_BASE_DEFAULT < a + size))
		return false;
	return !control_mmio_traps(a, size) && !holds_ram(a, size);
}

static void unmap(u64 a, u32 order)
{
	nested_set(control_domain, gpa(a), hpa(a), order, 0);
	nested_flush(control_domain);
}

static bool map_device(u64 a, u32 order)
{
	u64 size = PAGE_SIZE << order, base = ALIGN_DOWN(a, size);
	hpa_t to;
	u32 empty;

	if (!arch_device_memory(base, size))
		return false;
	spin_guard(&view_lock);
	if (nested_get(control_domain, gpa(a), &to, &empty))
		return true;
	if (empty < order || map_identity(base, order, DAIS_MAP_RWX | NESTED_UC) != DAIS_OK)
		return false;
	if (control_mmio_traps(base, size)) /* since the check: the next touch tries again */
		unmap(base, order);
	return true;
}

bool control_fault(struct xvcpu *x, u64 a)
{
	return !x->exit.fault.present && frame_get(hpa(a)).state == FRAME_NONE &&
	       (map_device(a, ORDER_2M) || map_device(a, ORDER_4K));
}

status_t control_trap_page(u64 page)
{
	status_t s;

	if (page >> host.phys_bits)
		return DAIS_BAD_ARG;
	spin_guard(&view_lock);
	s = nested_prepare(control_domain, gpa(page), ORDER_4K);
	if (s == DAIS_OK)
		unmap(page, ORDER_4K);
	return s;
}

/* --- start: Linux's 64-bit boot protocol --- */

static void set_boot_state(struct xvcpu *x)
{
	struct dais_sregs *s = x86_sregs(x);
	struct dais_seg data = { .selector = 0x18, .attr = 0xc93, .limit = 0xffffffff };

	s->cs = (struct dais_seg){ .selector = 0x10, .attr = 0xa9b, .limit = 0xffffffff };
	s->ds = s->es = s->ss = data;
	s->cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_PG;
	s->cr3 = boot->control_cr3;
	s->cr4 = CR4_PAE;
	s->efer = EFER_LME | EFER_LMA;
	x86_sregs_changed(x);
	x->rip = boot->control_entry;
	x->gpr[RSI] = boot->control_params;
	x->gpr[RSP] = boot->control_stack;
}

status_t control_start(void)
{
	struct vcpu *v;
	status_t s;

	for (u32 i = 0; i < boot->control_vcpus; i++) {
		s = vcpu_create(control_domain, i, DAIS_VCPU_AUTONOMOUS, &v);
		if (s != DAIS_OK)
			return s;
	}
	set_boot_state(xvcpu(control_domain->vcpu[0]));
	domain_notify(control_domain);
	return DAIS_OK;
}

/* FADT's reset register, then the chipset's, the keyboard controller's, at last a triple fault. */
void machine_reset(void)
{
	struct { u16 limit; u64 base; } __packed none = { 0, 0 };

	if (boot->reset_port)
		port_write(boot->reset_port, 1, boot->reset_value);
	port_write(0xcf9, 1, 2);
	port_write(0xcf9, 1, 6);
	port_write(0x64, 1, 0xfe);
	for (u32 i = 0; i < 100000; i++)
		port_read(0x64, 1); /* a microsecond each, or more */
	__asm__ volatile("lidt %0; int3" : : "m"(none));
	cpu_stop();
}
