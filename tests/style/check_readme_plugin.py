# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""The plugin that README.md shows is complete: it compiles under warnings as errors with
the SDK's flags, passes the checks of every plugin's object and describes itself.

usage: check_readme_plugin.py --print | --name
       check_readme_plugin.py WORK_FOLDER DESCRIPTOR_PROGRAM COMPILER LINK_ARGUMENT...
"""

import re
import sys

import tree

BLOCK = re.compile(r"^```c\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINES = 45  # "about thirty"; more and it is not what the text promises
FLAGS = ("-std=c11", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Wno-missing-field-initializers",
         "-Werror", "-O2", "-fPIC", "-fvisibility=hidden", "-shared", "-Isdk/include")


def example():
    """The one C block that defines a plugin, and the name under which it is used."""
    blocks = [block for block in BLOCK.findall(tree.text("README.md")) if "VOLT_PLUGIN(" in block]
    if len(blocks) != 1:
        sys.exit(f"README.md has {len(blocks)} C blocks with a plugin where one is wanted")
    descriptor = blocks[0].partition("VOLT_PLUGIN(")[2]
    name = re.search(r'\.name = "([a-z0-9-]+)"', descriptor)
    return blocks[0], name.group(1) if name else sys.exit("the plugin of README.md has no .name")


source, name = example()
if sys.argv[1:] in (["--print"], ["--name"]):
    print(source if sys.argv[1] == "--print" else name, end="")
    sys.exit(0)

work, describe, compiler = tree.given(sys.argv[1]), tree.given(sys.argv[2]), sys.argv[3]
work.mkdir(parents=True, exist_ok=True)
built = work / f"{name}.so"
problems = []
if source.count("\n") > LINES:
    problems.append(f"README.md: the plugin has {source.count(chr(10))} lines, more than {LINES}")
status, printed = tree.run(
    compiler, *FLAGS, "-x", "c", "-", "-x", "none", *sys.argv[4:], "-o", built, input=source)
if status:
    problems.append(f"README.md: the plugin does not compile:\n{printed}")
else:
    for check in ((sys.executable, "tests/style/check_objects.py", built), (describe, built)):
        status, printed = tree.run(*check)
        if status:
            problems.append(printed.strip())
    if f"name {name}\n" not in printed:
        problems.append(f"README.md: the plugin does not call itself {name}")
tree.finish(problems, 1, "plugin in README.md")
