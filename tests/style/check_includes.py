# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Who may include whom: a plugin sees <volt/...>, the system and its own folder; core,
tools and volt-init see no plugin, but volt-plugin has the sandbox's compiler of filters;
only tests and volt-plugin see <volt/fake_host.h>."""

import re

import tree

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def is_test(path):
    return path.name.startswith(("test_", "fuzz_")) or path.parts[0] == "tests"


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
    cage = path.parts[:2] == ("tools", "plugin") and name.startswith("plugins/sandbox/")
    if (path.parts[0] == "tools" and not cage
            and re.match(r"(\.\./)*(plugins|volt-init|tests)/", name)):
        return "is no part of a tool"
    if path.parts[0] == "volt-init" and re.match(r"(\.\./)*(core|plugins|sdk|tools|volt)/", name):
        return "belongs to the host"
    return None


sources = tree.files(".c", ".h", under=("core", "plugins", "sdk", "tools", "volt-init", "tests"))
problems = []
for path in sources:
    for mark, name in INCLUDE.findall(tree.text(path)):
        why = complaint(path, mark, name)
        if why:
            problems.append(f"{path}: includes {name}, which {why}")
tree.finish(problems, len(sources), "C files")
