# SPDX-License-Identifier: GPL-2.0-only
# Functions given to guests: they work there, reach nothing else, and come back. Arguments: vtd|amdvi, rounds of
# giving and taking, deaths with transfers under way.
. /extra/control/lib.sh

kind=$1 rounds=$2 deaths=$3
IMAGE=$T/pci.img
LINUX="--kernel /boot/vmlinuz --initrd $IMAGE --memory 384M"

make_image() { # modules: the guest's image with these drivers
	mkdir -p $T/root/pci
	for m in "$@"; do modprobe -D "$m"; done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' >$T/modules
	while read -r ko; do
		cp "$ko" $T/root/pci/
		basename "$ko"
	done <$T/modules >$T/root/pci/order
	cp /extra/control/guest-pci.sh $T/root/pci/
	(cd $T/root && find . | cpio -o -H newc 2>/dev/null) >$T/more.cpio
	cat /boot/guest.img $T/more.cpio >$IMAGE
}
function_of() { lspci -D -n -d "$1" | awk '{ print $1; exit }'; }
driver_of() { basename "$(readlink /sys/bus/pci/devices/"$1"/driver)" 2>/dev/null; }
note_of() { dais pci | grep "^$1"; }
has_driver() { [ "$(driver_of "$1")" = "$2" ]; }
nvme_disk() { ls /sys/bus/pci/devices/"$nvme"/nvme/nvme*/ 2>/dev/null | grep -m 1 '^nvme[0-9]*n[0-9]*$'; }
has_disk() { [ -n "$(nvme_disk)" ] && [ -b /dev/"$(nvme_disk)" ]; }
in_guest() { # name, what guest-pci.sh is to do, dais options: its output in $T/NAME.txt
	name=$1 what=$2
	shift 2
	timeout 300 dais run --name "$name" $LINUX "$@" --cmdline "quiet $CMDLINE run=\"sh /pci/guest-pci.sh $what\"" \
		>$T/"$name".out 2>&1 </dev/null
	status=$?
	tr -d '\r' <$T/"$name".out >$T/"$name".txt
	[ $status = 0 ] && grep -q '^guest: status 0' $T/"$name".txt
	verdict "guest with $what ends well" $? "status 0" "$(echo "status $status"; tail -n 30 $T/"$name".txt)"
}
said() { sed -n "s/^$2 //p" $T/"$1".txt | tail -n 1; }

nvme_functions() { lspci -D -n -d ::0108 | awk '{ print $1 }'; }
said_by() { tr -d '\r' </run/dais/"$1".console | sed -n "s/^$2 //p" | tail -n 1; }
prints() { tr -d '\r' </run/dais/"$1".console | grep -q "^$2"; }

nvme=$(function_of ::0108) nic=$(function_of 8086:10d3) edu=$(function_of 1234:11e8)
make_image nvme e1000e e1000
frames=$(counter frames_guest) caps=$(counter capabilities)

# Refused, and nothing has changed.
matches "the list shows what can be given" "^$nvme .* nvme +control +[0-9]+ *$" "$(note_of "$nvme")"
refused 1 'bridge' "a bridge" dais run $LINUX --pci 0000:00:1f.0
refused 1 '1f\.0.*1f\.3' "a function of a group, with the names of the others" dais run $LINUX --pci 0000:00:1f.2
refused 1 'no function' "a function that is not there" dais run $LINUX --pci 0000:00:1b.7
refused 1 "Dais's own" "Dais's own function" dais run $LINUX --pci "$(function_of da15:0001)"
refused 2 'twice' "a function named twice" dais run $LINUX --pci "$nvme,$nvme"
refused 1 'reset.*noreset' "a function that cannot be reset" dais run $LINUX --pci "$nvme,$edu"
refused 1 'is up' "an interface in use" dais run $LINUX --pci "$nic"
until_true 60 has_disk
verdict "after all that the disk is still the control domain's" $? "a disk below $nvme" "$(note_of "$nvme")"
check "and can be read" dd if=/dev/"$(nvme_disk)" of=/dev/null bs=64k count=16 iflag=direct

