# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""A true build goes into the store, by kernel/build and by volt-kernel build: the same one.

    python3 tests/kernel/test_import.py VOLT_KERNEL [TEST...]

The first build takes minutes, unless one is kept; then each takes about one.
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
import own  # noqa: E402

TOOL = Path(sys.argv[1]).resolve()


class Import(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kernel = own.build()

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="volt-import-")
        self.addCleanup(folder.cleanup)
        self.home = Path(folder.name)
        self.env = {**os.environ, "XDG_DATA_HOME": str(self.home), "TMPDIR": str(self.home)}

    def run_for(self, *words, status=0, **env):
        """Standard output; standard error is the build's progress."""
        done = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, env={**self.env, **env}, timeout=own.LIMIT_S)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout, done.stderr

    def stored(self):
        """The only kernel's row of the list, when all that is in the store was verified."""
        self.run_for(TOOL, "verify")
        [row] = json.loads(self.run_for(TOOL, "list", "--json")[0])
        return row

    def test_both_ways_import_the_same(self):
        printed, _ = self.run_for(own.BUILD, VOLT_KERNEL=str(TOOL))
        self.assertIn(f"version={self.kernel['version']}", printed)
        by_script = self.stored()
        self.assertEqual(by_script["version"], self.kernel["version"])
        name, _ = self.run_for(TOOL, "build", "--default", "--script", own.BUILD)
        self.assertEqual(name.strip(), by_script["name"])
        self.assertEqual(self.stored(), {**by_script, "default": True})
        kept = self.home / "volt/kernels" / name.strip()
        for part in ("vmlinux", "bzImage", "config", "System.map"):
            self.assertEqual((kept / part).read_bytes(), Path(self.kernel[part]).read_bytes(), part)
        self.assertEqual(list(self.home.glob("volt-kernel-*")), [])

    def test_it_can_use_all_of_volt_but_has_no_modules(self):
        facts = json.loads(self.run_for(TOOL, "inspect", "--json", self.kernel["vmlinux"])[0])
        self.assertEqual(facts["config"], "embedded")
        lacking = [row["feature"] for row in facts["features"]
                   if row["need"] != "extra" and row["state"] != "yes"]
        self.assertEqual(lacking, ["modules"])

    def test_an_import_that_fails_says_where_the_kernel_is(self):
        _, said = self.run_for(own.BUILD, status=1, VOLT_KERNEL="/bin/false")
        self.assertIn("built, but not imported: ", said)
        _, said = self.run_for(own.BUILD, status=1, VOLT_KERNEL="/nothing")
        self.assertIn("VOLT_KERNEL=/nothing: no such program", said)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
