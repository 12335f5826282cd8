# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""The target that scripts/demo builds has each file of the build that the script uses.

usage: test_demo.py BUILD
"""

import pathlib
import re
import subprocess
import sys

DEMO = pathlib.Path(__file__).resolve().parents[2] / "scripts/demo"
BUILD = sys.argv[1]
BEFORE = {"build.ninja", "plugins"}  # what meson setup makes

used = set(re.findall(r"\$build/([\w./-]+)", DEMO.read_text(encoding="utf-8"))) - BEFORE
query = subprocess.run(["ninja", "-C", BUILD, "-t", "query", "programs"], capture_output=True,
                       text=True, check=True).stdout
made = {line.strip(" |") for line in query.splitlines()}
missing = sorted(used - made)
print(f"{len(used)} files used, not made: {', '.join(missing) or 'none'}")
sys.exit(1 if missing or len(used) < 3 else 0)
