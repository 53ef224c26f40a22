# SPDX-License-Identifier: GPL-2.0-only
# figures.sh SECONDS PART…: the scheduler's figures on the booted system, under -icount: one tick of the TSC is one
# instruction, and time is exact. Each line: "ok - …" or "not ok - …" with the figures. tests/sched/run knows which part
# wants how many CPUs.
. /extra/control/lib.sh

SECONDS_EACH=$1
shift
hz=$(dais info --json | json tsc_hz)

create() { # NAME VCPUS PAYLOAD 'ARGUMENTS' [options]
	name=$1 vcpus=$2 payload=$3 args=$4
	shift 4
	dais create --name "$name" --kernel "/extra/guests/$payload.elf" --memory 16M --vcpus "$vcpus" --cmdline "$args" "$@" \
		>/dev/null || not_ok "create $name"
}
all_gone() { [ -z "$(dais list | tail -n +2)" ]; }
clear_all() {
	dais list | awk 'NR > 1 { print $2 }' | xargs -r dais destroy
	until_true 60 all_gone
}
# A counter of a guest's vCPUs, one on a line: GUEST KEY
each() { dais stat --json "$1" | tr -d ' \t' | tr ',{}' '\n\n\n' | awk -F: -v k="\"$2\"" '$1 == k { printf "%.0f\n", $2 }'; }
sum() { each "$1" "$2" | awk '{ s += $1 } END { printf "%.0f", s }'; }
tsc() { awk '{ printf "%.0f", $1 * 1000 }' /proc/uptime; }
all_spin() { # GUEST…: each vCPU has run
	for of in "$@"; do
		[ "$(each "$of" ran_tsc | sort -n | head -n 1)" -gt 0 ] || return 1
	done
}
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
spinners() { # COUNT [options]: s1, s2, …
	count=$1 i=0
	shift
	while [ $((i += 1)) -le "$count" ]; do create s$i 1 spin '' "$@"; done
}

latency() { # TEXT MOST 'WAKE …'
	[ "$(echo "$3" | awk '{ print $7 }')" -le "$2" ]
	verdict "$1" $? "at most $2" "$3"
}

# --- two CPUs ---

# Printed only: the control domain's vCPU there has timers, too.
part_sole() {
	spinners 1 --cpus 1
	until_true 60 all_spin s1
	sleep 1
	before=$(sum s1 exits)
	sleep "$SECONDS_EACH"
	echo "# a vCPU alone on its CPU leaves it $(($(sum s1 exits) - before)) times in $SECONDS_EACH s"
}

# The control domain has 100: with much less than the guests it would hardly get to measure them.
part_weights() {
	create w1 2 spin '' --weight 10
	create w2 2 spin '' --weight 20
	create w4 2 spin '' --weight 40
	shares w1 w2 w4
	SUM=1 within "weights 1:2:4, two vCPUs each on two CPUs, $SECONDS_EACH s" 10 1 2 4
}

part_caps() {
	create c1 1 spin '' --cap 10 --cpus 1
	create c2 1 spin '' --cap 35 --cpus 1
	create c3 1 spin '' --cpus 1
	shares c1 c2
	within "caps of 10 % and 35 %, $SECONDS_EACH s" 10 100 350
}

part_cheat() {
	create honest 1 spin '' --cpus 1
	create cheat 1 spin 'cheat=3950' --cpus 1
	shares cheat honest
	out=$(echo "$shares_of" | awk '{ print $1, $2; exit !($1 <= $2 * 1.01) }')
	verdict "who sleeps just before its slice ends gains nothing: permille of cheat and honest: $out" $? "cheat <= honest + 1 %" "$out"
}

part_reserve() {
	spinners 8 --cpus 1
	create r 1 spin '' --cpus 1 --reserve 2ms/10ms
	shares r
	within "2ms/10ms beside eight that spin" 10 200
	same "of $((SECONDS_EACH * 100 + 100)) periods missed" 0 "$(sum r missed)"
}

