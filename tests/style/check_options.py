# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""A manual page and its program's --help name the same options.

usage: check_options.py PROGRAM PAGE
"""

import re
import sys

import tree

OPTION = re.compile(r"(?<![\w-])--([a-z][a-z0-9-]+)")
ITEM = re.compile(r"^\.It .*?Fl -([a-z][a-z0-9-]+)", re.MULTILINE)

page = sys.argv[2]
status, helped = tree.run(tree.given(sys.argv[1]), "--help")
said = set(OPTION.findall(helped))
written = set(ITEM.findall(tree.text(page)))
problems = [f"{page}: no .It line for --{name}" for name in sorted(said - written)]
problems += [f"{page}: --help does not say --{name}" for name in sorted(written - said)]
if status:
    problems.append(f"{page}: --help ended with status {status}")
tree.finish(problems, len(said), "options")