# A disk in a guest, while the control domain uses another.
other=$(for d in /sys/class/block/vd*; do [ "$(cat "$d"/size)" = 34816 ] && basename "$d"; done)
(while [ ! -e $T/stop ]; do dd if=/dev/"$other" of=/dev/null bs=64k count=64 iflag=direct 2>/dev/null || : >$T/bad; done) &
in_guest disk nvme --pci "$nvme" --vcpus 2
: >$T/stop
wait
[ "$(said disk wrote | wc -c)" = 65 ] && [ "$(said disk wrote)" = "$(said disk read)" ]
verdict "64 MiB read back as they were written" $? "$(said disk wrote)" "$(said disk read)"
[ "$(said disk interrupts)" -gt 60 ]
verdict "by the disk's own interrupts" $? "more than 60" "$(said disk interrupts)"
[ ! -e $T/bad ]
verdict "the control domain's disk worked meanwhile" $? "no error" "$(dmesg | tail -n 5)"
until_true 60 has_disk
verdict "the disk is back" $? "a disk below $nvme" "$(note_of "$nvme")"
same "with what the guest wrote" "$(said disk wrote)" "$(dd if=/dev/"$(nvme_disk)" bs=1M count=64 iflag=direct 2>/dev/null | sha256sum | cut -d' ' -f1)"

# A network card.
eth=$(ls /sys/bus/pci/devices/"$nic"/net)
ip link set "$eth" down
in_guest net "nic 10.0.3" --pci "$nic"
matches "the guest's card answers" '5 packets transmitted, 5 packets received' "$(cat $T/net.txt)"
[ "$(said net interrupts)" -gt 0 ]
verdict "by the card's own interrupts" $? "more than 0" "$(said net interrupts)"

# Another, that makes line interrupts only.
old=$(function_of 8086:100e)
ip link set "$(ls /sys/bus/pci/devices/"$old"/net)" down
in_guest line "nic 10.0.4" --pci "$old=noreset"
matches "the guest's other card answers" '5 packets transmitted, 5 packets received' "$(cat $T/line.txt)"
[ "$(said line lines)" -gt 0 ]
verdict "by line interrupts" $? "more than 0" "$(said line lines)"
until_true 60 has_driver "$old" e1000
verdict "and is the control domain's again" $? "its driver e1000" "$(note_of "$old")"

# A rogue: its guest tells it to write to all the memory that is not its own.
start_witness
CMDLINE='mem=128M' in_guest rogue edu --pci "$edu=noreset"
same "its own memory it reaches" 0x1122334455667788 "$(said rogue own)"
echo "# what it read elsewhere: $(said rogue stolen)"
witness_alive "the attack on all memory"
[ "$kind" != vtd ] || [ "$(dais log | grep -c 'refused')" -gt 0 ]
verdict "the IOMMU tells of refused accesses" $? "lines in the log" "$(dais log | tail -n 5)"
# Functions come to a guest that runs, and leave it.
refused 1 'no PCI bus.*--pci none' "a function for a guest without a PCI bus" dais pci attach witness "$nvme"
end_witness
check "a guest with an empty bus starts" dais create --name live $LINUX --pci none --cmdline 'quiet run="sh /pci/guest-pci.sh live"'
until_true 120 prints live ready
check "a disk comes to a guest that runs" dais pci attach live "$nvme"
refused 1 'twice' "the same once more" dais pci attach live "$nvme"
refused 1 'does not have' "another leaves it" dais pci detach live "$nic"
matches "it is that guest's" "^$nvme .*dais-guest +live" "$(note_of "$nvme")"
until_true 120 prints live 'read '
verdict "the guest finds it" $? "a line 'read'" "$(tail -n 30 /run/dais/live.console)"
[ -n "$(said_by live wrote)" ] && [ "$(said_by live wrote)" = "$(said_by live read)" ]
verdict "and uses it" $? "$(said_by live wrote)" "$(said_by live read)"
check "the disk leaves the guest" dais pci detach live "$nvme"
until_true 60 prints live gone && until_true 60 has_disk
verdict "it is the control domain's again" $? "a line 'gone', a disk" "$(note_of "$nvme"; tail -n 30 /run/dais/live.console)"
same "with what the guest wrote" "$(said_by live wrote)" "$(dd if=/dev/"$(nvme_disk)" bs=1M count=8 iflag=direct 2>/dev/null | sha256sum | cut -d' ' -f1)"
check "it comes again" dais pci attach live "$nvme"
until_true 120 prints live again
check "and is taken away while it transfers" dais pci detach live "$nvme" --force
until_true 120 prints live taken && until_true 60 has_disk
verdict "the guest lives on, and the disk is the control domain's" $? "a line 'taken', a disk" "$(note_of "$nvme"; tail -n 30 /run/dais/live.console)"
check "and can be read" dd if=/dev/"$(nvme_disk)" of=/dev/null bs=64k count=16 iflag=direct
check "that guest is destroyed" dais destroy live

