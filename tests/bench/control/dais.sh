# SPDX-License-Identifier: GPL-2.0-only
# Dais: the payload, and with "all" a Linux guest, sizes, several guests.
. /extra/control/lib.sh

OPTIONS="--memory ${GUEST_MIB}M"
payload() { # mode, options of dais run…
	say "$1"
	shift
	timeout 900 dais run --kernel /extra/bench.elf $OPTIONS --vcpus 2 "$@" --cmdline "hv=dais $ARGUMENTS" 2>&1 </dev/null
}
event() { # mode, options of dais run…: control/event.c against an echo
	say "$1"
	shift
	dais run --name echo --kernel /extra/bench.elf $OPTIONS --cmdline 'hv=dais echo=1' "$@" >/run/echo.out 2>&1 </dev/null &
	until dais list | grep -q ' echo .*running'; do usleep 20000; done
	/extra/event echo 1000
	dais destroy echo
	wait
}
counter() { dais stat --json | sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p" | head -n 1; }
