# SPDX-License-Identifier: GPL-2.0-only
# An autonomous guest's monitor is killed, stopped and released under console load: the guest goes on, and no line of
# its console is missing or doubled, neither in the file nor for who reads it. Argument: how many kills.
. /extra/control/lib.sh

KILLS=${1:-20}
PAD=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
# A stopped monitor is away for STOP seconds. The guest prints some 30 lines of 58 bytes a second, at most: what it
# prints meanwhile fits into its console's ring of 32 KiB (565 lines), on machines of any speed.
STOP=10
# Longest the guest may be away by its own clock, hundredths of a second. Had it waited for its monitor it were STOP;
# the rest is the host's, whose CPUs have other work.
PATIENCE=$((STOP * 100 / 2))

monitor_of() { pidof dais-monitor | tr ' ' '\n' | head -n 1; }
another_monitor() { now=$(monitor_of) && [ -n "$now" ] && [ "$now" != "$1" ]; }
no_monitor() { ! pidof dais-monitor; }
# The guest prints: line N UPTIME PAD
lines_of() { tr -d '\r' <"$1" | grep "line" | grep -v reboot; }
last_line() { lines_of /run/dais/outlive.console 2>/dev/null | tail -n 1 | cut -d' ' -f2; }
beyond() { [ "$(last_line)" -gt "$1" ]; }
# complete TEXT FILE: each line whole, once and in order
complete() {
	bad=$(lines_of "$2" | awk -v pad=$PAD '
		NF != 4 || $1 != "line" || $4 != pad || (NR > 1 && $2 != last + 1) { print "after line", last ": " $0; if (++n > 5) exit }
		{ last = $2 }
		END { if (NR < 100) print "only", NR, "lines" }')
	same "$1" "" "$bad"
}
longest_absence() { lines_of "$1" | awk 'NR > 1 { d = int(($3 - t) * 100 + .5); if (d > m) m = d } { t = $3 } END { print m + 0 }'; }

run='i=0; while :; do read up idle </proc/uptime; echo line $i $up '$PAD'; i=$((i + 1)); usleep 30000; done'
check "dais create" dais create --name outlive $LINUX --cmdline "quiet run=\"$run\""
until_true 120 beyond 20
verdict "the guest prints" $? "a line beyond 20" "$(tail -n 3 /run/dais/outlive.console)"

refused 1 'outlive.*has a monitor already.*process [0-9]+' "attach to a guest that is served" dais attach outlive
refused 1 'no guest "nobody"' "attach to an unknown guest" dais attach nobody
refused 2 "name" "attach without a name" dais attach
sleep 100 | dais run --name lodger --kernel /extra/guests/alive.elf --memory 16M >/dev/null 2>&1 &
until_true 60 state_is lodger running
refused 1 'lodger.*hosted' "attach to a hosted guest" dais attach lodger
check "it goes" dais destroy lodger
check "a guest that dies" dais create --name short --kernel /extra/guests/hello.elf --memory 16M --no-reboot
until_true 60 state_is short dead
refused 1 'short.*dead' "attach to a dead guest" dais attach short
check "it goes, too" dais destroy short
killall sleep
id=$(dais list --json | json id)

sleep 1000 | dais console outlive >$T/reader.out 2>$T/reader.err &
until_true 60 grep -q 'line 20' $T/reader.out
attached=0 i=0
while [ $i -lt "$KILLS" ]; do
	old=$(monitor_of)
	usleep $(($(od -An -N2 -tu2 /dev/urandom) % 200 * 1000))
	kill -9 "$old"
	[ $((i % 2)) = 1 ] || dais attach outlive >$T/attach.err 2>&1 # or its reader gets one itself
	until_true 30 another_monitor "$old" && attached=$((attached + 1))
	until_true 30 beyond "$(last_line)"
	i=$((i + 1))
done
same "$KILLS x kill -9: another monitor serves the guest" "$KILLS" $attached
until_true 60 eval '[ "$(lines_of $T/reader.out | tail -n 1 | cut -d" " -f2)" -gt "'"$(last_line)"'" ]'
same "its reader is still the first" "1" "$(pidof dais | wc -w)"
killall sleep dais 2>/dev/null
wait
complete "$KILLS x kill -9: its reader misses no line and sees none twice" $T/reader.out

i=0 attached=0
while [ $i -lt "$KILLS" ]; do
	kill -9 "$(monitor_of)"
	dais attach outlive && attached=$((attached + 1))
	until_true 30 beyond "$(last_line)"
	i=$((i + 1))
done
same "$KILLS x kill -9, dais attach" "$KILLS" $attached

before=$(last_line)
kill -STOP "$(monitor_of)"
sleep $STOP
kill -CONT "$(monitor_of)"
until_true 30 beyond "${before:-0}"
check "dais console --release" dais console --release outlive
until_true 30 no_monitor
usleep 500000
check "dais attach after it" dais attach outlive
until_true 30 beyond "$(last_line)"
dais console --history outlive >$T/history.out
complete "kills, a stopped monitor, a release: no line is missing or doubled" $T/history.out
gap=$(longest_absence $T/history.out)
[ "$gap" -le $PATIENCE ]
verdict "a monitor stopped for $STOP s and all kills: the guest's longest pause" $? "at most $PATIENCE hundredths" "$gap"
echo "# the guest's longest pause: $gap hundredths of a second, $(last_line) lines"
matches "the guest is the same, running" "\"id\": $id,.*\"state\": \"running\"" "$(dais list --json | tr -d '\n')"

# Input after all that: the guest's shell is not on it, but the power button is the I/O APIC's.
check "dais stop presses the power button through the new monitor" dais stop --timeout 60 outlive
check "dais destroy" dais destroy outlive

# Level-triggered interrupts of a port that Dais serves from tables
payload apic "" --autonomous

check "a busy guest" dais create --name busy --kernel /extra/guests/alive.elf --memory 16M --cmdline ms=1
check "dais trace --sched" dais trace --sched $T/sched.json --seconds 1
matches "it is a trace-event file" '"traceEvents":\[' "$(head -n 1 $T/sched.json)"
matches "it names the guest" '"name":"busy/0"' "$(grep -m 1 busy/0 $T/sched.json)"
matches "it is whole" '"otherData".*"lost":' "$(tail -n 1 $T/sched.json)"
refused 1 'nowhere' "dais trace --sched into a directory that is not there" dais trace --sched /nowhere/x --seconds 1
refused 2 'seconds' "dais trace --seconds 0" dais trace --sched $T/x --seconds 0
check "its end" dais destroy busy
same "every invariant holds at the end" 0 "$(counter check)"
kernel_log_clean