# The administrator takes it away under the guest, behind Dais's back: the guest cannot go on with what is another's now.
check "a guest with the disk" dais create --name robbed $LINUX --pci "$nvme" --cmdline 'quiet run="sh /pci/guest-pci.sh load"'
until_true 120 grep -q '^begin' /run/dais/robbed.console
check "its function is unbound" sh -c "echo $nvme >/sys/bus/pci/drivers/dais-guest/unbind"
until_true 60 state_is robbed dead
verdict "the guest dies" $? dead "$(dais list)"
check "it is destroyed" dais destroy robbed
check "the function gets its driver" sh -c "echo >/sys/bus/pci/devices/$nvme/driver_override; echo $nvme >/sys/bus/pci/drivers_probe"
until_true 60 has_disk && dd if=/dev/"$(nvme_disk)" of=/dev/null bs=64k count=16 iflag=direct
verdict "and is the control domain's disk" $? "a disk that can be read" "$(note_of "$nvme"; dmesg | tail -n 10)"
same "invariants hold" 0 "$(counter check)"

# Two guests with a virtual function of one disk each.
pf=$(nvme_functions | sed -n 2p)
physical=/sys/bus/pci/devices/$pf
controller=/dev/$(ls "$physical"/nvme)
virt() { /extra/tools/nvme-virt "$controller" "$@"; } # controller, action, 0 = queues or 1 = interrupts, how many
make_virtual() {
	virt 0 1 1 0 && virt 0 1 0 0 && echo 0 >"$physical"/sriov_drivers_autoprobe && echo 1 >"$physical"/reset || return
	until_true 60 grep -q live "$physical"/nvme/nvme*/state && echo 2 >"$physical"/sriov_numvfs || return
	for c in 1 2; do virt $c 8 1 2 && virt $c 8 0 3 && virt $c 9 0 0 || return; done
}
check "virtual functions are made" make_virtual
vfs=$(nvme_functions | sed -n '3,4p')
check "and set apart for guests" dais pci assign $vfs
n=0
for vf in $vfs; do
	check "a guest with virtual function $vf" dais create --name vf$n $LINUX --pci "$vf" --cmdline "quiet run=\"sh /pci/guest-pci.sh share $((8 * n))\""
	n=$((n + 1))
done
until_true 120 prints vf0 'round 1' && until_true 120 prints vf1 'round 1'
rounds0=$(said_by vf0 round) rounds1=$(said_by vf1 round)
until_true 120 prints vf0 "round $((rounds0 + 2))" && until_true 120 prints vf1 "round $((rounds1 + 2))"
verdict "both write and read at once" $? "two rounds more than $rounds0 and $rounds1" "$(tail -n 20 /run/dais/vf0.console /run/dais/vf1.console)"
check "both are destroyed" dais destroy vf0 vf1
check "the virtual functions go while they are set apart" sh -c "echo 0 >$physical/sriov_numvfs"
same "no virtual function is left" 2 "$(nvme_functions | wc -l)"
refused 1 'no function' "one of them" dais pci return $vfs

# Again and again.
n=0
heap=$(counter heap_used) # by now all is there that stays: a CPU's vectors, tables for what the control domain saw of guests
while [ $n -lt "$rounds" ] && dais create --paused --name round $LINUX --pci "$nvme" >$T/round 2>&1 &&
	dais pci | grep -q "^$nvme .*dais-guest *round" && dais destroy round >>$T/round 2>&1 && has_driver "$nvme" nvme; do
	n=$((n + 1))
done
same "given and taken back" "$rounds" $n
[ $n = "$rounds" ] || not_ok "the round that failed" "$(cat $T/round; note_of "$nvme")"

# Deaths while the disk transfers.
n=0
while [ $n -lt "$deaths" ] && dais create --name dying $LINUX --pci "$nvme" --cmdline 'quiet run="sh /pci/guest-pci.sh load"' >$T/death 2>&1 &&
	until_true 120 grep -q '^begin' /run/dais/dying.console; do
	usleep $((100000 + n * 37000))
	dais destroy dying >>$T/death 2>&1 || break
	same "invariants hold after death $n" 0 "$(counter check)"
	until_true 60 has_disk && dd if=/dev/"$(nvme_disk)" of=/dev/null bs=64k count=16 iflag=direct 2>>$T/death || break
	n=$((n + 1))
done
same "guests died with transfers under way; the disk works afterwards" "$deaths" $n
[ $n = "$deaths" ] || not_ok "the death that failed" "$(cat $T/death; note_of "$nvme"; tail -n 5 /run/dais/dying.console)"

same "no guest's memory is left" "$frames" "$(counter frames_guest)"
same "no capability is left" "$caps" "$(counter capabilities)"
same "nor any of Dais's heap" "$heap" "$(counter heap_used)"
kernel_log_clean
