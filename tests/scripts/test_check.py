# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""scripts/check when its time is up: a copy of it, with scripts in the place of what it calls."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]

# `meson test` logs one test and then hangs as long as SLEEP says.
MESON = """#!/bin/bash
case $1 in
setup) mkdir -p "$2/meson-logs" && touch "$2/build.ninja" ;;
introspect)
	echo '[{"name": "quick", "suite": ["volt:unit"]}, {"name": "hangs", "suite": ["volt:fuzz"]},
	{"name": "linted", "suite": ["volt:style", "volt:slow"]},
	{"name": "spelled", "suite": ["volt:style"]},
	{"name": "p", "suite": ["volt:plugins"]}, {"name": "s", "suite": ["volt:security"]}]'
	;;
test)
	while [ "$1" != -C ]; do shift; done
	folder=$2
	while [ "$1" != --logbase ]; do shift; done
	echo '{"name": "volt:unit / quick", "result": "OK", "duration": 1.5}' >>"$folder/meson-logs/$2.json"
	exec sleep "$SLEEP"
	;;
esac
"""


class Check(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="volt-check-")
        self.addCleanup(folder.cleanup)
        self.tree = pathlib.Path(folder.name)
        (self.tree / "scripts").mkdir()
        shutil.copy(ROOT / "scripts/check", self.tree / "scripts")
        shutil.copytree(ROOT / "scripts/lib", self.tree / "scripts/lib",
                        ignore=shutil.ignore_patterns("__pycache__"))
        self.tool("dpkg-query", "#!/bin/sh\nprintf installed\n")
        self.tool("ninja", "#!/bin/sh\nexit 0\n")
        self.tool("meson", MESON)

    def tool(self, name, text):
        path = self.tree / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def check(self, *words, sleep=0, **env):
        return subprocess.run(
            [self.tree / "scripts/check", *words], stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=100, check=False,
            env={"PATH": f"{self.tree}/bin:{os.environ['PATH']}", "SLEEP": str(sleep), **env})

    def test_what_did_not_run_in_time_is_named_and_fails(self):
        done = self.check("--limit", "3s", "gcc", "style", sleep=90)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        said = done.stdout.partition("summary")[2]
        self.assertIn("stopped as its time was up: 3s", said)
        self.assertRegex(said, r"gcc +FAILED +2 +3 +0 +\d+\.\d")
        self.assertRegex(said, r"style +FAILED +0 +1 +0 +0\.0")
        for name in ("hangs", "p", "s"):
            self.assertIn(f"failed: gcc: {name}: not run: the time was up", said)
        self.assertNotIn("linted", said)
        self.assertIn("failed: style: the whole part: not run: the time was up", said)
        self.assertRegex(said, r"slowest: +1\.5 s gcc: volt:unit / quick")

    def test_a_suite_that_was_left_out_is_not_missed(self):
        done = self.check("--limit", "3s", "--quick", "style", sleep=90)
        self.assertIn("failed: style: spelled: not run", done.stdout)
        self.assertNotIn("linted", done.stdout)

    def test_packages_that_do_not_come_take_no_longer(self):
        self.tool("dpkg-query", "#!/bin/sh\nexit 1\n")
        self.tool("apt-get", '#!/bin/sh\nexec sleep "$SLEEP"\n')
        self.tool("sudo", '#!/bin/sh\nexec "$@"\n')
        done = self.check("--limit", "3s", "gcc", sleep=90)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("failed: setup: packages: not done when the time was up", done.stdout)

    def test_setup_alone_only_sets_up(self):
        done = self.check("setup", sleep=90)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        headings = re.findall(r"^==> (.*)$", done.stdout, re.M)
        self.assertEqual(headings, ["setup", "summary"])
        self.assertIn("setup", self.check("setup", "gcc").stdout)

    def test_in_time_nothing_changes(self):
        done = self.check("gcc")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertNotIn("time was up", done.stdout)

    def test_ci_has_85_minutes(self):
        text = (ROOT / "scripts/check").read_text(encoding="utf-8")
        limit = re.search(r"TIME_LIMIT_CI=(\d+)m", text)[1]
        self.assertEqual(limit, "85")
        self.assertIn(f"VOLT_MUST_WORK=1 {limit}m", self.check("--help").stdout)

    def test_a_limit_that_is_none_is_refused(self):
        for word in ("0s", "5", "1d", "-1s", "", "99999999h"):
            done = self.check("--limit", word, VOLT_MUST_WORK="1")
            self.assertEqual(done.returncode, 2, word)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertIn("such as 90s", done.stderr)
        self.assertEqual(self.check("--limit").returncode, 2)


if __name__ == "__main__":
    unittest.main()
