# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""docs/volt.1 and `volt --help` name the same options.

usage: check_options.py VOLT_PROGRAM
"""

import re
import sys

import tree

OPTION = re.compile(r"(?<![\w-])--([a-z][a-z0-9-]+)")
ITEM = re.compile(r"^\.It .*?Fl -([a-z][a-z0-9-]+)", re.MULTILINE)

status, helped = tree.run(tree.given(sys.argv[1]), "--help")
said = set(OPTION.findall(helped))
written = set(ITEM.findall(tree.text("docs/volt.1")))
problems = [f"docs/volt.1: no .It line for --{name}" for name in sorted(said - written)]
problems += [f"volt --help: does not say --{name}" for name in sorted(written - said)]
if status:
    problems.append(f"volt --help: ended with status {status}")
tree.finish(problems, len(said), "options")
