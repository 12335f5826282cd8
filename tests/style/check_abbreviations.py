# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""No program takes the beginning of an option's name for the option: a later option could change
what it means. Every option of its --help is typed without its last letter.

usage: check_abbreviations.py PROGRAM [VERB]
"""

import re
import sys

import tree

OPTION = re.compile(r"(?<![\w-])--([a-z][a-z0-9-]+)")

program, *verb = tree.given(sys.argv[1]), *sys.argv[2:]
status, helped = tree.run(program, *verb, "--help")
names = set(OPTION.findall(helped))
problems = [] if status == 0 else [f"--help ended with status {status}"]
for name in sorted(names):
    short = f"--{name[:-1]}"
    if short[2:] in names:
        continue
    for words in ([short], [f"{short}=1"], [short, "1"]):
        status, output = tree.run(program, *verb, *words)
        if status == 0 or not re.search(rf"unknown option {short}(?![\w-])", output):
            problems.append(f"{program} {' '.join(verb + words)}: status {status}, {output!r}")
tree.finish(problems, len(names), "options")
