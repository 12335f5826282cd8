# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Every test that docs/security.md names is there, and no sentence is without one."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs/security.md"
# A cmocka test, a method of unittest, a check of the lab.
TEST = re.compile(r"static void (\w+)\(void \*\*\w+\)|def (\w+)\(")


def tests():
    found = set()
    for folder in ("tests", "plugins", "jail"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".c", ".py"):
                found.update(a or b for a, b in TEST.findall(path.read_text()))
    return found


def named(text):
    """Words with an underscore or more between single asterisks."""
    for span in re.findall(r"(?<![*\w])\*([^*|]+)\*(?!\*)", text):
        yield from re.findall(r"\b[a-z0-9]+(?:_[a-z0-9]+){2,}\b", span)


def main():
    page = PAGE.read_text()
    if "no test yet" in page:
        print("docs/security.md promises what no test holds: \"no test yet\"")
        return 1
    there, names = tests(), sorted(set(named(page)))
    missing = [name for name in names if name not in there]
    for name in missing:
        print(f"docs/security.md names a test that is not there: {name}")
    print(f"{len(names) - len(missing)} tests named and there")
    return 1 if missing or len(names) < 50 else 0


if __name__ == "__main__":
    sys.exit(main())
