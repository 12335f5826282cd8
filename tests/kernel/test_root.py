# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Kernels find their root on a disk over PCI and over MMIO, with `ioapic` and with KVM's irqchip.

    python3 tests/kernel/test_root.py BUILD [CASE...]

Our own kernel boots a small root. VOLT_MATRIX is a pattern: what it matches of "own pci ioapic 1",
with debian for own, mmio for pci, kvm for ioapic and 2 for 1, boots Debian's root file system to
its own login; "." is all 16, which take some minutes.
"""

import itertools
import os
import pathlib
import re
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE.parent / "lab"), str(HERE)]

import own  # noqa: E402
from cases import LIMIT_S, NO_IOAPIC, call, expect, initramfs_of_debian, run, volt  # noqa: E402
from lab import busybox  # noqa: E402

OWN, MODULES, SMALL = "/lab/own/vmlinux", "/lab/modules.cpio", "/lab/small.img"
KERNELS = {"own": {"kernel": OWN}, "debian": {"initrd": MODULES}}
BUSES = {"pci": "--plugin pci", "mmio": ""}
CHIPS = {"ioapic": "--plugin default", "kvm": NO_IOAPIC}
CPUS = ("1", "2")
PATTERN = os.environ.get("VOLT_MATRIX", "")
INIT = """#!/bin/sh
echo "the small root runs with $(grep -c ^processor /proc/cpuinfo) CPUs"
grep virtio /proc/interrupts
readlink /sys/block/vda
sha256sum /etc/noise
poweroff -f
"""


def _words(bus, chip, cpus, disk):
    return CHIPS[chip], BUSES[bus], f"--memory 256M --cpus {cpus} --plugin virtio-blk,{disk}"


def _small_root(folder):
    tree, image = folder / "tree", folder / "small.img"
    for name in ("bin", "sbin", "etc", "dev", "proc", "sys", "run", "tmp", "root"):
        (tree / name).mkdir(parents=True)
    (tree / "bin/busybox").write_bytes(busybox().read_bytes())
    (tree / "bin/busybox").chmod(0o755)
    for name in ("sh", "grep", "readlink", "sha256sum", "poweroff"):
        (tree / "bin" / name).symlink_to("busybox")
    (tree / "sbin/init").write_text(INIT, encoding="ascii")
    (tree / "sbin/init").chmod(0o755)
    (tree / "etc/noise").write_bytes(os.urandom(1 << 20))
    call("mke2fs", "-q", "-t", "ext4", "-E", "root_owner=0:0", "-d", tree, image, "8M")
    return image, call("sha256sum", tree / "etc/noise").split()[0]


def _boots_small(lab, bus, chip, cpus):
    line = volt(*_words(bus, chip, cpus, f"disk={SMALL},readonly"), kernel=OWN,
                append="quiet loglevel=4 root=/dev/vda ro")
    status, output = lab.run(line + " </dev/null", LIMIT_S)
    expect(status == 0, f"exit status {status}", output)
    expect(f"the small root runs with {cpus} CPUs" in output, "another number of CPUs", output)
    expect(small_sum in output, "the disk was not read right", output)
    expect("/pci0000:00/" in output if bus == "pci" else "LNRO0005" in output,
           f"the disk is not on {bus}", output)


def own_kernel_has_its_root_over_pci(lab):
    _boots_small(lab, "pci", "ioapic", "2")


def own_kernel_has_its_root_over_mmio_with_kvms_irqchip(lab):
    _boots_small(lab, "mmio", "kvm", "1")


def _log_in(lab, kernel, bus, chip, cpus):
    """To the prompt of the root's own login, and to its end in order."""
    lab.check("rm -f /tmp/clone.img; truncate -s 0 /tmp/clone.img")
    line = volt(*_words(bus, chip, cpus, "disk=/tmp/clone.img,base=/dev/vda"),
                append="root=/dev/vda rw quiet", **KERNELS[kernel])
    session = lab.spawn(line)
    session.expect(" login: ", 2 * LIMIT_S)
    session.send("root\n")
    session.expect("# ", LIMIT_S)
    session.send("echo $(nproc) CPUs, $(readlink /sys/block/vda); systemctl poweroff\n")
    session.expect(f"{cpus} CPUs, ", LIMIT_S)
    session.expect("/pci0000:00/" if bus == "pci" else "LNRO0005", LIMIT_S)
    status = session.wait(LIMIT_S)
    expect(status == 0, f"exit status {status}")


def debians_root_reaches_its_login_in_all_ways_that_are_asked_for(lab):
    for way in itertools.product(KERNELS, BUSES, CHIPS, CPUS):
        if not PATTERN or not re.search(PATTERN, " ".join(way)):
            continue
        begun = time.monotonic()
        _log_in(lab, *way)
        print(f"       {' '.join(way)}: login after {time.monotonic() - begun:.0f} s", flush=True)


def _files(build, folder):
    image, checksum = _small_root(folder)
    files = {OWN: own.build()["vmlinux"], SMALL: image}
    if PATTERN:
        files[MODULES] = initramfs_of_debian(pathlib.Path(build), folder)
    return files, checksum


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="volt-root-") as place:
        work = pathlib.Path(place)
        lab_files, small_sum = _files(sys.argv[1], work)
        disks = [ROOT / call(ROOT / "scripts/root-make").strip().removeprefix("image=")] if PATTERN else []
        run(globals(), files=lab_files, disks=disks)
