# SPDX-License-Identifier: GPL-2.0-only
# The scheduler's settings, by flags, guest file and live; what is refused; that they do something. Exact figures are
# make bench-sched's: here time is the machine's, and others load it.
. /extra/control/lib.sh

spin() { # NAME VCPUS [options]
	name=$1 vcpus=$2
	shift 2
	dais create --name "$name" --kernel /extra/guests/spin.elf --memory 16M --vcpus "$vcpus" "$@" >/dev/null
}
now() { dais stat --json | json cpu_idle_tsc; }
# One vCPU's counter: GUEST INDEX KEY
of() {
	dais stat --json "$1" | tr -d ' \t' | tr ',{' '\n\n' | awk -F: -v i="$2" -v k="\"$3\"" \
		'$1 == "\"index\"" { on = $2 + 0 == i } on && $1 == k { printf "%.0f", $2; exit }'
}
setting() { dais sched --json "$1" | json "$2"; }
on_cpu() { [ "$(of "$1" 0 cpu)" = "$2" ] && [ "$(of "$1" 1 cpu)" = "$2" ]; }
# ratio A B of what two guests' first vCPUs ran in SECONDS, in percent
ratio() {
	a=$(of "$1" 0 ran_tsc) b=$(of "$2" 0 ran_tsc)
	sleep "$3"
	a=$(($(of "$1" 0 ran_tsc) - a)) b=$(($(of "$2" 0 ran_tsc) - b))
	echo $((b * 100 / a))
}
between() { [ "$3" -ge "$1" ] && [ "$3" -le "$2" ]; }

refused 2 'weight.*1 to 10000' "weight 0" dais create --kernel /extra/guests/spin.elf --weight 0
refused 2 'weight.*1 to 10000' "weight 10001" dais create --kernel /extra/guests/spin.elf --weight 10001
refused 2 'cap.*0 to 99' "cap 100" dais create --kernel /extra/guests/spin.elf --cap 100
refused 2 'BUDGET/PERIOD' "reserve 5" dais create --kernel /extra/guests/spin.elf --reserve 5
refused 2 '500 us to 1000 ms' "a period of 1us" dais create --kernel /extra/guests/spin.elf --reserve 1us/1us
refused 2 'no list of CPUs' "cpus none" dais create --kernel /extra/guests/spin.elf --cpus none
refused 1 'none of these CPUs' "CPUs that are not there" dais create --name x --kernel /extra/guests/spin.elf --cpus 100-511
same "nothing is left of it" "" "$(state_of x)"
refused 1 'no guest' "sched of nobody" dais sched nobody
refused 2 'name' "sched without a name" dais sched --weight 5

cat >$T/a.conf <<END
name = "a"
kernel = "/extra/guests/spin.elf"
memory = 16
vcpus = 2
weight = 300
slice = "1ms"
cpus = "1-2"
END
check "a guest file with settings" dais create --config $T/a.conf
same "its weight" 300 "$(setting a weight)"
same "its slice" 1ms "$(setting a slice)"
same "its CPUs" 1-2 "$(setting a cpus)"
matches "shown as a table" '^ *1 +300 +0 +none +1ms +off +1-2$' "$(dais sched a)"
check "set live" dais sched --weight 100 --slice 4ms --cpus 1 a
check "both vCPUs are on that CPU" until_true 20 on_cpu a 1
check "and on another" dais sched --cpus 3 a
check "both vCPUs are there" until_true 20 on_cpu a 3
check "one vCPU alone" dais sched --vcpu 1 --weight 77 a
same "not the other" 100 "$(setting a weight)"
refused 1 'no vCPU 2' "a vCPU it has not" dais sched --vcpu 2 --weight 5 a

check "a reservation" dais sched --cpus 2 --reserve 4ms/10ms a
matches "two of 40 % fit on one CPU" '4ms/10ms' "$(dais sched --json --vcpu 1 a)"
spin b 1 --cpus 2
refused 1 'at most 15.0 %' "more than is left" dais sched --reserve 2ms/10ms b
same "it keeps what it had" none "$(setting b reserve)"
check "what is left fits" dais sched --reserve 15ms/100ms b
refused 1 'at most 1[0-9.]* %' "a CPU that a reservation needs is not taken away" dais sched --cpus 2 --reserve 10ms/50ms b
check "none" dais sched --reserve none b
check "none" dais sched --reserve none a

check "weights" dais sched --cpus 1 --weight 100 a
dais sched --cpus 1 --weight 300 b
r=$(ratio a b 5)
between 255 345 "$r"
verdict "three times the weight, about three times the time" $? "255 to 345 %" "$r"
dais sched --cap 25 b
dais sched --cpus 2 a
a=$(of b 0 ran_tsc) w=$(of a 0 ran_tsc)
sleep 5
a=$(($(of b 0 ran_tsc) - a)) w=$(($(of a 0 ran_tsc) + $(of a 1 ran_tsc) - w))
matches "waiting is counted" '^[1-9]' "$(of a 1 waited_tsc)"
dais destroy a b

for i in 1 2 3 4; do spin s$i 2; done
cpus=$(dais info --json | json cpus) hz=$(dais info --json | json tsc_hz)
idle=$(now)
sleep 5
idle=$(($(now) - idle))
[ $idle -lt $((hz * 5 * cpus / 20)) ]
verdict "with eight that spin no CPU idles" $? "less than 5 %" "$idle ticks of $((hz * 5 * cpus))"
matches "top has the columns" 'WAIT +MOVES/S +MISSED' "$(dais top -b -n1)"
dais destroy s1 s2 s3 s4

# CPUs 2 and 3 are threads of one core
spin x 2 --cpus 2-3 --core-sched on
spin y 2 --cpus 2-3 --core-sched on
r=$(ratio x y 5)
between 80 125 "$r"
verdict "two guests that share no core take turns on one" $? "80 to 125 %" "$r"
check "core scheduling off" dais sched --core-sched off x
same "it is" off "$(setting x core_sched)"
dais destroy x y
linux smp 4 'nproc' 4 --autonomous --cpus 0-1
timeout 60 dais run --name h --kernel /extra/guests/alive.elf --memory 16M --cmdline ms=50 >/dev/null 2>&1 </dev/null &
check "a hosted guest" until_true 30 state_is h running
refused 1 'hosted' "is Linux's to schedule" dais sched --weight 5 h
refused 1 'hosted' "has no settings" dais sched h
dais destroy h
same "every invariant holds" 0 "$(counter check)"
kernel_log_clean
