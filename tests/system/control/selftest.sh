# SPDX-License-Identifier: GPL-2.0-only
# dais.ko and libdais by their own test program. Argument: monitors killed with -9.
. /extra/control/lib.sh

/extra/tools/dais-selftest "$1"
status=$?
verdict "dais-selftest ends with 0" $status 0 "$status"
same "every invariant holds" 0 "$(counter check)"
kernel_log_clean
