# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Each shell loads its completions and completes with them.

usage: test_completions.py VOLT FOLDER
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

VOLT, FOLDER = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()


class Completions(unittest.TestCase):
    def shell(self, name, script):
        """Lines that the script prints, with volt on the path and no VM."""
        if not shutil.which(name):
            if os.environ.get("VOLT_MUST_WORK") == "1":
                self.fail(f"cannot run: {name} is not installed")
            self.skipTest(f"{name} is not installed")
        with tempfile.TemporaryDirectory() as home:
            run = subprocess.run(
                [name, "-c", script], capture_output=True, text=True, timeout=60, check=False,
                env={"PATH": f"{VOLT.parent}:{os.environ['PATH']}", "HOME": home,
                     "XDG_RUNTIME_DIR": home, "TERM": "dumb"})
        self.assertEqual((run.returncode, run.stderr), (0, ""), run.stdout)
        return run.stdout.split()

    def bash(self, *words):
        line = " ".join(f"'{word}'" for word in words)
        return self.shell("bash", f"""source {FOLDER}/volt
            COMP_WORDS=({line}) COMP_CWORD={len(words) - 1}
            _volt
            printf '%s\\n' "${{COMPREPLY[@]}}" """)

    def test_bash(self):
        self.assertEqual(self.bash("volt", "--kern"), ["--kernel", "--kernel-memory"])
        self.assertIn("console", self.bash("volt", "c"))
        self.assertIn("serial", self.bash("volt", "--plugin", "se"))
        self.assertEqual(self.bash("volt", "stop", "--t"), ["--timeout"])
        self.assertEqual(self.bash("volt", "ps", "--a"), ["--all"])
        self.assertIn("--memory", self.bash("volt", "explain", "--mem"))
        self.assertEqual(self.bash("volt", "run", "--im"), ["--image"])

    def test_zsh_reads_them(self):
        self.shell("zsh", f"autoload -U compinit && compinit -D && source {FOLDER}/_volt && "
                   "whence -w _volt | grep -q function")

    def test_fish(self):
        def fish(line):
            return self.shell("fish", f"source {FOLDER}/volt.fish; complete -C '{line}' | cut -f1")
        self.assertEqual(fish("volt --kern"), ["--kernel", "--kernel-memory"])
        self.assertIn("console", fish("volt c"))
        self.assertIn("serial", fish("volt --plugin se"))
        self.assertEqual(fish("volt stop --t"), ["--timeout"])
        self.assertEqual(fish("volt run --im"), ["--image"])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
