# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""An unmodified Debian kernel finds virtio devices, by ACPI or on a PCI bus, and drives them."""

import hashlib
import os
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from cases import NO_IOAPIC, boot, expect, run
from lab import ROOT, LabError, LabUnavailable, busybox, fetch, module_files

BUILD = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["VOLT_BUILD"])
INITRD = "/lab/virtio.cpio.gz"
LOOK = "cat /sys/class/misc/hw_random/rng_current /proc/interrupts"
IOAPIC = NO_IOAPIC + " --plugin ioapic"
PCI = " --plugin pci"

DISK = "/lab/disk.img"
DISK_BYTES = 8 << 20
# What the guest writes, and where: 192 KiB in the middle, from the first bytes of the disk.
WRITE = "dd if=/dev/vda of=/dev/vda bs=64k count=3 seek=50 conv=notrunc,fsync 2>/dev/null"


def _pack(output):
    """volt-init with BusyBox and the modules of Debian's kernel."""
    command = [sys.executable, ROOT / "volt-init/pack.py", "--init", BUILD / "volt-init/volt-init"]
    command += ["--add", f"{busybox()}=/bin/busybox"]
    for name in ("sh", "cat", "dd", "sha256sum", "sync"):
        command += ["--link", f"/bin/{name}=busybox"]
    for path in module_files(fetch()["modules"], ["virtio_mmio", "virtio_pci", "virtio_rng", "virtio_blk"]):
        command += ["--module", path]
    done = subprocess.run([*command, "-o", output], capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise LabError(f"pack.py failed: {done.stderr}")


def _look(lab, *words):
    output = boot(lab, *words, initrd=INITRD, run=LOOK)
    expect("virtio_rng.0" in output, "the kernel takes no bytes from virtio-rng", output)
    return [int(count) for count in re.findall(r"^ *\d+: +(\d+).*-edge +virtio\d", output, re.MULTILINE)]


def rng_is_used_with_the_in_kernel_irqchip(lab):
    counts = _look(lab, NO_IOAPIC, "--plugin virtio-rng")
    expect(len(counts) == 1 and counts[0] > 0, f"interrupts: {counts}")


def rng_is_used_with_ioapic(lab):
    counts = _look(lab, IOAPIC, "--plugin virtio-rng")
    expect(len(counts) == 1 and counts[0] > 0, f"interrupts: {counts}")


def two_devices_with_default_parameters_just_work(lab):
    counts = _look(lab, NO_IOAPIC, "--plugin virtio-rng --plugin virtio-rng,id=second")
    expect(len(counts) == 2, f"interrupts: {counts}")


def _rng_is_used_over_pci(lab, words):
    """One vector for the configuration, and one for the queue, which counts."""
    counts = _look(lab, words + PCI, "--plugin virtio-rng")
    expect(len(counts) == 2 and counts[0] == 0 and counts[1] > 0, f"interrupts: {counts}")


def rng_is_used_over_pci_with_the_in_kernel_irqchip(lab):
    _rng_is_used_over_pci(lab, NO_IOAPIC)


def rng_is_used_over_pci_with_ioapic(lab):
    _rng_is_used_over_pci(lab, IOAPIC)


def both_transports_serve_one_guest(lab):
    counts = _look(lab, NO_IOAPIC + PCI, "--plugin virtio-rng --plugin virtio-rng,id=second,transport=mmio")
    expect(len(counts) == 3, f"interrupts: {counts}")


def _image():
    """Bytes that are not alike anywhere, and the same in each run."""
    return random.Random(1).randbytes(DISK_BYTES)


def _disk_is_read_and_written(lab, words):
    image = bytearray(_image())
    lab.check(f"cp {DISK} /tmp/disk.img")
    output = boot(lab, words, "--plugin virtio-blk,disk=/tmp/disk.img,serial=lab", initrd=INITRD,
                  run=f"cat /sys/block/vda/serial; echo; sha256sum /dev/vda; {WRITE}; sync")
    expect(hashlib.sha256(image).hexdigest() in output, "the guest read other bytes", output)
    expect(re.search(r"^lab\r?$", output, re.MULTILINE), "the serial number is not there", output)
    image[50 << 16:53 << 16] = image[:3 << 16]
    found = lab.check("sha256sum /tmp/disk.img").split()[0]
    expect(found == hashlib.sha256(image).hexdigest(), "the guest wrote other bytes", output)


def disk_is_read_and_written_with_the_in_kernel_irqchip(lab):
    _disk_is_read_and_written(lab, NO_IOAPIC)


def disk_is_read_and_written_with_ioapic(lab):
    _disk_is_read_and_written(lab, IOAPIC)


def disk_is_read_and_written_over_pci_with_the_in_kernel_irqchip(lab):
    _disk_is_read_and_written(lab, NO_IOAPIC + PCI)


def disk_is_read_and_written_over_pci_with_ioapic(lab):
    _disk_is_read_and_written(lab, IOAPIC + PCI)


def disk_over_pci_has_a_vector_for_each_queue_and_is_bound_again_under_load(lab):
    """Two processors, two queues; the driver lets go of the disk ten times while it is read."""
    lab.check(f"cp {DISK} /tmp/disk.img")
    again = ("i=0; while [ $i -lt 10 ]; do dd if=/dev/vda of=/dev/null bs=64k 2>/dev/null & "
             "echo virtio0 >/sys/bus/virtio/drivers/virtio_blk/unbind; wait; "
             "echo virtio0 >/sys/bus/virtio/drivers/virtio_blk/bind; i=$((i+1)); done")
    output = boot(lab, IOAPIC + PCI, "--cpus 2 --plugin virtio-blk,disk=/tmp/disk.img,queues=2", initrd=INITRD,
                  run=f"{again}; sha256sum /dev/vda; cat /proc/interrupts")
    expect(hashlib.sha256(_image()).hexdigest() in output, "the guest read other bytes", output)
    for name in ("config", "req.0", "req.1"):
        expect(f"virtio0-{name}" in output, f"there is no vector {name}", output)


def read_only_disk_cannot_be_written(lab):
    lab.check(f"cp {DISK} /tmp/disk.img")
    output = boot(lab, NO_IOAPIC, "--plugin virtio-blk,disk=/tmp/disk.img,readonly", initrd=INITRD,
                  run=f"cat /sys/block/vda/ro; sha256sum /dev/vda; {WRITE} && echo written; true")
    digest = hashlib.sha256(_image()).hexdigest()
    expect(digest in output, "the guest read other bytes", output)
    expect(re.search(r"^1\r?$", output, re.MULTILINE), "the disk is not read-only", output)
    expect("written" not in output, "the guest wrote", output)
    expect(digest in lab.check("sha256sum /tmp/disk.img"), "the file changed", output)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="volt-lab-") as folder:
        packed = Path(folder) / "initramfs.cpio.gz"
        try:
            _pack(packed)
        except LabUnavailable as problem:
            print(f"SKIP: {problem}")
            sys.exit(1 if os.environ.get("VOLT_MUST_WORK") == "1" else 77)
        disk = Path(folder) / "disk.img"
        disk.write_bytes(_image())
        run(globals(), files={INITRD: packed, DISK: disk})
