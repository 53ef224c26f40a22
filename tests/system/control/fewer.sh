# SPDX-License-Identifier: GPL-2.0-only
# A control domain of 2 vCPUs on 4 CPUs.
. /extra/control/lib.sh

same "the control domain has 2 CPUs" 2 "$(nproc)"
same "Dais has 4" 4 "$(dais info --json | json cpus)"
matches "topology agrees with the number of CPUs" '^0-1$' "$(cat /sys/devices/system/cpu/present)"
linux autonomous 2 nproc 2 --autonomous
linux hosted 2 nproc 2
kernel_log_clean
