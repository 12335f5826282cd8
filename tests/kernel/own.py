# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Our own microVM kernel, for tests and measurements: built by kernel/build, or kept from before.

The first build takes minutes and tells its progress on standard error; later ones take a second
as long as fragments, compiler and the distribution's source stay what they were.
"""

import ctypes
import os
import signal
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "kernel" / "build"
LIMIT_S = 1400
END_LIMIT_S = 10


class BuildError(Exception):
    pass


def start(*words, **how):
    """kernel/build, in a process group of its own for end(), and ended if this process is."""
    command = ["nice", "-n", "10", str(BUILD), "--no-import", *map(str, words)]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                            start_new_session=True, preexec_fn=_end_with_parent, **how)


def run(*words, limit=LIMIT_S, **how):
    """(exit status, standard output, standard error if that is a pipe) of kernel/build."""
    child = start(*words, **how)
    try:
        printed, said = child.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        raise BuildError(f"no end of '{' '.join(child.args)}' within {limit} s") from None
    finally:
        end(child)
    return child.returncode, printed, said


def end(child):
    """Ends what is left of it. It is asked first, as make has a group of its own in it."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGTERM)
        try:
            child.communicate(timeout=END_LIMIT_S)
        except subprocess.TimeoutExpired:
            pass
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait()


def _end_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def build(*words):
    """{"vmlinux": path, "bzImage": path, "config": path, "version": text, ...}"""
    status, printed, _ = run(*words)
    if status:
        raise BuildError(f"kernel/build ended with status {status}")
    return dict(line.split("=", 1) for line in printed.splitlines())
