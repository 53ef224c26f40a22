# SPDX-License-Identifier: GPL-2.0-only
"""Secure Boot on the server of tests/install/run: its own disk and Debian, with the snakeoil keys and a TPM."""
import os
import re
import subprocess

import guests
import server

MEASURED = "dais.conf", r"\\EFI\\dais\\[abc]\\dais.elf", r"\\EFI\\dais\\[abc]\\vmlinuz", r"\\EFI\\dais\\[abc]\\initrd.img", "cmdline"
RUN = "dais run --kernel /srv/vmlinuz --initrd /srv/guest.img --memory 96M --cmdline 'quiet run=\"echo locked; uname -m\"'"


def commands():
    """The indented lines of docs/server.md's section."""
    with open(os.path.join(server.TOP, "docs", "server.md"), encoding="utf-8") as f:
        section = f.read().split("\n## Secure Boot\n")[1].split("\n## ")[0]
    return [line.strip() for line in section.splitlines() if line.startswith("    ")]


def sign(test):
    """The section's lines: from here on each update signs the loader, and DKMS the module."""
    key = os.path.join(test.work, "mine.key")
    subprocess.run(["openssl", "rsa", "-in", server.KEY, "-passin", "pass:snakeoil", "-out", key], check=True, stderr=subprocess.DEVNULL)
    test.server.copy(key, to="mine.key")
    test.server.copy(server.CERTIFICATE, to="mine.crt")
    for line in commands():
        test.do(line)


def start(test):
    """On a copy of the disk as it is now; the server itself is switched off meanwhile."""
    test.ask("mkdir /boot/efi/EFI/BOOT && cp /boot/efi/EFI/dais/daisx64.efi /boot/efi/EFI/BOOT/BOOTX64.EFI; dais-boot next")
    test.server.power_off()
    test.check(True, "the server powers off")
    directory = os.path.join(test.work, "secure")
    server.make_disk(directory, os.path.join(test.work, "disk.qcow2"), server.SECURE_VARS)
    plain, test.server = test.server, server.Server(directory, test.cpus, secure=True)
    plain.end()
    test.server.wait()
    look(test)
    tamper(test)
    test.server.end()
    test.server = server.Server(test.work, test.cpus)
    test.server.wait()
    test.ask("rm -r /boot/efi/EFI/BOOT")


def look(test):
    out = test.ask("dmesg | grep -i 'secure boot'; cat /sys/kernel/security/lockdown; dais check")[1]
    test.check("Secure boot enabled" in out and "[integrity]" in out, "Linux is told that Secure Boot is on, and is locked down", out)
    test.check(re.search("ok +Secure Boot +on", out), "dais check says that it is on, with a key", out)
    out = test.ask("dais info")[1]
    test.check(re.search("Boot .*Secure Boot on", out), "dais info says so too", out)
    status, out = test.ask("modinfo -F signer dais; " + RUN)
    test.check(status == 0 and "locked\n" in out.replace("\r", "") and "x86_64" in out, "dais.ko is signed: a guest runs", out, test.ask("dmesg | tail")[1])
    out = test.ask("tr -c '[:print:]' '\\n' </sys/kernel/security/tpm0/binary_bios_measurements | grep '^dais: '")[1]
    for name in MEASURED:
        test.check(re.search(f"^dais: {name}", out, re.M), "TPM: the event log names " + name.replace(r"\\", "\\"), out)


def tamper(test):
    """As root could: one byte of the hypervisor."""
    test.ask("f=$(echo /boot/efi/EFI/dais/$(dais-boot status | sed -n '1s|.*/||p')/dais.elf); "
             "printf X | dd of=$f bs=1 seek=$(($(stat -c %s $f) - 9)) conv=notrunc status=none; sync; reboot")
    good = guests.until(test, 300, lambda: re.search(r"dais boot: error: .*dais\.elf.*is not the file", test.server.tail(60)))
    test.check(good, "a changed hypervisor is refused", test.server.tail())
