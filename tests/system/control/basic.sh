# SPDX-License-Identifier: GPL-2.0-only
# dais info and the other commands; Linux guests hosted and autonomous, alone and three at once.
# Arguments: CPUs, "AMD" or "Intel".
. /extra/control/lib.sh

case $2 in
AMD) cpu=AuthenticAMD virtualization=AMD-V ;;
Intel) cpu=GenuineIntel virtualization=VT-x ;;
esac
info=$(dais info)
same "dais info ends with 0" 0 $?
for field in '^Dais +0\.1\.0' "^CPU +$cpu" "^Virtualization +$virtualization" '^Features used' '^Defences' \
	"^CPUs +$1, control domain has $1" '^Memory +' 'control domain +[0-9]' 'guests +[0-9]' "Dais's own +[0-9.]+ [KM]iB" \
	'^DMA +unprotected'; do
	matches "dais info shows /$field/" "$field" "$info"
done
own=$(dais info --json | json memory_dais)
[ "$own" -gt 0 ] && [ "$own" -lt 8388608 ]
verdict "Dais's own memory is under 8 MiB" $? "less than 8388608" "$own"
matches "dais version" '^dais 0\.1\.0' "$(dais version)"
same "every invariant holds" 0 "$(counter check)"
same "all CPUs" "$1" "$(nproc)"
kernel_log_clean

release=$(uname -r)
linux hosted 2 "nproc; uname -r" 2
matches "the guest's kernel is the one it was given" "^$release\$" "$(cat $T/hosted.txt)"
linux autonomous 2 "nproc; uname -r" 2 --autonomous
linux cloud 1 "uname -r" '.*cloud-amd64' --kernel /boot/vmlinuz-cloud

(linux three-a 2 "nproc" 2 >$T/a.tap) &
(linux three-b 2 "nproc" 2 --autonomous >$T/b.tap) &
(linux three-c 1 "nproc" 1 >$T/c.tap) &
wait
cat $T/a.tap $T/b.tap $T/c.tap

timeout 200 dais run --name again $LINUX --vcpus 2 --cmdline 'quiet run="reboot -f"' >$T/again.out 2>&1 </dev/null &
runner=$!
id_of() { dais list | awk -v n="$1" '$2 == n { print $1 }'; }
id_above() { [ "$(id_of "$1")" -gt "$2" ]; }
until_true 60 id_above again 0
first=$(id_of again)
until_true 200 grep -q 'reboot: Restarting system' $T/again.out
until_true 60 id_above again "${first:-999}"
verdict "reboot in a guest makes it anew" $? "an id above $first" "$(dais list; tail -n 5 $T/again.out)"
check "dais destroy of a running guest" dais destroy again
wait $runner
status=$?
[ $status = 4 ]
verdict "dais run of a destroyed guest ends with 4" $? 4 "$status: $(tail -n 3 $T/again.out)"

check "dais create" dais create --name made --kernel /extra/guests/alive.elf --memory 32M --vcpus 2
check "dais pause" dais pause made
matches "it is paused" '^paused$' "$(state_of made)"
before=$(dais stat made --json | json guest_tsc)
usleep 500000
same "a paused guest uses no time" "$before" "$(dais stat made --json | json guest_tsc)"
check "dais resume" dais resume made
matches "it runs" '^running$' "$(state_of made)"
matches "dais list --json" '"name": *"made"' "$(dais list --json)"
matches "dais stat NAME" 'exits|EXITS' "$(dais stat made)"
matches "dais top -b -n 1" 'made' "$(dais top -b -n 1 2>&1)"
check "dais trace on" dais trace on
usleep 200000
check "dais trace off" dais trace off
[ "$(dais trace show | wc -l)" -gt 10 ]
verdict "dais trace show has entries" $? "more than 10 lines" "$(dais trace show | head -n 5)"
matches "dais log" '.' "$(dais log)"

sleep 100 | timeout 100 dais console made >$T/console.out 2>&1 &
until_true 60 grep -q 'alive [0-9]' $T/console.out
refused 1 'made.*already|already.*attached|process' "a console attached twice is refused" dais console made
killall sleep
wait
matches "the console shows what the guest prints" 'alive [0-9]+' "$(tr -d '\r' <$T/console.out)"
check "dais destroy" dais destroy made
same "the list is empty" "" "$(dais list | tail -n +2)"
same "every invariant holds at the end" 0 "$(counter check)"
kernel_log_clean
