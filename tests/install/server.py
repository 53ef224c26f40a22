# SPDX-License-Identifier: GPL-2.0-only
"""A Debian server in QEMU: a copy-on-write disk over scripts/mkdebian's, reached by SSH."""
import os
import shutil
import socket
import subprocess
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BUILD") or os.path.join(TOP, "build")
IMAGE = os.path.join(BUILD, "debian")
OVMF = "/usr/share/OVMF/OVMF_CODE_4M.fd"
# Debian's package ovmf has variables with Secure Boot on, and the key that they trust (its passphrase: snakeoil). The firmware is
# the usual one: its "secboot" form needs SMM, which TCG enters from a guest without leaving that (docs/debugging.md).
SECURE_VARS = "/usr/share/OVMF/OVMF_VARS_4M.snakeoil.fd"
KEY, CERTIFICATE = "/usr/share/ovmf/PkKek-1-snakeoil.key", "/usr/share/ovmf/PkKek-1-snakeoil.pem"


class Failure(Exception):
    pass


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def make_disk(directory, base=os.path.join(IMAGE, "disk.img"), variables=os.path.join(IMAGE, "vars.fd")):
    """A new server's disk and firmware variables in the directory."""
    os.makedirs(directory, exist_ok=True)
    disk = os.path.join(directory, "disk.qcow2")
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", base.rsplit(".", 1)[1].replace("img", "raw"), disk], check=True)
    shutil.copy(variables, os.path.join(directory, "vars.fd"))


def keep_disk(directory):
    """The directory's own from the last time, unless scripts/mkdebian has made another server since."""
    disk, base = os.path.join(directory, "disk.qcow2"), os.path.join(IMAGE, "disk.img")
    if not os.path.exists(disk) or os.path.getmtime(disk) < os.path.getmtime(base):
        shutil.rmtree(directory, ignore_errors=True)
        make_disk(directory)


def firmware(directory, variables, tpm=False):
    """QEMU's arguments for a machine with the file of variables, and a TPM (class Tpm)."""
    argv = ["-machine", "q35,smm=off", "-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={OVMF}",
            "-drive", f"if=pflash,format=raw,unit=1,file={variables}"]
    if tpm:
        argv += ["-chardev", f"socket,id=tpm,path={directory}/tpm.sock", "-tpmdev", "emulator,id=tpm0,chardev=tpm",
                 "-device", "tpm-crb,tpmdev=tpm0"]
    return argv


def command(directory, cpus, mem, port, serial, secure=False):
    # one thread for all CPUs: docs/debugging.md, "Emulators' quirks"
    return ["qemu-system-x86_64", *firmware(directory, f"{directory}/vars.fd", secure), "-cpu", "EPYC,+svm,+npt,-monitor",
            "-accel", "tcg,thread=single", "-smp", str(cpus), "-m", str(mem),
            "-drive", f"if=none,id=disk,format=qcow2,file={directory}/disk.qcow2,cache=unsafe", "-device", "virtio-blk-pci,drive=disk",
            "-netdev", f"user,id=net0,hostfwd=tcp:127.0.0.1:{port}-:22", "-device", "virtio-net-pci,netdev=net0,romfile=",
            "-device", "virtio-rng-pci", "-nodefaults", "-display", "none", "-serial", serial, "-monitor", "none"]


class Tpm:
    """A TPM 2.0 for one machine."""

    def __init__(self, directory):
        state, sock = os.path.join(directory, "tpm"), os.path.join(directory, "tpm.sock")
        os.makedirs(state, exist_ok=True)
        self.program = subprocess.Popen(["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={state}", "--ctrl", f"type=unixio,path={sock}"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not os.path.exists(sock):
            if self.program.poll() is not None:
                raise Failure(f"swtpm ended with status {self.program.returncode}")
            time.sleep(0.1)

    def end(self):
        self.program.terminate()
        self.program.wait()


class Server:
    def __init__(self, directory, cpus=2, mem=2048, secure=False):
        self.tpm = Tpm(directory) if secure else None
        self.port, self.directory, self.console = free_port(), directory, os.path.join(directory, "console.log")
        self.ssh_options = ["-i", os.path.join(IMAGE, "key"), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                            "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=20", "-o", "ServerAliveInterval=30"]
        with open(os.path.join(directory, "qemu.err"), "wb") as err:
            self.machine = subprocess.Popen(command(directory, cpus, mem, self.port, f"file:{self.console}", secure),
                                            stdin=subprocess.DEVNULL, stdout=err, stderr=err)

    def argv(self, text):
        return ["ssh", *self.ssh_options, "-p", str(self.port), "root@127.0.0.1", text]

    def ssh(self, text, seconds=1800):
        """(status, output); 255: no connection."""
        try:
            done = subprocess.run(self.argv(text), timeout=seconds, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, check=False)
        except subprocess.TimeoutExpired:
            return 255, f"no end within {seconds} s"
        return done.returncode, done.stdout.decode(errors="replace")

    def copy(self, *files, to=""):
        subprocess.run(["scp", "-q", *self.ssh_options, "-P", str(self.port), *files, "root@127.0.0.1:" + to], check=True)

    def boot_id(self):
        status, out = self.ssh("cat /proc/sys/kernel/random/boot_id", 60)
        return out.strip() if status == 0 else None

    def wait(self, other_than=None, seconds=1800):
        """Until SSH answers, of another boot than that one."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.machine.poll() is not None:
                raise Failure(f"QEMU ended with status {self.machine.returncode}")
            found = self.boot_id()
            if found and found != other_than:
                return found
            time.sleep(2)
        raise Failure(f"no SSH within {seconds} s; the console's last lines:\n{self.tail()}")

    def tail(self, lines=25):
        try:
            with open(self.console, encoding="utf-8", errors="replace") as f:
                return "\n".join(f.read().splitlines()[-lines:])
        except OSError:
            return ""

    def power_off(self, seconds=300):
        self.ssh("poweroff")
        try:
            self.machine.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"no power-off within {seconds} s; the console's last lines:\n{self.tail()}") from None

    def end(self):
        if self.machine.poll() is None:
            self.machine.kill()
        self.machine.wait()
        if self.tpm:
            self.tpm.end()
