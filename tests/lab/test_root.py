# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Debian's kernel, with the initramfs that volt-kernel makes for it, finds its root on a disk."""

import hashlib
import os
import re
import struct
import sys
import tempfile
import uuid
import zlib
from pathlib import Path

from cases import LIMIT_S, NO_IOAPIC, call, expect, initramfs_of_debian, run, volt
from lab import LabUnavailable, busybox

BUILD = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["VOLT_BUILD"])
INITRD, WHOLE, PARTED = "/lab/modules.cpio", "/lab/whole.img", "/lab/parted.img"
UUID = "8f7c3b52-2c3d-4f0e-9d42-5a1e6b7c8d90"
PART_UUID = "1b4e28ba-2fa1-11d2-883f-b9a761bde3fb"
LINUX_DATA = "0fc63daf-8483-4772-8e79-3d69d8477de4"
APPLETS = ("sh", "cat", "mount", "sync", "poweroff", "ls", "df", "mkdir", "echo", "sha256sum", "dd")
INIT = """#!/bin/sh
echo "the root's own init runs as $$ with: $*"
cat /proc/self/mountinfo
ls /
poweroff -f
"""
FIRST_BLOCK, MIB = 2048, 1 << 20


def _root(folder):
    """A file system with BusyBox, and little else."""
    tree, image = folder / "tree", folder / "whole.img"
    for name in ("bin", "sbin", "etc", "dev", "proc", "sys", "run", "tmp", "root"):
        (tree / name).mkdir(parents=True)
    (tree / "bin/busybox").write_bytes(busybox().read_bytes())
    (tree / "bin/busybox").chmod(0o755)
    for name in APPLETS:
        (tree / "bin" / name).symlink_to("busybox")
    (tree / "sbin/init").write_text(INIT, encoding="ascii")
    (tree / "sbin/init").chmod(0o755)
    (tree / "etc/motd").write_text("this is the disk\n", encoding="ascii")
    call("mke2fs", "-q", "-t", "ext4", "-b", "4096", "-L", "volt-root", "-U", UUID, "-E", "root_owner=0:0",
          "-d", tree, image, "16M")
    return image


