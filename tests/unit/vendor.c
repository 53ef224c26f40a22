/* SPDX-License-Identifier: GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <asm/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>
#include "kernel/heap.h"
#include "kernel/info.h"
#include "kernel/log.h"
#include "kernel/string.h"
#include "tests/unit/vendor.h"

struct host host;
struct quirks quirks;
struct domain *control_domain;
u64 facts[DAIS_STAT_FRAMES_TOTAL];
const struct nested_format nested_npt, nested_ept;
const struct known_insn known_insns[EXIT_KINDS] = { [EXIT_CPUID] = { 0xa20f, 0xffff, 2 }, [EXIT_MSR_READ] = { 0x320f, 0xffff, 2 } };
struct cpu vendor_cpu[VENDOR_CPUS];
struct xdomain vendor_domain;
struct xvcpu vendor_vcpu[VENDOR_VCPUS];
static const struct virt_ops *ops;

void *heap_alloc(size_t n) { n = ALIGN_UP(n, PAGE_SIZE); return memset(aligned_alloc(PAGE_SIZE, n), 0, n); }
void heap_free(void *p, size_t n) { (void)n; free(p); }
hpa_t hva_to_hpa(const void *p) { return hpa((u64)p); }
u32 cpu_id(void) { return this_cpu()->id; }
u32 vendor_rereads;
void apic_reread_tpr(void) { vendor_rereads++; }
void panic(const char *f, ...) { (void)f; abort(); }
void log_line(enum log_level l, const char *f, ...) { (void)l; (void)f; }
void host_cpuid(u32 leaf, u32 sub, u32 out[4]) { (void)leaf; (void)sub; memset(out, 0, 16); }

void set_cpu(u32 c)
{
	syscall(SYS_arch_prctl, ARCH_SET_GS, &vendor_cpu[c]);
}

void vendor_setup(const struct virt_ops *o)
{
	ops = o;
	for (u32 i = 0; i < VENDOR_CPUS; i++)
		vendor_cpu[i] = (struct cpu){ .self = &vendor_cpu[i], .id = i };
	memset(vendor_vcpu, 0, sizeof(vendor_vcpu));
	memset(&vendor_domain, 0, sizeof(vendor_domain));
	for (u32 i = 0; i < VENDOR_VCPUS; i++) {
		vendor_vcpu[i].v.dom = &vendor_domain.d;
		vendor_vcpu[i].v.index = i;
		vendor_vcpu[i].rflags = 2 | RFLAGS_IF;
	}
	srand(7);
	set_cpu(0);
}

static const struct exit *next_exit(void)
{
	ops->enter(&vendor_vcpu[0], -1);
	return &vendor_vcpu[0].exit;
}

/* Every kind that the vendor has comes out as what went in; and a vendor has all but these. */
void vendor_kinds(void **state)
{
	(void)state;
	for (u32 kind = 0; kind < EXIT_KINDS; kind++) {
		if (!vendor.raise(kind)) {
			assert_true(kind == EXIT_TIME || kind == EXIT_VIRTUAL_EOI);
			continue;
		}
		assert_int_equal(next_exit()->kind, kind);
		if (kind == EXIT_INVALID)
			assert_non_null(vendor_vcpu[0].exit.refused);
	}
}

void vendor_io(void **state)
{
	(void)state;
	for (u32 n = 0; n < 1000; n++) {
		u16 port = rand();
		u8 size = 1 << rand() % 3;
		bool in = rand() & 1, string = rand() & 1;
		const struct exit *e;

		vendor.raise_io(port, size, in, string);
		e = next_exit();
		assert_int_equal(e->kind, EXIT_IO);
		assert_int_equal(e->io.port, port);
		assert_int_equal(e->io.size, size);
		assert_int_equal(e->io.in, in);
		assert_int_equal(e->io.string, string);
		assert_true(e->insn_len);
	}
}

