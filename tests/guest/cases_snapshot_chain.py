# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Chains of diffs: a base with its diffs laid over it is the full save, byte by byte.

The guest writes to random pages and writes nothing while it is saved: guests/dirty.c. VOLT_SEED gives
the seed that is printed, VOLT_GENERATIONS how long the chain is.
"""

import errno
import os
import random
import shutil
import subprocess

from cases_snapshot import CHIPS, Saving
from snapshot_reader import Snapshot

SEED = int(os.environ.get("VOLT_SEED", "0")) or random.randrange(1, 2**31)
GENERATIONS = int(os.environ.get("VOLT_GENERATIONS", "2"))
# Sizes of memory, with the MiB of it that the guest writes to: below the hole and above 4 GiB.
SIZES = {"128M": (128, 0), "3074M": (3072, 2)}


def extents(fd, size):
    """What is not a hole, as far as the file system tells."""
    at = 0
    while at < size:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return
            raise
        at = os.lseek(fd, start, os.SEEK_HOLE)
        yield start, at


def differences(one, other):
    """Offsets of the pages in which two files of one size differ."""
    found = set()
    with open(one, "rb") as a, open(other, "rb") as b:
        size = os.fstat(a.fileno()).st_size
        assert size == os.fstat(b.fileno()).st_size
        for file in (a, b):
            for start, end in extents(file.fileno(), size):
                for at in range(start & -4096, end, 4096):
                    if os.pread(a.fileno(), 4096, at) != os.pread(b.fileno(), 4096, at):
                        found.add(at)
    return sorted(found)


def huge_kib(pid):
    """Of a process's memory in huge pages: proc_pid_smaps(5)."""
    with open(f"/proc/{pid}/smaps", encoding="ascii", errors="replace") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("AnonHugePages:"))


class Chain(Saving):
    def write_pages(self, run, rng):
        """The guest writes to this many pages, or fewer if it draws one twice."""
        count = rng.randrange(1, 256)
        before = run.text().count("written")
        run.send(bytes([count]))
        run.until(lambda: run.text().count("written") > before, "the pages are written")
        return count

    def check_same(self, merged, full):
        self.assertEqual(differences(merged / "memory", full / "memory"), [])
        parts = [Snapshot(folder) for folder in (merged, full)]
        for section in parts[1].sections:
            if section.kind in ("conf", "dev") and section.name != "bootmark":  # which holds a time
                again = parts[0].find(section.kind, section.index, section.name)
                self.assertEqual(again.bytes, section.bytes, section.name)

    def step(self, number, base, plugins, rng):
        """One more process: it goes on from `base`, and leaves a diff and a full save."""
        run = self.restore(base, plugins, stdin=subprocess.PIPE)
        written = sum(self.write_pages(run, rng) for _ in range(rng.randrange(1, 4)))
        self.assertEqual(huge_kib(run.pid), 0, "a copy costs the pages that it writes")
        diff, _ = self.save(run, "--diff", name=f"diff{number}")
        full, _ = self.save(run, "--stop", name=f"full{number}")
        self.check_end(run, 113)
        pages = sum(n for _, n in Snapshot(diff).find("ram").ranges()) // 4096
        self.assertLess(pages, written + 16, "a diff holds what was written alone")
        merged = self.place / f"merged{number}"
        self.snapshot("merge", base, diff, merged)
        self.snapshot("verify", merged)
        self.check_same(merged, full)
        for folder in (base, diff, full):
            shutil.rmtree(folder)
        return merged

    def chain(self, size, cpus, chip):
        rng = random.Random(SEED)
        self.place = self.folder()
        low, high = SIZES[size]
        run = self.boot("dirty", f"dirty {SEED:x} {low:x} {high:x}", CHIPS[chip],
                        ("--memory", size, "--cpus", str(cpus)), stdin=subprocess.PIPE)
        run.expect("ready")
        self.write_pages(run, rng)
        folder, _ = self.save(run, "--stop")
        self.check_end(run, 113)
        for number in range(GENERATIONS):
            folder = self.step(number, folder, CHIPS[chip], rng)
        run = self.restore(folder, CHIPS[chip], stdin=subprocess.PIPE)
        run.send(b"\0")
        self.check_end(run, 0)
        shutil.rmtree(folder)

    def test_base_and_diffs_are_the_full_save(self):
        print(f"seed {SEED}", flush=True)
        for size, cpus, chip in (("128M", 1, "kvm"), ("128M", 2, "ioapic"), ("128M", 8, "kvm"),
                                 ("3074M", 1, "ioapic")):
            with self.subTest(size=size, cpus=cpus, chip=chip):
                self.chain(size, cpus, chip)
