# SPDX-License-Identifier: GPL-2.0-only
"""Bochs as a machine: VT-x on Intel's models, AMD-V on ryzen. It has two serial ports and IDE disks, no more."""
import os
import subprocess

from launch import BUILD, TOP, Failure, boot_disk, choice, config_text, extra_disk, number, setting

FIRMWARE = "/usr/share/ovmf/OVMF.fd"  # the image of 2 MiB; the one of 4 MiB does not fit below 4 GiB here
MODELS = {
    "bochs-svm": ("ryzen",),
    "bochs-vmx": ("skylake_x", "haswell_4770", "broadwell_ult", "icelake_u", "tigerlake", "sapphire_rapids"),
}
CORE = ("skylake_x", "haswell_4770", "icelake_u")  # Bochs calls them corei7_…
SECTOR, HEADS, SECTORS = 512, 16, 63
QEMU_ONLY = ("QEMU_ARGS", "MACHINE", "ICOUNT")

# The TSC counts instructions; `ips` is how many make a second of the machine's time. With sync=none
# a machine that only waits skips the waiting.
CONFIG = """\
display_library: rfb, options="timeout=0"
memory: guest={memory}, host={memory}
romimage: file={firmware}, address=0xffe00000
vgaromimage: file=$BXSHARE/VGABIOS-lgpl-latest
fw_cfg: enabled=1
cpu: model={model}, count={cpus}, ips=100000000, reset_on_triple_fault=0, cpuid_freq=ips
clock: sync=none, time0=utc
pci: enabled=1, chipset=i440fx
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
{disks}
com1: enabled=1, mode={console}
{channel}
sound: driver=dummy
speaker: enabled=0
log: {log}
panic: action=fatal
error: action=ignore
info: action=ignore
{more}
"""


def find():
    """The command that runs Bochs, fetched when this system has none."""
    if setting("BOCHS"):
        return os.path.join(setting("BOCHS"), "bochs")
    where = os.path.join(TOP, "build", "bochs")
    done = subprocess.run([os.path.join(TOP, "scripts", "fetch-bochs"), where], stderr=subprocess.PIPE, check=False)
    if done.returncode:
        raise Failure(done.stderr.decode(errors="replace").strip())
    return os.path.join(where, "bochs")


def disk(place, image):
    """A line for the disk; its size becomes what its geometry says."""
    cylinder = SECTOR * HEADS * SECTORS
    cylinders = -(-os.path.getsize(image) // cylinder)
    os.truncate(image, cylinders * cylinder)
    return (f"ata0-{place}: type=disk, mode=flat, path={image}, cylinders={cylinders}, "
            f"heads={HEADS}, spt={SECTORS}")


def command(tmp, platform, run_files, label, log, port):
    """argv. The console goes to the file `log`; without it, to the launcher's `port`, as else the second serial port."""
    for name in QEMU_ONLY:
        if setting(name):
            raise Failure(f"{name}={setting(name)}: only for QEMU, not for PLATFORM={platform}")
    if not os.path.exists(FIRMWARE):
        raise Failure(f"{FIRMWARE} is missing: install Debian's package ovmf")
    model = choice("MODEL", MODELS[platform])
    image = os.path.join(tmp, "esp.img")
    boot_disk(image, run_files, config_text())
    disks = [disk("master", image)]
    if setting("EXTRA"):
        extra = os.path.join(tmp, "extra.img")
        extra_disk(setting("EXTRA"), extra, label, SECTOR * HEADS * SECTORS)
        disks.append(disk("slave", extra))
    socket = f"socket-client, dev=127.0.0.1:{port}"
    with open(os.path.join(tmp, "bochsrc"), "w", encoding="utf-8") as f:
        f.write(CONFIG.format(
            memory=number("MEM", 2048, 256, 1 << 20), firmware=FIRMWARE, cpus=number("CPUS", 1, 1, 64),
            model="corei7_" + model if model in CORE else model, disks="\n".join(disks),
            console=f"file, dev={log}" if log else socket, channel=f"com2: enabled=1, mode={socket}" if log else "",
            log=os.path.join(tmp, "bochs.log"), more=setting("BOCHS_ARGS").replace(";", "\n")))
    return [find(), "-q", "-f", os.path.join(tmp, "bochsrc")]
