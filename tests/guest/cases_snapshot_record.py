# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Which pages a guest touches first after it was restored, and that the next restore reads them ahead.

The guest writes to as many random pages as it is told to (guests/dirty.c). Its snapshot lies on a
disk, in the build folder or in /var/tmp, as a file system in memory has no pages to read.
"""

import ctypes
import mmap
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from cases_snapshot import Saving
from snapshot_reader import Snapshot
from vm import LIMIT, Setup

PAGE = 4096
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mmap.restype = ctypes.c_void_p
LIBC.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int,
                      ctypes.c_long)
LIBC.mincore.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p)
LIBC.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)


def resident(path):
    """Offsets of a file's pages that are in the page cache: mincore(2)."""
    size = path.stat().st_size
    found = ctypes.create_string_buffer(size // PAGE)
    with open(path, "rb") as file:
        at = LIBC.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, file.fileno(), 0)
        assert LIBC.mincore(at, size, found) == 0, os.strerror(ctypes.get_errno())
        LIBC.munmap(at, size)
    return {n * PAGE for n, byte in enumerate(found.raw) if byte & 1}


def pages(ranges):
    return {at for offset, length in ranges for at in range(offset, offset + length, PAGE)}


def drops_pages(folder):
    """A file system that reads files from a disk, so that their pages can be dropped."""
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        file.write(bytes(PAGE))
        file.flush()
        os.fsync(file.fileno())
        for _ in range(20):  # a page that somebody holds for a moment stays
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            if not resident(pathlib.Path(file.name)):
                return True
            time.sleep(0.05)
        return False


class Recording(Saving):
    def setUp(self):
        super().setUp()
        shutil.rmtree(self.place)
        disk = next((d for d in (Setup.guests, "/var/tmp") if drops_pages(d)), None)
        if not disk:
            self.skip("no file system on a disk in the build folder or /var/tmp")
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="record-", dir=disk))
        self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)
        run = self.boot("dirty", "dirty 1 24 0", stdin=subprocess.PIPE)
        run.expect("ready")
        for n in range(1, 5):  # 1,020 of 1,024 pages, some of them twice
            run.send(b"\xff")
            run.until(lambda n=n: run.text().count("written") == n, "the pages are written")
        self.saved, _ = self.save(run, "--stop")
        self.check_end(run, 113)

    def record(self, *words, folder=None, input=b"", status=0):
        command = (Setup.volt, "snapshot", "record", "--volt", Setup.volt, *words,
                   folder or self.saved, *Setup.options, *self.devices(()))
        run = subprocess.run([str(word) for word in command], input=input, capture_output=True,
                             timeout=LIMIT * 2, check=False)
        said = (run.stdout + run.stderr).decode(errors="replace")
        self.assertEqual(run.returncode, status, said)
        self.assertEqual([path.name for path in self.place.iterdir() if path.is_dir()],
                         [self.saved.name], said)
        return said

    def list(self):
        return pages(Snapshot(self.saved).find("wset").working_set())

    def written(self, count):
        """The pages that the guest writes to from its snapshot on."""
        run = self.restore(self.saved, stdin=subprocess.PIPE)
        run.send(bytes([count]))
        run.expect("written")
        diff, _ = self.save(run, "--stop", "--diff")
        found = pages(Snapshot(diff).find("ram").ranges())
        shutil.rmtree(diff)
        return found


class Pages(Recording):
    def test_those_that_the_guest_touches_are_listed_and_read_ahead(self):
        before = Snapshot(self.saved)
        base = pages(before.find("ram").ranges())
        said = self.record("--until", "written", "--timeout", str(LIMIT), input=b"\x14")
        self.assertIn("are read ahead from now on", said)
        listed = self.list()
        self.assertEqual((self.written(0x14) & base) - listed, set())
        self.assertLess(len(listed), len(base))
        self.assertEqual(Snapshot(self.saved).uuid, before.uuid)
        self.assertIn("read ahead ", self.snapshot("show", self.saved).stdout)
        self.snapshot("verify", self.saved)
        self.check_ahead(listed)

    def check_ahead(self, listed):
        """The guest that waits touches some of its pages, and no more than a few around them come
        with each."""
        memory = self.saved / "memory"
        with open(memory, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        self.assertNotEqual(listed - resident(memory), set())
        run = self.restore(self.saved, stdin=subprocess.PIPE)
        run.until(lambda: listed <= resident(memory), "the pages are in the page cache")
        run.send(b"\0")
        self.check_end(run, 0)

    def test_a_second_list_takes_the_place_of_the_first(self):
        self.record("--after", "50")
        few = self.list()
        self.record("--until", "written", "--timeout", str(LIMIT), input=b"\xff")
        self.assertLess(len(few), len(self.list()))
        self.assertEqual(sum(s.kind == "wset" for s in Snapshot(self.saved).sections), 1)


class Refused(Recording):
    """What is there stays as it is."""

    def refused(self, text, *words, **kwargs):
        before = (self.saved / "state").read_bytes()
        self.assertIn(text, self.record(*words, status=1, **kwargs))
        self.assertEqual((self.saved / "state").read_bytes(), before)

    def test_marks_that_do_not_come(self):
        self.refused("did not come", "--until", "nothing of the kind", "--timeout", "1")
        self.refused("the VM ended before the mark", "--until", "nothing of the kind",
                     "--timeout", str(LIMIT), input=b"\0")

    def test_snapshot_in_memory(self):
        if not os.path.ismount("/dev/shm"):
            self.skip("no file system in memory at /dev/shm")
        with tempfile.TemporaryDirectory(dir="/dev/shm") as place:
            folder = pathlib.Path(place) / "saved"
            shutil.copytree(self.saved, folder)
            self.refused("keeps files in memory", folder=folder)
            self.assertEqual(len(list(pathlib.Path(place).iterdir())), 1)
