# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""sdk/abi/layout.c speaks of every struct, member and constant of the public headers, and
sdk/abi/history of every struct and extension. That what it says holds, each build proves."""

# HOLDS(R10, R4, R6, R7)

import re
import sys

import tree

status, printed = tree.run(sys.executable, "sdk/abi/layout.py", "--names")
wanted = printed.split("\n")[:-1] if not status else []
layout = tree.text("sdk/abi/layout.c")
history = tree.text("sdk/abi/history")
problems = [f"sdk/abi/layout.c: nothing of {name.rstrip(',')}): run sdk/abi/layout.py"
            for name in wanted if name not in layout]
for name in re.findall(r"^SIZE\((\w+),", layout, re.M):
    if not tree.is_word_in(name, history):
        problems.append(f"sdk/abi/history: no word of struct {name}")
for name, text in re.findall(r'^TEXT\((VOLT_EXT_\w+), "([^"]+)"\);', layout, re.M):
    if text not in history:
        problems.append(f"sdk/abi/history: no word of {text}")
known = set(wanted)
for name in re.findall(r"^(?:SIZE|AT)\((?:\w+, )?\w+,", layout, re.M):
    if name not in known:
        problems.append(f"sdk/abi/layout.c: {name}...): no header has it any more")
if status:
    problems.append(f"sdk/abi/layout.py --names failed: {printed.strip()}")
tree.finish(problems, len(wanted), "names of the ABI")