void vendor_faults(void **state)
{
	(void)state;
	for (u32 n = 0; n < 1000; n++) {
		u64 gpa = (u64)rand() << 16 ^ rand();
		bool write = rand() & 1, exec = !write && (rand() & 1), present = rand() & 1, walk = rand() & 1;
		const struct exit *e;

		vendor.raise_fault(gpa, write, exec, present, walk);
		e = next_exit();
		assert_int_equal(e->kind, EXIT_NESTED_FAULT);
		assert_int_equal(e->fault.gpa, gpa);
		assert_int_equal(e->fault.write, write);
		assert_int_equal(e->fault.exec, exec);
		assert_int_equal(e->fault.present, present);
		assert_int_equal(e->fault.table_walk, walk);
	}
}

static const struct guest_event events[] = {
	{ EVENT_INTR, 0x51, false, 0 }, { EVENT_INTR, 0xff, false, 0 }, { EVENT_NMI, 2, false, 0 },
	{ EVENT_EXCEPTION, VEC_PF, true, 0x15 }, { EVENT_EXCEPTION, VEC_DF, true, 0 }, { EVENT_EXCEPTION, VEC_UD, false, 0 },
};

static void same_event(const struct guest_event *a, const struct guest_event *b)
{
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->vector, b->vector);
	assert_int_equal(a->has_error, b->has_error);
	if (a->has_error)
		assert_int_equal(a->error, b->error);
}

/* What the exit cut short is known, to be delivered again, but for INT n, which is executed again. */
void vendor_vectoring(void **state)
{
	const struct guest_event soft = { EVENT_SOFT, 0x80, false, 0 };

	(void)state;
	for (u32 n = 0; n < ARRAY_SIZE(events); n++) {
		vendor.raise_fault(0x1000, false, false, false, false);
		vendor.vectoring(&events[n]);
		same_event(&next_exit()->vectoring, &events[n]);
	}
	vendor.raise_fault(0x1000, false, false, false, false);
	vendor.vectoring(&soft);
	assert_int_equal(next_exit()->vectoring.type, EVENT_SOFT);
	vendor.raise(EXIT_CPUID);
	assert_int_equal(next_exit()->vectoring.type, EVENT_NONE);
}

/* An event goes in once. */
void vendor_injects(void **state)
{
	struct guest_event e;

	(void)state;
	vendor.raise(EXIT_CPUID);
	for (u32 n = 0; n < ARRAY_SIZE(events); n++) {
		vendor_vcpu[0].inject = events[n];
		next_exit();
		e = vendor.injected();
		same_event(&e, &events[n]);
		vendor_vcpu[0].inject.type = EVENT_NONE;
		next_exit();
		assert_int_equal(vendor.injected().type, EVENT_NONE);
	}
}

/* An interrupt that the guest cannot take is not lost and does not stay. */
void vendor_interrupt_waits(void **state)
{
	(void)state;
	vendor.raise(EXIT_CPUID);
	vendor.take_interrupt(false);
	vendor_vcpu[0].rflags = 2;
	assert_true(ops->enter(&vendor_vcpu[0], 0x51));
	vendor.take_interrupt(true);
	vendor_vcpu[0].rflags = 2 | RFLAGS_IF;
	assert_false(ops->enter(&vendor_vcpu[0], 0x51));
	vendor.take_interrupt(false);
	next_exit();
	assert_int_equal(vendor.injected().type, EVENT_NONE);
}

static struct dais_seg any_seg(void)
{
	return (struct dais_seg){ rand(), (rand() & 0xfff) | 0x80, rand(), (u64)rand() << 20 };
}

