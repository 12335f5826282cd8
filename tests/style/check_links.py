# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Relative links in the documents lead somewhere, and docs/README.md lists every topic."""

import re

import tree

LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
OUTSIDE = re.compile(r"^[a-z]+:")

pages = tree.files(".md")
problems = []
for page in pages:
    for target in LINK.findall(tree.text(page)):
        if not OUTSIDE.match(target) and not (tree.ROOT / page.parent / target).exists():
            problems.append(f"{page}: no file for the link {target}")
index = tree.text("docs/README.md") if (tree.ROOT / "docs/README.md").exists() else ""
for path in tree.files(under=("docs",)):
    if path.suffix in (".md", ".1", ".7") and path.name != "README.md" and path.name not in index:
        problems.append(f"docs/README.md: does not mention {path.name}")
tree.finish(problems, len(pages), "documents")
