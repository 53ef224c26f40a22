/* SPDX-License-Identifier: GPL-2.0-only */
#include "boot/efi.h"

static const char *reason(EFI_STATUS status)
{
	switch (status) {
	case EFI_NOT_FOUND:
		return "no such file";
	case EFI_NO_MEDIA:
	case EFI_MEDIA_CHANGED:
		return "the medium was removed";
	case EFI_VOLUME_CORRUPTED:
		return "the volume's file system is damaged";
	case EFI_OUT_OF_RESOURCES:
		return "the firmware is out of memory";
	default:
		return "the firmware could not read the disk";
	}
}

bool file_open_volume(struct firmware *fw, struct error *err)
{
	static EFI_GUID loaded_image = EFI_LOADED_IMAGE_PROTOCOL_GUID;
	static EFI_GUID file_system = EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID;
	EFI_LOADED_IMAGE *self;
	EFI_FILE_IO_INTERFACE *volume;

	if (fw->bs->HandleProtocol(fw->image, &loaded_image, (void **)&self) != EFI_SUCCESS ||
	    fw->bs->HandleProtocol(self->DeviceHandle, &file_system, (void **)&volume) !=
	    EFI_SUCCESS || volume->OpenVolume(volume, &fw->root) != EFI_SUCCESS)
		return refuse(err, "the volume that the loader was started from cannot be read; "
			      "start it from a FAT volume");
	return true;
}

void file_close_volume(struct firmware *fw)
{
	if (fw->root)
		fw->root->Close(fw->root);
	fw->root = NULL;
}

static bool open_file(struct firmware *fw, const char *path, EFI_FILE_HANDLE *file,
		      struct error *err)
{
	CHAR16 wide[CONFIG_PATH_MAX];
	EFI_STATUS status;
	size_t i;

	for (i = 0; path[i] && i + 1 < CONFIG_PATH_MAX; i++)
		wide[i] = (unsigned char)path[i];
	wide[i] = 0;
	status = fw->root->Open(fw->root, file, wide, EFI_FILE_MODE_READ, 0);
	if (status != EFI_SUCCESS)
		return refuse(err, "%s: %s", path, reason(status));
	return true;
}

bool file_size(struct firmware *fw, const char *path, uint64_t *size, struct error *err)
{
	static EFI_GUID info_id = EFI_FILE_INFO_ID;
	static union {
		EFI_FILE_INFO info;
		uint8_t room[sizeof(EFI_FILE_INFO) + 1024];
	} buffer;
	UINTN length = sizeof(buffer);
	EFI_FILE_HANDLE file;
	EFI_STATUS status;

	if (!open_file(fw, path, &file, err))
		return false;
	status = file->GetInfo(file, &info_id, &length, &buffer);
	file->Close(file);
	if (status != EFI_SUCCESS)
		return refuse(err, "%s: %s", path, reason(status));
	if (buffer.info.Attribute & EFI_FILE_DIRECTORY)
		return refuse(err, "%s: is a directory", path);
	if (buffer.info.FileSize == 0)
		return refuse(err, "%s: is empty", path);
	*size = buffer.info.FileSize;
	return true;
}

bool file_read(struct firmware *fw, const char *path, void *to, uint64_t size, struct error *err)
{
	EFI_FILE_HANDLE file;
	EFI_STATUS status;
	UINTN got = size;

	if (!open_file(fw, path, &file, err))
		return false;
	status = file->Read(file, &got, to);
	file->Close(file);
	if (status != EFI_SUCCESS)
		return refuse(err, "%s: %s", path, reason(status));
	if (got != size)
		return refuse(err, "%s: ended at byte %llu of %llu", path, (unsigned long long)got,
			      (unsigned long long)size);
	return true;
}
