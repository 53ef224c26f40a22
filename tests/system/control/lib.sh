# SPDX-License-Identifier: GPL-2.0-only
# For the scripts that run in the control domain (busybox sh): each check prints
# one line, "ok - …", "not ok - …" or "skip - …", and on failure "# …" lines with
# what was expected and what came.

T=/run/t
case $PLATFORM in # of `make run`, given by tests/system/run
bochs-*) EMULATOR=emulator=bochs ;;
*) EMULATOR= ;;
esac
mkdir -p $T
LINUX="--kernel /boot/vmlinuz --initrd /boot/guest.img --memory 256M"

ok() { echo "ok - $*"; }
not_ok() {
	echo "not ok - $1"
	shift
	for line in "$@"; do echo "$line" | tail -n 25 | sed 's/^/# /'; done
}
skip() { echo "skip - $*"; }

# verdict TEXT CONDITION-STATUS EXPECTED GOT
verdict() {
	if [ "$2" = 0 ]; then ok "$1"; else not_ok "$1" "expected: $3" "got: $4"; fi
}

# check TEXT COMMAND...: it ends with 0
check() {
	text=$1
	shift
	out=$("$@" 2>&1)
	status=$?
	verdict "$text" $status "status 0 of: $*" "status $status: $out"
}

# matches TEXT PATTERN STRING
matches() {
	echo "$3" | grep -qE -- "$2"
	verdict "$1" $? "/$2/" "$3"
}

# same TEXT EXPECTED GOT
same() {
	[ "$2" = "$3" ]
	verdict "$1" $? "$2" "$3"
}

# refused STATUS PATTERN TEXT COMMAND...: an error message with that pattern, that exit code
refused() {
	want=$1 pattern=$2 text=$3
	shift 3
	out=$(timeout 60 "$@" 2>&1 </dev/null)
	status=$?
	if [ $status != "$want" ]; then
		not_ok "$text" "expected: status $want" "got: status $status: $out"
	else
		matches "$text" "$pattern" "$out"
	fi
}

json() { sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",}]*\).*/\1/p" | head -n 1; }
counter() { dais stat --json | json "$1"; }

# until SECONDS COMMAND...: waits for the condition
until_true() {
	limit=$(($(cut -d. -f1 /proc/uptime) + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(cut -d. -f1 /proc/uptime)" -lt $limit ] || return 1
		usleep 100000
	done
}

state_of() { dais list | awk -v n="$1" '$2 == n { print $3 }'; }
state_is() { [ "$(state_of "$1")" = "$2" ]; }

# linux NAME CPUS COMMAND EXPECTED-LINE [dais options]: a Linux guest runs the command and powers off
linux() {
	name=$1 cpus=$2 command=$3 line=$4
	shift 4
	timeout 200 dais run --name "$name" $LINUX --vcpus "$cpus" --cmdline "quiet run=\"$command\"" "$@" \
		>$T/"$name".out 2>&1 </dev/null
	status=$?
	tr -d '\r' <$T/"$name".out >$T/"$name".txt
	if [ $status = 0 ] && grep -qxE "$line" $T/"$name".txt && grep -q '^guest: status 0' $T/"$name".txt; then
		ok "Linux guest, $cpus vCPUs $*"
	else
		dais destroy "$name" >/dev/null 2>&1
		not_ok "Linux guest, $cpus vCPUs $*" "expected: status 0 and a line /$line/" \
			"got: status $status" "$(tail -n 20 $T/"$name".txt)"
	fi
}

# payload NAME 'ARGUMENTS' [dais options]: a guest of tests/guests, all its cases. With
# MAY_DIE=1 a case may kill the guest, with a reason: it is started again behind that case.
payload() {
	name=$1 args=$2 from=0 deaths=0 failures=
	shift 2
	text="payload $name $args $*"
	while :; do
		timeout "${LIMIT:-200}" dais run --name "p-$name" --kernel "/extra/guests/$name.elf" --memory 64M \
			--vcpus "${VCPUS:-2}" --no-reboot --cmdline "$args from=$from" "$@" >$T/p.out 2>&1 </dev/null
		status=$?
		tr -d '\r' <$T/p.out >$T/p.txt
		failures="$failures$(grep '^FAIL ' $T/p.txt)"
		last=$(sed -n 's/^CASE \([0-9]*\) .*/\1/p' $T/p.txt | tail -n 1)
		[ $status = 3 ] && [ "${MAY_DIE:-0}" = 1 ] && [ -n "$last" ] && [ "$last" -ge $from ] || break
		deaths=$((deaths + 1)) from=$((last + 1))
		echo "# $text: died in $(grep '^CASE' $T/p.txt | tail -n 1): $(tail -n 1 $T/p.txt)"
	done
	if [ -n "$failures" ] || [ $status != 0 ] || ! grep -q "^PASS $name" $T/p.txt; then
		dais destroy "p-$name" >/dev/null 2>&1
		not_ok "$text" "expected: status 0 and PASS" "got: status $status" "$failures" "$(tail -n 12 $T/p.txt)"
	else
		ok "$text ($deaths deaths)"
	fi
}

# A guest that counts on its console, for as long as this group runs.
start_witness() {
	check "witness guest starts" dais create --name witness --kernel /extra/guests/alive.elf --memory 32M \
		--cmdline 'ms=100'
}
witness_count() { tr -d '\r' </run/dais/witness.console 2>/dev/null | sed -n 's/^alive \([0-9]*\)$/\1/p' | tail -n 1; }
witness_moves() { [ "$(witness_count)" -gt "${1:-0}" ]; }
# witness_alive AFTER-WHAT: it still counts, and Dais's tables are in order
witness_alive() {
	now=$(witness_count)
	until_true 60 witness_moves "${now:-0}"
	verdict "the second guest lives after $1" $? "a count above ${now:-none}" "$(dais list)"
	same "all invariants hold after $1" 0 "$(counter check)"
}
end_witness() { check "witness guest is destroyed" dais destroy witness; }

# What must not be in the control kernel's log.
kernel_log_clean() {
	bad=$(dmesg | grep -E 'rcu.*stall|soft lockup|hard LOCKUP|BUG:|Call Trace|timed? ?out|Unhandled|No irq handler|nobody cared|I/O error|hung task|Kernel panic|clocksource.*unstable' |
		grep -v -E 'DHCP|timeout set|link down')
	[ -z "$bad" ]
	verdict "nothing wrong in the control kernel's log" $? "no stall, time-out or error" "$bad"
}
