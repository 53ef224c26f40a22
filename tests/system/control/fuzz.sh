# SPDX-License-Identifier: GPL-2.0-only
# A hostile control domain: every call with every wrong argument, then generated ones; then a
# guest with few rights. Arguments: calls of the control domain, calls of the guest, seed.
. /extra/control/lib.sh

calls=$1 guest_calls=$2 seed=$3
# Dais's module takes raw calls only when it is told to.
check "dais.ko with raw_calls=1" sh -c 'rmmod dais && modprobe dais raw_calls=1'
dmesg -n 1
/extra/tools/statuses >$T/statuses.txt
grep -E '^(not )?ok' $T/statuses.txt | sed 's/ok [0-9]* - /ok - /'
grep -q '^1\.\.' $T/statuses.txt
verdict "statuses came to its end" $? "a plan line" "$(tail -n 3 $T/statuses.txt)"

/extra/tools/fuzz --seed "$seed" --calls "$calls" --check 5000 >$T/fuzz.txt 2>/dev/null
status=$?
sed 's/^/# /' $T/fuzz.txt
verdict "$calls generated hypercalls, seed $seed" $status "status 0" "status $status: $(grep '^fuzz:' $T/fuzz.txt)"

objects() {
	for c in domains vcpus capabilities events pools frames_guest; do echo "$c=$(counter $c)"; done
}
before=$(objects)
dais run --name few --kernel /extra/guests/fuzz.elf --memory 64M --cmdline "calls=$guest_calls seed=$seed" \
	>$T/few.out 2>&1 </dev/null &
runner=$!
until_true 60 state_is few running
/extra/tools/fuzz --grant few >$T/grant.txt 2>&1
status=$?
wait $runner
verdict "a guest with few rights: invariants hold, all is given back" $status "status 0" "$(cat $T/grant.txt)"
same "a guest with few rights: Dais's counters are as before" "$before" "$(objects)"
matches "a guest with few rights: $guest_calls calls" '^PASS fuzz' "$(tr -d '\r' <$T/few.out)"
tr -d '\r' <$T/few.out | sed 's/^/# /'
linux after 1 nproc 1
