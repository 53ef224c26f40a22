# SPDX-License-Identifier: GPL-2.0-only
"""The directories that Dais's, Xen's and KVM's machines see at /extra."""
import os
import shutil
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("BUILD") or os.path.join(TOP, "build")
KERNEL = os.path.join(TOP, "build", "kernel")
WORK = os.path.join(BUILD, "bench")
LINUX_IMAGE, DISK_IMAGE = os.path.join(WORK, "linux.img"), os.path.join(WORK, "disk.img")
QEMU = "/usr/bin/qemu-system-x86_64"
FIRMWARE = {"bios-256k.bin": "/usr/share/seabios/bios-256k.bin", "kvmvapic.bin": "/usr/share/qemu/kvmvapic.bin",
            "linuxboot_dma.bin": "/usr/share/qemu/linuxboot_dma.bin", "pvh.bin": "/usr/share/qemu/pvh.bin"}


FETCHING = threading.Lock()


class Missing(Exception):
    """A peer that cannot be had here, and why."""


def call(*argv, **more):
    return subprocess.run(argv, check=True, **more)


def guest_image(path, files, modules=()):
    """The small guest's initrd, with these files, and drivers, in /bench."""
    root = os.path.join(WORK, "initrd")
    shutil.rmtree(root, ignore_errors=True)
    bench = os.path.join(root, "bench")
    os.makedirs(bench)
    for file in files:
        shutil.copy(file, bench)
    if modules:
        copy_modules(bench, modules)
    names = [os.path.relpath(os.path.join(d, n), root) for d, subs, own in os.walk(root) for n in sorted(subs + own)]
    with open(path, "wb") as out:
        with open(os.path.join(BUILD, "guest.img"), "rb") as f:
            shutil.copyfileobj(f, out)
        out.flush()
        call("cpio", "-o", "-H", "newc", "-R", "0:0", "--quiet", cwd=root, input="\n".join(sorted(names)).encode(), stdout=out)


def fresh(name, quick=False):
    """An empty directory with what all have."""
    path = os.path.join(WORK, "extra-" + name)
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(os.path.join(path, "lib"))
    shutil.copytree(os.path.join(HERE, "control"), os.path.join(path, "control"), ignore=shutil.ignore_patterns("*.c"))
    for elf in ("bench.elf", "bench-pvh.elf"):
        call("objcopy", "--strip-debug", os.path.join(WORK, "guests", elf), os.path.join(path, elf))
    for program in ("stopwatch", "event"):
        shutil.copy(os.path.join(WORK, program), path)
    if not quick:
        shutil.copy(LINUX_IMAGE, path)
        shutil.copy(os.path.join(KERNEL, "vmlinuz"), path)
    return path


def build():
    """The payload, the programs that go with it, and the Linux guests' images."""
    os.makedirs(WORK, exist_ok=True)
    for program, source, more in (("stopwatch", "control/stopwatch.c", []), ("work", "linux/work.c", []),
                                  ("disk", "linux/disk.c", []),
                                  ("event", "control/event.c", [os.path.join(BUILD, "mgmt", "libdais.a")])):
        call("gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-I" + os.path.join(TOP, "mgmt", "libdais"),
             "-I" + os.path.join(TOP, "kernel", "abi"), "-I" + TOP, "-o", os.path.join(WORK, program),
             os.path.join(HERE, source), *more)
    call("make", "-s", "-C", os.path.join(TOP, "tests", "guests"), "OUT=" + os.path.join(WORK, "guests"),
         *(os.path.join(WORK, "guests", elf) for elf in ("bench.elf", "bench-pvh.elf", "vmrun-pvh.elf")), stdout=sys.stderr)
    guest_image(LINUX_IMAGE, [os.path.join(WORK, "work")])
    guest_image(DISK_IMAGE, [os.path.join(WORK, "disk"), os.path.join(HERE, "control", "guest-disk.sh")], ["nvme"])


