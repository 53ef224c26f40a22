/* SPDX-License-Identifier: MIT */
/* The public binary interface of Dais: hypercalls, statuses, shared pages. */
#pragma once

typedef __UINT8_TYPE__ dais_u8;
typedef __UINT16_TYPE__ dais_u16;
typedef __UINT32_TYPE__ dais_u32;
typedef __UINT64_TYPE__ dais_u64;

#define DAIS_ABI_VERSION  1
#define DAIS_VERSION      "0.1.0"
#define DAIS_VERSION_NR   0x000100
#define DAIS_ANY          (~0ULL)        /* calls.def: no limit */
#define DAIS_PAGE_SIZE    4096
#define DAIS_CALL_BASE    0xda150000ULL  /* RAX = this | call number */
#define DAIS_CPUID_LEAF   0x40000100U    /* EBX:ECX:EDX = "DaisDaisDais"; +1: EAX = ABI version, EBX = DAIS_CPUID_* */
#define DAIS_CPUID_SIGNATURE "DaisDaisDais"
#define DAIS_CPUID_CONTROL   1u          /* this is the control domain */

#define DAIS_MAX_VCPUS    512
#define DAIS_MAX_CPUS     512
#define DAIS_MAX_CAPS     16384
#define DAIS_MAX_TRAPS    64             /* ranges per domain */
#define DAIS_MAX_EVENTS   4096           /* numbers in a pending area */

enum dais_status {
	DAIS_OK = 0,
	DAIS_BAD_CALL  = 1,  /* no such call, an unused argument not zero, or CPU state wrong for it */
	DAIS_BAD_ARG   = 2,  /* value out of range, misaligned, or reserved bits set */
	DAIS_BAD_CAP   = 3,  /* slot empty or beyond the table */
	DAIS_BAD_TYPE  = 4,  /* capability to another kind of object */
	DAIS_DENIED    = 5,  /* capability without the right */
	DAIS_NO_MEMORY = 6,  /* pool or Dais's own heap exhausted */
	DAIS_NO_SPACE  = 7,  /* a table is full: capabilities, traps, events */
	DAIS_BUSY      = 8,  /* in use: running, lent, mapped elsewhere */
	DAIS_BAD_STATE = 9,  /* out of order in the object's life */
	DAIS_EXISTS    = 10, /* already there */
	DAIS_AGAIN     = 11, /* progress was made, more is left: call again */
	DAIS_STATUS_COUNT
};

/* Object types (a capability names exactly one object). */
#define DAIS_T_ANY     0
#define DAIS_T_DOMAIN  1
#define DAIS_T_VCPU    2
#define DAIS_T_POOL    3
#define DAIS_T_EVENT   4

/* Rights. Bits below 8 depend on the type, the others hold for all. */
#define DAIS_R_NONE    0x0000
#define DAIS_R_COPY    0x0100
#define DAIS_R_REVOKE  0x0200
#define DAIS_R_BIND    0x0400
/* domain */
#define DAIS_R_CONTROL 0x0001
#define DAIS_R_MEMORY  0x0002
#define DAIS_R_IRQ     0x0004
#define DAIS_R_GRANT   0x0008  /* put capabilities into its table */
/* vCPU */
#define DAIS_R_STATE   0x0001
#define DAIS_R_RUN     0x0002
#define DAIS_R_SCHED   0x0004
/* pool */
#define DAIS_R_USE     0x0001
/* event */
#define DAIS_R_SEND    0x0001
#define DAIS_R_TAKE    0x0002
#define DAIS_R_ALL     0x07ff

/* The control domain's initial capabilities */
#define DAIS_CAP_SELF  0       /* always means the caller's own domain; no slot */
#define DAIS_CAP_POOL  1       /* all free memory */

enum dais_dom_op {
	DAIS_DOM_ACTIVATE = 0, /* CONFIG -> RUNNING; vCPU 0 starts, others wait for SIPI */
	DAIS_DOM_PAUSE    = 1, /* RUNNING -> PAUSED: no vCPU runs on return */
	DAIS_DOM_UNPAUSE  = 2,
	DAIS_DOM_KILL     = 3, /* any -> DEAD: no vCPU ever runs again; arg: enum dais_death of the caller's */
	DAIS_DOM_SHUTDOWN = 4, /* control domain, on itself: sleep states may pass from now on (arg 1), or no longer (0) */
	DAIS_DOM_LOG_LEVEL = 5, /* on itself: arg 0..3 */
	DAIS_DOM_TRACE     = 6, /* on itself: arg 0 off, 1 all, 2 SWITCH, OFF and WAKE alone */
};

