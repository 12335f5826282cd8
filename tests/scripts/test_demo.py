# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""The target that scripts/demo builds is all that is installed, which the lab installs.

usage: test_demo.py BUILD
"""

import json
import pathlib
import subprocess
import sys

BUILD = pathlib.Path(sys.argv[1]).resolve()


def output(*words):
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def main():
    installed = {pathlib.Path(target["filename"][0]).relative_to(BUILD)
                 for target in json.loads(output("meson", "introspect", str(BUILD), "--targets"))
                 if target["installed"]}
    query = output("ninja", "-C", str(BUILD), "-t", "query", "programs")
    made = {pathlib.Path(line.strip(" |")) for line in query.splitlines()}
    missing = sorted(map(str, installed - made))
    # volt-config is made of this one.
    missing = [name for name in missing if name != "tools/config/table.h"]
    print(f"{len(installed)} targets installed, not made: {', '.join(missing) or 'none'}")
    return 1 if missing or len(installed) < 10 else 0


if __name__ == "__main__":
    sys.exit(main())
