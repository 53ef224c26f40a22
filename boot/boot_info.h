/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the loader hands to the hypervisor: all that was parsed before boot
 * services ended (ELF, bzImage, configuration, MADT, MCFG, FADT), so that the
 * core parses no file. The loader owns this layout's writing, the core its
 * reading; both refuse another version.
 *
 * Entry into the hypervisor, by each CPU: long mode with EFER.NXE, CR3 =
 * start_cr3, interrupts off; RIP = the ELF entry point's (link) address; RSP = the
 * top of its main stack, where a zero lies; RDI = struct boot_info in the direct
 * mapping; GDT, TR and GS base are its own (host_layout.h), an IDT it has none;
 * local APIC as after INIT, but perhaps in x2APIC mode. CPU
 * 0 enters when the others are there, or known not to come.
 * Image, store, boot_info and all it points to lie below 4 GiB.
 */
#ifndef DAIS_BOOT_INFO_H
#define DAIS_BOOT_INFO_H

#include <stdbool.h>
#include <stdint.h>
#include <dais/abi.h>
#include "boot/host_layout.h"

#define BOOT_INFO_MAGIC   0x3149424553494144ULL /* "DAISEBI1" */
#define BOOT_INFO_VERSION 4

/* The hypervisor's link address; p_paddr is the offset from the image's base,
 * which the loader aligns to 2 MiB. */
#define BOOT_IMAGE_VIRT   IMAGE_BASE
#define BOOT_IMAGE_ALIGN  0x200000ULL

/* Whom a range of physical RAM belongs to. What no range names is device
 * memory (or nothing), which the control domain sees as it is. */
enum boot_mem_kind {
	BOOT_MEM_CONTROL  = 1, /* RAM of the control domain */
	BOOT_MEM_POOL     = 2, /* RAM for Dais's objects and for guests */
	BOOT_MEM_DAIS     = 3, /* image, boot_info, trampoline: never seen by a domain */
	BOOT_MEM_FIRMWARE = 4, /* runtime services, ACPI, reserved RAM: the control domain's, identity */
};

struct boot_mem {
	uint64_t base;  /* physical, 4 KiB aligned */
	uint64_t pages; /* 4 KiB units, > 0; sorted by base, no overlap */
	uint32_t kind;  /* enum boot_mem_kind */
	uint32_t reserved;
};

#define BOOT_CPUS_MAX 512

struct boot_cpu {
	uint32_t apic_id; /* x2APIC ID */
	uint32_t acpi_uid;
};

struct boot_ioapic {
	uint64_t base;     /* physical address of the register page */
	uint32_t id;
	uint32_t gsi_base;
	uint32_t pins;     /* > 0, as its version register says */
	uint32_t source;   /* its interrupts' requester ID, as the IOMMUs know it; BOOT_NO_FN: none */
};

#define BOOT_ECAMS_MAX 64

struct boot_ecam {
	uint64_t base; /* physical address of bus 0's configuration space */
	uint16_t segment;
	uint8_t  bus_first, bus_last;
	uint32_t reserved;
};

/* IOMMUs, as DMAR or IVRS describe them. A function is segment << 16 | bus << 8 | device << 3 | function. */
#define BOOT_NO_FN             UINT32_MAX
#define BOOT_IOMMUS_MAX        64
#define BOOT_IOMMU_SCOPES_MAX  1024
#define BOOT_IOMMU_REGIONS_MAX 64

struct boot_iommu {
	uint64_t base, size;   /* registers: physical, bytes */
	uint64_t table;        /* physical, zero: VT-d: root table, a page; AMD: device table of its segment, 2 MiB */
	uint64_t control;      /* AMD: bits of its control register that firmware asks for */
	uint32_t segment;
	uint32_t fn;           /* AMD: what it is on the bus; else BOOT_NO_FN */
};

/* Functions first..last belong to unit, under their own ID or all under `alias`. Of several, the last in the list holds. */
struct boot_iommu_scope {
	uint32_t first, last;
	uint32_t alias;        /* BOOT_NO_FN: none */
	uint16_t unit;
	uint16_t settings;     /* AMD: of the IVHD entry, as it stands there */
};

/* Memory that firmware wants to be reached by functions first..last (RMRR, IVMD). */
struct boot_iommu_region { uint64_t base, pages; uint32_t first, last; };

struct boot_iommus {
	uint64_t control;      /* physical: root of the control domain's tables, always of four levels */
	uint32_t levels;       /* that the units take: 3 or 4 */
	bool amd;
	bool remap;            /* interrupts can be remapped */
	bool x2apic;           /* to 32-bit destinations */
	bool guests;           /* the tables that nested paging uses can serve devices */
	bool snoop;            /* VT-d: pages can demand that no device passes the caches by */
	bool incoherent;       /* units read tables past the caches */
	uint32_t unit_count, scope_count, region_count;
	struct boot_iommu unit[BOOT_IOMMUS_MAX];
	struct boot_iommu_scope scope[BOOT_IOMMU_SCOPES_MAX];
	struct boot_iommu_region region[BOOT_IOMMU_REGIONS_MAX];
};

/* The frame database, which the core keeps (kernel/frame.h): for each GiB with RAM,
 * an array of 512 blocks of 2 MiB. A block is whole (one entry holds for its 512
 * frames) or split (a table of 512 entries). Pointers are into the direct mapping. */
