# SPDX-License-Identifier: GPL-2.0-only
# KVM: the same payload under Debian's QEMU with the kernel's irqchip.
. /extra/control/lib.sh

mkdir -p /lib64 /usr/share
[ -e /lib64/ld-linux-x86-64.so.2 ] || cp /extra/lib/ld-linux-x86-64.so.2 /lib64/
for module in $(cat /extra/modules/order); do insmod "/extra/modules/$module"; done
[ -c /dev/kvm ] || { echo "MODE kvm"; echo "SKIP no /dev/kvm: $(dmesg | tail -n 2)"; exit 1; }

qemu() { # QEMU's options…
	LD_LIBRARY_PATH=/extra/lib timeout 900 $STOPWATCH /extra/bin/qemu-system-x86_64 -L /extra/share -accel kvm -cpu host -m $GUEST_MIB \
		-machine pc -nodefaults -display none -serial stdio -no-reboot "$@" 2>&1 </dev/null
}
STOPWATCH=
say kvm
qemu -smp 2 -kernel /extra/bench-pvh.elf -append "hv=kvm hostport=33 khz=1000000 $ARGUMENTS"
# A first touch is of 2 MiB with transparent huge pages, of 4 KiB without.
echo never >/sys/kernel/mm/transparent_hugepage/enabled
say kvm
qemu -smp 2 -kernel /extra/bench-pvh.elf -append "hv=kvm khz=1000000 only=touch-4k"
echo always >/sys/kernel/mm/transparent_hugepage/enabled
[ -f /extra/linux.img ] || exit 0
say kvm_size
STOPWATCH="/extra/stopwatch user-space"
qemu -kernel /extra/vmlinuz -initrd /extra/linux.img -append "console=ttyS0 $LINUX_LINE run=\"/bench/work boot\"" |
	split_create
say kvm_linux
STOPWATCH=
GUEST_MIB=256
qemu -kernel /extra/vmlinuz -initrd /extra/linux.img -append "console=ttyS0 $LINUX_LINE run=\"/bench/work\""