# Who wakes is on another CPU: its IPI, that CPU's way out of its guest, and into ours. Both PAUSE often, so that
# the emulator gives the other one its turn.
part_ipi() {
	spinners 8 --cpus 1
	dais create --name l --kernel /extra/guests/wake.elf --memory 16M --vcpus 2 --cpus 0 \
		--cmdline "count=$((SECONDS_EACH * 40)) us=7000 after=1000000" >/dev/null || not_ok "create l"
	dais sched --vcpu 1 --cpus 1 --reserve 2ms/10ms l || not_ok "reserve"
	until_true $((SECONDS_EACH + 60)) grep -q '^WAKE' /run/dais/l.console
	out=$(tr -d '\r' </run/dais/l.console | grep '^WAKE')
	latency "IPI to run, reserved, from another CPU, beside eight that spin: $out" 50000 "$out"
}

locks() { # VCPUS: a Linux guest, eight threads of which need the same locks
	timeout 300 dais run --autonomous --name t --kernel /boot/vmlinuz --initrd /extra/locks.img --memory 256M --vcpus "$1" \
		--cmdline 'quiet run="/locks"' 2>&1 </dev/null | tr -d '\r' | sed -n 's/^LOCKS //p' >$T/locks."$1"
}
part_locks() {
	locks 2
	locks 8
	out=$(awk 'NR == FNR { few[$1] = $2; next }
		few[$1] { printf "%s %.0f of %.0f (%.2f) ", $1, $2, few[$1], $2 / few[$1]; n++ }
		$1 == "all" { r = $2 / few[$1] } END { exit !(n >= 2 && r > 0 && r <= 1.3) }' $T/locks.2 $T/locks.8)
	verdict "lock-heavy Linux on two CPUs, instructions with 8 vCPUs of those with 2: $out" $? "all at most 1.3 x" "$out"
}

# --- four CPUs ---

# From dais trace --sched's file: "longest N ns, total N of N ns" that a CPU idled while somebody waited who might have
# run there. The control domain's vCPUs, process 1, stay on the CPU of their number; guests may run on all.
gaps() { # FILE CPUS
	sed -n 's/.*"name":"\([^"]*\)",.*"ph":"X",.*"pid":\([0-9]*\),"tid":\([0-9]*\),"ts":\([0-9.]*\),"dur":\([0-9.]*\).*/\1 \2 \3 \4 \5/p' "$1" |
		awk '$1 == "waits" { what = $2 == 1 ? "here" : "any" } $2 == 0 { what = "run" }
			$1 == "waits" || $2 == 0 { printf "%.0f %s %d 1\n%.0f %s %d -1\n", 1e12 + $4 * 1000, what, $3, 1e12 + ($4 + $5) * 1000, what, $3 }' |
		sort | awk -v cpus="$2" '
			function judge(  c, idle, bad) {
				for (c = 0; c < cpus; c++)
					if (!run[c]) { idle = 1; if (here[c]) bad = 1 }
				if (idle && any) bad = 1
				if (bad && !since) since = at
				if (!bad && since) {
					if (at - since > longest) longest = at - since
					total += at - since; n++; since = 0
				}
			}
			NR == 1 { begin = $1 + 0 }
			$1 + 0 != at { if (at > begin + 20000000) judge(); at = $1 + 0 }
			$2 == "run" { run[$3] += $4 } $2 == "any" { any += $4 } $2 == "here" { here[$3] += $4 }
			END { printf "longest %.0f ns, %.0f in %d times of %.0f ns", longest, total, n, at - begin }'
}

idle() { dais stat --json | json cpu_idle_tsc; }
part_conserve() {
	spinners 8 --weight 10
	until_true 60 all_spin s1 s2 s3 s4 s5 s6 s7 s8
	begin=$(tsc) before=$(idle)
	sleep "$SECONDS_EACH"
	out=$(($(idle) - before)) of=$((($(tsc) - begin) * (hz / 1000)))
	[ $((out * 1000)) -lt "$of" ]
	verdict "four CPUs with eight that spin: idle $out of 4 x $of ticks" $? "less than 1 permille of one" "$out"
	clear_all
	i=0
	while [ $((i += 1)) -le 12 ]; do create z$i 1 spin "cheat=$((250 + i * 130)) pause=$((3900 - i * 230))" --weight 10; done
	until_true 60 all_spin z1 z2 z3 z4 z5 z6 z7 z8 z9 z10 z11 z12
	dais trace --sched $T/trace.json --seconds 1
	out=$(gaps $T/trace.json 4)
	[ "$(echo "$out" | awk '{ print $2 }')" -le 200000 ] # a wake-up path, and turns of the emulator's
	verdict "four CPUs, twelve that sleep and run: a CPU idled while somebody waited that might have run there: $out" $? "at most 200000" "$out"
}

# What host mode takes for each exit when each exit is a switch: N vCPUs with slices of 1 ms on one CPU, of N guests, four
# at most. They rest while they are asked: what one ran, what of it in the guest and its exits are not read at one time.
cost() { # GUESTS: "ran in-guest exits"
	names=$(seq 1 "$1" | sed "s/^/n/")
	dais pause $names || not_ok "pause"
	for of in $names; do dais stat --json "$of"; done | tr -d ' \t' | tr ',{}' '\n\n\n' |
		awk -F: '{ s[$1] += $2 } END { printf "%.0f %.0f %.0f", s["\"ran_tsc\""], s["\"guest_tsc\""], s["\"exits\""] }'
	dais resume $names || not_ok "resume"
}
spinning() { tr -d '\r' </run/dais/"$1".console | grep -qx spinning; }
part_switch() {
	first=
	for n in 2 16 256; do
		g=0 guests=$((n > 4 ? 4 : n))
		while [ $((g += 1)) -le $guests ]; do
			create n$g $((n / guests)) spin '' --cpus 3
			until_true 60 spinning n$g || not_ok "n$g does not spin"
		done
		for g in $(seq 1 $guests); do dais sched --slice 1ms n$g || not_ok "slice"; done
		before=$(cost $guests)
		sleep "$SECONDS_EACH"
		out=$(echo "$before $(cost $guests)" | awk '{ printf "%.0f %.0f", ($4 - $1 - ($5 - $2)) / ($6 - $3), $6 - $3 }')
		of=${out#* } out=${out% *}
		first=${first:-$out}
		[ "$out" -gt 0 ] && [ $((out * 2)) -le $((first * 3)) ]
		verdict "a switch with $n runnable: $out instructions in host mode, the mean of $of" $? "at most 1.5 x $first" "$out"
		clear_all
	done
}

# --- one CPU: what is between a deadline and a handler is that CPU's own ---

wake() { # TEXT MOST 'ARGUMENTS' [options]: none waits longer than MOST
	text=$1 most=$2 args=$3
	shift 3
	timeout 100 dais run --autonomous --name l --kernel /extra/guests/wake.elf --memory 16M --no-reboot --cmdline "$args" "$@" \
		>$T/wake.out 2>&1 </dev/null
	out=$(tr -d '\r' <$T/wake.out | grep '^WAKE')
	latency "$text: $out" "$most" "$out"
}
part_wake() {
	spinners 8 --cpus 0 --weight 10
	wake "wake-up to run, reserved, beside eight that spin" 10000 "count=$((SECONDS_EACH * 100)) us=7000 work=500" \
		--reserve 2ms/10ms
	wake "wake-up to run, fair and light, beside eight that spin" 20000 "count=$((SECONDS_EACH * 20)) us=7000 work=100"
	# Dais itself is not preempted: how long a call of the control domain's may take is what a reservation waits for.
	touch $T/churn
	while [ -e $T/churn ]; do
		dais create --name churn --kernel /extra/guests/spin.elf --memory 64M --vcpus 1 --weight 1 >/dev/null
		dais destroy churn
	done &
	wake "wake-up to run, reserved, while guests are made and destroyed there" 1200000 \
		"count=$((SECONDS_EACH * 100)) us=7000 work=500" --reserve 2ms/10ms
	rm $T/churn
	wait
}

for part; do
	begin=$(tsc)
	part_$part
	clear_all
	echo "# $part: $(($(tsc) - begin)) ms of the machine's time"
done
same "every invariant holds" 0 "$(counter check)"
