# SPDX-License-Identifier: GPL-2.0-only
# The machine with a CPU, or with many: a Linux guest of two vCPUs, both kinds.
. /extra/control/lib.sh

same "the control domain has all CPUs" "$1" "$(nproc)"
linux hosted 2 nproc 2
linux autonomous 2 nproc 2 --autonomous
same "every invariant holds" 0 "$(counter check)"
kernel_log_clean
