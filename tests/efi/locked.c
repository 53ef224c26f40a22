/* SPDX-License-Identifier: GPL-2.0-only */
/* A firmware that locked VT-x off: writes IA32_FEATURE_CONTROL, which only a reset undoes, and starts the loader. */
#include <efi.h>
#include <efilib.h>

#define FEATURE_CONTROL 0x3a
#define LOCKED          1

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *st)
{
	EFI_LOADED_IMAGE *me;
	EFI_HANDLE loader;
	EFI_STATUS s;

	InitializeLib(image, st);
	s = uefi_call_wrapper(BS->HandleProtocol, 3, image, &LoadedImageProtocol, (void **)&me);
	if (EFI_ERROR(s))
		return s;
	s = uefi_call_wrapper(BS->LoadImage, 6, FALSE, image, FileDevicePath(me->DeviceHandle, L"\\EFI\\dais\\loader.efi"), NULL,
			      0, &loader);
	if (EFI_ERROR(s))
		return s;
	__asm__ volatile("wrmsr" : : "c"(FEATURE_CONTROL), "a"(LOCKED), "d"(0));
	return uefi_call_wrapper(BS->StartImage, 3, loader, NULL, NULL);
}
