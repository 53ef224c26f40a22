# SPDX-License-Identifier: GPL-2.0-only
# The short form for Bochs: a Linux guest of two vCPUs, a hostile payload. Arguments: CPUs, whether dais info is to
# show the CPU's virtual APIC in use (off, on, posted: with posted interrupts; none: not asked).
. /extra/control/lib.sh

same "the control domain has all CPUs" "$1" "$(nproc)"
if [ "$2" ]; then
	dais info >$T/info.txt
	grep -q 'virtual interrupts' $T/info.txt && apicv=on || apicv=off
	grep -q 'posted interrupts' $T/info.txt && apicv="posted"
	same "the CPU's virtual APIC is in use" "$2" $apicv
fi
linux autonomous 2 nproc 2 --autonomous --kernel /boot/vmlinuz-cloud
MAY_DIE=1
payload msrs ""
# Two that wait for a spinlock in vain: each PAUSE loop ends its turn, wherever they are.
trace_has() { dais trace show | grep -qE "$1"; }
on_cpu() { dais stat --json spin | tr -d ' \t' | tr ',{}' '\n\n\n' | awk -F: -v c="$1" '$1 == "\"cpu\"" { n += $2 == c } END { exit n != 2 }'; }
check "two that spin" dais create --name spin --kernel /extra/guests/spin.elf --memory 16M --vcpus 2 --cmdline tight=1
for cpu in $(seq $(($1 - 1)) -1 0); do
	check "moved to CPU $cpu" dais sched --cpus "$cpu" spin
	check "both are there" until_true 60 on_cpu "$cpu"
	dais trace on
	check "PAUSE-loop exits there" until_true 60 trace_has "cpu $cpu .*exit +PAUSE"
	dais trace off
done
check "destroyed" dais destroy spin
same "every invariant holds" 0 "$(counter check)"
kernel_log_clean