void vendor_sregs_survive(void **state)
{
	struct dais_sregs in = { .cr0 = CR0_PE | CR0_ET | CR0_CD | CR0_NW, .cr2 = 0x123456789000, .cr3 = 0x5000,
				 .cr4 = CR4_PAE | CR4_SMEP, .efer = EFER_LME, .gdt_base = 0xffff800000001000, .gdt_limit = 0x7f,
				 .idt_base = 0xffff800000002000, .idt_limit = 0xfff }, out;

	(void)state;
	for (u32 n = 0; n < 100; n++) {
		for (u32 i = 0; i < 8; i++)
			(&in.es)[i] = any_seg();
		in.ldtr.attr = DAIS_SEG_UNUSABLE;
		in.cr0 ^= n & 1 ? CR0_CD | CR0_NW : CR0_NE;
		memset(&out, 0, sizeof(out));
		ops->write_sregs(&vendor_vcpu[0], &in);
		ops->read_sregs(&vendor_vcpu[0], &out);
		for (u32 i = 0; i < 8; i++) {
			if (&in.es + i == &in.ldtr)
				continue;
			assert_int_equal((&in.es)[i].attr, (&out.es)[i].attr);
			assert_int_equal((&in.es)[i].selector, (&out.es)[i].selector);
			assert_int_equal((&in.es)[i].limit, (&out.es)[i].limit);
			assert_int_equal((&in.es)[i].base, (&out.es)[i].base);
		}
		assert_true(out.ldtr.attr & DAIS_SEG_UNUSABLE);
		assert_int_equal(in.cr0, out.cr0);
		assert_int_equal(in.cr2, out.cr2);
		assert_int_equal(in.cr3, out.cr3);
		assert_int_equal(in.cr4, out.cr4);
		assert_int_equal(in.efer, out.efer);
		assert_int_equal(in.gdt_base, out.gdt_base);
		assert_int_equal(in.gdt_limit, out.gdt_limit);
		assert_int_equal(in.idt_base, out.idt_base);
		assert_int_equal(in.idt_limit, out.idt_limit);
	}
}

/* What is asked without all the rest is the same as there. */
void vendor_part_of_sregs(void **state)
{
	struct dais_sregs s;

	(void)state;
	ops->read_sregs(&vendor_vcpu[0], &s);
	for (u32 n = 0; n < 100; n++) {
		s.ss = any_seg();
		s.cr4 = CR4_PAE | (n & 1 ? CR4_OSXSAVE : 0) | (n & 2 ? CR4_MCE : 0);
		ops->write_sregs(&vendor_vcpu[0], &s);
		vendor.on_cpu(true);
		assert_int_equal(ops->cr4(&vendor_vcpu[0]), s.cr4);
		assert_int_equal(ops->cpl(&vendor_vcpu[0]), s.ss.attr >> 5 & 3);
		vendor.on_cpu(false);
	}
}

void vendor_debug_survives(void **state)
{
	u64 dr6, dr7;

	(void)state;
	ops->write_debug(&vendor_vcpu[0], 0xffff4ff1, 0x403);
	ops->read_debug(&vendor_vcpu[0], &dr6, &dr7);
	assert_int_equal(dr6, 0xffff4ff1);
	assert_int_equal(dr7, 0x403);
}

/* What the MSR policy passes is clear in the map, all else set. */
void vendor_msr_map(void **state)
{
	u8 map[sizeof(vendor_domain.maps->msr)];

	(void)state;
	for (u32 n = 0; n < 200; n++) {
		u32 range = rand() % 2, i = rand() & 0x1fff, pass = rand() & 3;

		memset(map, 0xff, sizeof(map));
		ops->msr_map_set(map, range, i, pass);
		assert_int_equal(vendor.msr_map_bits(map, range, i), 3 & ~pass);
		assert_int_equal(vendor.msr_map_bits(map, range, (i + 1) & 0x1fff), 3);
		assert_int_equal(vendor.msr_map_bits(map, !range, i), 3);
	}
}

void vendor_registers_go_through(void **state)
{
	struct xvcpu *x = &vendor_vcpu[0];

	(void)state;
	vendor.raise(EXIT_CPUID);
	x->rip = 0x1234;
	x->gpr[RSP] = 0x5678;
	x->gpr[RAX] = 0x9abc;
	x->rflags = 2 | RFLAGS_TF | RFLAGS_IF;
	next_exit();
	assert_int_equal(x->rip, 0x1234);
	assert_int_equal(x->gpr[RSP], 0x5678);
	assert_int_equal(x->gpr[RAX], 0x9abc);
	assert_int_equal(x->rflags, 2 | RFLAGS_TF | RFLAGS_IF);
	assert_false(x->shadow);
}
