# SPDX-License-Identifier: GPL-2.0-only
"""What is run on which machine. A group is one boot with many checks inside."""

SCRATCH_DISKS = 3
DEVICES = ("-device ahci,id=sata -drive if=none,id=d0,format=raw,file={disk0} -device ide-hd,drive=d0,bus=sata.0 "
           "-drive if=none,id=d1,format=raw,file={disk1} -device nvme,drive=d1,serial=dais1 "
           "-drive if=none,id=d2,format=raw,file={disk2} -device virtio-blk-pci,drive=d2 "
           "-netdev user,id=n1,net=10.0.3.0/24 -device e1000e,netdev=n1,romfile=")
PASS_DEVICES = ("-drive if=none,id=d0,format=raw,file={disk0} -device virtio-blk-pci,drive=d0 "
                "-drive if=none,id=d1,format=raw,file={big} -device nvme,drive=d1,serial=dais1 "
                "-netdev user,id=n1,net=10.0.3.0/24 -device e1000e,netdev=n1,romfile= "
                "-netdev user,id=n2,net=10.0.4.0/24 -device e1000,netdev=n2,romfile= "
                "-device edu,dma_mask=0xffffffffffffffff "
                "-drive if=none,id=d2,format=raw,file={disk1} -device nvme-subsys,id=sub0 -device nvme,id=nv,serial=dais2,"
                "subsys=sub0,multifunction=on,sriov_max_vfs=2,sriov_vq_flexible=6,sriov_vi_flexible=4 "
                "-device nvme-ns,drive=d2,bus=nv")
# with one that has line interrupts only, and one that can be told to reach any address
IOMMU_DEVICES = DEVICES + (" -netdev user,id=n2,net=10.0.4.0/24 -device e1000,netdev=n2,romfile="
                           " -device edu,dma_mask=0xffffffffffffffff")
PC_DEVICES = ("-drive if=none,id=d0,format=raw,file={disk0} -device ide-hd,drive=d0,bus=ide.0 "
              "-netdev user,id=n1,net=10.0.3.0/24 -device e1000,netdev=n1,romfile=")

# name: (settings of `make run`, arguments of the script, arguments with --long, seconds, only with --long);
# the longest first
GROUPS = {
    "hostile":  ({"CPUS": "2"}, "", "long", 900, False),
    "basic":    ({"CPUS": "4"}, "{cpus} {vendor}", "{cpus} {vendor}", 900, False),
    "good":     ({"CPUS": "2"}, "", "", 900, False),
    "life":     ({"CPUS": "2"}, "15", "100", 600, False),
    "sched":    ({"CPUS": "4", "QEMU_ARGS": "-smp 4,sockets=1,cores=2,threads=2"}, "", "", 600, False),
    "selftest": ({"CPUS": "2"}, "5", "50", 600, False),
    "one":      ({"CPUS": "1"}, "1", "1", 600, False),
    "fewer":    ({"CPUS": "4", "CONF": "control_vcpus = 2"}, "", "", 600, False),
    "outlive":  ({"CPUS": "2"}, "20", "200", 600, False),
    "fuzz":     ({"CPUS": "2"}, "40000 20000 {seed}", "1000000 1000000 {seed}", 600, False),
    "devices":  ({"CPUS": "4", "QEMU_ARGS": DEVICES}, "8", "60", 600, False),
    "passvtd":  ({"CPUS": "2", "QEMU_ARGS": "-device intel-iommu,intremap=on " + PASS_DEVICES}, "vtd 3 2", "vtd 100 20", 1500,
                 False),
    "passamd":  ({"CPUS": "2", "QEMU_ARGS": "-device amd-iommu,intremap=on " + PASS_DEVICES}, "amdvi 3 2", "amdvi 100 20", 1500,
                 False),
    "vtd":      ({"CPUS": "2", "QEMU_ARGS": "-device intel-iommu,intremap=on " + IOMMU_DEVICES}, "closed vtd 3", "closed vtd 60",
                 600, False),
    "amdvi":    ({"CPUS": "2", "QEMU_ARGS": "-device amd-iommu,intremap=on " + IOMMU_DEVICES}, "closed amdvi 3",
                 "closed amdvi 60", 600, False),
    "rogue":    ({"CPUS": "2", "CONF": "iommu = off", "QEMU_ARGS": "-device intel-iommu,intremap=on " + IOMMU_DEVICES},
                 "open vtd 0", "open vtd 0", 600, False),
    **{test + name: ({"CPUS": "2", "TEST_FAULT": test, "QEMU_ARGS": f"-device {unit},intremap=on " + IOMMU_DEVICES},
                     f"{test} {kind} 0", f"{test} {kind} 0", 600, False)
       for test in ("unconfined", "unflushed") for name, kind, unit in (("vtd", "vtd", "intel-iommu"), ("amd", "amdvi", "amd-iommu"))},
    "pc":       ({"CPUS": "2", "MACHINE": "pc", "QEMU_ARGS": PC_DEVICES}, "", "", 600, False),
    "badinput": ({"CPUS": "2"}, "", "", 600, False),
    "many":     ({"CPUS": "16", "MEM": "4096"}, "16", "16", 900, True),
}
# The script of a group, where it is not the group's own name.
SCRIPTS = {"one": "small", "many": "small", "passvtd": "pci", "passamd": "pci", "vtd": "iommu", "amdvi": "iommu",
           "rogue": "iommu",
           "unconfinedvtd": "iommu", "unconfinedamd": "iommu", "unflushedvtd": "iommu", "unflushedamd": "iommu"}
