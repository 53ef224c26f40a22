# SPDX-License-Identifier: GPL-2.0-only
"""The directories that Dais's, Xen's and KVM's machines see at /extra."""
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("BUILD") or os.path.join(TOP, "build")
KERNEL = os.path.join(TOP, "build", "kernel")
WORK = os.path.join(BUILD, "bench")
QEMU = "/usr/bin/qemu-system-x86_64"
FIRMWARE = {"bios-256k.bin": "/usr/share/seabios/bios-256k.bin", "kvmvapic.bin": "/usr/share/qemu/kvmvapic.bin",
            "linuxboot_dma.bin": "/usr/share/qemu/linuxboot_dma.bin", "pvh.bin": "/usr/share/qemu/pvh.bin"}


class Missing(Exception):
    """A peer that cannot be had here, and why."""


def call(*argv, **more):
    return subprocess.run(argv, check=True, **more)


def linux_initrd():
    """The small guest's, with the program that measures."""
    root = os.path.join(WORK, "initrd")
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(os.path.join(root, "bench"))
    shutil.copy(os.path.join(WORK, "work"), os.path.join(root, "bench"))
    path = os.path.join(WORK, "linux.img")
    with open(path, "wb") as out:
        with open(os.path.join(BUILD, "guest.img"), "rb") as f:
            shutil.copyfileobj(f, out)
        out.flush()
        call("cpio", "-o", "-H", "newc", "-R", "0:0", "--quiet", cwd=root, input=b"bench\nbench/work\n", stdout=out)
    return path


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
        shutil.copy(linux_initrd(), path)
        shutil.copy(os.path.join(KERNEL, "vmlinuz"), path)
    return path


def build():
    """The payload and the programs that go with it."""
    os.makedirs(WORK, exist_ok=True)
    for program, source, more in (("stopwatch", "control/stopwatch.c", []), ("work", "linux/work.c", []),
                                  ("event", "control/event.c", [os.path.join(BUILD, "mgmt", "libdais.a")])):
        call("gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-I" + os.path.join(TOP, "mgmt", "libdais"),
             "-I" + os.path.join(TOP, "kernel", "abi"), "-I" + TOP, "-o", os.path.join(WORK, program),
             os.path.join(HERE, source), *more)
    call("make", "-s", "-C", os.path.join(TOP, "tests", "guests"), "OUT=" + os.path.join(WORK, "guests"),
         *(os.path.join(WORK, "guests", elf) for elf in ("bench.elf", "bench-pvh.elf", "vmrun-pvh.elf")), stdout=sys.stderr)


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


def dais(quick=False):
    return fresh("dais", quick)


def kvm(quick=False):
    path = fresh("kvm", quick)
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


def xen(quick=False):
    """The directory; Xen itself is in WORK/xen/xen."""
    root = os.path.join(WORK, "xen")
    done = subprocess.run([os.path.join(HERE, "fetch-xen"), root], stderr=subprocess.PIPE, check=False)
    if done.returncode:
        raise Missing(done.stderr.decode(errors="replace").strip().splitlines()[-1])
    path = fresh("xen", quick)
    shutil.copytree(os.path.join(root, "root"), os.path.join(path, "root"), symlinks=True,
                    ignore=shutil.ignore_patterns("boot", "doc", "man"))
    tools = os.path.join(root, "root", "usr", "lib", "xen-4.17", "bin")
    copy_libraries(path, [os.path.join(tools, p) for p in ("xl", "xenstored", "xenconsoled", "xen-init-dom0")],
                   os.path.join(root, "root", "usr", "lib", "x86_64-linux-gnu"))
    libgcc = subprocess.run(["gcc", "-print-file-name=libgcc_s.so.1"], stdout=subprocess.PIPE, check=True).stdout.decode()
    shutil.copy(os.path.realpath(libgcc.strip()), os.path.join(path, "lib", "libgcc_s.so.1"))  # xl's threads load it late
    copy_modules(path, ["xenfs", "xen-privcmd", "xen-evtchn", "xen-gntdev"])
    return path
