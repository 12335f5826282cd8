# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Every rule of docs/abi.md has its number, in order, and names tests that are there."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEST = re.compile(r"static void (\w+)\(void \*\*\w+\)|def (test_\w+)\(")
COUNTS = {"R": 10, "D": 10, "L": 5}


def tests():
    found = {path.name for path in (ROOT / "tests/style").glob("check_*.py")}
    for folder in ("tests", "sdk", "plugins"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".c", ".py") and path.is_file():
                found.update(a or b for a, b in TEST.findall(path.read_text(errors="replace")))
    return found


def main():
    rows = re.findall(r"^\| ([A-Z])(\d+) \| (.+?) \| ([^|]*) \|$",
                      (ROOT / "docs/abi.md").read_text(), re.M)
    there, problems = tests(), []
    numbers = {kind: [int(number) for found, number, _, _ in rows if found == kind]
               for kind in COUNTS}
    for kind, count in COUNTS.items():
        if numbers[kind] != list(range(1, count + 1)):
            problems.append(f"rules {kind} are not {kind}1 to {kind}{count}: {numbers[kind]}")
    for kind, number, _, named in rows:
        names = [name.strip() for name in named.split(",") if name.strip()]
        if not names:
            problems.append(f"{kind}{number} names no test")
        problems += [f"{kind}{number} names a test that is not there: {name}"
                     for name in names if name not in there]
    for problem in problems:
        print(f"docs/abi.md: {problem}")
    print(f"{len(rows)} rules checked, {len(problems)} problems")
    return 1 if problems or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
