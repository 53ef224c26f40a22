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
same "every invariant holds" 0 "$(counter check)"
kernel_log_clean
