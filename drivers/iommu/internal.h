/* SPDX-License-Identifier: GPL-2.0-only */
/* Between iommu.c, which keeps who owns which function, and the two kinds of hardware. iommu_lock is held. */
#ifndef DAIS_IOMMU_INTERNAL_H
#define DAIS_IOMMU_INTERNAL_H

#include "boot/boot_info.h"
#include "drivers/internal.h"
#include "drivers/iommu/iommu.h"

struct iommu_unit {
	const struct boot_iommu *b;
	struct trap trap;               /* its registers: Dais's alone */
	u64 *queue;                     /* of commands of 16 bytes: a page; behind it the word that it writes when it is done */
	u32 tail;                       /* next command's index */
};

struct iommu_fault {
	u32 fn;
	u64 address;
	u32 reason;                     /* as the unit numbers them */
	bool lost;                      /* there were more than it could tell */
};

/* What a function reaches. */
struct iommu_reach {
	u64 root;                       /* physical; 0: nothing, and nothing is recorded when `quiet` */
	u32 id;                         /* of the domain, as the IOTLB knows it */
	bool quiet;
	u32 settings;                   /* of its scope */
};

/* `source`: the ID that its requests bear, in the unit's segment. All that is changed is flushed on return. */
struct iommu_ops {
	void (*start)(struct iommu_unit *u);
	/* May need memory, unless the function reached something before. */
	status_t (*set)(struct iommu_unit *u, u32 source, const struct iommu_reach *to);
	void (*flush)(struct iommu_unit *u, u32 id);
	/* Interrupt entries of 16 bytes that source may use; bit 0: in use. NULL: no memory. */
	u64 *(*entries)(struct iommu_unit *u, u32 source, u32 *count);
	void (*entry)(u64 e[2], u32 source, u32 apic_id, u32 vector);
	u64 (*message)(u32 index, u64 host);
	u32 (*index)(u64 message);
	void (*flush_entries)(struct iommu_unit *u, u32 source);
	bool (*fault)(struct iommu_unit *u, struct iommu_fault *f); /* takes the next one off; false: none */
};

extern const struct iommu_ops vtd_ops, amdvi_ops;
extern const struct boot_iommus *iommus;

#define IOMMU_QUEUE   256u              /* commands */
#define IOMMU_DONE(u) ((u)->queue + 2 * IOMMU_QUEUE)

u64 iommu_read(struct iommu_unit *u, u32 reg, u32 size);
void iommu_write(struct iommu_unit *u, u32 reg, u32 size, u64 value);
/* Until (register & mask) == value; panics after a second: then nothing protects anybody. */
void iommu_wait(struct iommu_unit *u, u32 reg, u32 mask, u32 value);
/* One that hardware reads: with the store seen by units that read past the caches. */
void iommu_put(u64 *entry, u64 value);
/* Puts a command into the queue. */
void iommu_command(struct iommu_unit *u, u64 low, u64 high);
/* Has the queue done by writing `tail`, to its register; the last command writes IOMMU_DONE. */
void iommu_run(struct iommu_unit *u, u32 reg);

#endif
