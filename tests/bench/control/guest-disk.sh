# SPDX-License-Identifier: GPL-2.0-only
# In a guest that owns the disk.
while read -r m; do insmod "/bench/modules/$m"; done </bench/modules/order
n=0
until [ -b /dev/nvme0n1 ] || [ $n = 600 ]; do usleep 100000; n=$((n + 1)); done
/bench/disk /dev/nvme0n1 "$1"
