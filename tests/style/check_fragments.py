# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Every option of kernel/*.config is set once and has its reason in the comment above it."""

import re

import tree

OPTION = re.compile(r'CONFIG_\w+=(?:y|n|-?\d+|0x[0-9a-f]+|"[^"\\]*")')
REASON = re.compile(r"# (?!--- |CONFIG_)\S.*")
LEAST = 12  # letters; "needed" is no reason


def reason_above(lines, at):
    """The comment that ends right above a line, without its marks."""
    words = []
    while at > 0 and REASON.fullmatch(lines[at - 1]):
        at -= 1
        words.insert(0, lines[at][2:])
    return " ".join(words)


def problems_of(lines):
    """(number, text) of what is wrong in a fragment's lines, and how many options it has."""
    seen, found = {}, []
    for number, line in enumerate(lines, 1):
        if not line or line.startswith("#") and "is not set" not in line:
            continue
        if not OPTION.fullmatch(line):
            found.append((number, f"'{line}' is no CONFIG_NAME=VALUE; off is =n"))
            continue
        name, reason = line.partition("=")[0], reason_above(lines, number - 1)
        if len(reason) < LEAST or reason[-1] not in ".":
            found.append((number, f"{name} has no sentence above it that gives a reason"))
        if name in seen:
            found.append((number, f"{name} is set in line {seen[name]} already"))
        seen[name] = number
    return found, len(seen)


EXAMPLE = ["# A fine reason.", "CONFIG_A=y", "CONFIG_B=y", "# Too few", "CONFIG_C=y",
           "# A fine reason.", "CONFIG_A=n", "# CONFIG_D is not set", "# --- A heading here.",
           "CONFIG_E=1"]


def main():
    wrong = [number for number, _ in problems_of(EXAMPLE)[0]]
    assert wrong == [3, 5, 7, 8, 10], f"this check is blind: {wrong}"
    problems, options = [], 0
    for path in tree.files(".config", under=("kernel",)):
        found, count = problems_of(tree.text(path).splitlines())
        problems += [f"{path}:{number}: {text}" for number, text in found]
        options += count
    tree.finish(problems, options, "options")


main()
