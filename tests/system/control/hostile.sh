# SPDX-License-Identifier: GPL-2.0-only
# Hostile guests; with an argument more of them as autonomous ones. After each a second guest and the control domain are alive.
. /extra/control/lib.sh

start_witness
MAY_DIE=1
for p in ports msrs prefix system strio memory die storm; do
	payload $p "$EMULATOR"
	witness_alive "$p"
done
for target in lapic hole ioapic; do
	payload mmio "target=$target"
	witness_alive "mmio $target"
done
for p in storm ${1:+die} ${1:+system} ${1:+strio} ${1:+prefix}; do
	payload $p "ms=200 $EMULATOR" --autonomous
	witness_alive "$p, autonomous"
done

# Deaths have a reason that dais list keeps.
dais create --name dead --kernel /extra/guests/hello.elf --memory 32M --cmdline end=triple >/dev/null
until_true 60 state_is dead dead
matches "dais list says why a guest died" 'triple fault' "$(dais list | grep dead)"
dais destroy dead

# All vCPUs loop with interrupts off: only destroying helps, and it does.
for kind in "" --autonomous; do
	dais run --name spinner --kernel /extra/guests/hello.elf --memory 32M --vcpus 2 --cmdline end=spin $kind \
		>$T/spin.out 2>&1 </dev/null &
	runner=$!
	until_true 60 grep -q 'all CPUs loop' $T/spin.out
	verdict "a guest loops with interrupts off $kind" $? "its line" "$(cat $T/spin.out)"
	usleep 1000000
	witness_alive "a loop with interrupts off $kind"
	payload hello "" --autonomous
	check "it can be destroyed $kind" timeout 60 dais destroy spinner
	wait $runner
done
end_witness
kernel_log_clean