LONG_FACTOR = 8  # --long: that much more time

# Bochs runs all CPUs on one thread and has two serial ports and two IDE disks.
BOCHS_CPUS = 2
BOCHS_FACTOR = 4
BOCHS_SKIPS = {
    "devices": "Bochs has none of its devices",
    "passvtd": "Bochs has no IOMMU",
    "passamd": "Bochs has no IOMMU",
    "vtd": "Bochs has no IOMMU",
    "amdvi": "Bochs has no IOMMU",
    "rogue": "Bochs has no edu device",
    "unconfinedvtd": "Bochs has no IOMMU",
    "unconfinedamd": "Bochs has no IOMMU",
    "unflushedvtd": "Bochs has no IOMMU",
    "unflushedamd": "Bochs has no IOMMU",
    "pc": "Bochs is always an i440fx machine, without QEMU's IDE disk and e1000 of this group",
    "many": "16 CPUs on one thread take hours",
    "sched": "needs four CPUs, which take most of an hour on one thread",
    "fewer": "4 CPUs on one thread take most of an hour",
}
# Boots with control/bochs.sh: name: (platform, settings, what of the CPU's virtual APIC is in use). These are the short
# form of PLATFORM=bochs-…, a part of plain `make test`;
BOCHS_SHORT = {
    "bochs-svm": ("bochs-svm", {"CPUS": "1"}, ""),
    "bochs-vmx": ("bochs-vmx", {"CPUS": "1"}, "posted"),
}
# Programs made of Bochs's, which at reset sets IA32_FEATURE_CONTROL to 5: locked, VMXON allowed; these do to 1 and to 0.
BOCHS_CHANGED = {
    "locked": (bytes.fromhex("838f540e000005"), bytes.fromhex("838f540e000001")),
    "open": (bytes.fromhex("838f540e000005"), bytes.fromhex("838f540e000000")),
}
# these are in `make test PLATFORM=bochs-…` and in `make test-long`.
BOCHS_MORE = {
    "bochs-svm 2 CPUs": ("bochs-svm", {"CPUS": "2"}, ""),
    "bochs-vmx 4 CPUs": ("bochs-vmx", {"CPUS": "4"}, "posted"),
    "bochs-vmx without apicv": ("bochs-vmx", {"CPUS": "2", "CONF": "apicv = off"}, "off"),
    "bochs-vmx haswell_4770": ("bochs-vmx", {"CPUS": "1", "MODEL": "haswell_4770", "BOCHS": "open"}, "on"),
    "bochs-vmx icelake_u": ("bochs-vmx", {"CPUS": "1", "MODEL": "icelake_u"}, "posted"),
}
BOCHS_SCRIPT_SECONDS = 1200
# Groups of both platforms in `make test-long`, and arguments, short and long, where they differ: the short ones are
# all that `make test PLATFORM=bochs-…` runs, the long ones would take hours.
BOCHS_LONG = ("one", "good", "hostile", "life", "selftest", "fuzz", "badinput", "basic")
BOCHS_ARGUMENTS = {"life": ("100", "100"), "selftest": ("5", "5"), "fuzz": ("40000 20000 {seed}",) * 2}

