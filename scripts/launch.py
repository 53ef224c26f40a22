# SPDX-License-Identifier: GPL-2.0-only
"""What every way of running needs: settings from the environment, the files and disks of a run."""
import os
import shutil
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("BUILD") or os.path.join(TOP, "build")


class Failure(Exception):
    """Something the user can put right; its text says what and how."""


def setting(name, default=""):
    return os.environ.get(name) or default


def number(name, default, low, high):
    text = setting(name, str(default))
    if not (text.isascii() and text.isdigit()) or not low <= int(text) <= high:
        raise Failure(f"{name}={text}: give a number from {low} to {high}")
    return int(text)


def choice(name, allowed):
    value = setting(name, allowed[0])
    if value not in allowed:
        raise Failure(f"{name}={value}: choose one of {', '.join(allowed)}")
    return value


def cpio(files):
    """A newc archive of {path: bytes}, which the kernel unpacks over the initrd."""
    def entry(path, mode, data):
        fields = [0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path) + 1, 0]
        head = b"070701" + b"".join(b"%08X" % f for f in fields) + path.encode() + b"\0"
        head += b"\0" * (-len(head) % 4)
        return head + data + b"\0" * (-len(data) % 4)
    out = entry("dais", 0o040755, b"")
    for path, data in files.items():
        out += entry(path, 0o100644, data)
    return out + entry("TRAILER!!!", 0, b"")


def call(*argv):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise Failure(f"{' '.join(argv)}: {done.stdout.decode(errors='replace').strip()}")


def extra_disk(directory, image, label, unit=512):
    """A squashfs of the directory, in whole units; the last sector carries the label."""
    if not os.path.isdir(directory):
        raise Failure(f"EXTRA={directory}: no such directory")
    call("mksquashfs", os.path.abspath(directory), image, "-quiet", "-no-progress", "-all-root",
         "-noI", "-noD", "-noF", "-noX")
    with open(image, "ab") as f:
        f.write(b"\0" * (-(f.tell() + 512) % unit) + label.encode().ljust(512, b"\0"))


def config_text():
    """dais.conf: what CONF names replaces the template's line of that key."""
    lines = [f"cmdline = console=ttyS0,115200 panic=-1 {setting('CMDLINE')}".rstrip()]
    if not setting("EXEC"):
        lines[0] += " quiet"
    with open(os.path.join(TOP, "boot", "dais.conf"), encoding="utf-8") as f:
        template = [line.rstrip() for line in f]
    lines = [x for x in template if not x.startswith("cmdline")] + lines
    for more in setting("CONF").replace(";", "\n").splitlines():
        key = more.split("=")[0].strip()
        lines = [x for x in lines if x.split("=")[0].strip() != key] + [more]
    return "\n".join(lines) + "\n"


def boot_disk(image, run_files, config):
    """The ESP made by `make`, with this run's configuration and files added."""
    shutil.copyfile(os.path.join(BUILD, "esp.img"), image)
    for name, data in (("run.img", run_files), ("dais.conf", os.fsencode(config))):
        path = os.path.join(os.path.dirname(image), name)
        with open(path, "wb") as f:
            f.write(data)
        call("mcopy", "-o", "-i", image, path, "::/EFI/dais/" + name)
    elf = setting("DAIS_ELF")
    if elf:
        call("mcopy", "-o", "-i", image, elf, "::/EFI/dais/dais.elf")
    if setting("ESP"):
        entries = [os.path.join(setting("ESP"), e) for e in os.listdir(setting("ESP"))]
        call("mcopy", "-o", "-s", "-i", image, *entries, "::/")
