# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Plugin objects keep the promises that the loader and volt/plugin.h make: one export,
no writable statics, nothing that runs by being loaded, read-only relocations, a stack
that is not executable, the ABI note.

usage: check_objects.py PLUGIN.so...     (not for sanitized builds)
"""

# HOLDS(R8)

import re
import sys

import tree

SECTION = re.compile(r"^\s*\[\s*\d+\]\s+(\S+)\s+(\S+)\s+\S+\s+\S+\s+([0-9a-f]+)", re.MULTILINE)
WRITABLE = (".data", ".bss", ".tdata", ".tbss")
RUNS = (".init", ".fini", ".init_array", ".fini_array", ".preinit_array", ".ctors", ".dtors")


def readelf(option, built):
    status, printed = tree.run("readelf", "--wide", option, built)
    return printed if status == 0 else sys.exit(printed)


def exports(built):
    for line in readelf("--dyn-syms", built).splitlines():
        fields = line.split()
        if len(fields) >= 8 and fields[4] in ("GLOBAL", "WEAK") and fields[6] != "UND":
            yield fields[7].split("@")[0]


def complaints(built):
    exported = list(exports(built))
    if exported != ["volt_plugin"]:
        yield f"exports {exported} where only volt_plugin is wanted"
    sections = {name: int(size, 16) for name, _, size in SECTION.findall(readelf("--sections", built))}
    for name, size in sections.items():
        base = name if name in WRITABLE + RUNS else re.sub(r"(?<=.)\..*", "", name)
        if base in WRITABLE and size and not name.startswith(".data.rel.ro"):
            yield f"has {size} bytes of writable statics in {name}"
        if name in RUNS and size:
            yield f"has {name}, which runs when it is loaded"
    if ".note.volt" not in sections:
        yield "has no note .note.volt"
    dynamic = readelf("--dynamic", built)
    if not re.search(r"BIND_NOW|\bNOW\b", dynamic):
        yield "is bound lazily"
    if "TEXTREL" in dynamic:
        yield "has relocations in its code"
    segments = readelf("--segments", built)
    if "GNU_RELRO" not in segments:
        yield "has no read-only relocations"
    if not re.search(r"GNU_STACK.* RW ", segments):
        yield "asks for an executable stack"
    if re.search(r"^\s*LOAD.* RWE ", segments, re.MULTILINE):
        yield "has a segment both writable and executable"


tree.need("readelf")
objects = [tree.given(name) for name in sys.argv[1:]]
problems = [f"{built.name}: {why}" for built in objects for why in complaints(built)]
tree.finish(problems, len(objects), "plugin objects")
