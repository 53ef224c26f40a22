# SPDX-License-Identifier: GPL-2.0-only
# The disk without any hypervisor.
. /extra/control/lib.sh

until [ -b /dev/nvme0n1 ]; do usleep 100000; done
say native_disk
/extra/disk /dev/nvme0n1 "$1"
