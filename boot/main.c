/* SPDX-License-Identifier: GPL-2.0-only */
/* The UEFI application: loads the hypervisor and the control domain's kernel,
 * and leaves for the hypervisor; or says why not and returns to the firmware. */
#include "boot/cpu.h"
#include "boot/handover.h"

#define ERROR_SECONDS 10 /* how long an error stays before the firmware's menu returns */

static bool check_machine(struct error *err)
{
	struct cpu_facts facts;

	cpu_probe(&facts);
	return cpu_check(&facts, err);
}

static bool boot(struct firmware *fw, struct load *load, uint64_t tsc, const struct boot_info **info,
		 struct error *err)
{
	if (!pages_init(fw, err) || !file_open_volume(fw, err))
		return false;
	security_init(fw);
	if (!load_config(fw, load, err))
		return false;
	console_use(&load->config);
	if (!check_machine(err) || !load_acpi(fw, load, err) || !load_hypervisor(fw, load, err) ||
	    !load_kernel(fw, load, err) || !load_initrd(fw, load, err))
		return false;
	security_give_log(fw);
	return handover_leave(fw, load, tsc, info, err);
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *st); /* called by crt0, by System V rules */

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *st)
{
	static struct firmware fw;
	static struct load load;
	uint64_t tsc = cpu_tsc();
	const struct boot_info *info;
	struct error err;

	fw.image = image;
	fw.st = st;
	fw.bs = st->BootServices;
	fw.bs->SetWatchdogTimer(0, 0, 0, NULL); /* five minutes (UEFI 2.9 §3.1.2) may be too short for a slow disk */
	config_defaults(&load.config);
	console_init(&fw);
	console_use(&load.config);
	if (boot(&fw, &load, tsc, &info, &err))
		handover_enter(info, BOOT_IMAGE_VIRT + load.hypervisor.entry);
	say("\ndais boot: error: %s\n", err.text);
	say("dais boot: press a key for the firmware's boot menu (it returns in %u seconds)\n",
	    ERROR_SECONDS);
	console_wait(&fw, ERROR_SECONDS);
	file_close_volume(&fw);
	pages_free_all(&fw);
	return EFI_ABORTED;
}
