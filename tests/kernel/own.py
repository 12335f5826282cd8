# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Our own microVM kernel, for tests and measurements: built by kernel/build, or kept from before.

The first build takes minutes and tells its progress on standard error; later ones take a second
as long as fragments, compiler and the distribution's source stay what they were.
"""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "kernel" / "build"
LIMIT_S = 1400


class BuildError(Exception):
    pass


def run(*words, limit=LIMIT_S):
    """(exit status, standard output) of kernel/build; what it says goes to standard error."""
    command = ["nice", "-n", "10", str(BUILD), "--no-import", *map(str, words)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        raise BuildError(f"no end of '{' '.join(command)}' within {limit} s") from None
    return done.returncode, done.stdout


def build(*words):
    """{"vmlinux": path, "bzImage": path, "config": path, "version": text, ...}"""
    status, printed = run(*words)
    if status:
        raise BuildError(f"kernel/build ended with status {status}")
    return dict(line.split("=", 1) for line in printed.splitlines())
