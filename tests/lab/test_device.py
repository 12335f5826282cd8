# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""An unmodified Debian kernel in QEMU, which emulates its CPU, drives devices that volt-device serves from sealed
processes: plugins of Volt as vhost-user back ends of another VMM."""

import hashlib
import inspect
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

from lab import QEMU, ROOT, LabError, LabUnavailable, busybox, fetch, module_files

BUILD = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["VOLT_BUILD"])
DISK_BYTES = 8 << 20
MEMORY_MIB = 256
LIMIT_S = 120
MODULES = ["virtio_mmio", "virtio_pci", "virtio_blk", "virtio_rng"]
TOOLS = ("sh", "cat", "dd", "head", "od", "sha256sum", "sleep", "sync", "wc")

# 192 KiB in the middle, from the first bytes of the disk.
WRITE = "dd if=/dev/vda of=/dev/vda bs=64k count=3 seek=50 conv=notrunc,fsync 2>/dev/null"


def expect(condition, text, output):
    if not condition:
        tail = "\n".join(output.splitlines()[-80:])
        raise AssertionError(f"{text}\n--- the end of the output:\n{tail}")


def pack(output):
    command = [sys.executable, ROOT / "volt-init/pack.py", "--init", BUILD / "volt-init/volt-init"]
    command += ["--add", f"{busybox()}=/bin/busybox"]
    for name in TOOLS:
        command += ["--link", f"/bin/{name}=busybox"]
    for path in module_files(fetch()["modules"], MODULES):
        command += ["--module", path]
    done = subprocess.run([*command, "-o", output], capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise LabError(f"pack.py failed: {done.stderr}")


class Device:
    """A process volt-device, which waits at a socket."""

    def __init__(self, folder, plugin, name="device"):
        self.socket, self.log = folder / f"{name}.sock", folder / f"{name}.log"
        with self.log.open("w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [BUILD / "tools/device/volt-device", "--socket", self.socket, "--plugin-dir", BUILD / "plugins",
                 plugin], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + LIMIT_S
        while not self.socket.exists() and self.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        expect(self.socket.exists(), "volt-device does not wait at its socket", self.said())

    def said(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def end(self):
        """Its exit code, when the front end has left."""
        return self.process.wait(LIMIT_S)

    def kill(self):
        self.process.kill()
        self.process.wait()


def boot(folder, devices, run):
    """Starts QEMU with front ends, {device of QEMU: process}, and returns what the guest printed."""
    line = [QEMU, "-M", "q35,memory-backend=ram", "-accel", "tcg,thread=multi", "-cpu", "EPYC,-xsave", "-smp", "1",
            "-m", f"{MEMORY_MIB}M", "-object", f"memory-backend-memfd,id=ram,size={MEMORY_MIB}M,share=on",
            "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio"]
    for number, (name, device) in enumerate(devices.items()):
        line += ["-chardev", f"socket,id=front{number},path={device.socket}", "-device", f"{name},chardev=front{number}"]
    line += ["-kernel", fetch()["vmlinuz"], "-initrd", folder / "initramfs.cpio.gz",
             "-append", f'console=ttyS0 quiet loglevel=0 panic=-1 mitigations=off volt.run="{run}"']
    try:
        done = subprocess.run(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=LIMIT_S, check=False).stdout
    except subprocess.TimeoutExpired as late:
        done = (late.stdout or b"") + f"\n--- QEMU did not end within {LIMIT_S} s".encode()
    said = "".join(f"--- volt-device of {name}:\n{device.said()}" for name, device in devices.items())
    return done.decode(errors="replace") + said


def disk_and_entropy_are_served_to_a_guest_of_qemu(folder):
    image = bytearray(random.Random(3).randbytes(DISK_BYTES))
    disk = folder / "disk.img"
    disk.write_bytes(image)
    devices = {"vhost-user-blk-pci": Device(folder, f"virtio-blk,disk={disk}", "disk")}
    try:
        devices["vhost-user-rng-pci"] = Device(folder, "virtio-rng", "rng")
        output = boot(folder, devices, f"sha256sum /dev/vda; {WRITE}; sync; sha256sum /dev/vda; "
                      "cat /sys/class/misc/hw_random/rng_current; head -c 999 /dev/hwrng | wc -c")
        expect(hashlib.sha256(image).hexdigest() in output, "the guest read other bytes", output)
        image[50 << 16:53 << 16] = image[:3 << 16]
        expect(hashlib.sha256(image).hexdigest() in output, "the guest reads back other bytes", output)
        expect(disk.read_bytes() == image, "the disk holds other bytes", output)
        expect(re.search(r"^virtio_rng\.0\r?\n999\r?$", output, re.MULTILINE), "the guest got no entropy", output)
        for name, device in devices.items():
            code = device.end()
            expect(code == 0, f"volt-device of {name} ended with {code}", output + device.said())
    finally:
        for device in devices.values():
            device.kill()


def main():
    cases = [(name, case) for name, case in globals().items()
             if inspect.isfunction(case) and "_served_" in name]
    wanted = sys.argv[2:] or [name for name, _ in cases]
    failed = 0
    if not shutil.which(QEMU):
        print(f"SKIP: {QEMU} is not there")
        sys.exit(1 if os.environ.get("VOLT_MUST_WORK") == "1" else 77)
    for name, case in cases:
        if name not in wanted:
            continue
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="volt-device-") as folder:
            try:
                pack(Path(folder) / "initramfs.cpio.gz")
                case(Path(folder))
                print(f"ok     {name} ({time.monotonic() - started:.1f} s)", flush=True)
            except LabUnavailable as problem:
                print(f"SKIP: {problem}")
                sys.exit(1 if os.environ.get("VOLT_MUST_WORK") == "1" else 77)
            except Exception:
                failed += 1
                print(f"FAILED {name}\n{traceback.format_exc(limit=-2)}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
