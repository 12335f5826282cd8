# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""No common misspelling in any file, the licence's own text apart."""

import tree

tree.need("codespell")
names = [path for path in tree.files() if path.name != "LICENSE"]
# Words of the field that codespell takes for slips: INOUT and CREAT are names in
# system headers, FPR a register set, "te" and "hda" device jargon, statics C variables.
status, printed = tree.run("codespell", "--ignore-words-list=creat,inout,fpr,te,hda,statics", *names)
problems = printed.splitlines()
if status and not problems:
    problems = [f"codespell ended with status {status}"]
tree.finish(problems, len(names), "files")
