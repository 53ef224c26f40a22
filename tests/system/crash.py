# SPDX-License-Identifier: GPL-2.0-only
"""The control domain crashes; an autonomous guest's console, read in the machine's memory, shows that it goes on."""
import json
import os
import re
import socket
import struct
import time

import machine

PAGE = 4096
RING_PAGE, RING_SIZE = 2, 32768         # DAIS_DOM_RING_*, of dais/abi.h
HEAD = 16 + 128 + 8                     # struct dais_dom_page: ring_head
TICK = 0.010                            # s: the longest period of the host's timer, docs/debugging.md
AFTER = 1.0                             # s of the guest's time that are looked at after the crash
SECONDS = 600
# Through printk (polled) and through the terminal (interrupts of the transmitter) in turn.
GUEST = ('i=0; while :; do read up idle </proc/uptime; echo tty $i $up; echo beat $i $up >/dev/kmsg; i=$((i + 1)); usleep 1000; done')
SCRIPT = f"""
dais create --name heart --kernel /boot/vmlinuz --initrd /boot/guest.img --memory 192M \
  --cmdline 'quiet loglevel=7 printk.devkmsg=on run="{GUEST}"' || exit 1
until grep -q 'beat 20 ' /run/dais/heart.console; do usleep 100000; done
dais stat heart --json
sleep 2 # for these lines to reach the launcher
echo 1 >/proc/sys/kernel/sysrq
echo c >/proc/sysrq-trigger
"""


class Qmp:
    """QEMU's monitor; commands answer one after the other."""

    def __init__(self, path, seconds=60):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(seconds)
        self.socket.connect(path)
        self.file = self.socket.makefile("rw", encoding="utf-8")
        self.file.readline()
        self.command("qmp_capabilities")

    def command(self, name, **arguments):
        self.file.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            answer = json.loads(self.file.readline())
            if "error" in answer:
                raise ValueError(f"{name}: {answer['error']}")
            if "return" in answer:
                return answer["return"]


class Ring:
    """The guest's console, gathered from looks at its domain's area."""

    def __init__(self, qmp, area, path):
        self.qmp, self.area, self.path = qmp, area, path
        self.position, self.text, self.missed = None, b"", 0

    def look(self):
        size = RING_PAGE * PAGE + RING_SIZE
        self.qmp.command("pmemsave", val=self.area, size=size, filename=self.path)
        with open(self.path, "rb") as f:
            data = f.read()
        head, = struct.unpack_from("<Q", data, HEAD)
        ring = data[RING_PAGE * PAGE:]
        oldest = max(0, head - RING_SIZE)
        if self.position is None:
            self.position = oldest
        self.missed += max(0, oldest - self.position)
        for at in range(max(self.position, oldest), head):
            self.text += ring[at % RING_SIZE:at % RING_SIZE + 1]
        self.position = head

    def beats(self):
        """(number, time of the kernel's stamp) of each whole line"""
        return [(int(n), float(t)) for t, n in re.findall(rb"\[ *(\d+\.\d+)\] beat (\d+) [0-9.]+\r\n", self.text)]

    def terminal(self):
        return [int(n) for n in re.findall(rb"(?:^|\n)tty (\d+) [0-9.]+\r", self.text)]


def until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def wait_for_crash(m):
    """The address of the guest's area, once the control domain has said that it panics."""
    area = None
    for line in m.lines():
        found = re.search(r'"area": *(\d+)', line)
        if found:
            area = int(found.group(1))
            break
    return area if area and until(lambda: "Kernel panic" in m.console(), 120) else None


def follow_guest(ring):
    """True: it lived on for AFTER seconds of its own time. Looks often enough to miss nothing."""
    ring.look()
    crash = ring.beats()[-1][1] if ring.beats() else 0.0
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        ring.look()
        if ring.beats() and ring.beats()[-1][1] > crash + AFTER:
            return True
        time.sleep(0.05)
    return False


def judge(ring, results):
    beats, terminal = ring.beats(), ring.terminal()
    gaps = [(later[1] - earlier[1], earlier[0]) for earlier, later in zip(beats, beats[1:])]
    longest, where = max(gaps, default=(0.0, 0))
    results.say(f"       {len(beats)} beats; longest gap {longest * 1000:.1f} ms, after beat {where}")
    results.add(ring.missed == 0, "crash: the ring was read without a gap", "expected: 0 bytes missed", f"got: {ring.missed}")
    numbers = [n for n, _ in beats]
    results.add(numbers == list(range(numbers[0], numbers[0] + len(numbers))), "crash: no heartbeat is missing",
                "expected: numbers in a row", f"got: {numbers[:5]} … {numbers[-5:]}")
    results.add(longest <= TICK, "crash: no gap longer than a tick between heartbeats",
                f"expected: at most {TICK} s", f"got: {longest} s after beat {where}")
    results.add(terminal and terminal[-1] >= numbers[-1] - 1, "crash: the guest's terminal goes on, too",
                f"expected: a line about {numbers[-1]}", f"got: {terminal[-3:]}")


def run(results):
    path = os.path.join(machine.WORK, "crash.qmp")
    if os.path.exists(path):
        os.unlink(path)
    settings = {"CPUS": "1", "MEM": "1024", "ICOUNT": "1", "CMDLINE": "panic=0",
                "QEMU_ARGS": f"-qmp unix:{path},server=on,wait=off"}
    m = machine.Machine("crash", SCRIPT, settings, SECONDS)
    try:
        area = wait_for_crash(m)
        results.add(area, "crash: the control domain panics", m.console()[-1000:])
        if not area:
            return
        ring = Ring(Qmp(path), area, os.path.join(machine.WORK, "crash.area"))
        lives = follow_guest(ring)
        results.add(lives, f"crash: the guest lives on for {AFTER} s", f"expected: beats until then; got: {ring.beats()[-3:]}",
                    f"console: {m.log}")
        if lives:
            judge(ring, results)
    finally:
        m.process.terminate()
        m.finish()
