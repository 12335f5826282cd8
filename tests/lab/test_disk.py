# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""A file system on a disk of a killed volt: its own fsck passes, and what was synced is there. And fio, which
verifies what it wrote, among flushes and discards; and a driver that attacks the disk."""

import gzip
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import fio
from cases import NO_IOAPIC, QUIET, call, expect, run, volt
from lab import ROOT, LabError, LabUnavailable, busybox, fetch, module_files

sys.path.insert(0, str(ROOT / "plugins/virtio-blk"))
from test_overlay import read_overlay  # noqa: E402

BUILD = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["VOLT_BUILD"])
IMAGE = "/lab/ext4.img"
IMAGE_BYTES = 24 << 20
FOLDER = Path(tempfile.mkdtemp(prefix="volt-disk-"))
SYNCED = re.compile(rb"synced (\d+) ([0-9a-f]{64})")

OTHER_BYTES = 32 << 20
# Small ones: xfs is made for 300 MB and more, btrfs needs no room of its own for what it notes.
MAKE = {"xfs": ("/sbin/mkfs.xfs", "--unsupported", "-q", "-f"), "btrfs": ("/sbin/mkfs.btrfs", "-q", "-f", "-M")}
FSCK = {"xfs": ("/sbin/xfs_repair", "-n"), "btrfs": ("/bin/btrfs", "check", "--readonly")}
# The lab's processor has AVX without XSAVE. Most of Linux does not take that for AVX, but the checksums of btrfs do.
APPEND = {"btrfs": f"{QUIET} clearcpuid=avx"}
IOAPIC = f"{NO_IOAPIC} --plugin ioapic"
LOOP = "/lab/loop.ko"
CHECKED = re.compile(rb"([0-9a-f]{64})  /mnt/kept(\d+)")

# Files that are synced one by one, among others that are not and go away again.
WRITER = """#!/bin/sh
/bin/mkdir -p /mnt
/bin/mount -t FILE_SYSTEM /dev/vda /mnt || exit 1
i=0
while true; do
  /bin/dd if=/dev/zero of=/mnt/loose$i bs=4k count=60 2>/dev/null
  /bin/dd if=/dev/urandom of=/mnt/kept$i bs=1000 count=77 conv=fsync 2>/dev/null
  echo "synced $i $(/bin/sha256sum < /mnt/kept$i)"
  /bin/rm -f /mnt/loose$((i - 2)) /mnt/kept$((i - 20))
  i=$((i + 1))
