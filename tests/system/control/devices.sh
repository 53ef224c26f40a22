# SPDX-License-Identifier: GPL-2.0-only
# The control domain's own devices under load for some seconds, while interrupt
# affinities change and a BAR moves. Argument: seconds.
. /extra/control/lib.sh

S=${1:-10}
disk_of() { # driver's name in /sys: the block device below it
	for d in /sys/class/block/*; do
		[ -e "$d/partition" ] && continue
		readlink -f "$d" | grep -q "$1" && basename "$d" && return
	done
}
# Writes and reads back what was written, again and again.
load_disk() {
	dev=/dev/$1 n=0
	while [ ! -e $T/stop ]; do
		dd if=/dev/urandom of=$T/data.$1 bs=64k count=16 2>/dev/null
		dd if=$T/data.$1 of="$dev" bs=64k seek=$((n % 8 * 16)) oflag=direct conv=fsync 2>/dev/null || break
		dd if="$dev" of=$T/back.$1 bs=64k skip=$((n % 8 * 16)) count=16 iflag=direct 2>/dev/null || break
		cmp -s $T/data.$1 $T/back.$1 || { echo different >$T/bad.$1; break; }
		n=$((n + 1))
	done
	echo $n >$T/count.$1
}
# QEMU's user networks answer at .2
gateway_of() { ip -4 addr show dev "$1" | sed -n 's/.*inet \([0-9]*\.[0-9]*\.[0-9]*\)\..*/\1.2/p'; }
has_address() { [ -n "$(gateway_of "$1")" ]; }
load_net() { # interface
	gateway=$(gateway_of "$1") n=0
	while [ ! -e $T/stop ]; do
		ping -c 1 -W 5 -s 1400 -I "$1" "$gateway" >/dev/null 2>&1 && n=$((n + 1))
	done
	echo $n >$T/count.$1
}
irqs_of() { awk -v p="$1" '$0 ~ p { sub(":", "", $1); print $1 }' /proc/interrupts; }
total_of() { awk -v p="$1" '$0 ~ p { for (i = 2; i <= NF && $i ~ /^[0-9]+$/; i++) s += $i } END { print s + 0 }' /proc/interrupts; }

disks="$(disk_of nvme) $(disk_of virtio | tail -n 1) $(disk_of ata)"
scratch=
for d in /sys/class/block/*; do # the disks made for this: 17 MiB
	[ "$(cat "$d"/size)" = 34816 ] && scratch="$scratch $(basename "$d")"
done
nets=$(ls /sys/class/net | grep -v '^lo$')
for n in $nets; do
	until_true 60 has_address "$n"
	verdict "$n has an address" $? "one by DHCP" "$(ip addr show dev "$n")"
done
echo "# disks:$scratch; interfaces: $(echo $nets)"
[ -n "$scratch" ]
verdict "scratch disks are there" $? "disks of 17 MiB" "$(ls /sys/class/block)"

msi=$(total_of 'virtio|nvme|eth|ata')
for d in $scratch; do load_disk "$d" & done
for n in $nets; do load_net "$n" & done

# Affinities go round while the load runs.
cpus=$(nproc) end=$(($(cut -d. -f1 /proc/uptime) + S)) moves=0
while [ "$(cut -d. -f1 /proc/uptime)" -lt $end ]; do
	for irq in $(irqs_of 'virtio|nvme|eth|ata|ahci|ACPI'); do
		[ -w /proc/irq/"$irq"/smp_affinity_list ] &&
			echo $((moves % cpus)) >/proc/irq/"$irq"/smp_affinity_list 2>/dev/null
	done
	moves=$((moves + 1))
	usleep 200000
done
: >$T/stop
wait
echo "# $moves rounds of affinity changes"
for d in $scratch; do
	[ ! -e $T/bad."$d" ] && [ "$(cat $T/count."$d")" -gt 0 ]
	verdict "$d: what was written reads back ($(cat $T/count."$d") rounds)" $? "the same bytes" "$(cat $T/bad."$d" 2>&1)"
done
for n in $nets; do
	[ "$(cat $T/count."$n")" -gt 0 ]
	verdict "$n: the network answers ($(cat $T/count."$n") times)" $? "answers" "none"
done
[ "$(total_of 'virtio|nvme|eth|ata')" -gt "$msi" ]
verdict "interrupts of the devices arrive" $? "more than $msi" "$(cat /proc/interrupts)"

# A synchronous read is an interrupt: Linux's count and the device's work agree, none is lost or doubled.
count_reads() { # disk, pattern of its interrupts' names, text
	was=$(total_of "$2")
	dd if=/dev/"$1" of=/dev/null bs=4k count=300 iflag=direct 2>/dev/null
	same "$3: one interrupt for each of 300 reads" 300 $(($(total_of "$2") - was))
}
for d in $scratch; do
	case $d in
	nvme*) count_reads "$d" 'nvme[0-9]*q[1-9]' NVMe ;;
	sd*) count_reads "$d" 'ahci' AHCI ;;
	vd*) count_reads "$d" "$(basename "$(readlink -f /sys/class/block/"$d"/device)")-req" virtio-blk ;;
	esac
done

# A BAR moves: the device is taken off the bus and found again; Linux may place it elsewhere,
# so its BAR is also moved by hand while no driver uses it.
nic=$(lspci -D -n -d 8086:10d3 2>/dev/null | awk '{ print $1; exit }')
if [ -n "$nic" ] && command -v setpci >/dev/null; then
	echo "$nic" >/sys/bus/pci/drivers/e1000e/unbind
	old=$(setpci -s "$nic" BASE_ADDRESS_0)
	msix=$(setpci -s "$nic" BASE_ADDRESS_3)
	echo 1 >/sys/bus/pci/devices/"$nic"/remove
	echo 1 >/sys/bus/pci/rescan
	until_true 60 test -e /sys/bus/pci/devices/"$nic"/net
	new=$(setpci -s "$nic" BASE_ADDRESS_0)
	echo "# $nic: BAR 0 $old, now $new; BAR 3 was $msix"
	eth=$(ls /sys/bus/pci/devices/"$nic"/net)
	ip link set "$eth" up
	udhcpc -n -q -i "$eth" -s /etc/udhcpc/default.script >/dev/null 2>&1
	check "e1000e works after it was found again" ping -c 2 -W 10 -I "$eth" 10.0.3.2
else
	skip "no e1000e here, or no setpci: a moved BAR"
fi
kernel_log_clean