enum dais_dom_state { DAIS_DOM_CONFIG = 0, DAIS_DOM_RUNNING = 1, DAIS_DOM_PAUSED = 2, DAIS_DOM_DEAD = 3 };

/* Why a domain died; text in the domain page. */
enum dais_death {
	DAIS_DEATH_NONE = 0,
	DAIS_DEATH_POWEROFF = 1,     /* the guest asked (said by its monitor) */
	DAIS_DEATH_REBOOT = 2,       /* the guest asked (said by its monitor) */
	DAIS_DEATH_DESTROYED = 3,    /* by the control domain */
	DAIS_DEATH_TRIPLE_FAULT = 4,
	DAIS_DEATH_BAD_STATE = 5,    /* VM entry refused the guest's state */
	DAIS_DEATH_EMULATION = 6,    /* an instruction on device memory that Dais does not emulate */
	DAIS_DEATH_MEMORY = 7,       /* Dais had no memory for it */
	DAIS_DEATH_MONITOR = 8,      /* its monitor went away or failed */
	DAIS_DEATH_MACHINE_CHECK = 9,
};

/* mem_map */
enum dais_mem_source { DAIS_MEM_POOL = 0, DAIS_MEM_OWN = 1, DAIS_MEM_DEVICE = 2 };
#define DAIS_MAP_READ   1ULL
#define DAIS_MAP_WRITE  2ULL
#define DAIS_MAP_EXEC   4ULL
#define DAIS_MAP_RWX    7ULL
#define DAIS_MAP_SHARE  8ULL
#define DAIS_MAP_ALL    15ULL

/* vcpu_create */
#define DAIS_VCPU_AUTONOMOUS 1ULL

enum dais_sched_param {
	DAIS_SCHED_WEIGHT = 0,   /* 1..10000, default 100 */
	DAIS_SCHED_CAP,          /* percent of a CPU, 1..99; 0: none. It and a reservation: the later one holds */
	DAIS_SCHED_RESERVE,      /* budget << 32 | period, both in microseconds; 0: none */
	DAIS_SCHED_SLICE,        /* microseconds, 100..100000, default 4000: the shorter, the sooner it runs after a wake-up */
	DAIS_SCHED_CPUS,         /* value: 0; a mask of DAIS_MAX_CPUS bits at the start of the vCPU page's data[] */
	DAIS_SCHED_CORE,         /* 1: shares a core's threads with vCPUs of its own domain only; 0 */
	DAIS_SCHED_PARAMS
};
#define DAIS_SCHED_PERIOD_MIN 500ULL     /* of a reservation, microseconds */
#define DAIS_SCHED_PERIOD_MAX 1000000ULL
#define DAIS_SCHED_BUDGET_MIN 100ULL     /* up to the period */