done
"""

# A kernel replays the log of what was not unmounted, which the fsck of some file systems leaves to it.
READER = """#!/bin/sh
/bin/mkdir -p /mnt
/bin/mount -t FILE_SYSTEM /dev/vda /mnt || exit 1
/bin/sha256sum /mnt/kept*
/bin/umount /mnt && echo "checked all"
"""

# Writes at random places, of several sizes, with a flush now and then; then blocks that are discarded and
# written again. fio reads all of it back.
VERIFIER = """#!/bin/sh
common="--filename=/dev/vda --thread --direct=1 --ioengine=io_uring --iodepth=16 --verify=crc32c --verify_fatal=1"
/bin/mkdir -p /tmp
cd /tmp
/bin/fio --name=places $common --rw=randwrite --bsrange=4k-64k --size=2m --fsync=16 || exit 1
/bin/fio --name=trims $common --rw=trimwrite --bs=64k --offset=2m --size=1m --fsync=8 || exit 1
echo "counted $(/bin/cat /sys/block/vda/stat)"
"""
COUNTED = re.compile(r"counted +(\d.*)")
STAT_DISCARDS, STAT_FLUSHES = 11, 15  # Linux, Documentation/block/stat.rst
FIO_BYTES = 4 << 20
FIO_LIMIT_S = 300
SEED, ROUNDS = os.environ.get("VOLT_SEED", "1"), os.environ.get("VOLT_ROUNDS", "50")


def _scripts(kind):
    texts = {"fio": {"verifier": VERIFIER}, "hostile": {}}.get(kind, {"writer": WRITER, "reader": READER})
    for name, text in texts.items():
        script = FOLDER / f"{name}-{kind}"
        script.write_text(text.replace("FILE_SYSTEM", kind))
        script.chmod(0o755)
        yield script


def _hostile_tool():
    tool = FOLDER / "hostile"
    call("cc", "-O2", "-static", "-D_GNU_SOURCE", "-o", tool, Path(__file__).with_name("hostile_tool.c"))
    return tool


def _initrd(kind):
    return f"/lab/{kind}.cpio.gz"


def _pack(kind):
    """The initramfs for a kind of file system, for fio, or for the hostile driver."""
    output = FOLDER / f"{kind}.cpio.gz"
    command = [sys.executable, ROOT / "volt-init/pack.py", "--init", BUILD / "volt-init/volt-init"]
    command += ["--add", f"{busybox()}=/bin/busybox"]
    for script in _scripts(kind):
        command += ["--add", f"{script}=/bin/{script.name}"]
    for name in ("sh", "cat", "dd", "mkdir", "mount", "rm", "sha256sum", "umount"):
        command += ["--link", f"/bin/{name}=busybox"]
    if kind == "fio":
        command += fio.files(FOLDER)
    if kind == "hostile":
        command += ["--add", f"{_hostile_tool()}=/bin/hostile"]
    names = ["virtio_mmio", "virtio_pci", "virtio_blk", *([kind] if kind in MAKE else [])]
    for path in module_files(fetch()["modules"], names if kind != "hostile" else []):
        command += ["--module", path]
    done = subprocess.run([*command, "-o", output], capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise LabError(f"pack.py failed: {done.stderr}")
    return output


def _make_image(path):
    with open(path, "wb") as image:
        image.truncate(IMAGE_BYTES)
    subprocess.run(["/sbin/mke2fs", "-q", "-t", "ext4", path], check=True, timeout=60)


def _make_other(kind):
    path = FOLDER / f"{kind}.img"
    with open(path, "wb") as image:
        image.truncate(OTHER_BYTES)
    subprocess.run([*MAKE[kind], path], check=True, capture_output=True, timeout=60)
    packed = FOLDER / f"{kind}.img.gz"
    packed.write_bytes(gzip.compress(path.read_bytes(), 1))
    return packed


def _tool(*words):
    return subprocess.run(words, capture_output=True, timeout=120)


def _guest(kind, script, disk, plugins):
    return volt(plugins, f"--plugin virtio-blk,{disk}", initrd=_initrd(kind), run=f"/bin/{script}-{kind}",
                append=APPEND.get(kind, QUIET))


def _kill_in_mid_write(lab, disk, count, kind="ext4", plugins=NO_IOAPIC):
    """The digest of each file that the guest was told to be stable, by its number."""
    session = lab.spawn(_guest(kind, "writer", disk, plugins))
    seen = session.expect(re.compile(rb"synced %d [0-9a-f]{64}" % count), 240)
    lab.check("kill -9 $(pidof volt)")
    session.wait(60)
    seen = seen.encode() + session.transcript
    return {int(number): digest.decode() for number, digest in SYNCED.findall(seen)}


def _fetch(lab, path):
    lab.check(f"gzip -1 -c {path} > /tmp/image.gz", 120)
    return gzip.decompress(lab.read("/tmp/image.gz", 240))


def _check(image, synced):
    """The journal is replayed, as a kernel does at a mount; after that nothing may be wrong."""
    path = FOLDER / "after.img"
    path.write_bytes(image)
    found = _tool("/sbin/e2fsck", "-y", "-E", "journal_only", path)
    expect(found.returncode in (0, 1), "the journal cannot be replayed", found.stdout.decode())
    found = _tool("/sbin/e2fsck", "-f", "-n", path)
    expect(found.returncode == 0, "fsck finds faults", found.stdout.decode())
    newest = max(synced)
    for number in (n for n in synced if n > newest - 15):
        data = _tool("/sbin/debugfs", "-R", f"cat /kept{number}", path).stdout
        expect(hashlib.sha256(data).hexdigest() == synced[number], f"file {number} was lost, which was synced")


def ext4_on_a_raw_disk_survives_sigkill_in_mid_write(lab):
    lab.check(f"cp {IMAGE} /tmp/disk.img")
    for count in (3, 8):
        synced = _kill_in_mid_write(lab, "disk=/tmp/disk.img", count)
        _check(_fetch(lab, "/tmp/disk.img"), synced)


def ext4_on_a_clone_survives_sigkill_in_mid_write(lab):
    base = (FOLDER / "ext4.img").read_bytes()
    lab.check("rm -f /tmp/own.img; truncate -s 0 /tmp/own.img")
    for count in (3, 8):
        synced = _kill_in_mid_write(lab, f"disk=/tmp/own.img,base={IMAGE}", count)
        own = _fetch(lab, "/tmp/own.img")
        _check(read_overlay(own, base), synced)
    cost = int(lab.check("du -k /tmp/own.img").split()[0])
    expect(cost < IMAGE_BYTES // 1024 // 2, f"the clone costs {cost} KiB")
    expect(hashlib.sha256(base).hexdigest() in lab.check(f"sha256sum {IMAGE}"), "the base was written")


def _replay(lab, kind, disk):
    """What a guest reads of each file, by its number."""
    session = lab.spawn(_guest(kind, "reader", disk, NO_IOAPIC))
    seen = session.expect("checked all", 240).encode()
    session.wait(60)
    return {int(number): digest.decode() for digest, number in CHECKED.findall(seen)}


def _survives(lab, kind, plugins):
    lab.check(f"gunzip -c /lab/{kind}.img.gz > /tmp/other.img")
    synced = _kill_in_mid_write(lab, "disk=/tmp/other.img", 4, kind, plugins)
    found = _replay(lab, kind, "disk=/tmp/other.img")
    newest = max(synced)
    for number in (n for n in synced if n > newest - 15):
        expect(found.get(number) == synced[number], f"file {number} was lost, which was synced")
    path = FOLDER / "after.img"
    path.write_bytes(_fetch(lab, "/tmp/other.img"))
    done = _tool(*FSCK[kind], path)
    expect(done.returncode == 0, "fsck finds faults", (done.stdout + done.stderr).decode())


def xfs_over_pci_survives_sigkill_in_mid_write(lab):
    _survives(lab, "xfs", f"--plugin pci {NO_IOAPIC}")


def btrfs_over_mmio_survives_sigkill_in_mid_write(lab):
    _survives(lab, "btrfs", IOAPIC)


def _verify(lab, plugins, disk):
    """fio's errors end it with a status."""
    line = volt(plugins, f"--plugin virtio-blk,{disk}", initrd=_initrd("fio"), run="/bin/verifier-fio")
    status, output = lab.run(f"{line} </dev/null", FIO_LIMIT_S)
    expect(status == 0, f"fio or volt ended with {status}", output)
    expect(output.count("err= 0") == 2, "fio told no result", output)
    counts = [int(word) for word in COUNTED.search(output)[1].split()]
    expect(counts[STAT_DISCARDS] > 0, "nothing was discarded", output)
    expect(counts[STAT_FLUSHES] > 0, "nothing was flushed", output)


