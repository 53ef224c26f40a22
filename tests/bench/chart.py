# SPDX-License-Identifier: GPL-2.0-only
"""The picture: bars on a log scale, one group for each operation."""
import math
from xml.sax.saxutils import escape

BARS = (("dais", "Dais", "#1f6f8b"), ("dais_autonomous", "Dais, autonomous guest", "#7cc0d8"), ("xen", "Xen 4.17", "#c46a2b"),
        ("kvm", "KVM, Linux 6.1", "#8f8f8f"))
SHOWN = ("cpuid", "hypercall", "msr-read", "port-host", "port-monitor", "xapic-tpr-read", "x2apic-self-ipi", "x2apic-ping-pong",
         "timer", "hlt-wake", "switch")
LEFT, TOP, WIDTH, BAR, GAP = 250, 66, 560, 11, 12
LOW, HIGH = 2, 5  # powers of ten


def x(value):
    share = (math.log10(max(value, 10 ** LOW)) - LOW) / (HIGH - LOW)
    return LEFT + WIDTH * min(share, 1)


def text(at, y, what, anchor="start", size=12, colour="#333"):
    return f'<text x="{at:.0f}" y="{y:.0f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">{escape(what)}</text>'


def group(row, y):
    out = [text(LEFT - 10, y + BAR * len(BARS) / 2 + 4, row["title"], "end")]
    for i, (column, _, colour) in enumerate(BARS):
        value = row.get(column)
        at = y + i * BAR
        if value is None:
            out.append(text(LEFT + 4, at + BAR - 2, "–", size=10, colour="#888"))
            continue
        out.append(f'<rect x="{LEFT}" y="{at}" width="{max(x(value) - LEFT, 1):.1f}" height="{BAR - 2}" fill="{colour}"/>')
        out.append(text(x(value) + 4, at + BAR - 2, f"{value:,}", size=10))
    reach = row.get("reach") or row.get("reach_autonomous")
    if reach:
        out.append(f'<path d="M{x(reach):.1f} {y - 3}v{BAR * len(BARS) + 3}" stroke="#b00020" stroke-dasharray="3 2"/>')
    return out


def draw(rows, subtitle):
    rows = [r for name in SHOWN for r in rows if r["metric"] == name]
    step = BAR * len(BARS) + GAP
    height = TOP + step * len(rows) + 34
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 90}" height="{height}" font-family="sans-serif">',
           "<!-- SPDX-License-Identifier: GPL-2.0-only; made by tests/bench/run -->", '<rect width="100%" height="100%" fill="#fff"/>',
           text(16, 24, "Instructions per operation (median; log scale, shorter is better)", size=15), text(16, 42, subtitle, size=11,
                                                                                                      colour="#666")]
    at = LEFT
    for _, name, colour in BARS:
        out += [f'<rect x="{at}" y="50" width="10" height="10" fill="{colour}"/>', text(at + 14, 59, name, size=11)]
        at += 40 + 7 * len(name)
    out.append(text(at, 59, "┆ reach", size=11, colour="#b00020"))
    for power in range(LOW, HIGH + 1):
        out.append(f'<path d="M{x(10 ** power):.1f} {TOP}V{height - 30}" stroke="#ddd"/>')
        out.append(text(x(10 ** power), height - 14, f"{10 ** power:,}", "middle", 10, "#666"))
    for i, row in enumerate(rows):
        out += group(row, TOP + 6 + i * step)
    return "\n".join(out + ["</svg>"]) + "\n"
