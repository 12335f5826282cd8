# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""The one dialect of C of CONTRIBUTING.md: conditions test pointers and errors by themselves, and
functions return early instead of nesting their next step in `if (!err)`."""

import re

import tree

# Of which a comment or a literal keeps only the line ends.
TEXT = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'", re.S)
COMPARED = re.compile(r"[!=]= NULL\b|\b(?:err|ret|rc) [!=]= 0\b")
BEGIN = re.compile(r"\b(?:if|while) \(")
# Anywhere, as part of a larger condition. A comparison that is stored or returned stays.
PATTERNS = [
    (re.compile(rf"(?:&&|\|\|) *(?:[\w.>*\[\]-]|\([^()]*\))+ [!=]= NULL\b|(?:{COMPARED.pattern}) *(?:&&|\|\|)"),
     "write `err`, `ptr`, or with a `!`"),
    (re.compile(r"\bNULL [!=]= "), "write `ptr`, or `!ptr`"),
    (re.compile(r"^(\t+)if \(!(err|ret|rc)\b[^;{]*\)(?: \{)?\n\1\t\2 = ", re.M),
     "write `if (err) return err;` in front of the next step"),
]
EXAMPLE = """
	if (p == NULL) /* p == NULL */
		return a(NULL) != NULL;
	while (n && (p = next()) != NULL)
		say("p != NULL");
	q = err == 0 && b;
	if (!err)
		err = step();
	if (!err)
		done();
	if ((kind == 0) != (p != NULL) || f(p != NULL))
		q = p != NULL;
"""


def blank(match):
    return "\n" * match[0].count("\n") + '""'


def is_condition(code, start, at):
    """True if `at` is no argument of a call and no operand of a comparison in the condition from `start`."""
    depth = 0
    for i in range(at - 1, start, -1):
        depth += {")": 1, "(": -1}.get(code[i], 0)
        if depth < 0 and (code[i - 1].isalnum() or code[i - 2:i] == "= "):
            return False
        depth = max(depth, 0)
    return True


def conditions(code):
    """(start, end) of each condition of an if or while, without its parentheses."""
    for begin in BEGIN.finditer(code):
        depth, end = 1, begin.end()
        while depth and end < len(code):
            depth += {"(": 1, ")": -1}.get(code[end], 0)
            end += 1
        yield begin.end(), end - 1


def problems_of(text):
    code = TEXT.sub(blank, text)
    found = {(match.start(), why) for pattern, why in PATTERNS for match in pattern.finditer(code)}
    found |= {(match.start(), "write `if (err)`, `if (ptr)`, or with a `!`")
              for start, end in conditions(code) for match in COMPARED.finditer(code, start, end)
              if is_condition(code, start, match.start())}
    return sorted({(code.count("\n", 0, at) + 1, why) for at, why in found})


def main():
    seen = sorted({number for number, _ in problems_of(EXAMPLE)})
    assert seen == [2, 4, 6, 7], f"this check is blind: {seen}"
    paths = tree.files(".c", ".h")
    found = [f"{path}:{number}: {why}" for path in paths for number, why in problems_of(tree.text(path))]
    tree.finish(found, len(paths), "C files")


main()
