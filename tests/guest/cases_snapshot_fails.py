# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Each system call with which volt-snapshot writes fails in turn, or does half of what it was asked
to: what is there then is a whole snapshot or nothing, and the VM goes on."""

import errno
import os
import random
import shutil
import subprocess

from cases_control import Client
from cases_snapshot import Saving
from snapshot_reader import Snapshot
from vm import LIMIT, Setup

# Numbers of x86-64: Linux arch/x86/entry/syscalls/syscall_64.tbl.
PWRITE, FSYNC, FTRUNCATE, MKDIR, FCHMOD, RENAMEAT2 = 18, 74, 77, 83, 91, 316
CALLS = {"pwrite64": PWRITE, "fsync": FSYNC, "ftruncate": FTRUNCATE, "mkdir": MKDIR, "fchmod": FCHMOD,
         "renameat2": RENAMEAT2}
NOT_CALLED = 97
MOST = 4  # of one kind of call; the others are like these


class Failing(Saving):
    def setUp(self):
        super().setUp()
        self.kept = set()
        self.tool = Setup.volt.parent.parent / "tools/snapshot/volt-snapshot"
        if not self.tool.exists():
            self.tool = Setup.volt.parent / "volt-snapshot"

    def inject(self, number, nth, err, *words):
        return subprocess.run([str(word) for word in (Setup.guests / "inject", number, nth, err,
                                                      self.tool, "--quiet", *words)],
                              capture_output=True, text=True, timeout=LIMIT, check=False)

    def boot_echo(self):
        initrd = self.file(random.Random(1).randbytes(1 << 20))
        run = self.boot("serial", "echo", options=("--initrd", initrd), stdin=subprocess.PIPE)
        run.expect("ready")
        run.until(self.listens, "volt listens")
        return run

    def left(self):
        """What lies beside the sockets and the snapshots that are to be there."""
        return {path.name for path in self.place.iterdir() if not path.is_socket()} - self.kept

    def check_failed(self, tool, target, err):
        self.assertIn(tool.returncode, (1, 3, 4), tool.stderr)
        self.assertEqual(len(tool.stderr.splitlines()), 1, tool.stderr)
        self.assertIn(os.strerror(err), tool.stderr)
        self.assertIn(str(target), tool.stderr)
        if "bring its name to the disk" in tool.stderr:
            self.snapshot("verify", target)  # it has its name: nothing of it is missing
            shutil.rmtree(target)
        self.assertEqual(self.left(), set(), tool.stderr)

    def fail_in_turn(self, name, err, most, words, check=lambda: None):
        """How many of these calls there are, `most` at most."""
        target = self.place / "target"
        for nth in range(1, most + 1):
            tool = self.inject(CALLS[name], nth, err, *words, target)
            if tool.returncode == NOT_CALLED:
                self.snapshot("verify", target)
                shutil.rmtree(target)
                return nth - 1
            with self.subTest(call=name, nth=nth, err=err):
                self.check_failed(tool, target, err)
                check()
        return most

    def test_a_save_that_fails_leaves_nothing_and_the_vm_goes_on(self):
        run = self.boot_echo()
        client = Client(self.socket)

        def goes_on():
            run.until(lambda: client.call("vm.status")["state"] == "running", "it goes on")

        for name in CALLS:
            calls = self.fail_in_turn(name, errno.ENOSPC, MOST, ("save", self.socket), goes_on)
            self.assertGreater(calls, 0, name)
            self.fail_in_turn(name, errno.EIO, calls, ("save", "--stop", self.socket), goes_on)
        run.send(b"goes on\x04")
        self.check_end(run, 0)
        self.assertEqual(run.text(), "ready\ngoes ondone\n")

    def save_pair(self):
        """A base and a diff of it."""
        self.boot_echo()
        base = self.place / "base"
        self.snapshot("save", "--stop", self.socket, base)
        run = self.restore(base, stdin=subprocess.PIPE)
        run.send(b"more")
        run.expect("more")
        diff, _ = self.save(run, "--stop", "--diff", name="diff")
        self.kept = {"base", "diff"}
        return base, diff

    def bytes_of(self, folder):
        return [(folder / name).read_bytes() for name in ("state", "memory")]

    def test_a_merge_that_fails_leaves_what_there_was(self):
        pair = self.save_pair()
        before = [self.bytes_of(folder) for folder in pair]
        for name in CALLS:
            self.fail_in_turn(name, errno.ENOSPC, MOST, ("merge", *pair))
        self.assertTrue([self.bytes_of(folder) for folder in pair] == before)

    def test_short_writes_go_on_where_they_ended(self):
        run = self.boot_echo()
        whole = self.place / "whole"
        self.snapshot("save", self.socket, whole)
        for nth in range(1, MOST + 1):
            target = self.place / f"short{nth}"
            tool = self.inject(PWRITE, nth, 0, "save", self.socket, target)
            self.assertIn(tool.returncode, (0, NOT_CALLED), tool.stderr)
            self.snapshot("verify", target)
            self.check_alike(whole, target)
        run.send(b"\x04")
        self.check_end(run, 0)
        self.place = self.folder()
        pair = self.save_pair()
        self.snapshot("merge", *pair, self.place / "merged")
        for nth in range(1, MOST + 1):
            target = self.place / f"short{nth}"
            tool = self.inject(PWRITE, nth, 0, "merge", *pair, target)
            self.assertIn(tool.returncode, (0, NOT_CALLED), tool.stderr)
            self.assertTrue(self.bytes_of(target)[1] == self.bytes_of(self.place / "merged")[1])

    def check_alike(self, first, second):
        """But for a page or two in which the guest has its stack."""
        memory = [self.bytes_of(folder)[1] for folder in (first, second)]
        differ = [at for at in range(0, len(memory[0]), 4096)
                  if memory[0][at:at + 4096] != memory[1][at:at + 4096]]
        self.assertLess(len(differ), 4, differ)
        self.assertEqual(Snapshot(first).ram, Snapshot(second).ram)
