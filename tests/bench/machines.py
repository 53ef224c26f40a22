# SPDX-License-Identifier: GPL-2.0-only
"""One machine for each hypervisor, all by scripts/run and with the same emulator settings."""
import os
import re
import subprocess
import tempfile

import peers

MEMORY_MIB = 4096
SECONDS = 1500
ACCELERATOR = ["-cpu", "EPYC,+svm,+npt,-monitor", "-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off",
               "-rtc", "clock=vm"]
LINE = re.compile(r"^(?:\((?:XEN|d\d+)\) )?(MODE|BENCH|LINUX|DISK|STOPWATCH|VALUE|SKIP|FAIL|PASS) ?(.*)$")


class Failed(Exception):
    """A machine did not come to its end: what it said last."""


class Figures:
    """What the machines print: {mode: {metric: (minimum, median, samples)}}, in the order of the lines."""

    def __init__(self):
        self.modes, self.passed, self.skips = {}, 0, []
        self.profiles = {}  # of what is measured by the plugin: profiles.count

    def take(self, text, mode=None, suffix=""):
        """The lines of a machine; mode: theirs, where they have none; suffix: of all modes here."""
        said = "none"
        for line in text.replace("\r", "").split("\n"):
            found = LINE.match(line.strip())
            if not found:
                continue
            kind, words = found.group(1), found.group(2).split()
            if kind == "MODE":
                said = words[0]
            into = self.modes.setdefault((mode or said) + suffix, {})
            if kind == "BENCH":
                into[words[0]] = tuple(int(w) for w in words[1:])
            elif kind in ("LINUX", "VALUE"):
                into[words[0]] = (int(words[1]), int(words[1]), 1)
            elif kind == "STOPWATCH":
                into["stopwatch"] = (int(words[0]), int(words[0]), 1)
            elif kind == "PASS":
                self.passed += not suffix
            elif kind in ("SKIP", "FAIL"):
                self.skips.append(" ".join(words))


def much_memory():
    """MiB of a machine with guests of up to 8 GiB, where this one has the RAM for it."""
    with open("/proc/meminfo", encoding="ascii") as f:
        available = next(int(line.split()[1]) >> 10 for line in f if line.startswith("MemAvailable"))
    return 10240 if available > 11 << 10 else 6144 if available > 7 << 10 else MEMORY_MIB


def run(name, platform, extra, script, settings=None):
    """Runs a script of control/ in the host Linux of a machine; (its output, the console's)."""
    log = os.path.join(peers.WORK, name + "-console.log")
    env = {**os.environ, "PLATFORM": platform, "ICOUNT": "1", "CPUS": "1", "MEM": str(MEMORY_MIB), "EXTRA": extra,
           "TIMEOUT": str(SECONDS), "CONSOLE_LOG": log, "EXEC": script, "BUILD": peers.BUILD, **(settings or {})}
    path = os.path.join(peers.WORK, name + ".out")
    with open(path, "w", encoding="utf-8") as f:
        done = subprocess.run([os.path.join(peers.TOP, "scripts", "run")], env=env, stdout=f, stderr=subprocess.PIPE, check=False)
    with open(path, encoding="utf-8", errors="replace") as f:
        out = f.read()
    if done.returncode:
        raise Failed(f"{name}: status {done.returncode}; its output is in {path}, its console's in {log}\n"
                     + "\n".join((out + done.stderr.decode(errors="replace")).splitlines()[-12:]))
    with open(log, encoding="utf-8", errors="replace") as f:
        return out, f.read()


def bare(kernel, line, memory, initrd=None, machine="pc,smm=off"):
    """The same on the machine itself, without any hypervisor: what its serial port said."""
    with tempfile.TemporaryDirectory() as tmp:
        log = os.path.join(tmp, "serial")
        argv = ["qemu-system-x86_64", "-machine", machine, *ACCELERATOR, "-m", str(memory), "-nodefaults", "-display",
                "none", "-no-reboot", "-serial", "file:" + log, "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
                "-kernel", kernel, "-append", line, *(["-initrd", initrd] if initrd else [])]
        try:
            subprocess.run(argv, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired as e:
            raise Failed(f"no end after {SECONDS} s of: {' '.join(argv)}") from e
        with open(log, encoding="utf-8", errors="replace") as f:
            return f.read()
