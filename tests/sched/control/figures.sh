# SPDX-License-Identifier: GPL-2.0-only
# The scheduler's figures on the booted system, under -icount: one tick of the TSC is one instruction, and time is exact.
# Each line: "ok - …" or "not ok - …" with the figures. For two CPUs; the guests' are on CPU 1, the control domain idles.
. /extra/control/lib.sh

SECONDS_EACH=${1:-10}
hz=$(dais info --json | json tsc_hz)

create() { # NAME VCPUS PAYLOAD 'ARGUMENTS' [options]
	name=$1 vcpus=$2 payload=$3 args=$4
	shift 4
	dais create --name "$name" --kernel "/extra/guests/$payload.elf" --memory 16M --vcpus "$vcpus" --cmdline "$args" "$@" \
		>/dev/null || not_ok "create $name"
}
all_gone() { [ -z "$(dais list | tail -n +2)" ]; }
clear_all() {
	dais list | awk 'NR > 1 { print $2 }' | xargs dais destroy
	until_true 60 all_gone
}
# Sum over a guest's vCPUs of a counter: GUEST KEY
sum() { dais stat --json "$1" | tr -d ' \t' | tr ',{' '\n\n' | awk -F: -v k="\"$2\"" '$1 == k { s += $2 } END { printf "%.0f", s }'; }
tsc() { awk '{ printf "%.0f", $1 * 1000 }' /proc/uptime; }
all_spin() { for g in "$@"; do [ "$(sum "$g" ran_tsc)" -gt 0 ] || return 1; done; }
# permille of a CPU that each guest got in SECONDS_EACH, in shares_of: GUEST…
shares() {
	until_true 60 all_spin "$@"
	sleep 1
	before= after=
	for g in "$@"; do before="$before $(sum "$g" ran_tsc)"; done
	begin=$(tsc)
	sleep "$SECONDS_EACH"
	for g in "$@"; do after="$after $(sum "$g" ran_tsc)"; done
	span=$((($(tsc) - begin) * (hz / 1000)))
	shares_of=$(echo "$before $after" | awk -v n=$# -v span=$span '{ for (i = 1; i <= n; i++) printf "%.1f ", ($(i + n) - $i) * 1000 / span }')
}
# within TEXT PERMILLE EXPECTED…: shares_of is that, relative to their sum when SUM=1
within() {
	text=$1 limit=$2
	shift 2
	out=$(echo "$shares_of $*" | awk -v n=$# -v limit="$limit" -v relative="${SUM:-0}" '{
		for (i = 1; i <= n; i++) { got += $i; want += $(i + n) }
		for (i = 1; i <= n; i++) {
			w = relative ? $(i + n) * got / want : $(i + n)
			off = ($i - w) * 1000 / w
			printf "%.1f (%.1f, %+.2f %%) ", $i, w, off / 10
			if (off > limit || off < -limit) bad = 1
		}
		exit bad }')
	verdict "$text: permille of a CPU (due): $out" $? "within $limit permille" "$out"
}

# The control domain has 100: with much less than the guests it would hardly get to measure them.
create w1 2 spin '' --weight 10
create w2 2 spin '' --weight 20
create w4 2 spin '' --weight 40
shares w1 w2 w4
SUM=1 within "weights 1:2:4, two vCPUs each on two CPUs" 10 1 2 4
clear_all

create c1 1 spin '' --cap 10 --cpus 1
create c2 1 spin '' --cap 35 --cpus 1
create c3 1 spin '' --cpus 1
shares c1 c2
within "caps of 10 % and 35 %" 10 100 350
clear_all

create honest 1 spin '' --cpus 1
create cheat 1 spin 'cheat=3950' --cpus 1
shares cheat honest
out=$(echo "$shares_of" | awk '{ print $1, $2; exit !($1 <= $2 * 1.01) }')
verdict "who sleeps just before its slice ends gains nothing: permille of cheat and honest: $out" $? "cheat <= honest + 1 %" "$out"
clear_all

for i in 1 2 3 4 5 6 7 8; do create f$i 1 spin '' --cpus 1; done
create r 1 spin '' --cpus 1 --reserve 2ms/10ms
shares r
within "2ms/10ms beside eight that spin" 10 200
same "of $((SECONDS_EACH * 100 + 100)) periods missed" 0 "$(sum r missed)"
timeout 100 dais run --autonomous --name l --kernel /extra/guests/wake.elf --memory 16M --no-reboot --cpus 1 --reserve 2ms/10ms \
	--cmdline "count=$((SECONDS_EACH * 20)) us=7000 work=500" >$T/wake.out 2>&1 </dev/null
matches "wake-up to run, reserved: $(grep '^WAKE' $T/wake.out)" '^WAKE median' "$(cat $T/wake.out)"
timeout 100 dais run --autonomous --name l --kernel /extra/guests/wake.elf --memory 16M --no-reboot --cpus 1 \
	--cmdline "count=$((SECONDS_EACH * 20)) us=7000 work=100" >$T/wake.out 2>&1 </dev/null
matches "wake-up to run, fair and light: $(grep '^WAKE' $T/wake.out)" '^WAKE median' "$(cat $T/wake.out)"
clear_all

# Forks and opens of eight processes at once: the time they take with 8 vCPUs on the two CPUs, and with 2
work='cd /; read a b </proc/uptime; for w in 1 2 3 4 5 6 7 8; do (i=0; while [ $i -lt 150 ]; do (: >x); i=$((i+1)); done) & done; wait; read c d </proc/uptime; echo TOOK $a $c'
took() { # VCPUS
	timeout 300 dais run --autonomous --name t --kernel /boot/vmlinuz --initrd /boot/guest.img --memory 256M --vcpus "$1" \
		--cmdline "quiet run=\"$work\"" 2>&1 </dev/null | tr -d '\r' | awk '$1 == "TOOK" { printf "%.0f", ($3 - $2) * 1000 }'
}
few=$(took 2) many=$(took 8)
[ "${few:-0}" -gt 0 ] && [ "${many:-0}" -gt 0 ] && [ $((many * 10)) -le $((few * 13)) ]
verdict "lock-heavy Linux: 8 vCPUs on two CPUs take $many ms, 2 take $few ms" $? "at most 1.3 x" "$many of $few"

# What host mode takes for each exit when each exit is a switch: N vCPUs with slices of 1 ms on CPU 1
first=
for n in 2 16 256; do
	g=0 per=$((n > 64 ? 64 : n))
	while [ $((g * per)) -lt $n ]; do
		create n$g $per spin '' --cpus 1 --slice 1ms
		g=$((g + 1))
	done
	until_true 60 all_spin n0
	[ $n -lt 256 ] || sleep 2
	cost() { # "ran in-guest exits"
		r=0 t=0 e=0 k=0
		while [ $k -lt $g ]; do
			r=$((r + $(sum n$k ran_tsc))) t=$((t + $(sum n$k guest_tsc))) e=$((e + $(sum n$k exits)))
			k=$((k + 1))
		done
		echo "$r $t $e"
	}
	before=$(cost)
	sleep 3
	out=$(echo "$before $(cost)" | awk '{ printf "%.0f", ($4 - $1 - ($5 - $2)) / ($6 - $3) }')
	first=${first:-$out}
	[ "$out" -gt 0 ] && [ $((out * 2)) -le $((first * 3)) ]
	verdict "a switch with $n runnable: $out instructions in host mode" $? "at most 1.5 x $first" "$out"
	clear_all
done
same "every invariant holds" 0 "$(counter check)"
