/* SPDX-License-Identifier: GPL-2.0-only */
#include "boot/boot_info.h"
#include "drivers/iommu/iommu.h"

void iommu_init(const struct boot_info *b) { (void)b; }
u64 iommu_state(void) { return 0; }
status_t iommu_assignable(u32 fn) { (void)fn; return DAIS_DENIED; }
status_t iommu_attach(u32 fn, struct domain *d) { (void)fn; (void)d; return DAIS_DENIED; }
void iommu_block(u32 fn) { (void)fn; }
void iommu_flush(struct domain *d) { (void)d; }
u64 iommu_irq_alloc(u32 fn, u64 host) { (void)fn; return host; }
void iommu_irq_free(u32 fn, u64 message) { (void)fn; (void)message; }
u64 iommu_faults(u32 fn) { (void)fn; return 0; }
