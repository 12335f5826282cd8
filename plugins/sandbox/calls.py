#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Writes the system calls of x86-64 as C: calls.py OUTPUT COMPILER [WORD...]

They come from the kernel's own header <asm/unistd_64.h>, through the compiler's eyes.
"""

import re
import subprocess
import sys


def numbers(compiler):
    """{name: number} of every __NR_ macro."""
    text = subprocess.run([*compiler, "-E", "-dM", "-include", "asm/unistd_64.h", "-x", "c", "-"],
                          input="", stdout=subprocess.PIPE, text=True, check=True).stdout
    return {name: int(number)
            for name, number in re.findall(r"^#define __NR_(\w+) (\d+)$", text, re.M)}


def source(calls):
    """Sorted by name, for a binary search; offsets into one string need no relocations."""
    names, rows, offset = [], [], 0
    for name in sorted(calls):
        names.append(f'\t"{name}\\0"\n')
        rows.append(f"\t{{{offset}, {calls[name]}}},\n")
        offset += len(name) + 1
    return ("/* Written by plugins/sandbox/calls.py. */\n"
            "extern const char call_names[];\n"
            "extern const unsigned short call_rows[][2];\n"
            "extern const unsigned call_count;\n"
            f"const char call_names[] =\n{''.join(names)};\n"
            f"const unsigned short call_rows[][2] = {{\n{''.join(rows)}}};\n"
            f"const unsigned call_count = {len(calls)};\n")


def main():
    calls = numbers(sys.argv[2:])
    if len(calls) < 300:
        sys.exit("calls.py: <asm/unistd_64.h> has hardly any system call")
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        out.write(source(calls))


main()
