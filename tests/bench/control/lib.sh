# SPDX-License-Identifier: GPL-2.0-only
# In the host's Linux, whichever hypervisor it manages (busybox sh). Output for tests/bench/run: lines
# "MODE name" say what the "BENCH …", "LINUX …" and "STOPWATCH …" lines that follow belong to.
cd /extra
GUEST_MIB=128
# Whose place in memory is random does not cost the same each time.
LINUX_LINE="quiet nokaslr norandmaps"
say() { echo "MODE $*"; }
# From the output of a stopwatched Linux guest: the whole, and what of it passed on the guest's own clock.
split_create() {
	tr -d '\r' | awk '/^STOPWATCH / { all = $2 } /^LINUX user-space / { own = $3 }
		END { if (all && own) printf "VALUE create %.0f\nVALUE create-guest %.0f\nVALUE create-host %.0f\n",
			all, own, all - own }'
}
