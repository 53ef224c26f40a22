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


class Failure(Exception):
    pass


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def make_disk(directory):
    """A new server's disk and firmware variables in the directory."""
    os.makedirs(directory, exist_ok=True)
    disk = os.path.join(directory, "disk.qcow2")
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", os.path.join(IMAGE, "disk.img"), "-F", "raw", disk], check=True)
    shutil.copy(os.path.join(IMAGE, "vars.fd"), os.path.join(directory, "vars.fd"))


def command(directory, cpus, mem, port, serial):
    # one thread for all CPUs: docs/debugging.md, "Emulators' quirks"
    return ["qemu-system-x86_64", "-machine", "q35,smm=off", "-cpu", "EPYC,+svm,+npt,-monitor", "-accel", "tcg,thread=single",
            "-smp", str(cpus), "-m", str(mem), "-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={OVMF}",
            "-drive", f"if=pflash,format=raw,unit=1,file={directory}/vars.fd",
            "-drive", f"if=none,id=disk,format=qcow2,file={directory}/disk.qcow2,cache=unsafe", "-device", "virtio-blk-pci,drive=disk",
            "-netdev", f"user,id=net0,hostfwd=tcp:127.0.0.1:{port}-:22", "-device", "virtio-net-pci,netdev=net0,romfile=",
            "-device", "virtio-rng-pci", "-nodefaults", "-display", "none", "-serial", serial, "-monitor", "none"]


class Server:
    def __init__(self, directory, cpus=2, mem=2048):
        self.port, self.directory, self.console = free_port(), directory, os.path.join(directory, "console.log")
        self.ssh_options = ["-i", os.path.join(IMAGE, "key"), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                            "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=20", "-o", "ServerAliveInterval=30"]
        with open(os.path.join(directory, "qemu.err"), "wb") as err:
            self.machine = subprocess.Popen(command(directory, cpus, mem, self.port, f"file:{self.console}"),
                                            stdin=subprocess.DEVNULL, stdout=err, stderr=err)

    def ssh(self, text, seconds=1800):
        """(status, output); 255: no connection."""
        try:
            done = subprocess.run(["ssh", *self.ssh_options, "-p", str(self.port), "root@127.0.0.1", text], timeout=seconds,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        except subprocess.TimeoutExpired:
            return 255, f"no end within {seconds} s"
        return done.returncode, done.stdout.decode(errors="replace")

    def copy(self, *files):
        subprocess.run(["scp", "-q", *self.ssh_options, "-P", str(self.port), *files, "root@127.0.0.1:"], check=True)

    def boot_id(self):
        status, out = self.ssh("cat /proc/sys/kernel/random/boot_id", 60)
        return out.strip() if status == 0 else None

    def wait(self, other_than=None, seconds=900):
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

    def end(self):
        if self.machine.poll() is None:
            self.machine.kill()
        self.machine.wait()