enum dais_stat {
	/* the machine (object = 0), fixed at boot */
	DAIS_STAT_VERSION = 0,       /* of Dais: major << 16 | minor << 8 | patch */
	DAIS_STAT_CPUS, DAIS_STAT_CPUS_SKIPPED, DAIS_STAT_CONTROL_VCPUS,
	DAIS_STAT_TSC_HZ,
	DAIS_STAT_VIRT,              /* enum dais_virt */
	DAIS_STAT_ASIDS,
	DAIS_STAT_FEATURES, DAIS_STAT_FEATURES_USED, /* as the CPU numbers them: EDX of CPUID 8000000Ah, or the secondary controls (MSR 48Bh) and from bit 32 on the pin-based ones */
	DAIS_STAT_DEFENCES, DAIS_STAT_DEFENCES_USED, /* bits of enum dais_defence */
	DAIS_STAT_X2APIC,
	DAIS_STAT_IOMMU,             /* bits of DAIS_IOMMU_* */
	DAIS_STAT_BOOT,              /* DAIS_BOOT_* */
	DAIS_STAT_MEM_TOTAL, DAIS_STAT_MEM_CONTROL, DAIS_STAT_MEM_IMAGE, /* bytes */
	DAIS_STAT_LOG, DAIS_STAT_TRACE, /* host-physical address of struct dais_log, dais_trace; mapped read-only there */
	DAIS_STAT_PENDING, DAIS_STAT_PENDING_COUNT, /* of struct dais_pending[], one per MSI-X vector of the virtual function, read-write */
	/* the machine, now */
	DAIS_STAT_FRAMES_TOTAL,      /* pool at boot, 4 KiB */
	DAIS_STAT_FRAMES_FREE,
	DAIS_STAT_FRAMES_GUEST,      /* owned by guests */
	DAIS_STAT_FRAMES_DAIS,       /* taken by Dais's heap, image apart */
	DAIS_STAT_HEAP_USED,         /* bytes of that in use */
	DAIS_STAT_DOMAINS, DAIS_STAT_VCPUS,
	DAIS_STAT_CAPS,              /* filled slots in all domains */
	DAIS_STAT_EVENTS, DAIS_STAT_POOLS,
	DAIS_STAT_CPU_IDLE_TSC,      /* summed over CPUs */
	DAIS_STAT_CHECK,             /* walks the frame database and all tables: 0 = every invariant holds, else a number naming the first that doesn't */
	DAIS_STAT_MACHINE_COUNT,
	/* a PCI function: number << 32 | these (object = 0) */
	DAIS_STAT_FN_STATE = 48,     /* bits of DAIS_FN_*; the id of the domain that has it << 32 */
	DAIS_STAT_FN_FAULTS,         /* accesses to memory that the IOMMU refused it */
	/* domain */
	DAIS_STAT_DOM_FRAMES = 64,
	DAIS_STAT_DOM_STATE,         /* enum dais_dom_state */
	DAIS_STAT_DOM_HEAP,          /* bytes of Dais's heap held for it */
	/* vCPU */
	DAIS_STAT_VCPU_TSC = 96,     /* time that a CPU worked for it, exits included, TSC ticks */
	DAIS_STAT_VCPU_EXITS,
	DAIS_STAT_VCPU_ACTIVITY,     /* enum dais_activity */
	DAIS_STAT_VCPU_CPU,          /* CPU it ran on last */
	/* an autonomous vCPU's scheduling */
	DAIS_STAT_VCPU_RAN,          /* TSC ticks that were charged to it */
	DAIS_STAT_VCPU_WAITED,       /* TSC ticks it was ready and had budget, but did not run */
	DAIS_STAT_VCPU_MOVED,        /* times it went to another CPU */
	DAIS_STAT_VCPU_MISSED,       /* periods in which a reservation did not get its budget by the deadline */
	DAIS_STAT_VCPU_SCHED,        /* + enum dais_sched_param: what it is set to; of _CPUS see next */
	DAIS_STAT_VCPU_CPUS = DAIS_STAT_VCPU_SCHED + 8, /* + word of the mask */
	/* pool */
	DAIS_STAT_POOL_FREE = 128,
};

#define DAIS_FN_THERE      1ULL
#define DAIS_FN_ASSIGNABLE 2ULL  /* no bridge, not Dais's own, not one that firmware uses; there is an IOMMU for it */
#define DAIS_FN_BLOCKED    4ULL  /* its guest is gone: dev_return (dom = 0) gives it back */
enum dais_virt { DAIS_VIRT_SVM = 1, DAIS_VIRT_VMX = 2 };
enum dais_defence { DAIS_DEFENCE_IBPB, DAIS_DEFENCE_RSB, DAIS_DEFENCE_VERW, DAIS_DEFENCE_L1D, DAIS_DEFENCE_AUTO_IBRS, DAIS_DEFENCE_IBRS, DAIS_DEFENCE_SMALL_CODE,
	DAIS_DEFENCE_RETPOLINES, DAIS_DEFENCES };
/* Without DAIS_IOMMU_DMA, devices can reach all memory; without DAIS_IOMMU_GUESTS, none can be given to a guest. */
#define DAIS_IOMMU_DMA     1ULL  /* devices reach their domain's memory only */
#define DAIS_IOMMU_IRQ     2ULL  /* their interrupts are remapped */
#define DAIS_IOMMU_GUESTS  4ULL  /* they can be given to guests */
#define DAIS_IOMMU_AMD     8ULL  /* AMD-Vi; else VT-d */
/* why one of the first three is missing */
#define DAIS_IOMMU_NO_TABLE  0x100ULL  /* the firmware describes no IOMMU (DMAR, IVRS) */
#define DAIS_IOMMU_OFF       0x200ULL  /* switched off in dais.conf */
#define DAIS_IOMMU_BAD_TABLE 0x400ULL  /* its description is malformed */
#define DAIS_IOMMU_TOO_OLD   0x800ULL  /* it lacks something that Dais needs: see the loader's messages */
#define DAIS_BOOT_TPM 1u
#define DAIS_BOOT_SECURE 2u

