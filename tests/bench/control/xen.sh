# SPDX-License-Identifier: GPL-2.0-only
# Xen, in dom0: the same payload in a PVH guest. What it prints goes to Xen's own console, to the log of this run.
. /extra/control/lib.sh

XEN=$(ls -d /extra/root/usr/lib/xen-[0-9]*/bin)
export LD_LIBRARY_PATH=/extra/root/usr/lib/x86_64-linux-gnu:/extra/lib:${XEN%/bin}/lib/x86_64-linux-gnu
mkdir -p /lib64 /run/lock /run/xen /var/lib/xen /var/log/xen /var/lib/xenstored /proc/xen /run/xenstored
[ -e /var/run ] || ln -s /run /var/run
[ -e /var/lock ] || ln -s /run/lock /var/lock
[ -e /lib64/ld-linux-x86-64.so.2 ] || cp /extra/lib/ld-linux-x86-64.so.2 /lib64/
mkdir -p /usr/lib
ln -s "${XEN%/bin}" /usr/lib/ # where xl looks for xenconsole
for module in $(cat /extra/modules/order); do insmod "/extra/modules/$module"; done
mkdir -p /etc/xen
touch /etc/xen/xl.conf
mount -t xenfs xenfs /proc/xen
$XEN/xenstored --pid-file /run/xenstored.pid || { echo "SKIP xenstored does not start"; exit 1; }
until [ -S /run/xenstored/socket ]; do usleep 100000; done
$XEN/xen-init-dom0
$XEN/xenconsoled --pid-file=/run/xenconsoled.pid --log=guest --log-dir=/run

# TCG takes RDTSCP for RDTSC where that exits: so the TSC is the real one.
guest() { # name, kernel, vcpus, command line, more lines…
	printf '%s\n' "name = '$1'" "type = 'pvh'" "kernel = '$2'" "memory = $GUEST_MIB" "vcpus = $3" "cmdline = '$4'" \
		"tsc_mode = 'native'" "on_poweroff = 'destroy'" "on_reboot = 'destroy'" "on_crash = 'destroy'" "$5" >/run/"$1".cfg
}
wait_end() { # name
	while $XEN/xl domid "$1" >/dev/null 2>&1; do usleep 100000; done
}
say xen
guest bench /extra/bench-pvh.elf 2 "hv=xen debugport=233 peer=2 khz=1000000 hostport=1000 apicns=10 $ARGUMENTS"
$XEN/xl create -q /run/bench.cfg || $XEN/xl dmesg | tail -n 20
wait_end bench
say xen_size
free() { $XEN/xl info | sed -n 's/^free_memory *: *//p'; }
before=$(free)
dom0=$($XEN/xl list | awk '$1 == "Domain-0" { print $3 }')
echo "VALUE ram $(((MEMORY_MIB - before - dom0) << 20))"
[ -f /extra/linux.img ] || exit 0
linux() { # memory, what work shall do
	GUEST_MIB=$1
	guest linux /extra/vmlinuz 1 "console=hvc0 $LINUX_LINE run=\"/bench/work $2\"" "ramdisk = '/extra/linux.img'"
	/extra/stopwatch "LINUX user-space" $XEN/xl create -q -c /run/linux.cfg 2>&1
	wait_end linux
}
linux 128 boot >/run/linux.out
split_create </run/linux.out
say xen_linux
linux 256 | grep -v STOPWATCH
