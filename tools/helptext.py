# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""The options that a program's --help prints, for what is made of them."""

import re
import subprocess

OPTION = re.compile(r"^  --([a-z-]+)(?: ([^ ].*?))?(?:  +(.*))?$")


def options(*command):
    """[(name, kind of its value or "", help)] and the whole text"""
    text = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True).stdout
    found = []
    for line in text.splitlines():
        match = OPTION.match(line)
        if match:
            found.append([match[1], match[2] or "", match[3] or ""])
        elif found and not found[-1][2] and line.startswith(" " * 8):
            found[-1][2] = line.strip()
    return [tuple(row) for row in found], text
