# SPDX-License-Identifier: GPL-2.0-only
# Dais: the payload in a hosted and in an autonomous guest.
. /extra/control/lib.sh

payload() { # mode, options of dais run…
	say "$1"
	shift
	timeout 900 dais run --kernel /extra/bench.elf --memory ${GUEST_MIB}M --vcpus 2 "$@" --cmdline "hv=dais $ARGUMENTS" 2>&1 </dev/null
}
payload dais-hosted
payload dais-autonomous --autonomous
