# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""What the tests of volt-plugin share: its folders, runs, and a count of what was wrong.

Each test is called with: VOLT_PLUGIN BROKEN_FOLDER SECURITY_FOLDER PLUGIN_FOLDER plain|sanitized
GUESTS_FOLDER
"""

import json
import pathlib
import subprocess
import sys

PROGRAM, BROKEN, SECURITY, PLUGINS = (pathlib.Path(word) for word in sys.argv[1:5])
GUESTS = pathlib.Path(sys.argv[6])
SANITIZED = sys.argv[5] == "sanitized"

problems = []
checked = 0


def run(*words):
    """Status, standard output and standard error."""
    done = subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True, timeout=300,
                          check=False)
    return done.returncode, done.stdout, done.stderr


def check(path, *words):
    """Status and report of `volt-plugin check`."""
    status, out, err = run("check", "--json", *words, path)
    try:
        return status, json.loads(out)
    except json.JSONDecodeError:
        return status, {"tests": [], "error": err or out}


def failed(report):
    """{test: why} of those that failed."""
    return {one["name"]: one["why"] for one in report["tests"] if one["result"] == "failed"}


def expect(true, what):
    global checked
    checked += 1
    if not true:
        problems.append(what)
        print(what)


def finish(things):
    print(f"{checked} {things}, {len(problems)} wrong")
    sys.exit(1 if problems or not checked else 0)
