# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""clang-tidy finds nothing in our own C sources under the tree's .clang-tidy.

usage: check_tidy.py BUILD_FOLDER [SOURCE...]
"""

import concurrent.futures
import json
import os
import pathlib
import sys

import tree

FOLDERS = ("core", "plugins", "sdk", "tools", "volt-init")
PROCESSES = min(os.cpu_count() or 1, 8)


def wanted(path):
    return path.parts[0] in FOLDERS and not path.name.startswith(("test_", "fuzz_"))


def sources(build):
    """Our sources that the build compiles, once each, relative to ROOT."""
    database = json.loads((build / "compile_commands.json").read_text())
    found = set()
    for entry in database:
        path = (pathlib.Path(entry["directory"]) / entry["file"]).resolve()
        if path.suffix == ".c" and tree.ROOT in path.parents:
            found.add(path.relative_to(tree.ROOT))
    return sorted(path for path in found if wanted(path))


def shortened(build, line):
    """The line with its file's path from ROOT, whatever way the compiler took to it."""
    name, colon, rest = line.partition(":")
    return os.path.relpath((build / name).resolve(), tree.ROOT) + colon + rest


def tidy(build, path):
    # The database may be gcc's, whose warnings clang does not all know, and a release
    # build's, without the assertions that tell the analyser what cannot happen.
    status, printed = tree.run(
        "clang-tidy", "--quiet", "-p", build, "--extra-arg=-Wno-unknown-warning-option",
        "--extra-arg=-Wno-unused-command-line-argument", "--extra-arg=-UNDEBUG", path)
    found = [shortened(build, line) for line in printed.splitlines()
             if ": error:" in line or ": warning:" in line]
    return (found or [printed.strip()]) if status else []


tree.need("clang-tidy")
build = tree.given(sys.argv[1])
chosen = [pathlib.Path(name) for name in sys.argv[2:]] or sources(build)
problems = []
with concurrent.futures.ThreadPoolExecutor(PROCESSES) as pool:
    for found in pool.map(lambda path: tidy(build, path), chosen):
        problems += found
tree.finish(problems, len(chosen), "C sources")