enum dais_activity {
	DAIS_ACT_WAIT_SIPI = 0, DAIS_ACT_RUNNABLE = 1, DAIS_ACT_HALTED = 2,
	DAIS_ACT_PARKED = 3, /* waits for its monitor */
};

/* trap_set */
enum dais_trap_kind { DAIS_TRAP_PORT = 0, DAIS_TRAP_MMIO = 1 };
enum dais_trap_action {
	DAIS_TRAP_DENY  = 0, /* reads all ones, writes dropped: what every range is by default */
	DAIS_TRAP_EXIT  = 1, /* exit to the monitor */
	DAIS_TRAP_EVENT = 2, /* write: raises the trap event with value's bits, goes on; read: all ones */
	DAIS_TRAP_POST  = 3, /* write: appends the bytes to the domain's console ring, goes on; read: all ones */
	DAIS_TRAP_CONST = 4, /* read: value; writes dropped */
	DAIS_TRAP_REGISTER = 5, /* reads and writes bytes of the monitor's page; value: offset there of struct dais_register */
};

/* What a register of a device does with no monitor to ask; it is as wide as the range. Offsets are those of bytes in the monitor's page, which the
 * monitor writes and Dais only reads and writes at these. */
struct dais_register {
	dais_u16 read, write;       /* the register's bytes; + bank x size of the access */
	dais_u16 select;            /* bank: this byte & select_mask */
	dais_u16 input;             /* 0, or: if bit 0 of this byte is set, a read of bank 0 exits to the monitor */
	dais_u16 line, line_select; /* line 0, or: after a write, if bit 0 of byte line + (byte line_select & line_mask) is clear, */
	dais_u16 message;           /* ... the MSI in the u64 here goes out: address | data << 32 (0: none) */
	dais_u8  select_mask, line_mask;
	dais_u8  writable;          /* bits that a write changes, of each byte */
	dais_u8  flags;             /* DAIS_REGISTER_* */
};
#define DAIS_REGISTER_POST  1u  /* a write in bank 0 is appended to the console ring; raises the trap event if all before was consumed */
#define DAIS_REGISTER_EVENT 2u  /* a write raises the trap event */
#define DAIS_REGISTER_BITS  (1ULL << 62) /* with these bits */

/* ev_bind: what raises the event, or where it goes */
enum dais_ev_bind {
	DAIS_EV_TO_MSIX   = 0, /* control domain: value = MSI-X index of its virtual function | number << 32, of its choice, in the pending area */
	DAIS_EV_TO_VCPU   = 1, /* object = a vCPU of the caller's domain; value = vector 32..255 */
	DAIS_EV_FROM_VCPU = 2, /* object = vCPU: its exits when autonomous, its wake-ups when hosted; value = bits */
	DAIS_EV_FROM_DOM  = 3, /* object = domain: its death; value = bits */
	DAIS_EV_FROM_TRAP = 4, /* object = domain: its EVENT traps; value = 0 */
	DAIS_EV_TO_NONE   = 5, /* ends TO_MSIX and TO_VCPU */
};

/* vcpu_state */
#define DAIS_STATE_GET 0x000ULL
#define DAIS_STATE_SET 0x100ULL
#define DAIS_STATE_CHUNK 2048 /* most at once */
#define DAIS_STATE_MAX   65536
enum dais_state_group {
	DAIS_STATE_GPRS = 0,  /* struct dais_gprs; setting it ends the wait for a SIPI */
	DAIS_STATE_SREGS = 1, /* struct dais_sregs; apic_base can't be changed */
};

struct dais_gprs {
	dais_u64 rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15;
	dais_u64 rip, rflags;
};

struct dais_seg {
	dais_u16 selector;
	dais_u16 attr;   /* bits 0-7: descriptor bits 40-47; bits 8-11: bits 52-55; bit 12: unusable */
	dais_u32 limit;  /* in bytes */
	dais_u64 base;
};
#define DAIS_SEG_UNUSABLE 0x1000

struct dais_sregs {
	struct dais_seg es, cs, ss, ds, fs, gs, ldtr, tr;
	dais_u64 gdt_base, idt_base;
	dais_u32 gdt_limit, idt_limit;
	dais_u64 cr0, cr2, cr3, cr4, cr8, efer, xcr0, apic_base;
};

