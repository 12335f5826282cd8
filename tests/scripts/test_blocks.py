# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Types the recipes of README.md with an installed Volt, and knows for every other block of README.md and
docs/ where it is typed.

usage: test_blocks.py BUILD GUESTS
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD, GUESTS = map(pathlib.Path, sys.argv[1:3])
LIMIT = 300  # seconds, to end what hangs
BLOCK = re.compile(r"^```(sh|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# One byte to the port that volt.mark names, and then power-off by acpipower: volt-acpipower(7).
TALLIED = """	.globl _start
_start:	movw	$0x310, %dx
	movb	$0x52, %al
	outb	%al, %dx
	movw	$0x600, %dx
	movb	$0x34, %al
	outb	%al, %dx
1:	hlt
	jmp	1b
"""

# The blocks that are typed elsewhere, by how they begin; or the test of what they do, where typing
# takes a network, a suite of its own or hours.
ELSEWHERE = {
    "README.md": {
        "scripts/demo": "tests/scripts/test_demo.py",
        "volt run        #": "tests/lab/test_run.py",
        "$ volt run -- sh": "tools/run/test_run.py",
        "volt image create": "tools/image/test_image.py",
        "CC=musl-gcc meson setup": "scripts/lib/minimal.sh",
    },
    "docs/boot.md": {"meson setup build-fuzz": "tests/fuzz/meson.build"},
    "docs/building.md": {"CC=musl-gcc meson setup": "scripts/lib/minimal.sh"},
    "docs/control.md": {"volt --kernel vmlinux": "tests/lab/test_vsock.py"},
    "docs/fuzzing.md": {"CC=clang meson setup": "scripts/lib/parts.sh"},
    "docs/lab.md": {"scripts/lab --": "scripts/lab", "meson test -C": "tests/lab/meson.build"},
    "docs/microvm-kernel.md": {"kernel/build": "tests/kernel/own.py",
                               "VOLT_MUST_WORK=1": "tests/kernel/test_kernel.py"},
    "docs/overlay.md": {"truncate -s 0": "tests/guest/cases_virtio_kvm.py"},
    "docs/packages.md": {"apt-get build-dep": "scripts/lib/packages.sh",
                         "volt --print-config": "scripts/lib/package-life",
                         "sudo -u volt": "tools/ctl/test_vms.py"},
    "docs/root-disk.md": {"scripts/root-make": "tests/scripts/test_demo.py"},
    "docs/run.md": {"$ volt run -- sh": "tools/run/test_run.py", "$ volt run -- cat": "tools/run/test_run.py",
                    "volt image create": "tools/image/test_image.py"},
    "docs/shares.md": {"volt --kernel default": "tests/lab/test_share.py"},
    "docs/snapshots.md": {"volt --name web": "tests/lab/test_snapshot.py",
                          "volt --restore warm": "tests/lab/test_snapshot.py",
                          "volt doctor --cpu": "tools/doctor/test_doctor.py",
                          "volt snapshot save": "tests/guest/cases_snapshot.py",
                          "volt snapshot record": "tests/guest/cases_snapshot_record.py",
                          "common=": "tests/lab/test_snapshot.py"},
    "docs/virtio.md": {"meson test -C": "tests/guest/meson.build",
                       "VOLT_SOAK_SECONDS=": "tests/guest/cases_virtio_kvm.py"},
}
HERE = ("volt-kernel initramfs", "volt explain", "cc -O2")


def blocks(path):
    return [found[1] for found in BLOCK.findall((ROOT / path).read_text(encoding="utf-8"))]


def options_of(*words):
    done = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT, check=False)
    return set(re.findall(r"(?<![\w-])--[a-z][\w-]*", done.stdout + done.stderr))


class Reader(unittest.TestCase):
    """An empty home and an empty folder, with what `meson install` installs."""

    @classmethod
    def setUpClass(cls):
        cls.target = tempfile.mkdtemp(prefix="volt-blocks-")
        cls.addClassCleanup(shutil.rmtree, cls.target, ignore_errors=True)
        os.umask(0o022)  # the loader refuses what others can write
        subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", cls.target],
                       check=True, capture_output=True, timeout=LIMIT)
        cls.bin = next(pathlib.Path(cls.target).rglob("bin/volt")).parent
        cls.pkg_config = next(pathlib.Path(cls.target).rglob("volt-plugin.pc")).parent

    def setUp(self):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="volt-reader-"))
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)
        (self.home / "stubs").mkdir()
        self.env = {"PATH": f"{self.home}/stubs:{self.bin}:/usr/bin:/bin:/usr/sbin:/sbin",
                    "HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.home), "LC_ALL": "C.UTF-8",
                    "PKG_CONFIG_PATH": str(self.pkg_config)}

    def type(self, text, status=0):
        log = self.home / "typed"  # a file: a VM in the background holds it, and nobody waits for that
        with log.open("w") as out:
            done = subprocess.run(["sh", "-euc", text], cwd=self.home, env=self.env, stdin=subprocess.DEVNULL,
                                  stdout=out, stderr=out, timeout=LIMIT, check=False)
        self.assertEqual(done.returncode, status, f"$ {text}\n{log.read_text(errors='replace')}")
        return log.read_text(errors="replace")

    def block(self, begin):
        found, = (block for block in blocks("README.md") if block.startswith(begin))
        return found

    def guest(self, source):
        """A kernel in the place of the one of the store, with that name, and an initramfs."""
        shutil.copy(source, self.home / "default")
        (self.home / "initramfs").write_bytes(b"")
        (self.home / "stubs/volt-kernel").write_text("#!/bin/sh\n: >initramfs\nprintf 0 >>initramfs\n")
        (self.home / "stubs/volt-kernel").chmod(0o755)