# A boot that must end in the loader: name: (settings, files on the boot disk, what its message says)
LOADER = {
    "bad line in dais.conf": ({"CONF": "colour = blue"}, None, r"dais\.conf.*line \d+.*colour"),
    "bad value in dais.conf": ({"CONF": "control_memory = lots"}, None, r"dais\.conf.*line \d+.*lots"),
    "control memory larger than the machine": ({"CONF": "control_memory = 64G"}, None, r"control_memory|control memory"),
    "missing kernel": ({"CONF": r"kernel = \EFI\dais\nothing"}, None, r"nothing"),
    "truncated kernel": ({"CONF": r"kernel = \EFI\dais\short"}, ("short", "kernel/vmlinuz", 70000), r"short"),
    "kernel that is a text file": ({"CONF": r"kernel = \EFI\dais\text"}, ("text", None, 0), r"text"),
    "missing initrd": ({"CONF": r"initrd = \EFI\dais\noinitrd"}, None, r"noinitrd"),
    "missing hypervisor": ({"CONF": r"hypervisor = \EFI\dais\nocore"}, None, r"nocore"),
    "truncated hypervisor": ({"CONF": r"hypervisor = \EFI\dais\cut"}, ("cut", "dais.elf", 20000), r"cut"),
    "CPU without SVM": ({"QEMU_ARGS": "-cpu EPYC,-svm"}, None, r"SVM|AMD-V"),
    "CPU without nested paging": ({"QEMU_ARGS": "-cpu EPYC,+svm,-npt"}, None, r"[Nn]ested paging|NPT"),
    "VT-x without EPT": ({"BOCHS_ARGS": "cpu: model=core2_penryn_t9600", "PLATFORM": "bochs-vmx"}, None,
                         r"lacks.*EPT.*unrestricted guest"),
    "VT-x locked off": ({"BOCHS": "locked", "PLATFORM": "bochs-vmx"}, None, r"VT-x is locked off by the firmware"),
}

LOADER_SECONDS = 150

# dais check on plain Linux, with --long: name: (settings, what its lines say)
OVMF_ARGS = ("-drive if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd "
             "-drive if=pflash,format=raw,unit=1,snapshot=on,file=/usr/share/OVMF/OVMF_VARS_4M.fd")
CHECKS = {
    "BIOS, AMD-V": ({}, (r"ok +virtualization +AMD-V with nested", r"ok +firmware lock", r"missing +UEFI", r"missing +IOMMU",
                         r"missing +interrupt remapping", r"missing +TPM", r"ok +serial console +ttyS0", r"ok +CPUs +4")),
    "UEFI": ({"QEMU_ARGS": OVMF_ARGS}, (r"ok +UEFI", r"ok +boot variables", r"ok +Secure Boot +off", r"missing +ESP")),
    "no AMD-V": ({"QEMU_ARGS": "-cpu EPYC,-svm"}, (r"missing +virtualization +.*neither", r"can't tell +firmware lock")),
    "no nested paging": ({"QEMU_ARGS": "-cpu EPYC,+svm,-npt"}, (r"missing +virtualization +.*NPT",)),
    "VT-d": ({"QEMU_ARGS": "-device intel-iommu,intremap=on"}, (r"ok +IOMMU +Intel VT-d", r"ok +interrupt remapping")),
    "VT-d without interrupt remapping": ({"QEMU_ARGS": "-device intel-iommu,intremap=off"},
                                         (r"ok +IOMMU +Intel VT-d", r"missing +interrupt remapping")),
    "AMD-Vi": ({"QEMU_ARGS": "-device amd-iommu,intremap=on"}, (r"ok +IOMMU +AMD-Vi", r"ok +interrupt remapping")),
}
CHECK_SECONDS = 150

# Test images: fault: what the report on the console says
FAULTS = {
    "text-write": r"[Pp]age fault|#PF",
    "data-exec": r"[Pp]age fault|#PF",
    "stack-overrun": r"[Dd]ouble fault|#DF|[Ss]tack",
    "unowned-frame": r"[Pp]age fault|#PF",
}
FAULT_BACKTRACE = {"text-write": "test_fault", "data-exec": "boot_main", "stack-overrun": "deeper",
                   "unowned-frame": "test_fault"}
FAULT_SECONDS = 150
