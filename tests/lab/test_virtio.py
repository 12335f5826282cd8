# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""An unmodified Debian kernel finds virtio devices by ACPI and drives them."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from cases import NO_IOAPIC, boot, expect, run
from lab import ROOT, LabError, LabUnavailable, fetch, module_files

BUILD = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["VOLT_BUILD"])
INITRD = "/lab/virtio.cpio.gz"
LOOK = "cat /sys/class/misc/hw_random/rng_current /proc/interrupts"
IOAPIC = NO_IOAPIC + " --plugin ioapic"


def _pack(output):
    """volt-init with the modules of Debian's kernel."""
    command = [sys.executable, ROOT / "volt-init/pack.py", "--init", BUILD / "volt-init/volt-init"]
    for path in module_files(fetch()["modules"], ["virtio_mmio", "virtio_rng"]):
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


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="volt-lab-") as folder:
        packed = Path(folder) / "initramfs.cpio.gz"
        try:
            _pack(packed)
        except LabUnavailable as problem:
            print(f"SKIP: {problem}")
            sys.exit(1 if os.environ.get("VOLT_MUST_WORK") == "1" else 77)
        run(globals(), files={INITRD: packed})
