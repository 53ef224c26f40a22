# SPDX-License-Identifier: GPL-2.0-only
# Dais: a guest's own disk.
. /extra/control/dais.sh

nvme=$(lspci -D -n -d ::0108 | awk '{ print $1; exit }')
for options in "" --autonomous; do
	say "dais${options:+_autonomous}_disk"
	timeout 900 dais run --kernel /boot/vmlinuz --initrd /extra/disk.img --memory 256M --pci "$nvme" $options \
		--cmdline "$LINUX_LINE run=\"sh /bench/guest-disk.sh $1\"" 2>&1 </dev/null || echo "FAIL disk: $(dais log | tail -n 1)"
	until [ -b /dev/nvme0n1 ]; do usleep 100000; done
done
