# SPDX-License-Identifier: GPL-2.0-only
# The short form for Bochs: a Linux guest of two vCPUs, a hostile payload. Argument: CPUs.
. /extra/control/lib.sh

same "the control domain has all CPUs" "$1" "$(nproc)"
linux autonomous 2 nproc 2 --autonomous --kernel /boot/vmlinuz-cloud
MAY_DIE=1
payload msrs ""
same "every invariant holds" 0 "$(counter check)"
kernel_log_clean
