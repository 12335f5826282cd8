# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Everything in the public headers has a comment, and stands in the pages made of them; what is
called says on which thread, how it fails, and what NULL means.

usage: check_reference.py PAGE...
"""

import re
import sys

import tree

sys.path.insert(0, str(tree.ROOT / "sdk"))
sys.path.insert(0, str(tree.ROOT / "sdk/abi"))
import layout  # pylint: disable=wrong-import-position
import reference  # pylint: disable=wrong-import-position

TAG = re.compile(r"\[(wire|loop|io|worker|any)\]")
FAILS = re.compile(r"-E[A-Z]{2}|errno|volt_fail\(\)|\b[Aa]s [a-z_]+")
FUNCTION = re.compile(r"^[a-z][^=;{}()]*\b((?:volt|fake)_\w+)\(", re.MULTILINE)


def of_slot(item):
    """What a function pointer's comment lacks."""
    if not TAG.search(item.text):
        yield "no thread tag"
    if item.code.startswith("int ") and not FAILS.search(item.text):
        yield "no word of how it fails"
    if re.search(r"\* ?\(\*", item.code) and "NULL" not in item.text:
        yield "no word of whether it returns NULL"
    if re.match(r"[^(]*\(\*\w+\)\((void \*self|const void \*candidate|const char \*id)", item.code) and not (
            "NULL" in item.text or "Required" in item.text):
        yield "no word of what NULL in its place means"


def of_header(header):
    for item in header.items:
        if isinstance(item, str):
            continue
        if not item.said():
            yield f"{item.name}: no comment"
        for member in item.members:
            where = f"struct {item.name}: {member.name}"
            if not member.text:
                yield f"{where}: no comment"
            elif member.kind == "slot":
                yield from (f"{where}: {lack}" for lack in of_slot(member))


def names_in(path):
    """Found without the parser that made the pages."""
    text = layout.stripped(path)
    for name, members in layout.structs(text).items():
        if not name.endswith("_"):
            yield name
            yield from (member for member, _ in members)
    yield from layout.constants(text)
    yield from (name for name in FUNCTION.findall(text) if not name.endswith("_"))


pages = {path.name: path for path in map(tree.given, sys.argv[1:])}
problems, checked = [], 0
for source, header in zip(reference.headers(), reference.parse_all()):
    problems += [f"{header.include}: {problem}" for problem in of_header(header)]
    page = pages.get(header.page())
    if not page:
        problems.append(f"{header.include}: no page {header.page()}; run meson setup --reconfigure")
        continue
    written = page.read_text()
    for name in names_in(source):
        checked += 1
        if not tree.is_word_in(name, written):
            problems.append(f"{page.name}: no word of {name}")
for page in pages.values():
    _, printed = tree.run("mandoc", "-T", "lint", "-W", "warning", page)
    problems += [line for line in printed.splitlines() if "STYLE: " not in line]
tree.finish(problems, checked, "names in the reference")
