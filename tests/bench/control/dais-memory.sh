# SPDX-License-Identifier: GPL-2.0-only
# Dais: making and unmaking guests by their size, on a machine with much RAM.
. /extra/control/dais.sh

say scale-create
for size in 128M 256M 512M 1024M 2048M 4096M 8192M; do
	[ ${size%M} -lt $(($(counter frames_free) / 256)) ] || continue
	/extra/stopwatch '' dais create --name sized --kernel /extra/bench.elf --memory $size --cmdline echo=1 >/run/c.out 2>&1
	sed -n "s/^STOPWATCH /VALUE create-$size /p" /run/c.out
	/extra/stopwatch '' dais destroy sized >/run/c.out 2>&1
	sed -n "s/^STOPWATCH /VALUE destroy-$size /p" /run/c.out
done
