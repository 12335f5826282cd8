# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Manual pages are correct mdoc, every plugin has one, and what they refer to is there."""

import re
import sys

import tree

# Pages refer to pages of the same tree, which mandoc looks for in the system.
NOISE = re.compile(r"referenced manual not found|STYLE: ")
XREF = re.compile(r"^\.Xr (\S+) (\d)", re.MULTILINE)

tree.need("mandoc")
pages = [path for path in tree.files() if re.fullmatch(r"\.[1-9]", path.suffix)]
problems = []
for page in pages:
    _, printed = tree.run("mandoc", "-T", "lint", "-W", "warning", page)
    problems += [line for line in printed.splitlines() if not NOISE.search(line)]
ours = {page.name for page in pages}
ours |= set(tree.run(sys.executable, "sdk/reference.py", "--names")[1].split())
for page in pages:
    for name, number in XREF.findall(tree.text(page)):
        if name.startswith("volt") and f"{name}.{number}" not in ours:
            problems.append(f"{page}: there is no {name}({number})")
built = tree.text("meson_options.txt")
for folder in tree.plugin_folders():
    if f"'{folder.name}'" not in built:
        problems.append(f"plugins/{folder.name}: not built: no option of meson_options.txt has it")
    page = folder / f"volt-{folder.name}.7"
    if not page.is_file():
        problems.append(f"plugins/{folder.name}: no manual page {page.name}")
tree.finish(problems, len(pages), "manual pages")
