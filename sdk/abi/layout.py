#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Writes sdk/abi/layout.c, what the ABI is today, from the public headers: layout.py [CC]

layout.c is checked in and compiled with every build, so a header that drifts away from it
does not build. A deliberate change: say it in sdk/abi/history with its reason, retire what
of tests/abi/museum cannot follow, then run this and commit what it writes.

--names prints instead what layout.c must speak of: a test compares.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
# virtio.h is of a library that plugins contain: nothing of it passes between plugin and host.
HEADERS = sorted(path for path in (ROOT / "sdk/include/volt").glob("*.h") if path.name != "virtio.h")
TOP = """/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * layout.c - the ABI as numbers: where each member of each public struct lies and what type
 * it has, and the value of each public constant. Written by sdk/abi/layout.py, which tells
 * what to do when one of these does not hold any more.
 */
"""
MACROS = """
#define SIZE(s, n) _Static_assert(sizeof(struct s) == (n), "struct " #s " changed: sdk/abi/layout.py")
#define AT(s, m, n, ...) \\
	_Static_assert(offsetof(struct s, m) == (n), "struct " #s ": " #m " moved: sdk/abi/layout.py"); \\
	_Static_assert(__builtin_types_compatible_p(__typeof__(((struct s *)0)->m), __VA_ARGS__), \\
	    "struct " #s ": " #m " has another type: sdk/abi/layout.py")
#define VALUE(name, n) _Static_assert((name) == (n), #name " has another value: sdk/abi/layout.py")
#define TEXT(name, text) \\
	_Static_assert(sizeof(name) == sizeof(text) && __builtin_strcmp(name, text) == 0, \\
	    #name " says something else: sdk/abi/layout.py")
"""


def stripped(header):
    text = re.sub(r"/\*.*?\*/", " ", header.read_text(), flags=re.S)
    return re.sub(r"\\\n", " ", text)


def member(declaration):
    """[(name, type)] of "uint16_t a, b", "char text[8]" or "int (*call)(void *self)"."""
    declaration = " ".join(declaration.split()).replace("( ", "(")
    call = re.fullmatch(r"(.*?)\(\*(\w+)\)(\(.*\))", declaration)
    if call:
        return [(call[2], f"{call[1]}(*){call[3]}")]
    first, *others = declaration.split(",")
    base, stars, name, array = re.fullmatch(r"(.*?)(\**)(\w+)(\[.*\])?", first.strip()).groups()
    found = [(name, f"{base}{stars}{array or ''}".strip())]
    for other in others:
        stars, name, array = re.fullmatch(r"(\**)(\w+)(\[.*\])?", other.strip()).groups()
        found.append((name, f"{base}{stars}{array or ''}".strip()))
    return found


def structs(text):
    """{name: [(member, type)]} in the order of the header."""
    found = {}
    for name, body in re.findall(r"^struct (\w+) \{(.*?)^\};", text, re.M | re.S):
        found[name] = [one for line in body.split(";") if line.strip() for one in member(line)]
    return found


def constants(text):
    """Names of macros without parameters that have a value."""
    return [name for name, value in re.findall(r"^#define (VOLT_[A-Z0-9_]+)[ \t]+(\S.*)$", text,
                                               re.M)
            if not name.endswith("_") and value not in ("extern", '"C"', 'extern "C"')
            and name != "VOLT_PLUGIN"]


def evaluate(compiler, lines):
    """What a program made of these statements prints, by lines."""
    with tempfile.TemporaryDirectory(prefix="volt-layout-") as folder:
        source = pathlib.Path(folder) / "layout.c"
        source.write_text("#include <stdio.h>\n"
                          + "".join(f"#include <volt/{path.name}>\n" for path in HEADERS)
                          + "int main(void)\n{\n" + "\n".join(lines) + "\n}\n")
        subprocess.run([compiler, "-std=gnu11", "-w", f"-I{ROOT / 'sdk/include'}", source,
                        "-o", source.with_suffix("")], check=True)
        return subprocess.run([source.with_suffix("")], check=True, capture_output=True,
                              text=True).stdout.splitlines()


def printer(name):
    """A statement that prints a macro's value as an assertion."""
    return (f'__builtin_choose_expr(__builtin_types_compatible_p(__typeof__({name}), '
            f'char[sizeof({name})]), printf("TEXT({name}, \\"%s\\");\\n", '
            f'(const char *)(__UINTPTR_TYPE__)({name})), '
            f'printf("VALUE({name}, %#llx);\\n", (unsigned long long)(__UINTPTR_TYPE__)({name})));')


def asserts(compiler):
    lines = []
    for header in HEADERS:
        text = stripped(header)
        lines.append(f'puts("\\n/* {header.name} */\\n");')
        for name, members in structs(text).items():
            lines.append(f'printf("SIZE({name}, %zu);\\n", sizeof(struct {name}));')
            for one, kind in members:
                lines.append(f'printf("AT({name}, {one}, %zu, {kind});\\n", '
                             f'offsetof(struct {name}, {one}));')
        lines += [printer(name) for name in constants(text)]
    return evaluate(compiler, lines)


def names():
    for header in HEADERS:
        text = stripped(header)
        for name, members in structs(text).items():
            yield f"SIZE({name},"
            yield from (f"AT({name}, {one}," for one, _ in members)
        yield from (f"({name}," for name in constants(text))


def main():
    if sys.argv[1:] == ["--names"]:
        print("\n".join(names()))
        return
    compiler = sys.argv[1] if len(sys.argv) > 1 else "cc"
    body = "\n".join(asserts(compiler))
    includes = "".join(f"#include <volt/{path.name}>\n" for path in HEADERS)
    (ROOT / "sdk/abi/layout.c").write_text(
        f"{TOP}/* clang-format off */\n#include <stddef.h>\n\n{includes}{MACROS}{body}\n")


if __name__ == "__main__":
    main()
