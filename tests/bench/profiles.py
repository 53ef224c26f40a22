# SPDX-License-Identifier: GPL-2.0-only
"""Where the instructions of an operation go: by function of Dais's, and by CPU; by the TCG plugin."""
import bisect
import os
import subprocess

import machines
import peers

SAMPLES = 1008  # of the payload, with those that warm up
UNMARKED = ("hlt-wake", "switch", "event")  # the payload times these otherwise
MODES = ("dais", "dais_autonomous")


def plugin():
    path = os.path.join(peers.WORK, "count.so")
    peers.call("gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-fvisibility=hidden", "-o", path,
               os.path.join(peers.HERE, "plugin", "count.c"))
    return path


class Symbols:
    """Dais's functions by address."""

    def __init__(self, elf):
        out = subprocess.run(["nm", "-n", elf], stdout=subprocess.PIPE, check=True).stdout.decode()
        text = [(int(w[0], 16), w[2]) for w in (line.split() for line in out.splitlines()) if len(w) == 3 and w[1] in "tT"]
        # within assembly the labels of a function are its own parts
        self.at = [a for a, name in text if "." not in name]
        self.name = [name for _, name in text if "." not in name]
        self.first = next(a for a, name in text if name == "__text_start")
        self.last = max(self.at) + 4096

    def of(self, address):
        return self.name[bisect.bisect_right(self.at, address) - 1]


def read_marks(path):
    """[({cpu: instructions}, {address: instructions})] in the order of the marks."""
    marks = []
    with open(path, encoding="ascii") as f:
        for line in f:
            words = line.split()
            if words[0] == "MARK":
                marks.append(({}, {}))
            elif words[0] == "CPU":
                marks[-1][0][int(words[1])] = int(words[2])
            else:
                marks[-1][1][int(words[1], 16)] = int(words[2])
    return marks


def run(name, script, settings, by_address=True):
    """{(mode, metric): (by CPU, by function)} per operation."""
    symbols = Symbols(os.path.join(peers.BUILD, "dais.elf"))
    counts = os.path.join(peers.WORK, name + ".counts")
    window = f",from={symbols.first:x},size={symbols.last - symbols.first:x}" if by_address else ""
    out, _ = machines.run(name, "qemu-svm", peers.dais(quick=True), script,
                             {"QEMU_ARGS": f"-plugin file={plugin()},out={counts}{window}", **settings})
    order, mode = [], None
    for line in out.replace("\r", "").splitlines():
        words = line.split()
        if words[:1] == ["MODE"]:
            mode = words[1]
        elif words[:1] == ["BENCH"] and words[1] not in UNMARKED:
            order.append((mode, words[1]))
    result = {}
    for key, (cpus, addresses) in zip(order, read_marks(counts)):
        functions = {}
        for address, n in addresses.items():
            functions[symbols.of(address)] = functions.get(symbols.of(address), 0) + n / SAMPLES
        result[key] = ({c: n / SAMPLES for c, n in cpus.items()}, functions)
    return result


def operations(only):
    """One CPU, one instruction per tick: where they go. only: the beginning of a metric's name, or nothing."""
    arguments = f"ARGUMENTS='only={only}'" if only else ""
    return run("profile", f"{arguments} sh /extra/control/dais-profile.sh", {})


def across(cpus):
    """With several CPUs, not under icount: what each executes for an operation."""
    return run(f"cpus-{cpus}", "ARGUMENTS='only=x2apic' sh /extra/control/dais-profile.sh", {"ICOUNT": "", "CPUS": str(cpus)}, False)


def lines(key, result, total):
    """The profile of one operation as text."""
    _, functions = result
    inside = sum(functions.values())
    text = [f"{key[1]} ({key[0]}): {total:,} instructions, of those {inside:,.0f} in Dais"]
    for name, n in sorted(functions.items(), key=lambda f: -f[1])[:14]:
        if n >= 1:
            text.append(f"    {name:<34}{n:>9,.1f}")
    return text
