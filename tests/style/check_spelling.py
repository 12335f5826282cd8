# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""No common misspelling in any file, the licence's own text apart."""

import tree

# What codespell takes for slips: names of system headers (creat, inout), of registers and
# their bits (extint, fpr, thre), of mdoc (nd), of a program (passt), and C variables (statics).
WORDS = ("creat", "extint", "fpr", "inout", "nd", "passt", "statics", "thre")

tree.need("codespell")
names = [path for path in tree.files() if path.name != "LICENSE"]
status, printed = tree.run("codespell", f"--ignore-words-list={','.join(WORDS)}", *names)
problems = printed.splitlines()
if status and not problems:
    problems = [f"codespell ended with status {status}"]
tree.finish(problems, len(names), "files")
