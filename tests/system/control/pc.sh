# SPDX-License-Identifier: GPL-2.0-only
# i440fx: IDE disk and e1000, with INTx.
. /extra/control/lib.sh

matches "the IDE disk is there" 'sd[a-z]|hd[a-z]' "$(ls /sys/class/block)"
ide=$(for d in /sys/class/block/*; do [ -e "$d/partition" ] || { readlink -f "$d" | grep -q ata && basename "$d"; }; done | head -n 1)
check "it reads" dd if=/dev/"$ide" of=/dev/null bs=64k count=64 iflag=direct
eth=$(for n in /sys/class/net/*; do readlink -f "$n"/device/driver | grep -q 'e1000$' && basename "$n"; done | head -n 1)
until_true 30 sh -c "ip addr show dev $eth | grep -q 'inet '"
check "e1000 answers" ping -c 3 -W 10 -I "$eth" 10.0.3.2
matches "INTx is used" 'IO-APIC.*(eth|ata_piix|e1000)' "$(cat /proc/interrupts)"
linux hosted 1 nproc 1
kernel_log_clean
