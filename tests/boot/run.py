#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Runs cases_protocols.py as tests/guest/run.py runs its own: same options, same exit codes.

By hand, in a build folder: python3 ../tests/boot/run.py --build . --guests tests/boot protocols
"""

import importlib.util
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
GUEST = HERE.parent / "guest"
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(GUEST)]

spec = importlib.util.spec_from_file_location("guest_run", GUEST / "run.py")
guest_run = importlib.util.module_from_spec(spec)
spec.loader.exec_module(guest_run)

if __name__ == "__main__":
    sys.exit(guest_run.main())