def fio_verifies_a_block_device_over_pci_with_two_queues(lab):
    """A loop device, by which discards reach the file beneath."""
    lab.check(f"insmod {LOOP}; truncate -s {FIO_BYTES} /tmp/beneath && losetup /dev/loop0 /tmp/beneath")
    _verify(lab, f"{IOAPIC} --plugin pci --cpus 2", "disk=/dev/loop0,queues=2")
    lab.check("losetup -d /dev/loop0; rm /tmp/beneath")


def fio_verifies_a_clone_over_mmio(lab):
    lab.check(f"truncate -s {FIO_BYTES} /tmp/base.img; truncate -s 0 /tmp/own.img")
    _verify(lab, NO_IOAPIC, "disk=/tmp/own.img,base=/tmp/base.img")


def _attack(lab, plugins, how):
    """VOLT_SEED and VOLT_ROUNDS are those of the random part."""
    lab.check(f"head -c {FIO_BYTES} /dev/zero | tr '\\0' 5 >/tmp/hostile.img")
    line = volt(plugins, "--plugin virtio-blk,disk=/tmp/hostile.img --log-level debug", initrd=_initrd("hostile"),
                run=f"/bin/hostile {how} {SEED} {ROUNDS}")
    status, output = lab.run(f"{line} </dev/null", FIO_LIMIT_S)
    expect(status == 0 and "all served after" in output, f"exit status {status}, seed {SEED}", output)
    counts = dict(re.findall(r"virtio-blk: (\w+) (\d+)", output))
    for name in ("broken", "resets", "refused", "quiet"):
        expect(int(counts.get(name, 0)) > 3, f"no counter '{name}' tells of it", output)


def hostile_driver_over_mmio_leaves_a_device_that_serves(lab):
    _attack(lab, NO_IOAPIC, "mmio")


def hostile_driver_over_pci_leaves_a_device_that_serves(lab):
    _attack(lab, f"{IOAPIC} --plugin pci", "pci")


if __name__ == "__main__":
    image = FOLDER / "ext4.img"
    try:
        packed = {_initrd(kind): _pack(kind) for kind in ("ext4", *MAKE, "fio", "hostile")}
        loop = module_files(fetch()["modules"], ["loop"])[-1]
        _make_image(image)
        disks = {f"/lab/{kind}.img.gz": _make_other(kind) for kind in MAKE}
    except (LabUnavailable, FileNotFoundError) as problem:
        print(f"SKIP: {problem}")
        sys.exit(1 if os.environ.get("VOLT_MUST_WORK") == "1" else 77)
    try:
        run(globals(), files={**packed, LOOP: loop, IMAGE: image, **disks})
    finally:
        for path in FOLDER.iterdir():
            path.unlink()
        FOLDER.rmdir()
