# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Documents that were rewritten in plain English stay so, and so do messages. The list of documents
grows."""

import re

import tree

PAGES = [
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "README.md",
    "SECURITY.md",
    "docs/README.md",
    "docs/architecture.md",
    "docs/fuzzing.md",
    "docs/glossary.md",
    "docs/interrupts.md",
    "docs/lab.md",
    "docs/overlay.md",
    "docs/pause.md",
    "docs/peers.md",
    "docs/root-disk.md",
    "docs/snapshots.md",
    "docs/troubleshooting.md",
    "docs/virtio.md",
    "jail/volt-jail.8",
    "plugins/acpipower/volt-acpipower.7",
    "plugins/bootmark/volt-bootmark.7",
    "plugins/control/volt-control.7",
    "plugins/count/volt-count.7",
    "plugins/delay/volt-delay.7",
    "plugins/deny/volt-deny.7",
    "plugins/exitport/volt-exitport.7",
    "plugins/fault/volt-fault.7",
    "plugins/i8042/volt-i8042.7",
    "plugins/ioapic/volt-ioapic.7",
    "plugins/pci/volt-pci.7",
    "plugins/prometheus/volt-prometheus.7",
    "plugins/pvpanic/volt-pvpanic.7",
    "plugins/record/volt-record.7",
    "plugins/replay/volt-replay.7",
    "plugins/sandbox/volt-sandbox.7",
    "plugins/serial/volt-serial.7",
    "plugins/trace/volt-trace.7",
    "plugins/vhost-user/volt-vhost-user.7",
    "plugins/virtio-rng/volt-virtio-rng.7",
    "plugins/vmclock/volt-vmclock.7",
    "plugins/vmgenid/volt-vmgenid.7",
    "sdk/template/README.md",
    "sdk/template/volt-gwdt.7",
    "sdk/template/volt-vgpio.7",
    "sdk/volt-plugin.7",
    "tools/ctl/volt-ctl.1",
    "tools/doctor/volt-doctor.1",
    "tools/plugin/volt-plugin.1",
    "tools/snapshot/volt-snapshot.1",
]

PATTERNS = [
    (r"(?:^|[.:;] +)(?:What|Who) (?!\w+ing\b)[a-z][^.?]*\.", "a clause as the subject; name the thing"),
    (r"(?:^|[.] +)Of [a-z]", "a sentence that begins with 'Of'"),
    (r"(?<![Tt]here )\b(?:is|are|was) none\b", "'is none'; write 'is not a', or 'does not exist'"),
    (r"(?<!there )(?<!There )\bis no (?!longer\b|more\b)[a-z]", "'is no X'; write 'is not a X'"),
    (r"\bsaid in the log\b|\bsays? (?:it )?in the log\b", "'said in the log'; write 'logged'"),
    (r"\bwithout a word\b|\bsaid aloud\b", "'without a word'; write 'silently' or 'without a message'"),
]
# A message, or any text of the programs, is a whole literal of C.
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
IN_MESSAGES = [
    (r"(?<![Tt]here )\b(?:is|are) none\b", "'is none'; write 'is not a'"),
    (r"(?<![Tt]here )\bis no (?!longer\b|more\b)[a-z]", "'is no X'; write 'is not a X'"),
    (r"\bwithout a word\b|\bsaid in the log\b", "'without a word', 'said in the log'; name the line or the log"),
]
# Old names of docs/glossary.md, in any file: code, comments, documents. --witness and --ceiling stay.
OLD_NAMES = re.compile(r"(?<![A-Za-z])(?:keepers?|far[ _-]ends?|spoil(?:s|ed)?|census|wirers?|cages?|bells?|"
                       r"stands? still|said in the log|without a word)(?![A-Za-z])", re.I)
ALLOWED = {"CHANGELOG.md", "CONTRIBUTING.md", "docs/glossary.md", "tests/style/check_prose.py"}
# Of a function's errors, in a comment.
SAID = re.compile(r"(?:-errno|NULL|(?i:false)|_FAILED)[,:] (?:which was |which they |and the reason was )?sa(?:id|y)\b")
# A document is read beside packages, too, whose prefix is another one.
PREFIX = re.compile(r"/usr/local/(?:bin|share|lib|include)\b")
DOCUMENTS = (".md", *(f".{n}" for n in range(1, 9)))
TEXTS = (".c", ".h", ".py", ".md", ".build", ".sh", ".config", *(f".{n}" for n in range(1, 9)))
PROGRAMS = ("core", "jail", "plugins", "sdk", "tools", "volt-init")
CODE = re.compile(r"```.*?```|`[^`]*`|\"[^\"\n]*\"", re.S)


def blank(match):
    """Code and quoted text count for their lines only: CONTRIBUTING.md shows bad examples."""
    return "`" + "\n" * match[0].count("\n") + "`"


def paragraphs(text, by_line):
    """(number of the first line, text in one line) of each paragraph, list item and table row;
    of each line of a manual page, where each sentence has a line of its own."""
    found = []
    for number, line in enumerate(CODE.sub(blank, text).split("\n"), 1):
        begins = re.match(r"\s*(?:[*|#]|\d+\.) ?", line)
        if begins or by_line or not line.strip() or not found or not found[-1][1]:
            found.append((number, line[begins.end():] if begins else line))
        else:
            found[-1] = (found[-1][0], (found[-1][1] + " " + line.strip()).strip())
    return found


def problems_of(text, by_line=False):
    return [(number, why) for number, words in paragraphs(text, by_line)
            for pattern, why in PATTERNS if re.search(pattern, words)]


def problems_of_messages(text):
    return [(number, why) for number, line in enumerate(text.split("\n"), 1)
            if "/*" not in line and not line.lstrip().startswith("*")
            for literal in LITERAL.findall(line)
            for pattern, why in IN_MESSAGES if re.search(pattern, literal)]


def problems_of_comments(text):
    return [(number, "'said' of an error; write 'which is logged' or 'printed'")
            for number, line in enumerate(text.split("\n"), 1) if SAID.search(line)]


def problems_of_names(text):
    return [(number, f"'{match[0]}' is an old name: docs/glossary.md has the new one")
            for number, line in enumerate(text.split("\n"), 1) for match in OLD_NAMES.finditer(line)]


EXAMPLE = """What is left is closed.
It stays.

