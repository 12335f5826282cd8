# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Manual pages are correct mdoc, and every plugin has one."""

import re

import tree

# Pages refer to pages of the same tree, which mandoc looks for in the system.
NOISE = re.compile(r"referenced manual not found|STYLE: ")

tree.need("mandoc")
pages = [path for path in tree.files() if re.fullmatch(r"\.[1-9]", path.suffix)]
problems = []
for page in pages:
    _, printed = tree.run("mandoc", "-T", "lint", "-W", "warning", page)
    problems += [line for line in printed.splitlines() if not NOISE.search(line)]
for folder in tree.plugin_folders():
    page = folder / f"volt-{folder.name}.7"
    if not page.is_file():
        problems.append(f"plugins/{folder.name}: no manual page {page.name}")
tree.finish(problems, len(pages), "manual pages")
