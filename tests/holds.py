# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Which test holds which promise: a comment HOLDS(NAME, ...) right above the test, or at the top of a
checker of tests/style. The documents name the same tests; what promises lie in is the caller's."""

import collections
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[1]
TAG = r"(?:/\* |# )HOLDS\(([^)]*)\)(?: \*/)?\n\s*"
TEST = re.compile(TAG + r"(?:static void (\w+)\(void \*\*\w+\)|def (\w+)\()")
CHECKER = re.compile(r"^# HOLDS\(([^)]*)\)$", re.M)


def tagged():
    """{promise: {test}}"""
    found = collections.defaultdict(set)

    def add(names, test):
        for name in names.split(","):
            found[name.strip()].add(test)

    for folder in ("tests", "sdk", "plugins", "jail"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix not in (".c", ".py") or not path.is_file() or path.name == "holds.py":
                continue
            text = path.read_text(errors="replace")
            for names, c_test, py_test in TEST.findall(text):
                add(names, c_test or py_test)
            if path.name.startswith("check_"):
                for names in CHECKER.findall(text):
                    add(names, path.name)
    return found


def compare(promise, named, found):
    """Problems of one promise: tests that its document names, and tests with its tag."""
    return ([f"{promise}: {test} has no comment HOLDS({promise}) above it"
             for test in sorted(named - found[promise])] +
            [f"{promise}: {test} says that it holds it, and the document does not name it"
             for test in sorted(found[promise] - named)])
