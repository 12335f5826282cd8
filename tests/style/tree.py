# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""What the style checks share: the tree's files, tools, and how a check ends.

A check prints one line per problem and exits 1 if there was any. It exits 77, which
meson reports as a skip, when a tool is missing, and fails instead of skipping under
VOLT_MUST_WORK=1. A check that looked at nothing fails: it would pass for ever.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIPPED_DIRS = {".git", ".cache", "__pycache__"}


def _tracked():
    """New files count as well as committed ones, ignored files never do."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        return None
    return [pathlib.Path(name) for name in listing.stdout.split("\0") if name]


def _walked():
    """For a source archive, which has no .git."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in SKIPPED_DIRS]
        found += [(pathlib.Path(folder) / name).relative_to(ROOT) for name in names]
    return found


def files(*suffixes, under=()):
    """The tree's files, relative to ROOT, by suffix and first folder (none: all)."""
    listed = _tracked()
    if listed is None:
        listed = _walked()
    builds = {path.parent.parent.name for path in ROOT.glob("*/meson-private/coredata.dat")}
    return sorted(
        path for path in set(listed)
        if (ROOT / path).is_file() and path.parts[0] not in builds | {"build-check"}
        and (not suffixes or path.suffix in suffixes)
        and (not under or path.parts[0] in under))


def text(path):
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


def is_word_in(word, where):
    """True if `word` stands in `where` with no letter, digit or joiner beside it."""
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", where) is not None


def plugin_folders():
    return sorted(path.parent for path in (ROOT / "plugins").glob("*/meson.build"))


def plugin_sources(folder):
    """A plugin's own sources: what is linked into its object, without its tests."""
    return sorted(
        path for suffix in ("*.c", "*.h") for path in folder.glob(suffix)
        if not path.name.startswith(("test_", "fuzz_")))


def skip(why):
    print(f"skipped: {why}")
    sys.exit(1 if os.environ.get("VOLT_MUST_WORK") == "1" else 77)


def need(tool):
    if not shutil.which(tool):
        skip(f"{tool} is not installed")
    return tool


def given(name):
    """A path from the command line, which meson gives relative to the build folder."""
    return pathlib.Path(name).resolve()


def run(*command, **kwargs):
    """Returns (exit status, everything printed)."""
    done = subprocess.run(
        [str(word) for word in command], cwd=kwargs.pop("cwd", ROOT), stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace", check=False, **kwargs)
    return done.returncode, done.stdout


def finish(problems, checked, what):
    for problem in problems:
        print(problem)
    if not checked:
        print(f"nothing was checked: no {what} found")
        sys.exit(1)
    print(f"{checked} {what} checked, {len(problems)} problems")
    sys.exit(1 if problems else 0)
