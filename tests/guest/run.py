#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Runs one area of the guest tests: run.py --volt V --guests D --test-plugins D AREA [TEST...]

AREA is the middle of cases_AREA.py, a TEST part of a test's name. By hand, in a build
folder: python3 ../tests/guest/run.py --build . serial

Exits 77, a skip for meson, when nothing could run for want of /dev/kvm; under
VOLT_MUST_WORK=1 that is a failure. Further options go to every volt, for instance
--option=--log-level --option=trace.
"""

import argparse
import importlib
import os
import pathlib
import signal
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

import vm  # noqa: E402

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup(1) ignores it, and volt would keep that


def why_no_kvm():
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return f"/dev/kvm: {error.strerror}"
    return None


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--build", type=pathlib.Path, help="where the three below are, as built")
    parser.add_argument("--volt", type=pathlib.Path)
    parser.add_argument("--plugin-dir", type=pathlib.Path, help="default: beside the program")
    parser.add_argument("--guests", type=pathlib.Path)
    parser.add_argument("--test-plugins", type=pathlib.Path)
    parser.add_argument("--option", action="append", default=[], help="for every volt")
    parser.add_argument("area")
    parser.add_argument("test", nargs="*")
    args = parser.parse_args()
    if args.build:
        args.volt = args.volt or args.build / "core/volt"
        args.guests = args.guests or args.build / "tests/guest"
        args.test_plugins = args.test_plugins or args.build / "tests/guest"
    return args


def configure(args):
    setup = vm.Setup
    setup.volt = args.volt.resolve()
    setup.guests = args.guests.resolve()
    setup.test_plugins = args.test_plugins.resolve()
    setup.options = list(args.option)
    if args.plugin_dir:
        setup.options += ["--plugin-dir", str(args.plugin_dir.resolve())]
    setup.sandboxed = "--no-sandbox" not in setup.options
    setup.no_kvm = why_no_kvm()


def each(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from each(item)
        else:
            yield item


def main():
    args = arguments()
    configure(args)
    module = importlib.import_module(f"cases_{args.area}")
    found = list(each(unittest.defaultTestLoader.loadTestsFromModule(module)))
    wanted = [test for test in found
              if not args.test or any(part in test.id() for part in args.test)]
    if not wanted:
        print(f"no test in {args.area} is named like {args.test}")
        return 1
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(
        unittest.TestSuite(wanted))
    if not result.wasSuccessful():
        return 1
    return 77 if len(result.skipped) == result.testsRun else 0


if __name__ == "__main__":
    sys.exit(main())
