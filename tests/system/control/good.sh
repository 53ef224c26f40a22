# SPDX-License-Identifier: GPL-2.0-only
# Guests that use what they are given: timers, interrupts between CPUs, APIC, clocks; all kernel formats.
. /extra/control/lib.sh

VCPUS=3
for kind in "" --autonomous; do
	for name in hello timer ipi apic clock cpuid; do
		payload $name "" $kind
	done
done
cp /extra/guests/hello-pvh.elf /run/t/
timeout 200 dais run --kernel /extra/guests/hello-pvh.elf --memory 64M --vcpus 2 >$T/pvh.txt 2>&1
matches "ELF kernel with a PVH note" '^PASS hello' "$(tr -d '\r' <$T/pvh.txt)"
linux eight 8 "nproc" 8
linux eight-auto 8 "nproc" 8 --autonomous
kernel_log_clean
