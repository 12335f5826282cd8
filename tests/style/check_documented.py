# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""A plugin's manual page has an item for every parameter, with its default, and every counter
of its tables, and for none that is not there.

usage: check_documented.py DESCRIPTOR_PROGRAM PLUGIN.so...
"""

import re
import sys

import tree

# The core's own: every plugin has them, and a filter's page shows where it is put.
RESERVED = {"id", "on"}


def section(page, *titles):
    """The lines below one of these headings, up to the next."""
    found = re.search(rf"^\.S[sh] (?:{'|'.join(titles)})$(.*?)(?=^\.S[sh] |\Z)", page,
                      re.MULTILINE | re.DOTALL | re.IGNORECASE)
    return found[1] if found else ""


def items(text):
    """{name: what is said of it} of a list whose items begin with .It Cm NAME."""
    found, names = {}, []
    for line in text.splitlines():
        if line.startswith(".It "):
            if found.get(names[-1] if names else None):
                names = []
            heads = re.sub(r"\bNs = Ns .*?(?= , Cm |$)", "", line[4:])
            names += [word for word in re.findall(r"(?<![\w-])[a-z][a-z0-9_-]*", heads)]
            found.update((name, found.get(name, "") + "") for name in names)
        for name in names if not line.startswith(".It ") else ():
            found[name] += " " + re.sub(r"^\.[A-Z][a-z] |\bNs\b", "", line)
    return found


def tells(text, default):
    """True if `text` has the value, numbers in any notation."""
    ways = {default}
    if re.fullmatch(r"0x[0-9a-f]+|\d+", default):
        number = int(default, 16 if default[1:2] == "x" else 10)
        ways |= {str(number), hex(number)} | ({"all ones"} if number == 2**64 - 1 else set())
    return any(tree.is_word_in(way, text) for way in ways)


def of_plugin(name, rows, page):
    params = items(section(page, "Parameters"))
    counters = items(section(page, "Counters"))
    wanted = {what: [words[0] for kind, *words in rows if kind == what]
              for what in ("param", "counter")}
    for what, written in (("param", params), ("counter", counters)):
        yield from (f"no item for the {what} {word}" for word in wanted[what]
                    if word not in written)
        yield from (f"an item for {word}, which is no {what} of {name}" for word in written
                    if word not in wanted[what] and word not in RESERVED)
    for kind, word, *default in rows:
        said = params.get(word, "")
        if kind == "default" and said and default and not tells(said, default[0]):
            yield f"the item for {word} does not tell the default, {default[0]}"
        if kind == "required" and said and "required" not in said.lower():
            yield f"the item for {word} does not say that it is required"


program, *objects = map(tree.given, sys.argv[1:])
problems, checked = [], 0
for built in objects:
    where = f"plugins/{built.stem}/volt-{built.stem}.7"
    status, printed = tree.run(program, built)
    if status:
        problems.append(f"{built.stem}: {printed.strip()}")
        continue
    lines = [line.split(" ", 2) for line in printed.splitlines()]
    checked += sum(line[0] in ("param", "counter") for line in lines)
    problems += [f"{where}: {problem}" for problem in of_plugin(
        built.stem, lines, tree.text(where))]
tree.finish(problems, checked, "parameters and counters")
