# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""C sources look as clang-format with the tree's .clang-format prints them."""

import tree

tree.need("clang-format")
sources = tree.files(".c", ".h")
status, printed = tree.run("clang-format", "--dry-run", "-Werror", *sources) if sources else (0, "")
problems = [line for line in printed.splitlines() if ": error:" in line]
if status and not problems:
    problems = [printed]
tree.finish(problems, len(sources), "C files")
