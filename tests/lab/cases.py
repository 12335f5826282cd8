# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""A runner for lab tests: one outer machine serves all cases of a file.

Each case is a function that takes the lab; its name is the sentence that it proves. Exit codes
are meson's: 0, 1, or 77 when this host cannot have the lab (1 under VOLT_MUST_WORK=1).
"""

import inspect
import os
import re
import shlex
import subprocess
import sys
import time
import traceback

from lab import Lab, LabError, LabStill, LabUnavailable, fetch

# Linux on its serial port with nothing in the way of its time stamps.
QUIET = "quiet loglevel=0"
INITRD = "/lab/initramfs.cpio.gz"
NO_IOAPIC = "--plugin serial --plugin i8042 --plugin acpipower --plugin exitport"
LIMIT_S = 120


def volt(*words, kernel="/lab/vmlinux", initrd=INITRD, append=QUIET, run=None):
    """A volt command line; `run` is what the guest runs before it ends with its status."""
    if run:
        append += f' volt.run="{run}"'
    line = ["volt", "--kernel", kernel, *words, "--append", shlex.quote(append.strip())]
    if initrd:
        line += ["--initrd", initrd]
    return " ".join(line)


def started(line):
    """Shell words that start a line in the background, as $v, with its output in /tmp/out. That is emptied
    first: the new shell does so beside the next word, which would look at an earlier case's output."""
    return f": >/tmp/out; {line} </dev/null >/tmp/out 2>&1 & v=$!"


def boot(lab, *words, status=0, banner=True, **how):
    """Runs a guest to its end and returns what it and volt printed."""
    found, output = lab.run(volt(*words, **how) + " </dev/null", LIMIT_S)
    expect(found == status, f"exit status {found} instead of {status}", output)
    if banner:
        expect(output.count("VOLT VM READY") == 1, "the banner did not come once", output)
    return output


def expect(condition, text, output=""):
    if not condition:
        tail = "\n".join(output.splitlines()[-60:])
        raise AssertionError(f"{text}\n--- the end of the output:\n{tail}")


def call(*words):
    """Runs a program of this host and returns what it printed."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True,
                          timeout=300, check=False)
    if done.returncode:
        raise LabError(f"{words} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def initramfs_of_debian(build, folder, *options):
    """volt-init and the modules of Debian's kernel, which is imported into a store for that."""
    tool, deb = build / "tools/kernel/volt-kernel", fetch("--deb")["deb"]
    name = call(tool, "import", "--store", folder / "store", deb).strip()
    call(tool, "initramfs", "--store", folder / "store", *options, "--output",
         folder / "initramfs", name)
    return folder / "initramfs"


def number_line(output):
    """The last line that is a number (with a unit perhaps)."""
    found = re.findall(r"^(\d+)(?: kB)?\r?$", output, re.MULTILINE)
    expect(found, "no line with a number", output)
    return int(found[-1])


def prove(lab, case):
    """A case on a machine that hangs proves nothing about volt: it gets one more."""
    try:
        case(lab)
    except LabStill as problem:
        lab.again(problem)
        case(lab)


def run(module, kind=Lab, **how):
    tests = [(name, case) for name, case in module.items()
             if inspect.isfunction(case) and case.__module__ == "__main__"
             and not name.startswith("_")]
    build = sys.argv[1] if len(sys.argv) > 1 else os.environ["VOLT_BUILD"]
    unknown = set(sys.argv[2:]) - {name for name, _ in tests}
    if unknown:
        sys.exit(f"no case is called {', '.join(sorted(unknown))}")
    failed = 0
    try:
        lab = kind(build=build, **how)
        lab.boot()
    except LabUnavailable as problem:
        print(f"SKIP: {problem}")
        sys.exit(1 if os.environ.get("VOLT_MUST_WORK") == "1" else 77)
    if len(sys.argv) > 2:
        tests = [(name, case) for name, case in tests if name in sys.argv[2:]]
    try:
        for number, (name, case) in enumerate(tests):
            started = time.monotonic()
            try:
                prove(lab, case)
                print(f"ok     {name} ({time.monotonic() - started:.1f} s)", flush=True)
            except LabStill as problem:
                failed += len(tests) - number
                print(f"FAILED {name}, and what comes after it: {problem}", flush=True)
                break
            except Exception:
                failed += 1
                print(f"FAILED {name}\n{traceback.format_exc(limit=-2)}", flush=True)
    finally:
        lab.failed = lab.failed or failed > 0
        lab.shutdown()
    stood = f", {lab.restarts} lab that stood still" if lab.restarts else ""
    print(f"{len(tests) - failed} passed, {failed} failed{stood}")
    sys.exit(1 if failed else 0)
