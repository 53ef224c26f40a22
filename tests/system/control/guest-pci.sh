# SPDX-License-Identifier: GPL-2.0-only
# Runs in a guest that owns a function: guest-pci.sh nvme|load|live|share MIB|nic NET|edu. The drivers lie beside it.
here=$(dirname "$0")
while read -r m; do insmod "$here/$m"; done <"$here/order"
wait_for() { # file
	n=0
	until [ -e "$1" ] || [ $n = 600 ]; do usleep 100000; n=$((n + 1)); done
	[ -e "$1" ] && return
	echo "no $1"
	dmesg | tail -n 30
	exit 1
}
interrupts() { awk -v p="$1" '$0 ~ p { for (i = 2; i <= NF && $i ~ /^[0-9]+$/; i++) s += $i } END { print s + 0 }' /proc/interrupts; }

copy_to_disk() { # first MiB, count: what was written, what was read
	dd if=/dev/urandom of=/tmp/data bs=1M count="$2" 2>/dev/null
	dd if=/tmp/data of=/dev/nvme0n1 bs=1M seek="$1" oflag=direct 2>/dev/null || exit 2
	written=$(sha256sum </tmp/data) written=${written%% *}
	read=$(dd if=/dev/nvme0n1 bs=1M skip="$1" count="$2" iflag=direct 2>/dev/null | sha256sum) read=${read%% *}
}

case $1 in
nvme)
	wait_for /dev/nvme0n1
	copy_to_disk 0 64
	echo "wrote $written"
	echo "read $read"
	echo "interrupts $(interrupts 'nvme[0-9]*q')"
	;;
load)
	wait_for /dev/nvme0n1
	echo "begin"
	while :; do dd if=/dev/zero of=/dev/nvme0n1 bs=1M count=32 oflag=direct 2>/dev/null || exit 2; done
	;;
live) # the disk comes, is asked for, comes again, and is taken away
	echo "ready"
	wait_for /dev/nvme0n1
	copy_to_disk 0 8
	echo "wrote $written"
	echo "read $read"
	while [ -e /dev/nvme0n1 ]; do usleep 100000; done
	echo "gone"
	wait_for /dev/nvme0n1
	echo "again"
	while [ -e /dev/nvme0n1 ]; do dd if=/dev/nvme0n1 of=/dev/null bs=64k count=16 iflag=direct 2>/dev/null; done
	echo "taken"
	;;
share) # a part of a disk that others use, too, again and again
	wait_for /dev/nvme0n1
	n=0
	while copy_to_disk "$2" 4 && [ "$written" = "$read" ]; do
		n=$((n + 1))
		echo "round $n"
	done
	echo "wrong after round $n: $written $read"
	;;
nic)
	wait_for /sys/class/net/eth0
	ip link set eth0 up
	ip addr add "$2".15/24 dev eth0
	n=0
	until [ "$(cat /sys/class/net/eth0/carrier)" = 1 ] || [ $n = 200 ]; do usleep 100000; n=$((n + 1)); done
	ping -c 5 -W 10 "$2".2
	echo "interrupts $(interrupts eth0)"
	echo "lines $(interrupts 'IO-APIC.*eth0')"
	;;
edu) # registers: QEMU's docs/specs/edu.txt
	device=/sys/bus/pci/devices/0000:00:01.0
	bar=$(awk 'NR == 1 { print $1 }' $device/resource)
	printf '\006' | dd of=$device/config bs=1 seek=4 conv=notrunc 2>/dev/null
	at() { printf '0x%x' $((bar + $1)); }
	dma() { # source, destination, 1 to the device or 3 from it
		devmem "$(at 0x80)" 64 "$1"
		devmem "$(at 0x88)" 64 "$2"
		devmem "$(at 0x90)" 64 64
		devmem "$(at 0x98)" 64 "$3"
		while [ $(($(devmem "$(at 0x98)" 64) & 1)) = 1 ]; do usleep 10000; done
	}
	# Its own memory, behind what Linux was told of, so that it works at all.
	devmem 0x9000000 64 0x1122334455667788
	devmem 0x9100000 64 0
	dma 0x9000000 0x40000 1
	dma 0x40000 0x9100000 3
	echo "own $(devmem 0x9100000 64)"
	# Beyond its own: the machine's RAM, each 64 MiB, and where there is none.
	for x in $(seq 96 16 512) 1024 4096 1048576; do
		dma 0x40000 "$(printf '0x%x' $((x * 0x400000 + 0x1000)))" 3
	done
	# And reading: nothing comes.
	dma 0x20000000 0x40000 1
	devmem 0x9100000 64 0
	dma 0x40000 0x9100000 3
	echo "stolen $(devmem 0x9100000 64)"
	;;
esac
