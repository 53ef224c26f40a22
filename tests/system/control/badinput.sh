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

refused 1 'root|ermission|rights' "/dev/dais opened by a user without rights" \
	su -s /bin/sh nobody -c 'dais list'
same "no guest's memory is left" "$frames" "$(counter frames_guest)"
same "no domain is left" "$domains" "$(counter domains)"
same "no capability is left" "$caps" "$(counter capabilities)"
same "every invariant holds" 0 "$(counter check)"
