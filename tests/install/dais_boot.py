#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""dais_boot.py CASE: dais-boot in a root of its own, with the firmware and the disk's writes as stubs.

Cases are the functions below; the status says whether it held. CONF_CHECK: the built scripts/conf-check."""
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MAGIC, ROOM = b"DAIS-EMBEDDED-1:", 16000
LABEL, PREVIOUS = "Debian, with Dais", "Debian, with Dais (previous)"
OLD, NEW, NEWER = "6.1.0-9-amd64", "6.1.0-10-amd64", "6.1.0-11-amd64"
STUBBED = ("cp", "mv", "rm", "mkdir", "sync", "efibootmgr")
GLOBAL = "-8be4df61-93ca-11d2-aa0d-00e098032b8c"


class Machine:
    """A server with a plain Debian, started by UEFI, and the package's files."""

    def __init__(self):
        self.top = tempfile.mkdtemp(prefix="dais-boot.", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
        self.root, self.stubs = self.top + "/root", self.top + "/stubs"
        self.dais = self.root + "/boot/efi/EFI/dais"
        os.makedirs(self.stubs)
        for name in STUBBED:
            os.symlink(os.path.join(TOP, "tests/install/stub"), f"{self.stubs}/{name}")
        shutil.copy(os.path.join(TOP, "tests/install/efibootmgr.py"), self.stubs)
        self.room = 1 << 20
        self.release = OLD
        self.program("lsblk", "echo vda")
        self.program("update-grub", f"""cd {self.root}/boot; echo update-grub >>$STUB_DIR/grub; echo "menuentry 'Debian'" >grub/grub.cfg
[ ! -f efi/EFI/dais/daisx64.efi ] || echo "'{LABEL}'" >>grub/grub.cfg
[ ! -f efi/EFI/dais/previous.efi ] || echo "'{PREVIOUS}'" >>grub/grub.cfg""")
        self.program("sbsign", 'for last; do :; done; cat "$last" >"$6"; echo signed >>"$6"')
        self.write("/boot/efi/EFI/debian/grubx64.efi", b"GRUB")
        self.write("/boot/grub/grub.cfg", b"menuentry 'Debian'")
        self.write("/usr/lib/dais/dais.elf", b"hypervisor 1" * 500)
        self.write("/usr/lib/dais/daisx64.efi", b"MZ loader 1" + MAGIC + b"\0" * ROOM + b"its end")
        os.symlink(os.environ["CONF_CHECK"], self.root + "/usr/lib/dais/conf-check")
        self.write("/etc/default/grub", b'GRUB_CMDLINE_LINUX="console=ttyS0,115200 dyndbg=*"\nGRUB_CMDLINE_LINUX_DEFAULT=quiet\n')
        self.write("/etc/dais/boot.conf", b"# for dais.conf\npanic = reboot\ncmdline = panic=30\n")
        self.write("/proc/cmdline", b"BOOT_IMAGE=/boot/vmlinuz root=UUID=abcd ro single\n")
        self.write("/sys/class/block/vda1/partition", b"1\n")
        self.mounts()
        self.flag("SecureBoot", 0)
        self.kernel(OLD)
        with open(self.stubs + "/nvram.json", "w", encoding="utf-8") as f:
            json.dump({"entries": {"0001": ["debian", r"\EFI\debian\shimx64.efi", "/dev/vda", "1"]}, "order": ["0001"]}, f)

    def program(self, name, text):
        with open(f"{self.stubs}/{name}", "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\n" + text + "\n")
        os.chmod(f"{self.stubs}/{name}", 0o755)

    def write(self, path, data):
        os.makedirs(os.path.dirname(self.root + path), exist_ok=True)
        with open(self.root + path, "wb") as f:
            f.write(data)

    def read(self, path):
        with open(self.root + path, "rb") as f:
            return f.read()

    def flag(self, name, value):
        self.write(f"/sys/firmware/efi/efivars/{name}{GLOBAL}", bytes([6, 0, 0, 0, value]))

    def mounts(self, esp="rw", variables="rw"):
        text = "/dev/vda2 / ext4 rw,relatime 0 0\n"
        if esp:
            text += f"/dev/vda1 /boot/efi vfat {esp},relatime 0 0\n"
        if variables:
            text += f"efivarfs /sys/firmware/efi/efivars efivarfs {variables},nosuid 0 0\n"
        self.write("/proc/self/mounts", text.encode())

    def kernel(self, release, module=True):
        self.write(f"/boot/vmlinuz-{release}", f"kernel {release}".encode() * 300)
        self.write(f"/boot/initrd.img-{release}", f"initrd {release}".encode() * 900)
        if module:
            self.write(f"/lib/modules/{release}/updates/dkms/dais.ko", b"")

    def run(self, command="update", **env):
        self.program("uname", f"echo {self.release}")
        self.program("df", f"echo; echo x x x {self.room} x x")
        with open(self.stubs + "/count", "w", encoding="utf-8") as f:
            f.write("0\n")
        open(self.stubs + "/calls", "w", encoding="utf-8").close()
        done = subprocess.run([os.path.join(TOP, "mgmt/boot-entry/dais-boot"), *command.split()], env={
            "PATH": f"{self.stubs}:/usr/bin:/bin", "DAIS_ROOT": self.root, "STUB_DIR": self.stubs, "TMPDIR": self.top,
            **env}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, check=False)
        self.said = done.stdout.decode()
        return done.returncode

    def calls(self):
        with open(self.stubs + "/calls", encoding="utf-8") as f:
            return f.read().splitlines()

    def menu(self):
        """GRUB's: Dais's entries in it."""
        return [label for label in (LABEL, PREVIOUS) if f"'{label}'" in self.read("/boot/grub/grub.cfg").decode()]

    def firmware(self):
        with open(self.stubs + "/nvram.json", encoding="utf-8") as f:
            return json.load(f)

    def entry(self, label=LABEL):
        found = [(n, e) for n, e in self.firmware()["entries"].items() if e[0] == label]
        assert len(found) <= 1, found
        return found[0] if found else None

    def starts(self, loader):
        """What that loader would start: its configuration, if every file it names is there and whole."""
        data = self.read("/boot/efi/EFI/dais/" + loader)
        assert data.startswith(b"MZ loader") and re.search(b"its end(signed\n)?$", data), f"{loader} is cut off"
        at = data.index(MAGIC) + len(MAGIC)
        text = data[at:at + ROOM].rstrip(b"\0").decode()
        conf = dict(line.split(" = ", 1) for line in text.splitlines() if line and not line.startswith("#"))
        for key in ("hypervisor", "kernel", "initrd"):
            found = self.read("/boot/efi" + conf[key].replace("\\", "/"))
            assert hashlib.sha256(found).hexdigest() == conf[key + "_sha256"], f"{loader}: {conf[key]} is not whole"
        return dict(conf, release=re.search("^# kernel (.*)", text, re.M).group(1), signed=data.endswith(b"signed\n"))

    def bootable(self):
        """Whatever happened: the plain entry, and Dais's if there is one."""
        assert self.read("/boot/efi/EFI/debian/grubx64.efi") == b"GRUB"
        v = self.firmware()
        assert v["order"] == ["0001"] and "0001" in v["entries"], v
        for loader, label in (("daisx64.efi", LABEL), ("previous.efi", PREVIOUS)):
            if os.path.exists(f"{self.dais}/{loader}"):
                self.starts(loader)
            else:
                assert not self.entry(label), f"an entry for {loader}, which is not there"

    def end(self):
        shutil.rmtree(self.top)


def good(m, command="update", **env):
    status = m.run(command, **env)
    assert status == 0, (status, m.said)


def refused(m, pattern, command="update", **env):
    before = snapshot(m)
    status = m.run(command, **env)
    assert status == 1 and re.search(pattern, m.said), (status, m.said)
    assert snapshot(m) == before, "something was changed"


def snapshot(m):
    files = {}
    for at, _, names in os.walk(m.root + "/boot/efi"):
        for name in names:
            with open(os.path.join(at, name), "rb") as f:
                files[os.path.join(at, name)] = f.read()
    return files, m.firmware()


def fresh(m):
    good(m)
    m.bootable()
    conf = m.starts("daisx64.efi")
    assert conf["release"] == OLD and "no dais.ko" not in m.said
    assert conf["cmdline"] == "root=UUID=abcd ro console=ttyS0,115200 dyndbg=* quiet panic=30", conf["cmdline"]
    assert conf["panic"] == "reboot"
    number, entry = m.entry()
    assert entry == [LABEL, r"\EFI\dais\daisx64.efi", "/dev/vda", "1"], entry
    assert number not in m.firmware()["order"]
    assert m.menu() == [LABEL], m.menu()
    good(m)
    assert "there already" in m.said and not [c for c in m.calls() if c.startswith(("cp", "mv"))], m.calls()


def arguments(m):
    m.write("/etc/kernel/cmdline", b"root=UUID=other ro nosmt\n")
    good(m)
    assert m.starts("daisx64.efi")["cmdline"] == "root=UUID=abcd ro nosmt panic=30", m.starts("daisx64.efi")["cmdline"]
    os.unlink(m.root + "/etc/kernel/cmdline")
    # Files for grub-mkconfig, which has no set -u
    m.write("/etc/default/grub", b'GRUB_CMDLINE_LINUX="console=ttyS0"\n#GRUB_CMDLINE_LINUX_DEFAULT=quiet\n')
    m.write("/etc/default/grub.d/kdump-tools.cfg", b'GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT crashkernel=512M"\n')
    good(m)
    assert m.starts("daisx64.efi")["cmdline"].split() == "root=UUID=abcd ro console=ttyS0 crashkernel=512M panic=30".split(), m.said
    for wrong in (b"if\n", b"GRUB_DISTRIBUTOR=$(no_such_program)\n", b"exit 3\n"):
        m.write("/etc/default/grub.d/wrong.cfg", wrong)
        refused(m, "/etc/default/grub.*Nothing was changed")
    shutil.rmtree(m.root + "/etc/default/grub.d")
    os.unlink(m.root + "/etc/default/grub")
    m.write("/etc/dais/boot.conf", b"panic = reboot\ncontrol_memory = 4G")  # without an end of the line
    good(m)
    assert m.starts("daisx64.efi")["control_memory"] == "4G"
    os.unlink(m.root + "/etc/dais/boot.conf")
    good(m)
    assert m.starts("daisx64.efi")["cmdline"] == "root=UUID=abcd ro single"


def upgrade(m):
    good(m)
    m.kernel(NEW)
    good(m)
    assert m.starts("daisx64.efi")["release"] == NEW and m.starts("previous.efi")["release"] == OLD
    assert m.entry(PREVIOUS) and m.menu() == [LABEL, PREVIOUS], m.menu()
    m.kernel(NEWER, module=False)
    m.kernel("6.1.0-12-cloud-amd64")  # another flavour
    m.write("/boot/vmlinuz-6.1.0-13-amd64", b"its initrd is not there yet")
    good(m)
    assert "no dais.ko" in m.said and "linux-headers-" + NEWER in m.said, m.said
    assert m.starts("daisx64.efi")["release"] == NEWER and m.starts("previous.efi")["release"] == NEW
    assert len(os.listdir(m.dais)) == 4 and {"daisx64.efi", "previous.efi"} < set(os.listdir(m.dais)), os.listdir(m.dais)
    m.write(f"/boot/initrd.img-{NEWER}", b"made anew" * 1000)  # the kernel before stays the one before
    good(m)
    assert m.starts("daisx64.efi")["release"] == NEWER and m.starts("previous.efi")["release"] == NEW
    assert len(os.listdir(m.dais)) == 4
    m.write(f"/boot/initrd.img-{NEWER}", b"and again" * 1000)
    m.room = 1024
    while m.run() and m.room < 4096:  # until there is room for two, but not yet for three
        m.room += 8
    assert m.starts("previous.efi")["release"] == NEWER and b"made anew" in m.read("/boot/efi" + m.starts("previous.efi")["initrd"].replace("\\", "/"))
    m.room = 1 << 20
    m.release = "6.1.0-8-cloud-amd64"
    good(m)
    assert m.starts("daisx64.efi")["release"] == "6.1.0-12-cloud-amd64"
    m.write("/usr/lib/dais/daisx64.efi", b"MZ loader 2" + MAGIC + b"\0" * ROOM + b"its end")
    good(m)
    assert m.read("/boot/efi/EFI/dais/daisx64.efi").startswith(b"MZ loader 2")


def killed(m):
    """In the middle of every step and after it (before the next): at the first update, at another initrd, another kernel."""
    kills = 0
    for release in (OLD, NEW, NEW, NEWER):
        m.kernel(release)
        if release == NEW:
            m.write(f"/boot/initrd.img-{release}", f"made anew {kills}".encode() * 900)
        saved = m.top + "/saved"
        shutil.copytree(m.root, saved + ".root", symlinks=True)
        shutil.copy(m.stubs + "/nvram.json", saved + ".nvram")
        good(m)
        steps, after = len(m.calls()), snapshot(m)
        for step in range(1, steps + 1):
            for mode in ("middle", "after") if release != NEWER else ("middle",):
                shutil.rmtree(m.root)
                shutil.copytree(saved + ".root", m.root, symlinks=True)
                shutil.copy(saved + ".nvram", m.stubs + "/nvram.json")
                status = m.run(KILL_AT=str(step), KILL_MODE=mode)
                kills += status == -9
                m.bootable()
                if release != OLD:
                    assert os.path.exists(m.dais + "/daisx64.efi"), f"step {step} {mode}: Dais does not start any more"
                if mode == "middle" and release == NEW:  # and it heals
                    good(m)
                    m.bootable()
                    assert m.starts("daisx64.efi")["release"] == release and m.entry()
        shutil.rmtree(m.root)
        shutil.copytree(saved + ".root", m.root, symlinks=True)
        shutil.rmtree(saved + ".root")
        good(m)
        assert snapshot(m)[0] == after[0]
    print(f"killed {kills} times")
    assert kills >= 50


def damaged(m):
    """The loader is gone or unreadable: until there is another, the one before it starts what it did."""
    good(m)
    m.kernel(NEW)
    good(m)
    os.unlink(m.dais + "/daisx64.efi")
    shutil.copytree(m.root, m.top + "/saved", symlinks=True)
    for step, rubbish in ((3, None), (6, None), (9, b"MZ rubbish"), (None, b"MZ rubbish")):
        shutil.rmtree(m.root)
        shutil.copytree(m.top + "/saved", m.root, symlinks=True)
        if rubbish:
            m.write("/boot/efi/EFI/dais/daisx64.efi", rubbish)
        m.run(KILL_AT=str(step), KILL_MODE="middle") if step else good(m)
        assert m.starts("previous.efi")["release"] == OLD
    assert m.starts("daisx64.efi")["release"] == NEW


def flushed(m):
    """A loader gets its name only when what it names is on the disk."""
    good(m)
    m.kernel(NEW)
    good(m)
    calls = [c.split()[0] for c in m.calls() if not c.startswith("efibootmgr")]
    last_copy = max(i for i, c in enumerate(calls) if c == "cp")
    rename = max(i for i, c in enumerate(calls) if c == "mv")
    assert "sync" in calls[last_copy:rename] and calls[rename + 1:].count("sync") == 1, calls


def full(m):
    good(m)
    m.kernel(NEW)
    m.room = 10
    refused(m, "room for 0 MiB.*takes 1 MiB.*initramfs.conf.*starts what it did before")
    m.room = 1 << 20
    good(m)
    m.kernel(NEWER)
    saw = 0
    for step in range(1, 14):  # the disk says so in the middle
        status = m.run(FAIL_AT=str(step))
        saw += status != 0
        m.bootable()
        m.starts("daisx64.efi")
    assert saw >= 4, saw
    good(m)
    assert m.starts("daisx64.efi")["release"] == NEWER


def unsuitable(m):
    m.mounts(esp="ro")
    refused(m, "read-only.*remount")
    m.mounts(esp=None)
    refused(m, "no EFI system partition.*lsblk")
    m.mounts()
    m.write("/etc/dais/boot.conf", b"# mine\npanic = reboot\ncolour = blue\n")
    refused(m, "boot.conf: line 3: unknown key 'colour'.*Nothing was changed")
    m.write("/etc/dais/boot.conf", b"kernel = /vmlinuz\n")
    refused(m, "'kernel' is given twice")
    m.write("/etc/dais/boot.conf", b"")
    m.release = "6.1.0-9-rt-amd64"
    refused(m, "no kernel of the flavour rt-amd64")
    m.release = OLD
    m.write("/usr/lib/dais/daisx64.efi", b"something else")
    refused(m, "no loader of Dais")
    shutil.rmtree(m.root + "/sys/firmware/efi")
    refused(m, "started by a BIOS")


def no_variables(m):
    for mode in ("ro", None):
        m.mounts(variables=mode)
        good(m)
        assert "cannot be written" in m.said, m.said
        assert not m.entry() and m.starts("daisx64.efi")
        refused(m, "efivarfs.*menu", "next")


def raid(m):
    """The ESP lies on md: GRUB's entry is the way."""
    m.write("/proc/self/mounts", m.read("/proc/self/mounts").replace(b"/dev/vda1", b"/dev/md127"))
    good(m)
    assert "/dev/md127 is no partition" in m.said and r"'\EFI\dais\daisx64.efi'" in m.said, m.said
    assert not m.entry() and m.starts("daisx64.efi") and m.menu() == [LABEL]
    refused(m, "no entry.*says why", "next")


def secure_boot(m):
    m.flag("SecureBoot", 1)
    refused(m, "Secure Boot is on.*no key")
    m.write("/etc/dais/secureboot.key", b"key")
    m.write("/etc/dais/secureboot.crt", b"crt")
    good(m)
    assert m.starts("daisx64.efi")["signed"]
    m.write("/etc/dais/secureboot.crt", b"another")
    good(m)
    assert "starts under Dais" in m.said
    m.program("sbsign", "echo no; exit 1")
    m.kernel(NEW)
    refused(m, "sbsign failed: no")


def commands(m):
    refused(m, "not on the EFI system partition yet", "next")
    good(m)
    number = m.entry()[0]
    good(m, "status")
    assert f"kernel {OLD} in /boot/efi/EFI/dais/a" in m.said and "next start: without Dais" in m.said, m.said
    good(m, "next")
    assert m.firmware()["next"] == number and m.firmware()["order"] == ["0001"]
    good(m, "status")
    assert "the next start: under Dais\n" in m.said
    good(m, "default on")
    assert m.firmware()["order"] == [number, "0001"]
    good(m, "default on")
    assert m.firmware()["order"] == [number, "0001"]
    good(m, "default off")
    assert m.firmware()["order"] == ["0001"]
    assert m.run("default") == 2 and m.run("colour") == 2 and "Usage" in m.said


def remove(m):
    before = snapshot(m)
    os.makedirs(m.root + "/boot/efi/loader/entries")
    good(m)
    m.kernel(NEW)
    good(m)
    names = os.listdir(m.root + "/boot/efi/loader/entries")
    assert sorted(names) == ["dais-previous.conf", "dais.conf"], names
    assert m.read("/boot/efi/loader/entries/dais.conf") == f"title {LABEL}\nefi /EFI/dais/daisx64.efi\n".encode()
    good(m, "default on")
    good(m, "next")
    good(m, "remove")
    assert snapshot(m) == before and not os.path.exists(m.dais)
    assert not m.menu(), m.menu()
    good(m, "remove")
    assert m.read("/../stubs/grub").count(b"\n") == 3, "without need"


CASES = (fresh, arguments, upgrade, killed, damaged, flushed, full, unsuitable, no_variables, raid, secure_boot, commands, remove)


def main():
    for case in CASES:
        if case.__name__ == sys.argv[1]:
            machine = Machine()
            try:
                case(machine)
            finally:
                machine.end()
            return 0
    return f"no case {sys.argv[1]}"


if __name__ == "__main__":
    sys.exit(main())
