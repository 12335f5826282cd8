# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Every rule of docs/abi.md has its number, in order, and names the tests that have its tag."""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import holds  # noqa: E402

ROOT = holds.ROOT
COUNTS = {"R": 10, "D": 10, "L": 5}


def main():
    rows = re.findall(r"^\| ([A-Z])(\d+) \| (.+?) \| ([^|]*) \|$",
                      (ROOT / "docs/abi.md").read_text(), re.M)
    found, problems = holds.tagged(), []
    numbers = {kind: [int(number) for found, number, _, _ in rows if found == kind]
               for kind in COUNTS}
    for kind, count in COUNTS.items():
        if numbers[kind] != list(range(1, count + 1)):
            problems.append(f"rules {kind} are not {kind}1 to {kind}{count}: {numbers[kind]}")
    for kind, number, _, named in rows:
        names = {name.strip() for name in named.split(",") if name.strip()}
        if not names:
            problems.append(f"{kind}{number} names no test")
        problems += holds.compare(f"{kind}{number}", names, found)
    for problem in problems:
        print(f"docs/abi.md: {problem}")
    print(f"{len(rows)} rules checked, {len(problems)} problems")
    return 1 if problems or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
