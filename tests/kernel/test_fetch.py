#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""scripts/kernel-fetch beside an apt whose lists are older than its mirror, played by a script."""

import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

FETCH = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "kernel-fetch"
OLD, NEW = "linux-image-6.1.0-1-cloud-amd64", "linux-image-6.1.0-2-cloud-amd64"

# apt-get, apt-cache and dpkg-deb in one. The folder is the lists' and the mirror's: `old` is
# there until the lists are refreshed, `mirror` names what can be downloaded.
PLAYER = """#!/bin/bash
here=$(dirname "$0")
name=linux-image-6.1.0-2-cloud-amd64
[ ! -e "$here/old" ] || name=linux-image-6.1.0-1-cloud-amd64
echo "${0##*/} $*" >>"$here/calls"
case "${0##*/} $*" in
*apt-get*\\ update) rm -f "$here/old" ;;
*apt-cache*\\ depends*) echo "  Depends: $name" ;;
*apt-cache*\\ show*) exit 0 ;;
*apt-get*\\ download*)
	if ! grep -qx "${!#}" "$here/mirror"; then
		echo "E: Failed to fetch ${!#}  404  Not Found" >&2
		exit 100
	fi
	echo "${!#}" >"${!#}_1_amd64.deb"
	;;
dpkg-deb*)
	version=$(sed s/linux-image-// "$2")
	mkdir -p "$3/boot"
	cp "$here/bzImage" "$3/boot/vmlinuz-$version"
	;;
esac
"""


def bzimage():
    """One whose payload is an ELF file as it is."""
    image = bytearray(1024)
    image[0x1F1] = 1
    image[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", image, 0x206, 0x20F)
    struct.pack_into("<II", image, 0x248, 0, 16)
    return bytes(image) + b"\x7fELF".ljust(16, b"\0")


class Fetch(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="volt-fetch-")
        self.addCleanup(folder.cleanup)
        self.at = pathlib.Path(folder.name)
        for name in ("apt-get", "apt-cache", "dpkg-deb"):
            (self.at / name).write_text(PLAYER, encoding="utf-8")
            (self.at / name).chmod(0o755)
        (self.at / "bzImage").write_bytes(bzimage())
        self.mirror(OLD, NEW)

    def mirror(self, *names):
        (self.at / "mirror").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")

    def updates(self):
        return (self.at / "calls").read_text(encoding="utf-8").count(" update\n")

    def fetch(self, *words, status=0):
        done = subprocess.run(
            [sys.executable, FETCH, *words], capture_output=True, text=True, timeout=60, check=False,
            env={**os.environ, "PATH": f"{self.at}:{os.environ['PATH']}",
                 "VOLT_CACHE": str(self.at / "cache")})
        self.assertEqual(done.returncode, status, done.stderr)
        return dict(line.split("=", 1) for line in done.stdout.splitlines()), done.stderr

    def test_lists_that_the_mirror_agrees_with_are_not_refreshed(self):
        found, _ = self.fetch()
        self.assertEqual(found["version"], "6.1.0-2-cloud-amd64")
        self.assertEqual(self.updates(), 0)

    def test_stale_lists_are_refreshed_once_and_the_name_is_looked_up_anew(self):
        (self.at / "old").touch()
        self.mirror(NEW)
        found, said = self.fetch()
        self.assertEqual(found["version"], "6.1.0-2-cloud-amd64", said)
        self.assertTrue(pathlib.Path(found["vmlinux"]).read_bytes().startswith(b"\x7fELF"))
        self.assertEqual(self.updates(), 1)

    def test_litter_of_killed_runs_is_swept_away(self):
        kernels = self.at / "cache/kernel"
        (kernels / ".linux-image-6.1.0-0-cloud-amd64.1" / "root").mkdir(parents=True)
        (kernels / ".vmlinux.1").symlink_to("nowhere")
        (kernels / ".vmlinux-6.1.0-0.1").touch()
        self.fetch()
        self.assertEqual(list(kernels.glob(".*")), [])

    def test_what_is_nowhere_is_one_line_and_one_refresh(self):
        self.mirror()
        for words in ([], ["--package", "nothing"]):
            _, said = self.fetch(*words, status=1)
            self.assertRegex(said.splitlines()[-1], "^kernel-fetch: cannot download '.*404")
            self.assertEqual(self.updates(), 1)
            self.assertEqual(list((self.at / "cache").glob("*/.*")), [])
            (self.at / "calls").unlink()

    def test_a_package_that_is_gone_is_that_of_the_next_kernel(self):
        self.mirror(OLD)
        (self.at / "old").touch()
        found, _ = self.fetch()
        self.assertEqual(found["version"], "6.1.0-1-cloud-amd64")
        self.mirror(NEW)
        found, _ = self.fetch("--deb")
        self.assertEqual(found["version"], "6.1.0-2-cloud-amd64")
        self.assertTrue(pathlib.Path(found["deb"]).name.startswith(NEW))


if __name__ == "__main__":
    unittest.main()
