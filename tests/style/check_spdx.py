# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Every file says its licence and its authors in its first lines, in SPDX form."""

import tree

LINES = ("SPDX-License-Identifier: Apache-2.0", "SPDX-FileCopyrightText: The Volt authors")
# The licence itself; ignore lists and fixed-format data, which have no room for comments.
EXEMPT = {"LICENSE", ".gitignore"}
# Of Debian's formats, the same.
EXEMPT_PATHS = {"debian/changelog", "debian/copyright", "debian/source/format"}
EXEMPT_SUFFIXES = {".bin", ".gz", ".json", ".seed", ".so", ".xz"}
HEAD = 6  # a #! line and a comment's opening may come first


def lacks(path):
    head = "\n".join(tree.text(path).splitlines()[:HEAD])
    return [line for line in LINES if line not in head]


names = [path for path in tree.files()
         if path.name not in EXEMPT and path.suffix not in EXEMPT_SUFFIXES and
         str(path) not in EXEMPT_PATHS]
problems = [f"{path}:1: no '{line}'" for path in names for line in lacks(path)]
tree.finish(problems, len(names), "files")
