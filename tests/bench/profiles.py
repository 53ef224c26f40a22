# SPDX-License-Identifier: GPL-2.0-only
"""Where the instructions of an operation go: by function of Dais's, and by CPU; by the TCG plugin."""
import os
import subprocess

import machines
import metrics
import peers

WARM_UP = 8  # of the payload, for each operation
UNMARKED = ("hlt-wake", "switch", "event", "user-space")  # these are timed otherwise
LISTED = 16  # functions of a profile
QEMU_10 = os.path.join(peers.TOP, "build", "qemu", "qemu-system-x86_64")


def plugin(version):
    return os.path.join(peers.WORK, f"count-{version}.so")


def build():
    """The plugin, for both versions of the interface."""
    for version in (1, 3):
        peers.call("gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-fvisibility=hidden",
                   f"-DPLUGIN_VERSION={version}", "-o", plugin(version), os.path.join(peers.HERE, "plugin", "count.c"))


class Symbols:
    """Dais's functions by address, those that the compiler put into others too."""

    def __init__(self, elf):
        self.elf = elf
        out = subprocess.run(["nm", "-n", elf], stdout=subprocess.PIPE, check=True).stdout.decode()
        words = (line.split() for line in out.splitlines())
        text = [(int(w[0], 16), w[2]) for w in words if len(w) == 3 and w[1] in "tT"]
        self.first = next(a for a, name in text if name == "__text_start")
        self.last = max(a for a, _ in text) + 4096
        code = subprocess.run(["objdump", "-d", "--no-show-raw-insn", elf], stdout=subprocess.PIPE, check=True).stdout
        words = (line.split() for line in code.decode().splitlines())
        self.entries = {int(w[0].rstrip(":"), 16) for w in words if len(w) == 2 and w[1] == "vmrun"}

    def of(self, addresses):
        """{address: "function (file)"}"""
        asked = "".join(f"{a:x}\n" for a in addresses)
        out = subprocess.run(["addr2line", "-a", "-f", "-i", "-e", self.elf], input=asked.encode(), stdout=subprocess.PIPE,
                             check=True).stdout.decode().splitlines()
        names = {}
        for i, line in enumerate(out):
            if line.startswith("0x"):  # then the innermost function, and its place
                place = out[i + 2].split(":")[0]
                where = os.path.relpath(place, peers.TOP) if place.startswith(peers.TOP) else "?"
                where = where[where.rfind("arch/"):] if "/arch/" in where else where  # the assembler's are relative
                names[int(line, 16)] = f"{out[i + 1].split('.')[0]} ({where})"
        return names


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


def marked(out):
    """[((mode, metric), how often it was done between the marks)] in the order of the lines."""
    order, mode = [], None
    for line in out.replace("\r", "").splitlines():
        found = machines.LINE.match(line.strip())
        words = found.group(2).split() if found else []
        kind = found.group(1) if found else None
        if kind == "MODE":
            mode = words[0]
        elif kind == "BENCH" and words[0] not in UNMARKED:
            order.append(((mode, words[0]), int(words[3]) + WARM_UP))
        elif kind in ("LINUX", "DISK") and words[0] not in UNMARKED:
            order.append(((mode, words[0]), int(words[1]) if kind == "DISK" else 1))
        elif kind == "STOPWATCH" or kind == "VALUE" and words[0] == "create":
            order.append(((mode, "create"), 1))
    return order


def count(name, platform, extra, script, settings=None, version=1, only=0):
    """A run with the plugin: {(mode, metric): {"cpus": …, "functions": …, "entries": n}}, each for one operation.

    only=1: nothing but Dais's instructions is counted, which is faster."""
    symbols = Symbols(os.path.join(peers.BUILD, "dais.elf"))
    counts = os.path.join(peers.WORK, name + ".counts")
    window = f",from={symbols.first:x},size={symbols.last - symbols.first:x},only={only}" if version == 1 else ""
    settings = dict(settings or {})
    more = settings.pop("QEMU_ARGS", "")
    out, _ = machines.run(name, platform, extra, script,
                          {"QEMU_ARGS": f"{more} -plugin file={plugin(version)},out={counts}{window}", **settings})
    order, marks = marked(out), read_marks(counts)
    if len(order) != len(marks):
        raise machines.Failed(f"{name}: {len(order)} lines of figures and {len(marks)} pairs of marks")
    names = symbols.of(sorted({a for _, addresses in marks for a in addresses}))
    result = {}
    for (key, n), (cpus, addresses) in zip(order, marks):
        functions = {}
        for address, times in addresses.items():
            functions[names[address]] = functions.get(names[address], 0) + times / n
        result[key] = {"cpus": {c: v / n for c, v in cpus.items()}, "functions": functions,
                       "entries": sum(v for a, v in addresses.items() if a in symbols.entries) / n}
    return result


def operations(only):
    """One CPU, one instruction per tick: where they go. only: the beginning of a metric's name, or nothing."""
    arguments = f"ARGUMENTS='only={only}'" if only else ""
    return count("profile", "qemu-svm", peers.dais("profile", quick=True),
                 f"{arguments} sh /extra/control/dais-profile.sh")


def linux():
    """The same of a Linux guest's work, and of making it."""
    return count("profile-linux", "qemu-svm", peers.dais("profile-linux"), "sh /extra/control/dais-linux.sh", only=1)


def across(cpus):
    """With several CPUs, one instruction per tick: what each executes for an operation. QEMU 7.2 cannot."""
    peers.fetch_qemu()
    return count(f"cpus-{cpus}", "qemu-svm", peers.dais(f"cpus-{cpus}", quick=True),
                 "ARGUMENTS='skip=switch' sh /extra/control/dais-profile.sh", {"CPUS": str(cpus), "QEMU": QEMU_10}, 3)


def summary(result, total):
    """What results.json says of a profile: per operation."""
    functions = sorted(result["functions"].items(), key=lambda f: (-f[1], f[0]))
    inside = sum(n for _, n in functions)
    listed = [(name, round(n, 1)) for name, n in functions[:LISTED] if n * 200 >= inside]
    return {"total": total, "in_dais": round(inside, 1), "entries": round(result["entries"], 2), "functions": listed,
            "others": round(inside - sum(n for _, n in listed), 1)}


def lines(key, found):
    """The profile of one operation as text."""
    title = metrics.title(key[1])
    text = [f"{title} ({key[0].replace('_', ', ')}): {found['total']:,} instructions, in Dais {found['in_dais']:,.0f}, "
            f"entries into guests {found['entries']:,g}"]
    for name, n in found["functions"]:
        text.append(f"    {name:<60}{n:>12,.1f}")
    text.append(f"    {'others':<60}{found['others']:>12,.1f}")
    return text
