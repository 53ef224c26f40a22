# SPDX-License-Identifier: GPL-2.0-only
# i440fx: IDE disk and e1000, with INTx.
. /extra/control/lib.sh

# OVMF leaves the PIIX's decoding of the IDE ports off (IDETIM bit 15), with Dais or without.
ide=0000:00:01.1
setpci -s $ide 40.w=8000
setpci -s $ide 42.w=8000
echo $ide >/sys/bus/pci/drivers/ata_piix/unbind
echo $ide >/sys/bus/pci/drivers/ata_piix/bind
until_true 60 test -e /sys/class/block/sda
matches "the IDE disk is there" 'sd[a-z]|hd[a-z]' "$(ls /sys/class/block)"
check "it reads" dd if=/dev/sda of=/dev/null bs=64k count=64 iflag=direct
eth=$(for n in /sys/class/net/*; do readlink -f "$n"/device/driver | grep -q 'e1000$' && basename "$n"; done | head -n 1)
until_true 60 sh -c "ip addr show dev $eth | grep -q 'inet '"
before=$(awk '/ata_piix/ { s += $2 + $3 } END { print s }' /proc/interrupts)
dd if=/dev/sda of=/dev/null bs=4k count=200 iflag=direct 2>/dev/null
after=$(awk '/ata_piix/ { s += $2 + $3 } END { print s }' /proc/interrupts)
same "one interrupt for each of 200 reads of the IDE disk" 200 $((after - before))
check "e1000 answers" ping -c 3 -W 10 -I "$eth" 10.0.3.2
matches "INTx is used" 'IO-APIC.*(eth|ata_piix|e1000)' "$(cat /proc/interrupts)"
linux hosted 1 nproc 1
kernel_log_clean
