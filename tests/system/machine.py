# SPDX-License-Identifier: GPL-2.0-only
"""Boots through scripts/run, and what is built for the tests."""
import os
import shutil
import subprocess
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BUILD") or os.path.join(TOP, "build")
WORK = os.path.join(BUILD, "tests")
EXTRA = os.path.join(WORK, "extra")
LOGS = os.path.join(WORK, "logs")
DISK_BYTES = 17 << 20
SETTINGS = ("EXEC", "EXTRA", "CPUS", "MEM", "PLATFORM", "MACHINE", "ICOUNT", "TIMEOUT", "CONF", "CMDLINE",
            "ESP", "DAIS_ELF", "QEMU_ARGS", "BOCHS", "BOCHS_ARGS", "CONSOLE_LOG")


def log_path(name):
    os.makedirs(LOGS, exist_ok=True)
    return os.path.join(LOGS, name.replace(" ", "-") + ".log")


def build():
    """Payloads and fuzzers; the directory that the control domain sees at /extra."""
    shutil.rmtree(EXTRA, ignore_errors=True)
    libdais = [f"LIBDAIS={BUILD}/mgmt/libdais.a"]
    for part, arguments in (("guests", []), ("fuzz", libdais), ("dma", libdais)):
        out = os.path.join(WORK, part)
        subprocess.run(["make", "-s", "-C", os.path.join(TOP, "tests", part), f"OUT={out}", *arguments], check=True)
    os.makedirs(os.path.join(EXTRA, "guests"))
    for name in os.listdir(os.path.join(WORK, "guests")):
        if name.endswith(".elf"):
            subprocess.run(["objcopy", "--strip-debug", os.path.join(WORK, "guests", name),
                            os.path.join(EXTRA, "guests", name)], check=True)
    shutil.copytree(os.path.join(WORK, "fuzz"), os.path.join(EXTRA, "tools"))
    for name in os.listdir(os.path.join(WORK, "dma")):
        shutil.copy(os.path.join(WORK, "dma", name), os.path.join(EXTRA, "tools"))
    shutil.copy(os.path.join(BUILD, "mgmt", "tests", "dais-selftest"), os.path.join(EXTRA, "tools"))
    shutil.copytree(os.path.join(TOP, "tests", "system", "control"), os.path.join(EXTRA, "control"))


def changed_bochs(name, old, new):
    """A folder with build/bochs's files and another program: where `old` is in it, once, there is `new`."""
    source, target = os.path.join(TOP, "build", "bochs"), os.path.join(WORK, name)
    subprocess.run([os.path.join(TOP, "scripts", "fetch-bochs"), source], check=True)
    shutil.rmtree(target, ignore_errors=True)
    os.makedirs(target)
    for part in os.listdir(source):
        os.symlink(os.path.join(source, part), os.path.join(target, part))
    for part in ("bochs", "bochs-bin"):  # the first looks for the others beside itself
        os.remove(os.path.join(target, part))
        shutil.copy(os.path.join(source, part), target)
    with open(os.path.join(target, "bochs-bin"), "r+b") as f:
        data = f.read()
        if data.count(old) != 1 or len(old) != len(new):
            raise ValueError(f"{source}/bochs-bin is not the known one")
        f.seek(data.index(old))
        f.write(new)
    return target


def scratch_disk(name, size=DISK_BYTES):
    path = os.path.join(WORK, name)
    with open(path, "wb") as f:
        f.truncate(size)
    return path


class Machine:
    """One run of scripts/run; its output can be read line by line."""

    def __init__(self, name, command, settings, seconds, platform=None):
        env = {k: v for k, v in os.environ.items() if k not in SETTINGS}
        env.update(settings)
        env.update(EXEC=command, TIMEOUT=str(seconds), CONSOLE_LOG=log_path(name), BUILD=BUILD)
        if platform:
            env["PLATFORM"] = platform
        self.log = env["CONSOLE_LOG"]
        self.started = time.monotonic()
        self.process = subprocess.Popen([os.path.join(TOP, "scripts", "run")], env=env, cwd=TOP,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def lines(self):
        for line in self.process.stdout:
            yield line.decode(errors="replace").rstrip("\r\n")

    def finish(self):
        """(status, output, errors)"""
        out, err = self.process.communicate()
        return self.process.returncode, out, err.decode(errors="replace")

    def console(self):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as f:
                return f.read()
        except OSError:
            return ""
