# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Who may include whom: a plugin sees <volt/...>, the system and its own folder; core,
tools and volt-init see no plugin, but volt-plugin has the sandbox's compiler of filters;
volt-run has the numbers of the agent's protocol;
only tests and volt-plugin see <volt/fake_host.h>. Folders of the core include those before
them in FOLDERS. Modules, which are a .c file and its header, do not include each other in a circle
anywhere."""

import os
import re
from pathlib import Path

import tree

FOLDERS = ("base", "event", "bus", "boot", "kvm", "plugin", "vm")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def is_test(path):
    return path.name.startswith(("test_", "fuzz_")) or path.parts[0] == "tests"


def is_above(folder, name):
    other = name.split("/")[1]
    return other in FOLDERS and FOLDERS.index(other) > FOLDERS.index(folder)


def module(name):
    """core/vm/seal.c and core/vm/seal.h are core/vm/seal."""
    return re.sub(r"\.[ch]$", "", str(name))


def included(path, name):
    """The file of the tree that the name in quotes means, from its root; None: of none."""
    for folder in (path.parent, Path()):
        file = Path(os.path.normpath(folder / name))
        if (tree.ROOT / file).is_file():
            return file
    return None


def reachable(graph, start):
    seen, todo = set(), list(graph.get(start, ()))
    while todo:
        at = todo.pop()
        if at not in seen:
            seen.add(at)
            todo += graph.get(at, ())
    return seen


def circles(graph):
    """The sets of modules that include each other, over however many others."""
    reach = {m: reachable(graph, m) for m in graph}
    found = {frozenset(o for o in reach[m] if m in reach.get(o, ())) for m in graph}
    return sorted(sorted(circle) for circle in found if len(circle) > 1)


def complaint(path, mark, name):
    if (name == "volt/fake_host.h" and not is_test(path)
            and path.parts[:2] not in (("sdk", "testing"), ("tools", "plugin"))):
        return "is for tests only"
    if path.parts[0] == "plugins":
        if mark == '"' and ("/" in name or not (tree.ROOT / path.parent / name).is_file()):
            return "is not in the plugin's own folder"
        if mark == "<" and name.startswith(("core/", "sdk/", "plugins/")):
            return "is not a public header"
    if path.parts[0] == "core" and re.match(r"(\.\./)*(plugins|tools|volt-init|tests)/", name):
        return "is below the core"
    if path.parts[0] == "core" and name.startswith("core/") and is_above(path.parts[1], name):
        return f"is above core/{path.parts[1]}: the order is {' <- '.join(FOLDERS)}"
    confined = path.parts[:2] == ("tools", "plugin") and name.startswith("plugins/sandbox/")
    protocol = path.parts[:2] == ("tools", "run") and name in (
        "volt-init/agent.h", "volt-init/protocol.h")
    if (path.parts[0] == "tools" and not confined and not protocol
            and re.match(r"(\.\./)*(plugins|volt-init|tests)/", name)):
        return "is no part of a tool"
    if path.parts[0] == "volt-init" and re.match(r"(\.\./)*(core|plugins|sdk|tools|volt)/", name):
        return "belongs to the host"
    return None


sources = tree.files(".c", ".h", under=("core", "jail", "plugins", "sdk", "tools", "volt-init",
                                        "tests"))
problems = []
graph = {}
for path in sources:
    for mark, name in INCLUDE.findall(tree.text(path)):
        file = included(path, name) if mark == '"' and not is_test(path) else None
        if file and module(file) != module(path):
            graph.setdefault(module(path), set()).add(module(file))
        why = complaint(path, mark, name)
        if why:
            problems.append(f"{path}: includes {name}, which {why}")
for circle in circles(graph):
    problems.append(f"{', '.join(circle)} include each other in a circle")
tree.finish(problems, len(sources), "C files")
