# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Snapshots of earlier builds, which every later one must show, verify and restore.

A snapshot is museum/NAME.tar.xz: the folder of a guest that echoes (guests/serial.c) with the
plugins of WITH. Its CPU was an AMD under kvm_pvm, so a host that lacks a feature, a register or
the rate of its time-stamp counter refuses to go on (code 103); that is right too. To add one: save such a guest with --memory 18M.
"""

import os
import pathlib
import subprocess
import tarfile

from cases_snapshot import Saving
from snapshot_reader import Snapshot
from vm import LIMIT, Setup

MUSEUM = pathlib.Path(__file__).resolve().parent / "museum"
WITH = {"snapshot-0.1.0-abi-0.3": ("serial", "ioapic", "i8042", "acpipower", "pvpanic", "exitport",
                                   "bootmark", "vmgenid", "vmclock")}


class Museum(Saving):
    def unpack(self, name):
        folder = self.folder() / name
        with tarfile.open(MUSEUM / f"{name}.tar.xz") as archive:
            archive.extractall(folder)
        os.chmod(folder / "memory", 0o400)
        return folder

    def test_the_folder_holds_what_the_list_says(self):
        self.assertEqual({path.name for path in MUSEUM.iterdir()}, {f"{name}.tar.xz" for name in WITH})

    def test_each_is_shown_and_verified(self):
        for name, plugins in WITH.items():
            with self.subTest(name=name):
                folder = self.unpack(name)
                self.snapshot("verify", folder)
                shown = self.snapshot("show", folder).stdout
                for plugin in plugins:
                    self.assertIn(f"plugin {plugin} {plugin}", shown)
                self.assertIn("memory 18874368", Snapshot(folder).find("conf").lines())

    def test_each_goes_on_where_the_host_has_its_features(self):
        for name, plugins in WITH.items():
            with self.subTest(name=name):
                words = [word for plugin in plugins for word in ("--plugin", plugin)]
                run = self.launch([Setup.volt, *Setup.options, "--restore", self.unpack(name), *words],
                                  stdin=subprocess.PIPE)
                run.send(b"from long ago\x04")
                status = run.wait(LIMIT)
                said = "\n".join(run.log())
                if status == 103:
                    self.assertIn("volt: error: ", said)
                    continue
                self.assertEqual(status, 0, run.story())
                self.assertIn("from long agodone", run.text())
