# SPDX-License-Identifier: GPL-2.0-only
. /extra/control/dais-quick.sh

say dais_size
held() { echo $(($(counter frames_guest) * 4096 + $(counter heap_used))); }
before=$(held)
echo "VALUE ram $(($(counter frames_dais) * 4096))"
dais create --name idle --kernel /extra/bench.elf $OPTIONS --cmdline 'hv=dais echo=1' >/dev/null
echo "VALUE ram-guest $(($(held) - before - (GUEST_MIB << 20)))"
dais destroy idle
. /extra/control/dais-linux.sh

# Others that sleep, and wake a hundred times a second.
others=0
for guests in 1 4 16; do
	while [ $((others + 1)) -lt $guests ]; do
		others=$((others + 1))
		dais create --name other$others --kernel /extra/bench.elf --memory 16M --cmdline 'echo=1 tick=10000000' >/dev/null
	done
	payload scale-$guests-guests --autonomous
done
while [ $others -gt 0 ]; do
	dais destroy other$others
	others=$((others - 1))
done

say scale-create
number=0
while [ $number -lt 64 ]; do
	number=$((number + 1))
	/extra/stopwatch '' dais create --name n$number --kernel /extra/bench.elf --memory 8M --cmdline echo=1 >/run/c.out 2>&1
	case $number in 1 | 4 | 16 | 64) sed -n "s/^STOPWATCH /VALUE create-8M-nth-$number /p" /run/c.out ;; esac
done
while [ $number -gt 0 ]; do
	/extra/stopwatch '' dais destroy n$number >/run/c.out 2>&1
	case $number in 1 | 4 | 16 | 64) sed -n "s/^STOPWATCH /VALUE destroy-8M-nth-$number /p" /run/c.out ;; esac
	number=$((number - 1))
done
say dais_size # microseconds of the log, a thousand instructions each
dais log 3 | tr -d '[]' | awk '/Dais .* TSC:/ { start = $1 } /entering the control domain/ { printf "VALUE load %d\n", ($1 - start) * 1000000000 }'
