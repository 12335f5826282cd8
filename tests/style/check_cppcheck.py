# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""cppcheck finds nothing in our own C sources; .cppcheck-suppressions says what it may not say.

usage: check_cppcheck.py BUILD_FOLDER
"""

import os
import sys

import tree

FOLDERS = ("core", "plugins", "sdk", "tools", "volt-init")

tree.need("cppcheck")
sources = [path for path in tree.files(".c", under=FOLDERS)
           if not path.name.startswith(("test_", "fuzz_"))]
cache = tree.given(sys.argv[1]) / "cppcheck"
cache.mkdir(parents=True, exist_ok=True)
status, printed = tree.run(
    "cppcheck", "--quiet", "--std=c11", "--enable=warning,performance,portability",
    "--inline-suppr", "--suppressions-list=.cppcheck-suppressions", "--error-exitcode=1",
    "--template={file}:{line}: {id}: {message}", f"--cppcheck-build-dir={cache}",
    f"-j{os.cpu_count() or 1}", "-D__x86_64__", "-D__GNUC__=12", "-D_GNU_SOURCE",
    "-I.", "-Isdk/include", "-Isdk/testing", *sources)
tree.finish(printed.splitlines() if status else [], len(sources), "C sources")
