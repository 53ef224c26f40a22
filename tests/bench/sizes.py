# SPDX-License-Identifier: GPL-2.0-only
"""Lines, bytes and versions."""
import os
import re
import subprocess

import peers

SOURCE = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)


def trusted_lines():
    """Neither blank nor comment, as tests/system/run counts them."""
    count = 0
    for room in ("arch", "kernel", "drivers"):
        for directory, _, files in os.walk(os.path.join(peers.TOP, room)):
            for name in files:
                if name.endswith((".c", ".h", ".asm", ".inc", ".def")):
                    with open(os.path.join(directory, name), encoding="utf-8") as f:
                        text = f.read()
                    text = re.sub(r";[^\n]*", "", text) if name.endswith((".asm", ".inc")) else SOURCE.sub("", text)
                    count += sum(1 for line in text.splitlines() if line.strip())
    return count


def text(image):
    """Bytes of the section .text."""
    out = subprocess.run(["objdump", "-h", image], stdout=subprocess.PIPE, check=True).stdout.decode()
    return sum(int(m.group(1), 16) for m in re.finditer(r"^ *\d+ \.text\S* +([0-9a-f]+)", out, re.M))


def version(*command):
    """The first line of what a command says."""
    out = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout.decode()
    return (out.splitlines() or ["unknown"])[0]