def _with_table(image, folder):
    """The same as the second partition of a disk: UEFI 2.10, 5.3."""
    parted, root = folder / "parted.img", image.read_bytes()
    blocks = FIRST_BLOCK + len(root) // 512 + 34
    entries = bytearray(128 * 128)
    for number, first, last in ((0, 34, FIRST_BLOCK - 1),
                                (1, FIRST_BLOCK, FIRST_BLOCK + len(root) // 512 - 1)):
        own = PART_UUID if number else "00000000-0000-4000-8000-000000000001"
        struct.pack_into("<16s16sQQQ", entries, number * 128, uuid.UUID(LINUX_DATA).bytes_le,
                         uuid.UUID(own).bytes_le, first, last, 0)
    fields = [b"EFI PART", 0x10000, 92, 0, 0, 1, blocks - 1, 34, blocks - 34,
              uuid.UUID(int=7).bytes_le, 2, 128, 128, zlib.crc32(entries)]
    fields[3] = zlib.crc32(struct.pack("<8sIIIIQQQQ16sQIII", *fields))
    disk = bytearray(blocks * 512)
    struct.pack_into("<BBBBBBBBII", disk, 446, 0, 0, 2, 0, 0xee, 255, 255, 255, 1, blocks - 1)
    disk[510:512] = b"\x55\xaa"
    struct.pack_into("<8sIIIIQQQQ16sQIII", disk, 512, *fields)
    disk[1024:1024 + len(entries)] = entries
    disk[FIRST_BLOCK * 512:FIRST_BLOCK * 512 + len(root)] = root
    parted.write_bytes(disk)
    return parted


def _boot(lab, append, disk=WHOLE, run=None, status=0, more=""):
    lab.check(f"cp {disk} /tmp/disk.img")
    line = volt(NO_IOAPIC, f"--plugin virtio-blk,disk=/tmp/disk.img{more}", initrd=INITRD,
                append=f"quiet loglevel=0 {append}", run=run)
    found, output = lab.run(line + " </dev/null", LIMIT_S)
    expect(found == status, f"exit status {found} instead of {status}", output)
    return output


def _is_root(output, kind, how):
    expect(f"root is {kind}, ext4, {how}" in output, "another root", output)


def init_of_a_disk_by_name_runs_as_process_1(lab):
    output = _boot(lab, "root=/dev/vda -- one two")
    _is_root(output, "/dev/vda", "ro")
    expect("the root's own init runs as 1 with: one two" in output, "no init", output)
    for place in ("/dev", "/proc", "/sys", "/run"):
        expect(f" / {place} " in output, f"{place} was not moved", output)
    for place in ("/sysroot", "/tmp "):
        expect(f" / {place}" not in output, f"{place} is left", output)


def disk_is_found_by_label(lab):
    output = _boot(lab, "root=LABEL=volt-root rw", run="cat /etc/motd; echo freshly written >/etc/new && sync")
    _is_root(output, "/dev/vda", "rw")
    expect("this is the disk" in output, "another root", output)
    expect("freshly written" in lab.check("strings /tmp/disk.img | grep freshly"),
           "nothing was written", output)


def disk_is_found_by_uuid(lab):
    output = _boot(lab, f"root=UUID={UUID.upper()} rootfstype=ext2,ext4 ro",
                   run="cat /etc/motd; echo x >/etc/new || echo refused")
    expect("this is the disk" in output and "refused" in output, "another root", output)


def partition_is_found_by_partuuid(lab):
    output = _boot(lab, f"root=PARTUUID={PART_UUID}", disk=PARTED, run="cat /etc/motd")
    _is_root(output, "/dev/vda2", "ro")
    expect("this is the disk" in output, "another root", output)


def _boot_memory(lab, append, script, plugins="", more=""):
    """With the file as persistent memory."""
    lab.check(f"cp {WHOLE} /tmp/disk.img")
    line = volt(NO_IOAPIC, plugins, f"--plugin virtio-pmem,file=/tmp/disk.img{more}", initrd=INITRD,
                append=f"quiet loglevel=0 root=/dev/pmem0 rootflags=dax {append}", run=script)
    found, output = lab.run(line + " --log-level debug </dev/null", LIMIT_S)
    expect(found == 0, f"exit status {found}", output)
    expect(re.search(r"/dev/\S+ / ext4 \S*dax", output), "not mounted with dax", output)
    expect("this is the disk" in output, "another root", output)
    return output


def file_as_memory_is_a_root_without_a_page_cache(lab):
    output = _boot_memory(lab, "rw", "cat /proc/mounts /etc/motd; echo freshly written >/etc/new && sync")
    _is_root(output, "/dev/pmem0", "rw")
    expect("freshly written" in lab.check("strings /tmp/disk.img | grep freshly"), "nothing was written", output)
    flushes = re.search(r"virtio-pmem: flushes (\d+)", output)
    expect(flushes and int(flushes[1]), "no flush", output)


def file_as_memory_that_is_only_read_stays_as_it_is(lab):
    output = _boot_memory(lab, "ro", "cat /proc/mounts /etc/motd; sha256sum /bin/busybox; echo x >/etc/new || echo refused; "
                          "dd if=/bin/busybox of=/dev/pmem0 bs=4096 count=1 seek=16 conv=fsync",
                          "--plugin ioapic --plugin pci", ",readonly=on")
    expect("refused" in output, "it was written to", output)
    expect(hashlib.sha256(busybox().read_bytes()).hexdigest() in output, "a file is another one", output)
    expect(re.search(r"virtio-pmem: dropped \d", output), "no write was dropped", output)
    lab.check(f"cmp {WHOLE} /tmp/disk.img")


def disk_that_is_not_there_is_told_and_ends_a_run(lab):
    output = _boot(lab, "root=LABEL=other", run="echo never", status=126)
    expect("root=LABEL=other: no such device after 10 s" in output, "no reason", output)
    expect("block devices: vda" in output, "no list", output)
    expect("never" not in output.replace("echo never", ""), "it ran", output)


def rescue_prompt_comes_where_the_root_is_unusable(lab):
    lab.check("dd if=/dev/zero of=/tmp/disk.img bs=64k count=4 2>/dev/null")
    line = volt(NO_IOAPIC, "--plugin virtio-blk,disk=/tmp/disk.img", initrd=INITRD,
                append="quiet loglevel=0 root=/dev/vda")
    session = lab.spawn(line)
    session.expect("/dev/vda: cannot find a file system", LIMIT_S)
    session.expect("here is a shell to look around", LIMIT_S)
    session.expect("volt# ", LIMIT_S)
    session.send("exit 5\n")
    expect(session.wait(LIMIT_S) == 5, "another status")


def init_that_is_not_there_leaves_a_prompt(lab):
    lab.check(f"cp {WHOLE} /tmp/disk.img")
    line = volt(NO_IOAPIC, "--plugin virtio-blk,disk=/tmp/disk.img", initrd=INITRD,
                append="quiet loglevel=0 root=/dev/vda init=/sbin/other")
    session = lab.spawn(line)
    session.expect("/sbin/other: cannot run it as init: No such file or directory", LIMIT_S)
    session.expect("here is a shell", LIMIT_S)
    session.expect("# ", LIMIT_S)
    session.send("cat /etc/motd; exit 4\n")
    session.expect("this is the disk", LIMIT_S)
    expect(session.wait(LIMIT_S) == 4, "another status")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="volt-lab-") as place:
        work = Path(place)
        try:
            whole = _root(work)
            files = {INITRD: initramfs_of_debian(BUILD, work), WHOLE: whole, PARTED: _with_table(whole, work)}
        except (LabUnavailable, FileNotFoundError) as problem:
            print(f"SKIP: {problem}")
            sys.exit(1 if os.environ.get("VOLT_MUST_WORK") == "1" else 77)
        run(globals(), files=files)
