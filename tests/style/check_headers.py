# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Every header compiles alone: public ones as strict C11 and C++20, internal ones as
the dialect that the tree is built in, under each compiler that is here."""

# HOLDS(R4)

import os
import shutil

import tree

WARNINGS = ("-Wall", "-Wextra", "-Werror", "-fsyntax-only")
# The descriptor of a plugin leaves out members that stay zero.
PUBLIC = ("-Wpedantic", "-Wno-missing-field-initializers")
INTERNAL = ("-std=gnu11", "-D_GNU_SOURCE", "-Wno-unused", "-Wno-unused-parameter",
            "-Wno-missing-field-initializers")
# Where meson wrote core/config.h.
BUILD = os.environ.get("VOLT_BUILD", "build")
INCLUDES = ("-I.", "-Isdk/include", "-Isdk/testing", f"-I{BUILD}")
INTERNAL_FOLDERS = ("core", "sdk", "plugins", "tools", "volt-init", "tests")


def compile_alone(compiler, header, *flags):
    # A header of a plugin or test folder may include its neighbours.
    source = f'#include "{header}"\n'
    language = "c++" if "++" in compiler else "c"
    status, printed = tree.run(
        compiler, *WARNINGS, *flags, *INCLUDES, f"-I{header.parent}", "-x", language, "-",
        input=source)
    return [f"{header}: {compiler} {' '.join(flags[:1])}: {printed.strip()}"] if status else []


def is_public(header):
    return header.parent.as_posix() in (
        "sdk/include/volt", "sdk/include/volt/draft", "sdk/testing/volt")


headers = tree.files(".h", under=INTERNAL_FOLDERS)
problems, compilers = [], []
for c, cxx in (("gcc", "g++"), ("clang", "clang++")):
    if not shutil.which(c) or not shutil.which(cxx):
        continue
    compilers.append(c)
    for header in headers:
        if is_public(header):
            problems += compile_alone(c, header, "-std=c11", *PUBLIC)
            problems += compile_alone(cxx, header, "-std=c++20", *PUBLIC)
        else:
            problems += compile_alone(c, header, *INTERNAL)
if not compilers:
    tree.skip("neither gcc with g++ nor clang with clang++ is installed")
tree.finish(problems, len(headers), f"headers under {' and '.join(compilers)}")
