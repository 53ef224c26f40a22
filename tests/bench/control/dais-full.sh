# SPDX-License-Identifier: GPL-2.0-only
. /extra/control/dais-quick.sh

say dais_size
before=$(($(counter frames_free) * 4096))
echo "VALUE ram $(($(counter frames_dais) * 4096))"
dais create --name idle --kernel /extra/bench.elf $OPTIONS --cmdline 'hv=dais echo=1' >/dev/null
echo "VALUE ram-guest $((before - $(counter frames_free) * 4096 - (GUEST_MIB << 20)))"
dais destroy idle
say dais_size
linux() { # memory, what work shall do
	/extra/stopwatch "LINUX user-space" dais run --kernel /boot/vmlinuz --initrd /extra/linux.img --memory $1 \
		--cmdline "quiet run=\"/bench/work $2\"" 2>&1 </dev/null
}
linux 128M boot >/run/linux.out
sed -n 's/^STOPWATCH /VALUE create /p' /run/linux.out
say dais_linux
linux 256M | grep -v STOPWATCH

# Others that sleep, and wake a hundred times a second.
others=0
for guests in 1 4 16; do
	while [ $((others + 1)) -lt $guests ]; do
		others=$((others + 1))
		dais create --name other$others --kernel /extra/alive.elf --memory 16M --cmdline 'ms=10' >/dev/null
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
	/extra/stopwatch '' dais create --name n$number --kernel /extra/alive.elf --memory 8M --cmdline 'ms=1000' >/run/c.out 2>&1
	case $number in 1 | 4 | 16 | 64) sed -n "s/^STOPWATCH /VALUE create-8M-nth-$number /p" /run/c.out ;; esac
done
while [ $number -gt 0 ]; do
	/extra/stopwatch '' dais destroy n$number >/run/c.out 2>&1
	case $number in 1 | 4 | 16 | 64) sed -n "s/^STOPWATCH /VALUE destroy-8M-nth-$number /p" /run/c.out ;; esac
	number=$((number - 1))
done
for size in 128M 256M 512M 1024M 2048M 4096M 8192M; do
	[ ${size%M} -lt $(($(counter frames_free) / 256)) ] || continue
	/extra/stopwatch '' dais create --name sized --kernel /extra/alive.elf --memory $size --cmdline 'ms=1000' >/run/c.out 2>&1
	sed -n "s/^STOPWATCH /VALUE create-$size /p" /run/c.out
	/extra/stopwatch '' dais destroy sized >/run/c.out 2>&1
	sed -n "s/^STOPWATCH /VALUE destroy-$size /p" /run/c.out
done
