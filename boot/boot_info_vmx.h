/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What Dais needs of VT-x: NEED(word, bit, name as in SDM vol. 3 ch. 25 and A.10). The
 * loader names what is missing and returns to the firmware; the hypervisor sets them.
 */
#ifndef DAIS_BOOT_INFO_VMX_H
#define DAIS_BOOT_INFO_VMX_H

/* Which capability MSR; the first four: IA32_VMX_PINBASED_CTLS and the next ones, or the "true" set. */
enum vmx_word { VMX_PIN, VMX_PROC, VMX_EXIT, VMX_ENTRY, VMX_PROC2, VMX_EPT, VMX_WORDS };
#define VMX_MSR_BASIC      0x480
#define VMX_BASIC_TRUE     55    /* bit: there is the true set */
#define VMX_MSR_CONTROLS   0x481
#define VMX_MSR_TRUE       0x48d
#define VMX_MSR_PROC2      0x48b /* there when PROC may have bit 31 */
#define VMX_MSR_EPT        0x48c /* there when PROC2 may have bit 1; bits as they are */

#define VMX_NEEDS(NEED) \
	NEED(VMX_PIN, 0, "external-interrupt exiting") \
	NEED(VMX_PIN, 3, "NMI exiting") \
	NEED(VMX_PIN, 5, "virtual NMIs") \
	NEED(VMX_PROC, 2, "interrupt-window exiting") \
	NEED(VMX_PROC, 3, "TSC offsetting") \
	NEED(VMX_PROC, 7, "HLT exiting") \
	NEED(VMX_PROC, 10, "MWAIT exiting") \
	NEED(VMX_PROC, 11, "RDPMC exiting") \
	NEED(VMX_PROC, 19, "CR8-load exiting") \
	NEED(VMX_PROC, 21, "TPR shadow") \
	NEED(VMX_PROC, 22, "NMI-window exiting") \
	NEED(VMX_PROC, 25, "I/O bitmaps") \
	NEED(VMX_PROC, 28, "MSR bitmaps") \
	NEED(VMX_PROC, 29, "MONITOR exiting") \
	NEED(VMX_PROC, 31, "secondary controls") \
	NEED(VMX_EXIT, 2, "saving of debug controls") \
	NEED(VMX_EXIT, 9, "64-bit host") \
	NEED(VMX_EXIT, 15, "acknowledging of interrupts at exits") \
	NEED(VMX_EXIT, 19, "loading of the host's PAT") \
	NEED(VMX_EXIT, 20, "saving of EFER") \
	NEED(VMX_EXIT, 21, "loading of the host's EFER") \
	NEED(VMX_ENTRY, 2, "loading of debug controls") \
	NEED(VMX_ENTRY, 9, "64-bit guests") \
	NEED(VMX_ENTRY, 14, "loading of PAT") \
	NEED(VMX_ENTRY, 15, "loading of EFER") \
	NEED(VMX_PROC2, 1, "EPT (extended page tables)") \
	NEED(VMX_PROC2, 7, "unrestricted guest") \
	NEED(VMX_EPT, 6, "EPT of four levels") \
	NEED(VMX_EPT, 14, "write-back EPT tables") \
	NEED(VMX_EPT, 16, "2 MiB EPT pages") \
	NEED(VMX_EPT, 20, "INVEPT") \
	NEED(VMX_EPT, 25, "INVEPT of a single context")

#endif