def copy_libraries(path, programs, own=""):
    """The shared libraries of some programs, but for those in own."""
    for program in programs:
        out = subprocess.run(["ldd", program], env={**os.environ, "LD_LIBRARY_PATH": own}, stdout=subprocess.PIPE,
                             check=True).stdout.decode()
        for word in out.split():
            if word.startswith("/") and not (own and word.startswith(own)):
                shutil.copy(os.path.realpath(word), os.path.join(path, "lib", os.path.basename(word)))


def copy_modules(path, names):
    """Kernel modules with what they need, and the order to load them in."""
    order = []
    with open(os.path.join(KERNEL, "version"), encoding="ascii") as f:
        release = f.read().strip()
    os.makedirs(os.path.join(path, "modules"))
    for name in names:
        out = subprocess.run(["/sbin/modprobe", "-d", KERNEL, "-S", release, "--show-depends", name], check=True,
                             stdout=subprocess.PIPE).stdout.decode()
        for line in out.splitlines():
            words = line.split()
            if words[0] == "insmod" and os.path.basename(words[1]) not in order:
                shutil.copy(words[1], os.path.join(path, "modules"))
                order.append(os.path.basename(words[1]))
    with open(os.path.join(path, "modules", "order"), "w", encoding="ascii") as f:
        f.write("\n".join(order) + "\n")


def dais(name="dais", quick=False):
    return fresh(name, quick)


def disk(name):
    """For guests that have a disk of their own."""
    path = fresh(name, quick=True)
    shutil.copy(os.path.join(WORK, "disk"), path)
    shutil.copy(DISK_IMAGE, path)
    return path


def fetch_qemu():
    """QEMU 10 in build/qemu."""
    done = subprocess.run([os.path.join(TOP, "scripts", "fetch-qemu"), os.path.join(TOP, "build", "qemu")],
                          stderr=subprocess.PIPE, check=False)
    if done.returncode:
        raise Missing(done.stderr.decode(errors="replace").strip().splitlines()[-1])


def kvm(name="kvm", quick=False):
    path = fresh(name, quick)
    os.makedirs(os.path.join(path, "bin"))
    os.makedirs(os.path.join(path, "share"))
    shutil.copy(QEMU, os.path.join(path, "bin"))
    copy_libraries(path, [QEMU])
    for name, source in FIRMWARE.items():
        if not os.path.exists(source):
            raise Missing(f"{source} is missing (packages seabios, qemu-system-x86)")
        shutil.copy(source, os.path.join(path, "share", name))
    copy_modules(path, ["kvm-amd"])
    return path


def xen(name="xen", quick=False):
    """The directory; Xen itself is in WORK/xen/xen."""
    root = os.path.join(WORK, "xen")
    with FETCHING:
        done = subprocess.run([os.path.join(HERE, "fetch-xen"), root], stderr=subprocess.PIPE, check=False)
    if done.returncode:
        raise Missing(done.stderr.decode(errors="replace").strip().splitlines()[-1])
    path = fresh(name, quick)
    shutil.copytree(os.path.join(root, "root"), os.path.join(path, "root"), symlinks=True,
                    ignore=shutil.ignore_patterns("boot", "doc", "man"))
    tools = os.path.join(root, "root", "usr", "lib", "xen-4.17", "bin")
    copy_libraries(path, [os.path.join(tools, p) for p in ("xl", "xenstored", "xenconsoled", "xen-init-dom0")],
                   os.path.join(root, "root", "usr", "lib", "x86_64-linux-gnu"))
    libgcc = subprocess.run(["gcc", "-print-file-name=libgcc_s.so.1"], stdout=subprocess.PIPE, check=True).stdout.decode()
    shutil.copy(os.path.realpath(libgcc.strip()), os.path.join(path, "lib", "libgcc_s.so.1"))  # xl's threads load it late
    copy_modules(path, ["xenfs", "xen-privcmd", "xen-evtchn", "xen-gntdev"])
    return path
