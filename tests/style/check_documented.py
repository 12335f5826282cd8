# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Every parameter and counter of a plugin's tables is an item of its manual page.

usage: check_documented.py DESCRIPTOR_PROGRAM PLUGIN.so...
"""

import sys

import tree

program, *objects = map(tree.given, sys.argv[1:])
problems = []
checked = 0
for built in objects:
    name = built.stem
    page = tree.ROOT / "plugins" / name / f"volt-{name}.7"
    status, printed = tree.run(program, built)
    if status:
        problems.append(f"{name}: {printed.strip()}")
        continue
    items = [line for line in (page.read_text().splitlines() if page.exists() else [])
             if line.startswith(".It")]
    for line in printed.splitlines():
        what, _, word = line.partition(" ")
        if what not in ("param", "counter"):
            continue
        checked += 1
        if not any(tree.is_word_in(word, item) for item in items):
            problems.append(f"plugins/{name}/{page.name}: no .It line for the {what} {word}")
tree.finish(problems, checked, "parameters and counters")
