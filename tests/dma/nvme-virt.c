// SPDX-License-Identifier: GPL-2.0-only
/*
 * nvme-virt DEVICE CONTROLLER ACTION RESOURCE COUNT: the command Virtualization Management (NVM Express base spec. 2.0
 * §5.30), which gives a virtual function's controller its queues (RESOURCE 0) and interrupts (1) and puts it on line.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/nvme_ioctl.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#define VIRTUALIZATION_MANAGEMENT 0x1c

int main(int argc, char **argv)
{
	struct nvme_admin_cmd command = { .opcode = VIRTUALIZATION_MANAGEMENT };
	unsigned long n[4];
	int fd, status;

	if (argc != 6)
		errx(2, "nvme-virt DEVICE CONTROLLER ACTION RESOURCE COUNT");
	for (int i = 0; i < 4; i++)
		n[i] = strtoul(argv[2 + i], NULL, 0);
	command.cdw10 = n[0] << 16 | n[2] << 8 | n[1];
	command.cdw11 = n[3];
	fd = open(argv[1], O_RDWR);
	if (fd < 0)
		err(2, "%s", argv[1]);
	status = ioctl(fd, NVME_IOCTL_ADMIN_CMD, &command);
	if (status < 0)
		err(1, "%s", argv[1]);
	if (status)
		errx(1, "%s: controller %lu, action %lu: status %#x", argv[1], n[0], n[1], status);
	return 0;
}
