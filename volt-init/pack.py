#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Pack an initramfs: a "newc" cpio archive, the same bytes for the same input.

No root is needed: device nodes are written into the archive, not made first. Owners are root,
times are 0. The suffix of the output chooses the compression: .cpio (none), .gz, .lz4 (the legacy
format that Linux reads), .xz or .zst.

  pack.py --init volt-init -o initramfs.cpio.gz
  pack.py --init volt-init --add busybox=/bin/busybox --link /bin/sh=busybox \\
          --module virtio_blk.ko -o initramfs.cpio.lz4
"""

import argparse
import gzip
import lzma
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path, PurePosixPath

DIRECTORIES = [("/dev", 0o755), ("/proc", 0o555), ("/sys", 0o555), ("/run", 0o755),
               ("/tmp", 0o1777), ("/root", 0o700), ("/mnt", 0o755)]
# Linux Documentation/admin-guide/devices.txt
NODES = [("/dev/console", 0o600, 5, 1), ("/dev/null", 0o666, 1, 3)]
MODULE_LIST = "/etc/volt/modules"


class Archive:
    """Members in the order added; parents are made as needed, a path is added once."""

    def __init__(self):
        self.members = {}

    def put(self, path, mode, data=b"", device=(0, 0)):
        path = PurePosixPath("/") / path
        if ".." in path.parts:
            raise ValueError(f"{path}: '..' in a guest path")
        for parent in reversed(path.parents):
            if parent.name and parent not in self.members:
                self.members[parent] = (stat.S_IFDIR | 0o755, b"", (0, 0))
        if path.name:
            self.members[path] = (mode, data, device)

    def directory(self, path, mode=0o755):
        self.put(path, stat.S_IFDIR | mode)

    def node(self, path, mode, major, minor):
        self.put(path, stat.S_IFCHR | mode, device=(major, minor))

    def link(self, path, target):
        self.put(path, stat.S_IFLNK | 0o777, str(target).encode())

    def file(self, path, data, mode=0o644):
        self.put(path, stat.S_IFREG | mode, data)

    def add(self, host, guest):
        """A host's file, or folder with all below it, at a guest's path; links stay links inside."""
        host = Path(host)
        if host.is_dir():
            self.directory(guest)
            for below in sorted(host.iterdir()):
                self.add_entry(below, PurePosixPath(guest) / below.name)
        else:
            self.file(guest, host.read_bytes(), 0o755 if os.access(host, os.X_OK) else 0o644)

    def add_entry(self, host, guest):
        if host.is_symlink():
            self.link(guest, os.readlink(host))
        elif host.is_dir() or host.is_file():
            self.add(host, guest)
        else:
            raise ValueError(f"{host}: neither a file nor a directory")

    def skeleton(self):
        for path, mode in DIRECTORIES:
            self.directory(path, mode)
        for path, mode, major, minor in NODES:
            self.node(path, mode, major, minor)

    def cpio(self):
        """newc, Linux Documentation/driver-api/early-userspace/buffer-format.rst."""
        out = bytearray()
        for number, (path, member) in enumerate(self.members.items(), start=1):
            append(out, str(path)[1:], number, *member)
        append(out, "TRAILER!!!", 0, 0, b"", (0, 0))
        out += bytes(-len(out) % 512)
        return bytes(out)


def append(out, name, number, mode, data, device):
    name = name.encode() + b"\0"
    links = 2 if stat.S_ISDIR(mode) else 1
    fields = [number, mode, 0, 0, links, 0, len(data), 0, 0, *device, len(name), 0]
    out += b"070701" + b"".join(b"%08X" % field for field in fields) + name
    out += bytes(-len(out) % 4)
    out += data
    out += bytes(-len(out) % 4)


def through(command, data):
    if not shutil.which(command[0]):
        raise ValueError(f"'{command[0]}' is missing: install the package of that name")
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def compress(data, suffix):
    if suffix == ".cpio":
        return data
    if suffix == ".gz":
        return gzip.compress(data, 9, mtime=0)
    if suffix == ".xz":
        return lzma.compress(data, check=lzma.CHECK_CRC32)  # the only check that Linux knows
    if suffix == ".lz4":
        return through(["lz4", "-lcq", "-"], data)
    if suffix == ".zst":
        return through(["zstd", "-19cq"], data)
    raise ValueError(f"'{suffix}' names no compression; use .cpio .gz .lz4 .xz or .zst")


def write(archive, output):
    output = Path(output)
    part = output.with_name(f".{output.name}.{os.getpid()}")
    part.write_bytes(compress(archive.cpio(), output.suffix))
    part.replace(output)


def pair(text):
    left, equals, right = text.partition("=")
    if not equals or not left or not right:
        raise argparse.ArgumentTypeError(f"'{text}' is not LEFT=RIGHT")
    return left, right


def build(args):
    archive = Archive()
    archive.skeleton()
    if args.init:
        archive.file("/init", Path(args.init).read_bytes(), 0o755)
    names = []
    for module in map(Path, args.module):
        archive.file(f"/lib/modules/{module.name}", module.read_bytes())
        names.append(module.name)
    if names:
        archive.file(MODULE_LIST, "".join(name + "\n" for name in names).encode())
    for host, guest in args.add:
        archive.add(host, guest)
    for guest, target in args.link:
        archive.link(guest, target)
    return archive


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--init", metavar="FILE", help="becomes /init")
    parser.add_argument("--add", metavar="HOST=GUEST", type=pair, action="append", default=[],
                        help="a file, or a folder with all below it")
    parser.add_argument("--link", metavar="GUEST=TARGET", type=pair, action="append", default=[],
                        help="a symbolic link")
    parser.add_argument("--module", metavar="FILE", action="append", default=[],
                        help="a kernel module, loaded at start in the order given")
    parser.add_argument("-o", "--output", metavar="FILE", required=True)
    args = parser.parse_args()
    try:
        write(build(args), args.output)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        sys.exit(f"pack.py: {error}")


if __name__ == "__main__":
    main()
