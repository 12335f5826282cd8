#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Check that a kernel's configuration has every option of a fragment; if not, print why.

    kernel/kconfig.py SOURCE CONFIG FRAGMENT

SOURCE is a Linux tree, CONFIG its .config, and FRAGMENT a file with the options that are wanted. To
explain why an option is not set, the script reads the parts of the Kconfig language that decide that:
`config`, `depends on`, `if`, `menu`, `choice`, `source` (Linux,
Documentation/kbuild/kconfig-language.rst). An option that this version of Linux does not know is
printed, but is not a failure: names change with versions. Exit status 1: an option is not set as the
fragment wants it.
"""

import re
import sys
from pathlib import Path

OPTION = re.compile(r"^CONFIG_(\w+)=(.*)$")
OFF = re.compile(r"^# CONFIG_(\w+) is not set$")
NUMBER = re.compile(r"-?\d+|0x[0-9a-fA-F]+")
TOKEN = re.compile(r'\s*(&&|\|\||!=|<=|>=|[=<>!()]|"[^"]*"|\$\([^)]*\)+|[\w./-]+)')


def read_options(path):
    """Read a fragment or a .config as {name: value}; "# CONFIG_X is not set" gives "n"."""
    found = {}
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        match, off = OPTION.match(line), OFF.match(line)
        if match:
            found[match[1]] = match[2]
        elif off:
            found[off[1]] = "n"
    return found


# --- the language ---------------------------------------------------------------------------


def logical_lines(text):
    """The lines of a Kconfig file: continued lines are joined; help texts, comments and empty lines are left out."""
    help_indent = -1  # -1: not in a help text; None: the next line tells its indent
    for line in re.sub(r"\\\n", " ", text).splitlines():
        words = line.strip()
        if not words or words.startswith("#") and help_indent == -1:
            continue
        indent = len(line.expandtabs(8)) - len(line.expandtabs(8).lstrip())
        if help_indent is None:
            help_indent = indent or 1
        if help_indent != -1 and indent >= help_indent:
            continue
        help_indent = None if words in ("help", "---help---") else -1
        if help_indent is not None:
            yield re.sub(r"\s+", " ", re.sub(r"\s#\s.*$", "", words))


class Tree:
    """All Kconfig files of a Linux tree. `options` is {name: [conditions of each definition]}; `prompts` has the
    names of the options that a user can set."""

    def __init__(self, source, arch="x86"):
        self.source, self.arch = Path(source), arch
        self.options, self.prompts = {}, set()
        self.blocks = []  # conditions of the if, menu and choice blocks that are open here
        self.read("Kconfig")

    def read(self, name):
        path = self.source / name.strip('"').replace("$(SRCARCH)", self.arch)
        current, at_block = None, False
        for line in logical_lines(path.read_text(encoding="utf-8", errors="replace")):
            word, _, rest = line.partition(" ")
            rest = rest.strip()
            if word in ("config", "menuconfig"):
                current, at_block = [list(block) for block in self.blocks], False
                self.options.setdefault(rest, []).append(current)
                owner = rest
            elif word in ("if", "menu", "choice", "comment"):
                if word != "comment":
                    self.blocks.append([rest] if word == "if" else [])
                current, at_block = None, word != "comment"
            elif word in ("endif", "endmenu", "endchoice"):
                self.blocks.pop()
                current, at_block = None, False
            elif word == "source":
                self.read(rest)
                current, at_block = None, False
            elif line.startswith("depends on") and current is not None:
                current.append([line[len("depends on"):].strip()])
            elif line.startswith("depends on") and at_block:
                self.blocks[-1].append(line[len("depends on"):].strip())
            elif current is not None and '"' in line and word in (
                    "bool", "tristate", "string", "int", "hex", "prompt"):
                self.prompts.add(owner)

    def definitions(self, name):
        """For each place that defines the option, all conditions it depends on."""
        return [[expression for block in place for expression in block]
                for place in self.options.get(name, [])]


class Expression:
    """Evaluates a Kconfig expression for a configuration. A symbol that is not defined anywhere counts as true."""

    def __init__(self, text, values):
        self.tokens, self.values = TOKEN.findall(text), values
        self.at = 0

    def peek(self):
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self):
        self.at += 1
        return self.tokens[self.at - 1]

    def either(self):
        found = self.both()
        while self.peek() == "||":
            self.take()
            found = self.both() or found
        return found

    def both(self):
        found = self.one()
        while self.peek() == "&&":
            self.take()
            found = self.one() and found
        return found

    def one(self):
        word = self.take()
        if word == "!":
            return not self.one()
        if word == "(":
            found = self.either()
            self.take()
            return found
        value = self.value(word)
        if self.peek() in ("=", "!=", "<", ">", "<=", ">="):
            sign, other = self.take(), self.value(self.take())
            return (value == other) == (sign == "=") if sign in ("=", "!=") else True
        return value not in ("n", "", "0")

    def value(self, word):
        if word[0] == '"':
            return word.strip('"')
        if word in ("y", "m", "n") or NUMBER.fullmatch(word):
            return word
        if word[0] == "$":
            return "y"
        return self.values.get(word, "n").strip('"')


def is_true(text, values):
    return Expression(text, values).either()


def terms(text):
    """The parts of the expression that are joined by &&."""
    depth, last, found = 0, 0, []
    for match in re.finditer(r"&&|\|\||[()]", text):
        if match[0] in "()":
            depth += 1 if match[0] == "(" else -1
        elif match[0] == "||" and not depth:
            return [text.strip()]
        elif not depth:
            found.append(text[last:match.start()].strip())
            last = match.end()
    return [*found, text[last:].strip()]


# --- answers --------------------------------------------------------------------------------


def unmet(tree, name, values):
    """Why the option cannot be set: the false conditions of the definition that has the fewest of them."""
    places = [[term for expression in expressions for term in terms(expression)
               if not is_true(term, values)] for expressions in tree.definitions(name)]
    return min(places, key=len)


def explain(tree, name, wanted, values):
    found = values.get(name, "n")
    missing = unmet(tree, name, values)
    if wanted == "n":
        return f"CONFIG_{name} is {found}, wanted n: another option selects it"
    if missing:
        return f"CONFIG_{name}={wanted} needs {' and '.join(dict.fromkeys(missing))}"
    if name not in tree.prompts:
        return f"CONFIG_{name}={wanted} cannot be asked for: only other options select it"
    return f"CONFIG_{name} is {found}, wanted {wanted}: its kind, range or choice forbids it"


def check(source, config, fragment):
    """Returns two lists: options that are not set as wanted, options that this Linux does not know."""
    values, wanted, tree = read_options(config), read_options(fragment), None
    wrong = [name for name, value in wanted.items() if values.get(name, "n") != value]
    if not wrong:
        return [], []
    tree = Tree(source)
    unknown = [name for name in wrong if name not in tree.options]
    return [explain(tree, name, wanted[name], values) for name in wrong
            if name not in unknown], unknown


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    problems, unknown = check(*sys.argv[1:])
    if unknown:
        print(f"kconfig: not known to this version of Linux: {' '.join(unknown)}")
    for problem in problems:
        print(f"kconfig: {problem}")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