/* vcpu_run's value, and `reason` of a parked vCPU */
enum dais_exit {
	DAIS_EXIT_NONE = 0,
	DAIS_EXIT_INTR = 1,     /* the lender has an interrupt, an NMI or other work: open interrupts, call again */
	DAIS_EXIT_HLT = 2,      /* halted or waiting for SIPI: wait for its event, call again */
	DAIS_EXIT_KICK = 3,
	DAIS_EXIT_IO = 4,       /* access: addr = port; for a read put the value in data, then run/resume */
	DAIS_EXIT_MMIO = 5,     /* access, likewise */
	DAIS_EXIT_EOI = 6,      /* end of a level-triggered interrupt: access.addr = vector */
	DAIS_EXIT_PAUSED = 7,   /* the domain is paused */
	DAIS_EXIT_DEAD = 8,     /* the domain is dead: see its page */
};

struct dais_access { dais_u64 addr, data; dais_u32 size /* 1, 2, 4; memory: 8 */, write; };

/* One page per vCPU, of Dais's memory, seen by the control domain at
 * GPA = HPA. Dais reads from it only `data` of a served exit and, during
 * vcpu_state, data[], each once. */
struct dais_vcpu_page {
	dais_u32 reason;   /* enum dais_exit */
	dais_u32 index;    /* of the vCPU */
	struct dais_access access;
	dais_u8  reserved[2048 - 32];
	dais_u8  data[DAIS_STATE_CHUNK]; /* vcpu_state */
};

/* The area shared with the control domain for each other domain: this page, one page for the
 * monitor's own state, and the console ring. */
#define DAIS_DOM_AREA_PAGES   10
#define DAIS_DOM_MONITOR_PAGE 1
#define DAIS_DOM_RING_PAGE    2
#define DAIS_DOM_RING_SIZE    32768
struct dais_dom_page {
	dais_u32 id;             /* never reused while Dais is up */
	dais_u32 state;          /* enum dais_dom_state */
	dais_u32 death;          /* enum dais_death */
	dais_u32 max_vcpus;
	char     reason[128];    /* text of the death: what happened, where */
	dais_u64 created_tsc;
	dais_u64 ring_head;      /* bytes ever written to the console ring; position = head % size */
	/* Written by the control domain, kept by Dais for whoever comes later */
	char     name[64];
	dais_u8  uuid[16];
	dais_u64 ring_tail;      /* bytes consumed */
	dais_u64 memory;         /* bytes of RAM that the guest was given */
};

/* Rings, read-only for the control domain; head: what was ever written. */
#define DAIS_LOG_SIZE   0x8000
#define DAIS_TRACE_SIZE 0x40000
struct dais_log { dais_u64 head; char text[DAIS_LOG_SIZE - 8]; };

struct dais_trace_entry { dais_u64 tsc /* 0: being written */; dais_u16 kind, cpu; dais_u32 vcpu /* domain id << 16 | index */; dais_u64 a, b; };
enum dais_trace_kind { DAIS_TRACE_EXIT = 1 /* a = neutral reason, b = rip */, DAIS_TRACE_CALL = 2 /* a = number, b = status */, DAIS_TRACE_SWITCH = 3 /* it comes onto the CPU */, DAIS_TRACE_IRQ = 4 /* a = vector */,
	DAIS_TRACE_OFF = 5 /* it leaves the CPU; a = enum dais_activity, b = 1: lends its time */, DAIS_TRACE_WAKE = 6 /* a = what for (the core's VP_*) */ };
struct dais_trace { dais_u64 head; struct dais_trace_entry entry[DAIS_TRACE_SIZE / 40 - 1]; };

/* Pending events of one MSI-X vector: event e sets word[e / 64], bit e % 64,
 * then bit e / 64 of select, then raises the vector. The receiver exchanges
 * select with 0, then each word named in it. 1 KiB apart. */
struct dais_pending { dais_u64 select; dais_u64 word[DAIS_MAX_EVENTS / 64]; dais_u8 pad[1024 - 8 - DAIS_MAX_EVENTS / 8]; };

/* The virtual PCI function that carries the control domain's events */
#define DAIS_PCI_VENDOR 0xda15
#define DAIS_PCI_DEVICE 0x0001
#define DAIS_PCI_CLASS  0x088000 /* base system peripheral, other */

enum dais_call_nr {
#define DAIS_CALL(nr, name, args) DAIS_NR_##name = nr,
#include "calls.def"
#undef DAIS_CALL
	DAIS_CALL_COUNT
};
