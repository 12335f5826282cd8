# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Every test that docs/security.md names has its tag, and no other test has it."""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import holds  # noqa: E402

PAGE = holds.ROOT / "docs/security.md"


def named(text):
    """Words with an underscore or more between single asterisks."""
    for span in re.findall(r"(?<![*\w])\*(?!\s)([^*|]+)\*(?!\*)", text):
        yield from re.findall(r"\b[a-z0-9]+(?:_[a-z0-9]+){2,}\b", span)


def main():
    page = PAGE.read_text()
    if "no test yet" in page:
        print("docs/security.md promises what no test holds: \"no test yet\"")
        return 1
    names = set(named(page))
    problems = holds.compare("security", names, holds.tagged())
    for problem in problems:
        print(f"docs/security.md: {problem}")
    print(f"{len(names)} tests named, {len(problems)} problems")
    return 1 if problems or len(names) < 50 else 0


if __name__ == "__main__":
    sys.exit(main())