enum frame_state { FRAME_NONE /* not RAM */, FRAME_FIRMWARE, FRAME_FREE, FRAME_DAIS, FRAME_CONTROL, FRAME_GUEST, FRAME_STATES };

struct frame {
	union {
		struct { uint32_t state : 3, owner : 10, shares : 19; };
		uint32_t raw;
	};
};

struct frame_block {
	struct frame *table; /* NULL: whole */
	struct frame e;      /* whole: the entry; split: what all frames must be for it to merge */
	uint32_t same;       /* split: how many frames are so */
};

#define FRAME_BLOCK  512u /* frames of a block */
#define FRAME_GROUP  512u /* blocks of a GiB */
#define BOOT_HEAP    0x200000ULL

/* What GS leads to, at the start of CPU_DATA_PAGE */
struct boot_percpu {
	uint64_t self;           /* its own address */
	uint32_t id, apic_id;    /* id: index in cpus */
};

enum boot_panic   { BOOT_PANIC_STOP = 0, BOOT_PANIC_REBOOT = 1 };

/* What the CPU is and has: probed on the one that boots; the others must have at least the same. */
struct host {
	uint32_t max_leaf, max_ext_leaf; /* of CPUID */
	uint32_t phys_bits; /* of addresses of memory: those that select a key do not count */
	bool amd, intel, x2apic, tsc_deadline, xsave, smep, smap, umip, pcid, page1g, rdtscp, fsgsbase, mce;
	bool apicv;       /* VT-x's may be used: dais.conf */
	bool lfence_by_msr;      /* LFENCE serializes once DE_CFG says so */
	uint64_t xcr0;           /* XCR0 bits */
	uint8_t core_shift, cache_shift; /* APIC ID >> these: equal for CPUs of one core, of one last-level cache */
	/* Quirks of emulators and steppings (docs/platforms.md): here are all; hardware pays a load and a branch. */
	struct quirks {
		bool loses_irqs; /* an interrupt that comes while VMRUN sets V_IRQ up stays in the IRR, unsignalled */
	} quirks;
};

struct boot_info {
	uint64_t magic;
	uint32_t version;
	uint32_t size;           /* of this struct, bytes */

	/* The hypervisor */
	uint64_t image_base;     /* physical, 2 MiB aligned */
	uint64_t image_size;     /* bytes in memory, bss included */
	uint64_t store, store_size; /* physical, page-aligned: BOOT_HEAP bytes for the heap, 2 MiB aligned, and the frame database */
	uint64_t frames, frame_groups; /* struct frame_block *[], by GiB, in the direct mapping; NULL: no RAM there */
	uint64_t host_cr3;       /* page tables as host_layout.h says */
	uint64_t start_cr3;      /* the same, and the trampoline's and the loader's last page one to one */
	uint64_t trampoline;     /* physical page below 1 MiB through which CPUs start; BOOT_MEM_DAIS */

	/* Tables; physical addresses of arrays inside BOOT_MEM_DAIS */
	uint64_t mem;     uint32_t mem_count;     uint32_t own_count;
	uint64_t own;            /* struct boot_mem: CONTROL and FIRMWARE in mem, neighbours joined */
	uint64_t cpus;    uint32_t cpu_count;     uint32_t ioapic_count;
	uint64_t ioapics; uint64_t ecams;         uint32_t ecam_count;
	uint32_t reserved0;
	uint64_t iommus;         /* struct boot_iommus, 0 = none is used: facts[DAIS_STAT_IOMMU] says why */

	/* ACPI */
	uint64_t rsdp;           /* the firmware's own */
	uint32_t pm1a_cnt_port, pm1b_cnt_port; /* 0 = none */
	uint32_t reset_port;     /* FADT reset register when it is an I/O port, else 0 */
	uint32_t reset_value;
	uint64_t hpet_base;      /* physical, 0 = none */
	uint32_t free_device;    /* of PCI bus 0, for the virtual function; 0 = all are taken */
	uint32_t reserved;

	/* The control domain, entered by Linux's 64-bit boot protocol */
	uint64_t control_entry;  /* RIP, physical = guest physical */
	uint64_t control_params; /* RSI: struct boot_params */
	uint64_t control_cr3;    /* identity page tables in the control domain's RAM, >= 4 GiB covered */
	uint64_t control_stack;  /* RSP */
	uint32_t control_vcpus;  /* 1..cpu_count; APIC IDs 0..n-1 in the virtual MADT */
	uint32_t log_level;      /* 0 error, 1 warning, 2 info, 3 debug */

	/* Console until the control domain enters */
	uint32_t console_port;   /* I/O port base, 0 = no console */
	uint32_t console_baud;
	uint32_t panic;          /* enum boot_panic */
	uint64_t fb_base;        /* linear framebuffer, 0 = none */
	uint32_t fb_width, fb_height, fb_pitch /* bytes */, fb_format; /* 0 = BGRX, 1 = RGBX */

	/* Wall clock: seconds since 1970 UTC when the TSC read epoch_tsc */
	uint64_t epoch_seconds, epoch_tsc;
	uint64_t load_tsc;       /* TSC when the loader started */

	struct host host;

	/* Measured by the loader */
	uint64_t tsc_hz;
	uint64_t apic_hz;        /* of the local APIC's timer, divided by 2 as reset leaves it */

	uint64_t facts[DAIS_STAT_FRAMES_TOTAL]; /* what stat tells of the machine, as far as the loader knows */
};

#endif
