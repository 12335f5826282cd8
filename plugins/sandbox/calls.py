#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Writes the system calls of x86-64 as C: calls.py OUTPUT COMPILER [WORD...]

They come from the kernel's own header <asm/unistd_64.h>, as the compiler reads it.
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
    """In the order of their numbers, which so need no table; a number without a call is empty."""
    names = {number: name for name, number in calls.items()}
    count = max(names) + 1
    rows = "".join(f'\t"{names.get(number, "")}\\0"\n' for number in range(count))
    return ("/* Written by plugins/sandbox/calls.py. */\n"
            "extern const char call_names[];\n"
            "extern const int call_count;\n"
            f"const char call_names[] =\n{rows};\n"
            f"const int call_count = {count};\n")


def main():
    calls = numbers(sys.argv[2:])
    if len(calls) < 300:
        sys.exit("calls.py: <asm/unistd_64.h> has hardly any system call")
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        out.write(source(calls))


main()
