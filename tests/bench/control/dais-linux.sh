# SPDX-License-Identifier: GPL-2.0-only
# Dais: a Linux guest: made, and at work.
. /extra/control/dais.sh

linux() { # MiB, what work shall do, options of dais run…
	memory=$1 what=$2
	shift 2
	/extra/stopwatch "LINUX user-space" dais run --kernel /boot/vmlinuz --initrd /extra/linux.img --memory "${memory}M" "$@" \
		--cmdline "$LINUX_LINE run=\"/bench/work $what\"" 2>&1 </dev/null
}
say dais_size
linux 128 boot >/run/linux.out
split_create </run/linux.out
for options in "" --autonomous; do
	say "dais${options:+_autonomous}_linux"
	linux 256 '' $options
done