class Recipes(Reader):
    def vms(self, *words):
        done = subprocess.run([self.bin / "volt", "ps", "--json", *words], env=self.env, timeout=LIMIT,
                              capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def until(self, fact, what):
        end = time.monotonic() + LIMIT
        while not fact():
            self.assertLess(time.monotonic(), end, f"still not: {what}")
            time.sleep(0.05)

    def test_a_fleet_of_fifty(self):
        """Guests that end themselves when they are asked to; a line after the other, at the pace of a user."""
        self.guest(GUESTS / "interrupts")
        block = self.block("volt-kernel initramfs")
        start, rest = block.split("done\n")
        self.addCleanup(lambda: [os.kill(vm["pid"], 9) for vm in self.vms()])
        self.type(start + "done\n")
        self.until(lambda: [vm["state"] for vm in self.vms()] == ["running"] * 50, "fifty run")
        for line in rest.splitlines():
            printed = self.type(line)
            if line.startswith("volt ps  "):
                self.assertEqual(len(printed.splitlines()), 51, printed)
            if line.startswith("volt pause"):
                self.assertEqual(sum(vm["state"] == "paused" for vm in self.vms()), 2)
        self.assertEqual(self.vms(), [])
        self.assertEqual(len(self.vms("--all")), 50)

    def test_what_a_vm_may_do(self):
        """The status of doctor is its verdict of this host: not what is typed wrongly."""
        explain, doctor = self.block("volt explain").splitlines()
        self.assertIn("system calls", self.type(explain))
        self.type(f"{doctor.split('#')[0]} || test $? -lt 100")

    def test_a_device_of_your_own(self):
        source, = re.findall(r"^```c\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"),
                             re.MULTILINE | re.DOTALL)
        (self.home / "tally.c").write_text(source)
        (self.home / "guest.S").write_text(TALLIED)
        self.type("cc -nostdlib -static -no-pie -Wl,-Ttext=0x200000,--build-id=none guest.S -o guest")
        self.guest(self.home / "guest")
        (self.home / "initramfs").write_bytes(b"0")
        printed = self.type(self.block("cc -O2"))
        self.assertIn("volt: tally: the guest wrote 82, in all 82", printed)


class Others(unittest.TestCase):
    def test_every_block_is_typed_somewhere(self):
        for path in ("README.md", *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").glob("*.md"))):
            known = dict(ELSEWHERE.get(path, {}))
            for block in blocks(path):
                begins = [begin for begin in known if block.startswith(begin)]
                if path == "README.md" and block.startswith(HERE):
                    continue
                self.assertTrue(begins, f"{path}: nobody types the block that begins with\n{block[:200]}")
                for begin in begins:
                    self.assertTrue((ROOT / known[begin]).exists(), known[begin])

    def test_the_options_of_volt_exist(self):
        volt = BUILD / "core/volt"
        own = options_of(volt, "--help")
        verbs = {"run": "tools/run/volt-run", "image": "tools/image/volt-image", "doctor": "tools/doctor/volt-doctor",
                 "snapshot": "tools/snapshot/volt-snapshot"}
        known = {verb: options_of(BUILD / tool, "--help") for verb, tool in verbs.items()}
        known["snapshot"] |= own  # `record` starts a volt
        ctl = options_of(volt, "ps", "--help") | options_of(volt, "ctl", "--help")
        checked = 0
        for path in ("README.md", *(str(p.relative_to(ROOT)) for p in (ROOT / "docs").glob("*.md"))):
            for block in blocks(path):
                for line in block.replace("\\\n", " ").splitlines():
                    line = line.split(" #")[0].split(" -- ")[0]
                    for words in re.findall(r"(?:^|[\s/])volt ([^|;&<>]*)", line):
                        verb = words.split()[0] if words.split() else ""
                        allowed = known.get(verb, own if verb.startswith("-") or verb == "explain" else ctl)
                        for option in re.findall(r"(?<!\S)--[a-z][\w-]*", words):
                            checked += 1
                            self.assertIn(option, allowed, f"{path}: {line}")
        self.assertGreater(checked, 20)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[3:]])
