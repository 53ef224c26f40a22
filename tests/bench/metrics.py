# SPDX-License-Identifier: GPL-2.0-only
"""What is measured: (metric, what it is, unit, reach of Dais, which of Dais's columns the reach is for)."""

INSTRUCTIONS = "instructions"
HOSTED, AUTONOMOUS = "dais", "dais_autonomous"

# As the payload calls them.
OPERATIONS = (
    ("cpuid", "CPUID", 300, HOSTED),
    ("cpuid-leaf-1", "CPUID, leaf 1", None, None),
    ("cpuid-leaf-d", "CPUID, leaf 0xd", None, None),
    ("cpuid-cold", "CPUID, on another page each time", None, None),
    ("hypercall", "null hypercall", 250, HOSTED),
    ("hypercall-kvm", "null hypercall of KVM's interface", None, None),
    ("msr-read", "RDMSR that exits (APIC base)", 350, HOSTED),
    ("msr-write", "WRMSR that exits (APIC base)", 350, HOSTED),
    ("port-host", "port read served in host mode", None, None),
    ("port-monitor", "port read served by the monitor", {HOSTED: 2000, AUTONOMOUS: 8000}, None),
    ("touch-4k", "first touch of 4 KiB (Dais, Xen: mapped before)", None, None),
    ("touch-2m", "first touch of 2 MiB (Dais, Xen: mapped before)", None, None),
    ("xapic-self-ipi", "self-IPI to EOI, xAPIC", None, None),
    ("xapic-tpr-read", "xAPIC TPR read", None, None),
    ("xapic-tpr-write", "xAPIC TPR write", None, None),
    ("xapic-ping-pong", "IPI ping-pong, halted, xAPIC", None, None),
    ("x2apic-self-ipi", "self-IPI to EOI, x2APIC", 900, HOSTED),
    ("x2apic-ping-pong", "IPI ping-pong, halted, x2APIC", 4000, AUTONOMOUS),
    ("timer", "timer: set (due) to EOI", None, None),
    ("hlt-wake", "timer's due time to halted vCPU", None, None),
    ("switch", "switch between two spinning vCPUs", None, None),
    ("event", "event from control domain to guest and back", None, None),
)
# Of a Linux guest with one vCPU: what is compared is the ratio to native.
LINUX = (
    ("user-space", "kernel's start to user space", None),
    ("sha256", "sha256sum of 64 MiB", 0.1),
    ("fork-exec", "500 × fork + exec of busybox", 1.5),
    ("find", "20 × find, 4,160 files", None),
    ("page-fault", "16,384 page faults", None),
    ("pipe", "5,000 × pipe ping-pong", None),
)
# Sizes and times of a kind of its own: (metric, what it is, unit, reach)
SIZES = (
    ("lines", "trusted lines of code", "lines", 10000),
    ("text", "text", "bytes", 96 << 10),
    ("ram", "RAM taken on this machine", "bytes", 6 << 20),
    ("ram-guest", "RAM taken for a guest, beside its own", "bytes", 512 << 10),
    ("ram-64g", "RAM taken with 64 GiB (reckoned: frame database)", "bytes", None),
    ("ram-1t", "RAM taken with 1 TiB (reckoned likewise)", "bytes", None),
    ("load", "Dais's first line to the control domain's start", INSTRUCTIONS, None),
    ("create", "create to user space, 128 MiB guest", INSTRUCTIONS, None),
    ("create-host", "- of that before the guest's clock began", INSTRUCTIONS, None),
    ("create-guest", "- of that on the guest's own clock", INSTRUCTIONS, None),
)
CREATE_PERCENT = 10  # over native
# A guest's own NVMe disk against the same disk natively: the reach is a ratio.
DISK = (
    ("read-qd1", "NVMe read of 4 KiB, one at a time", 1.10),
    ("read-qd32", "NVMe read of 4 KiB, 32 at a time", 1.10),
)
TITLES = {m[0]: m[1] for m in OPERATIONS + LINUX + SIZES + DISK}


def title(metric):
    return TITLES.get(metric, metric)


def reach(operation, column):
    """The reach of a column of Dais's, or None."""
    _, _, value, only = operation
    if isinstance(value, dict):
        return value.get(column)
    return value if column == only or (only == HOSTED and column == AUTONOMOUS) else None
