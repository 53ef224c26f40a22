# SPDX-License-Identifier: GPL-2.0-only
# Devices of the control domain that go for memory and interrupts which are not its own.
# Arguments: open|closed (is the IOMMU off or on?) or the test build that guests' devices are let out by
# (tests/faults/unconfined.c, unflushed.c), vtd|amdvi, seconds of load, and pages that go from guest to guest.
. /extra/control/lib.sh

protection=$1 kind=$2 seconds=$3
info=$(dais info)
case $protection-$kind in
open-*) matches "dais info: unprotected, and why" 'unprotected.*switched off in dais\.conf' "$info" ;;
*-vtd) matches "dais info: VT-d, interrupts remapped" '^DMA +protected by VT-d, interrupts remapped' "$info" ;;
*-amdvi) matches "dais info: AMD-Vi, interrupts remapped" '^DMA +protected by AMD-Vi, interrupts remapped' "$info" ;;
esac
check "dais.ko with raw_calls=1" sh -c 'rmmod dais && modprobe dais raw_calls=1'
case $protection in
unconfined | unflushed)
	[ $protection = unflushed ] || protection=open
	/extra/tools/owned $protection "$kind" 5
	same "the program that gives the rogue device to guests says that all attacks succeed" 0 $?
	same "all invariants hold" 0 "$(counter check)"
	return 0
	;;
esac
/extra/tools/rogue "$protection" "$kind" $(dais log | sed -n 's/.*iommu at \(0x[0-9a-f]*\): on.*/\1/p' | head -n 1)
same "the rogue device's program says that all is well" 0 $?
if [ "$protection" = closed ]; then
	/extra/tools/owned closed "$kind" "$seconds"
	same "the program that gives the rogue device to guests says that all is well" 0 $?
fi
same "all invariants hold" 0 "$(counter check)"
if [ "$protection" = closed ]; then
	if [ "$kind" = vtd ]; then
		matches "dais log tells of the refused accesses" 'iommu: pci [0-9a-f]*: access to 0x[0-9a-f]* refused' "$(dais log)"
	fi
	# Its own devices work as ever.
	. /extra/control/devices.sh "$seconds"
fi
