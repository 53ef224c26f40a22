# SPDX-License-Identifier: GPL-2.0-only
"""What the sources must keep to, beyond what compilers see."""
import os
import re
import subprocess

import machine

LINES = 10000        # of code in the trusted core
DUPLICATE_LINES = 12 # more in a row that svm/ and vmx/ share belong above both
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
VENDORS = re.compile(r"(?<![a-z])(svm|vmx|vmcb|vmcs|amd(?!64)|intel|npt|ept)(?![a-z])|vmcall|vmmcall|vmrun|vmlaunch|vt-x|amd-v", re.I)
# Where a vendor may have a name, above svm/ and vmx/ and beside drivers/iommu/.
NAMED = {
    "arch/x86/virt/cpuid.c": "a table",
    "arch/x86/virt/msr.c": "a table",
    "arch/x86/virt/nested.c": "the tables of bits of both formats",
    "arch/x86/virt/nested.h": "their names",
    "arch/x86/virt/vcpu_x86.c": "the one place that picks",
    "kernel/abi/dais/abi.h": "what is told to the control domain",
    "mgmt/linux/hypercall.h": "VMCALL or VMMCALL",
}


def sources(room):
    """(path from the top, lines of code without comments) of each"""
    for directory, _, files in sorted(os.walk(os.path.join(machine.TOP, room))):
        for name in sorted(files):
            if name.endswith((".c", ".h", ".asm", ".inc", ".def")):
                with open(os.path.join(directory, name), encoding="utf-8") as f:
                    text = f.read()
                text = re.sub(r";[^\n]*", "", text) if name.endswith((".asm", ".inc")) else COMMENT.sub("", text)
                yield (os.path.relpath(os.path.join(directory, name), machine.TOP),
                       [line.strip() for line in text.splitlines() if line.strip()])


def vendors(results):
    """No vendor's name above svm/ and vmx/."""
    strange = []
    for room in ("arch", "kernel", "drivers", "mgmt/linux"):
        for path, lines in sources(room):
            if not path.startswith(("arch/x86/svm/", "arch/x86/vmx/", "drivers/iommu/")) and path not in NAMED:
                strange += [f"{path}: {line}" for line in lines if VENDORS.search(line)]
    results.add(not strange, "no vendor has a name above svm/ and vmx/, but where it must", *strange)


def duplicates(results):
    """The longest piece that the two share, a vendor's prefix aside; but for their tables of the same functions."""
    def of(room):
        return {path: [VENDORS.sub("V", line) for line in lines if not line.startswith(".")] for path, lines in sources(room)}

    longest, where = 0, ""
    theirs = of("arch/x86/vmx")
    for path, lines in of("arch/x86/svm").items():
        for other, more in theirs.items():
            before = [0] * (len(more) + 1)
            for line in lines:
                row = [0] + [before[n] + 1 if line == at else 0 for n, at in enumerate(more)]
                if max(row) > longest:
                    longest, where = max(row), f"{path} and {other}, to the line: {line}"
                before = row
    results.add(longest <= DUPLICATE_LINES, f"svm/ and vmx/ share no piece of more than a dozen lines (the longest has {longest})", where)


def count(results):
    lines = sum(len(code) for room in ("arch", "kernel", "drivers") for _, code in sources(room))
    results.add(lines < LINES, f"the trusted core has {lines} lines of code", f"expected: fewer than {LINES}", f"got: {lines}")


def branches(results):
    """Retpolines are the compiler's: that none is missing is seen in what it made."""
    code = subprocess.run(["objdump", "-d", "--no-show-raw-insn", os.path.join(machine.BUILD, "dais.elf")],
                          check=True, capture_output=True, text=True).stdout
    found = [line.strip() for line in code.splitlines() if re.search(r"\t(notrack )?(call|jmp)q? +\*", line)]
    results.add(len(code) > 100000 and not found, "the core branches indirectly through retpolines only", *found[:10])


def check(results):
    count(results)
    vendors(results)
    duplicates(results)
    branches(results)