A port is none, as it
is no device. It is no longer there.
Of these two remain.
* Said in the log, or said in the log.
`x is no device`, "is none": quoted.
"""


def main():
    wrong = [number for number, _ in problems_of(EXAMPLE)]
    assert sorted(wrong) == [1, 4, 4, 4, 7], f"this check is blind: {sorted(wrong)}"
    found = [f"{page}:{number}: {why}"
             for page in PAGES for number, why in problems_of(tree.text(page), not page.endswith(".md"))]
    assert [number for number, _ in problems_of_messages('a("x is none");\nb("there is none");')] == [1]
    sources = [path for path in tree.files() if path.suffix == ".c" and path.parts[0] in PROGRAMS
               and not path.name.startswith("test_")]
    found += [f"{path}:{number}: {why}" for path in sources
              for number, why in problems_of_messages(tree.text(path))]
    assert [number for number, _ in problems_of_comments("/* 0 or -errno, said. */\n/* saved */")] == [1]
    found += [f"{path}:{number}: {why}" for path in tree.files(".c", ".h") if path.parts[0] in PROGRAMS
              for number, why in problems_of_comments(tree.text(path))]
    assert [number for number, _ in problems_of_names("a far_end\nb farther")] == [1]
    texts = [path for path in tree.files(*TEXTS) if str(path) not in ALLOWED]
    found += [f"{path}:{number}: {why}" for path in texts for number, why in problems_of_names(tree.text(path))]
    found += [f"{path}:{number}: names a prefix; a program is found by its name, a file is 'share/volt/...'"
              for path in tree.files(*DOCUMENTS) for number, line in enumerate(tree.text(path).split("\n"), 1)
              if PREFIX.search(line)]
    tree.finish(found, len(texts), "documents and sources")


main()
