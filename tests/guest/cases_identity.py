# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""VMs of one snapshot are told who they are: guests/identity.c reads vmgenid and vmclock."""

import re
import subprocess

from cases_snapshot import CHIPS, Saving
from vm import LIMIT, Setup

# The first places that the host gives out, and the highest free line: docs/plugins.md, Places.
WHERE = "d0000000 17 d0001000"
DEVICES = ("vmgenid", "vmclock")
LINE = re.compile(r"id ([0-9a-f ]+) reason (\d+) text (.*)clock 4b4c4356 marker ([0-9a-f]+)")


class Identity(Saving):
    def told(self, run, nth=0):
        """(generation, reason, text, marker) of the nth line that the guest has printed."""
        found = LINE.findall(run.text())
        self.assertGreater(len(found), nth, run.story())
        return found[nth]

    def save_ready(self, plugins=(), options=()):
        run = self.boot("identity", f"identity {WHERE}", (*plugins, *DEVICES), options)
        run.expect("ready")
        folder, _ = self.save(run, "--stop")
        self.assertEqual(run.wait(LIMIT), 113, run.story())
        return self.told(run), folder

    def test_each_copy_is_told_once_that_it_is_another(self):
        for chip, plugins in CHIPS.items():
            with self.subTest(chip=chip):
                first, folder = self.save_ready(plugins)
                self.assertEqual(first[1:3], ("1", ""))
                tellings = [first]
                for number in range(4):
                    run = self.restore(folder, (*plugins, *DEVICES),
                                       ("--identity", f"hostname=copy-{number},color=red"))
                    self.check_end(run, 0)
                    tellings.append(self.told(run))
                    self.assertEqual(tellings[-1][1:3], ("2", f"hostname=copy-{number} color=red "))
                for what in (0, 3):
                    self.assertEqual(len({telling[what] for telling in tellings}), 5, tellings)

    def test_a_pause_and_a_save_tell_nothing(self):
        run = self.boot("identity", f"identity {WHERE}", DEVICES)
        run.expect("ready")
        self.save(run)
        folder, _ = self.save(run, "--stop", name="again")
        self.assertEqual(run.wait(LIMIT), 113, run.story())
        self.assertEqual(len(LINE.findall(run.text())), 1)
        self.check_end(self.restore(folder, DEVICES), 0)

    def test_a_booted_vm_has_words_too(self):
        first, _ = self.save_ready(options=("--identity", "hostname=a"))
        self.assertEqual(first[2], "hostname=a ")

    def test_words_that_are_refused(self):
        for text, why in (("hostname", "give KEY=VALUE"), ("Host=a", "a key is"), ("a=1,a=2", "twice"),
                          ("a=" + 256 * "x", "a value is"), ("a=b\n", "a value is"),
                          (",".join(f"k{n}=1" for n in range(33)), "at most 32 pairs"),
                          (",".join(f"k{n}=" + 200 * "x" for n in range(16)), "longer than")):
            with self.subTest(text=text[:20]):
                run = subprocess.run([Setup.volt, "--kernel", "x", "--identity", text],
                                     capture_output=True, text=True, timeout=60, check=False)
                self.assertEqual(run.returncode, 100, run.stderr)
                self.assertIn(why, run.stderr)

    def test_words_that_no_plugin_passes_on(self):
        run = self.boot("serial", "echo", options=("--identity", "hostname=a"))
        self.assertEqual(run.wait(LIMIT), 103, run.story())
        self.assertIn("name one that offers volt.identity/1", "\n".join(run.log()))
