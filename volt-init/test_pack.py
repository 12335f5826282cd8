#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""pack.py writes the archive that it says, and always the same one."""

import gzip
import stat
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
import pack  # noqa: E402


def members(data):
    """Reads newc back, strictly: {name: (mode, rdev, data)}."""
    found, at = {}, 0
    while True:
        assert data[at:at + 6] == b"070701", at
        field = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        name = data[at + 110:at + 110 + field[11] - 1].decode()
        body = at + (110 + field[11] + 3) // 4 * 4
        at = body + (field[6] + 3) // 4 * 4
        if name == "TRAILER!!!":
            return found
        assert field[2] == field[3] == field[5] == 0, "owner and time"
        found[name] = (field[1], (field[9], field[10]), data[body:body + field[6]])


class Pack(unittest.TestCase):
    def setUp(self):
        self.archive = pack.Archive()

    def test_console_is_character_device_5_1(self):
        self.archive.skeleton()
        mode, device, _ = members(self.archive.cpio())["dev/console"]
        self.assertTrue(stat.S_ISCHR(mode))
        self.assertEqual(device, (5, 1))

    def test_parents_come_before_their_files(self):
        self.archive.file("/a/b/c", b"x")
        self.assertEqual(list(members(self.archive.cpio())), ["a", "a/b", "a/b/c"])

    def test_data_of_any_length_comes_back(self):
        for length in range(9):
            self.archive.file(f"/f{length}", b"y" * length)
        found = members(self.archive.cpio())
        for length in range(9):
            self.assertEqual(found[f"f{length}"][2], b"y" * length)

    def test_a_folder_is_added_with_its_links(self):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "run").write_bytes(b"#!")
            (Path(folder) / "run").chmod(0o700)
            (Path(folder) / "link").symlink_to("run")
            self.archive.add(folder, "/opt")
        found = members(self.archive.cpio())
        self.assertEqual(found["opt/run"][0], stat.S_IFREG | 0o755)
        self.assertEqual(found["opt/link"][2], b"run")

    def test_a_guest_path_with_dots_is_refused(self):
        with self.assertRaises(ValueError):
            self.archive.file("/a/../b", b"")

    def test_the_same_input_gives_the_same_bytes(self):
        with tempfile.TemporaryDirectory() as folder:
            outputs = [Path(folder) / "a.cpio.gz", Path(folder) / "b.cpio.gz"]
            for output in outputs:
                archive = pack.Archive()
                archive.skeleton()
                pack.write(archive, output)
            first, second = (output.read_bytes() for output in outputs)
            self.assertEqual(first, second)
            self.assertEqual(gzip.decompress(first), archive.cpio())

    def test_an_unknown_suffix_is_refused(self):
        with self.assertRaises(ValueError):
            pack.write(self.archive, "/nonexistent/x.rar")


if __name__ == "__main__":
    unittest.main()
