# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Every shell script passes shellcheck."""

import tree


def is_shell(path):
    if path.suffix in (".sh", ".bash"):
        return True
    with open(tree.ROOT / path, "rb") as script:
        first = script.readline(64)
    return first.startswith(b"#!") and first.rstrip().endswith((b"sh", b"sh -e", b"sh -eu"))


tree.need("shellcheck")
scripts = [path for path in tree.files() if is_shell(path)]
status, printed = tree.run("shellcheck", "--external-sources", "--format=gcc", *scripts)
problems = printed.splitlines() if status else []
tree.finish(problems, len(scripts), "shell scripts")
