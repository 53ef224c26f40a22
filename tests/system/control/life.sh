# SPDX-License-Identifier: GPL-2.0-only
# Create, start, destroy, many times; then with kill -9 of the monitor at random moments.
# Dais's counters are as before, the module holds nothing, MemAvailable has no trend.
. /extra/control/lib.sh

N=${1:-20}
# Bytes that the control domain may lose a round before it is a trend: its own noise.
PER_ROUND_KB=32

counters() {
	for c in frames_free frames_guest heap_used domains vcpus capabilities events pools; do
		echo "$c=$(counter $c)"
	done
}
as_before() { [ "$(counters)" = "$before" ] && [ "$(users)" = 0 ]; }
# The last domain's memory is given back after it left the list.
settled() {
	as_before && return
	before=$(counters)
	usleep 300000
	return 1
}
no_guests() { [ -z "$(dais list | tail -n +2)" ]; }
available() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	awk '/^MemAvailable/ { print $2 }' /proc/meminfo
}
users() { awk '$1 == "dais" { print $3 }' /proc/modules; }

one() {
	dais create --name round --kernel /extra/guests/alive.elf --memory 16M --vcpus 2 >/dev/null || return 1
	dais destroy round
}
one_killed() {
	dais run --name round --kernel /extra/guests/alive.elf --memory 16M --vcpus 2 --cmdline ms=1 >/dev/null 2>&1 </dev/null &
	runner=$!
	until_true 60 pidof dais-monitor
	usleep $(($(od -An -N2 -tu2 /dev/urandom) % 300 * 1000))
	killall -9 dais-monitor 2>/dev/null
	wait $runner
	case $? in 0 | 1 | 3 | 4 | 5) ;; *) return 1 ;; esac
	until_true 60 no_guests
}

# The first rounds fill caches of all sorts.
rounds() {
	text=$1 action=$2
	$action && $action && $action
	before=
	until_true 60 settled
	before=$(counters) memory=$(available) failed=0 i=0
	while [ $i -lt "$N" ]; do
		$action || failed=$((failed + 1))
		i=$((i + 1))
	done
	until_true 60 no_guests
	until_true 30 as_before
	same "$N x $text: each round went well" 0 $failed
	same "$N x $text: Dais's counters are as before" "$before" "$(counters)"
	same "$N x $text: dais.ko holds no object" 0 "$(users)"
	now=$(available)
	[ $((memory - now)) -lt $((N * PER_ROUND_KB + 4096)) ]
	verdict "$N x $text: MemAvailable has no trend" $? "about $memory kB" "$now kB"
	same "$N x $text: every invariant holds" 0 "$(counter check)"
}

rounds "create, start, destroy" one
rounds "kill -9 of the monitor" one_killed
kernel_log_clean
