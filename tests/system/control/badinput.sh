# SPDX-License-Identifier: GPL-2.0-only
# Bad input to the dais command: a message that names the culprit, a status, nothing left behind.
. /extra/control/lib.sh

frames=$(counter frames_guest) domains=$(counter domains) caps=$(counter capabilities)
cd $T
echo "this is no kernel, it is a text file" >text
head -c 100000 /boot/vmlinuz >short
: >empty
K="--kernel /boot/vmlinuz"

refused 1 'text' "a kernel that is a text file" dais run --kernel $T/text
refused 1 'nothing' "a kernel that is not there" dais run --kernel $T/nothing
refused 1 'short' "a truncated kernel" dais run --kernel $T/short
refused 1 'empty' "an empty kernel" dais run --kernel $T/empty
refused 1 "$T" "a directory as kernel" dais run --kernel $T
refused 1 'noinitrd' "an initrd that is not there" dais run $K --initrd $T/noinitrd
refused 2 'vcpus' "0 vCPUs" dais run $K --vcpus 0
refused 2 'vcpus' "10,000 vCPUs" dais run $K --vcpus 10000
refused 2 'vcpus' "vCPUs that are no number" dais run $K --vcpus two
refused 1 'free' "more memory than is free" dais run $K --memory 1T
refused 2 'memory' "memory of 0" dais run $K --memory 0
refused 2 'memory' "memory in no known unit" dais run $K --memory 5X
refused 2 'name' "a name with a slash" dais run $K --name a/b
refused 2 'kernel' "no kernel" dais run
refused 2 'nonsense' "an unknown option" dais run --nonsense
refused 2 'nonsense' "an unknown command" dais nonsense
printf 'vcpus = 2\nmemroy = "64M"\n' >guest.conf
refused 1 'guest.conf.*2|line 2' "an unknown setting in a guest file, with its line" dais run --config $T/guest.conf
printf 'vcpus = \n' >guest.conf
refused 1 'guest.conf' "a guest file with a syntax error" dais run --config $T/guest.conf
for command in start pause resume stop destroy console stat; do
	refused 1 'nobody' "dais $command of a guest that is not there" dais $command nobody
done

check "a guest to stand in the way" dais create --name taken --kernel /extra/guests/alive.elf --memory 32M
refused 1 'taken' "a guest name in use" dais create --name taken --kernel /extra/guests/alive.elf
refused 1 'taken' "start of a running guest" dais start taken
check "it is destroyed" dais destroy taken

cp /extra/guests/hello.elf $T/once.elf
dais create --name once --kernel $T/once.elf --memory 32M --no-reboot >/dev/null
until_true 60 state_is once dead
rm $T/once.elf
refused 1 'once.elf' "start of a dead guest whose kernel is gone" dais start once
same "the dead guest is still there" dead "$(state_of once)"
check "it can be destroyed" dais destroy once

# A hosted guest is taken apart by its monitor, while dais stop waits for that.
dais run --name off $LINUX --cmdline quiet </dev/null >$T/off.out 2>&1 &
runner=$!
until_true 200 grep -q 'This is a Dais guest' $T/off.out
begin=$(cut -d. -f1 /proc/uptime)
check "dais stop of a hosted guest" dais stop --timeout 200 off
took=$(($(cut -d. -f1 /proc/uptime) - begin))
[ $took -lt 28 ] # what a monitor waits for those who map its guest
verdict "neither waits for the other" $? "less than 28 s" "$took s"
wait $runner
same "dais run of a stopped guest ends with 0" 0 $?

# Streams that end, are full or closed; an interrupted command. A guest that talks all the time, for the console.
exec 9>$T/lock
dais create --name talker --kernel /extra/guests/alive.elf --memory 32M --cmdline ms=10 >$T/talker.out
exec 9>&-
same "a monitor holds none of the caller's files" "" \
	"$(for pid in $(pidof dais-monitor); do ls -l /proc/$pid/fd; done | grep $T/lock)"
same "the reader of a console leaves" 3 "$(timeout 60 dais console talker </dev/null | head -n 3 | wc -l)"
same "a console whose input nobody takes" 3 "$(timeout 60 dais console talker </dev/zero | head -n 3 | wc -l)"
timeout 60 dais console talker </dev/null >/dev/full 2>$T/full.err
matches "a console whose output is full" '^1 .*No space left' "$? $(cat $T/full.err)"
dais list >/dev/full 2>$T/full.err
matches "a list that cannot be written" '^1 .*No space left' "$? $(cat $T/full.err)"
timeout 60 dais run --kernel /extra/guests/hello.elf --memory 32M --cmdline 'from=0' --no-reboot </dev/zero >$T/zero.out 2>&1
same "a guest that does not read its endless input" 0 $?
dais trace --sched $T/sched.json --seconds 3600 &
tracer=$!
until_true 60 test -e $T/sched.json
usleep 200000
kill -INT $tracer
wait $tracer
matches "a recording that is cut short is written" '^0 .*traceEvents' "$? $(head -c 200 $T/sched.json)"
refused 1 'nowhere' "a recording into a directory that is not there" dais trace --sched /nowhere/file --seconds 3600
dais create --name closed --kernel /extra/guests/alive.elf --memory 32M <&- >&- 2>&-
same "a command without standard streams says that it cannot speak" 1 $?
same "but does what it shall" running "$(state_of closed)"
check "the talker is destroyed" dais destroy talker closed
mkfifo $T/fifo
refused 1 'fifo' "a FIFO as kernel" dais run --kernel $T/fifo
dais create --name stopped --kernel /boot/vmlinuz --initrd /boot/guest.img --memory 600M >$T/int.out 2>&1 &
creator=$!
until_true 60 pidof dais-monitor
kill -INT $creator
wait $creator
# which may have been too late
matches "an interrupted dais create leaves no guest" '^1 .*interrupted;$|^0 stopped;stopped$' \
	"$? $(cat $T/int.out | sed 's/dais: //; s/; there is no guest//');$(dais list | awk 'NR > 1 { print $2 }')"
same "nor files" "" "$(ls /run/dais | grep -v '^stopped.c\|^stopped.s')"
dais destroy stopped >/dev/null 2>&1

refused 1 'root|ermission|rights' "/dev/dais opened by a user without rights" \
	su -s /bin/sh nobody -c 'dais list'
same "no guest's memory is left" "$frames" "$(counter frames_guest)"
same "no domain is left" "$domains" "$(counter domains)"
same "no capability is left" "$caps" "$(counter capabilities)"
same "every invariant holds" 0 "$(counter check)"
