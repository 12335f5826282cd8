#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Makes manual pages from the comments of the public headers: reference.py FOLDER

One page for each header, volt/loop.h in volt_loop.h.3, and volt-sdk.7, which lists them.
--names prints the pages' names instead, --headers those of the headers. tests/style/check_reference.py reads with the same
parser, and wants a comment for everything that is in a header.

A comment belongs to what stands right below it, or before it on the same line; one above a
run of macros or prototypes without an empty line between belongs to all of them. Names that
end in an underscore are the headers' own.
"""

import dataclasses
import pathlib
import re
import sys

SDK = pathlib.Path(__file__).resolve().parent
FOLDERS = (SDK / "include", SDK / "testing")
NAME = r"[A-Za-z_]\w*"
DATE = "November 22, 2026"
# What every struct has; said once, in volt-sdk(7).
COMMON = {"size": "bytes of the struct, set by who makes it", "reserved": "0"}


@dataclasses.dataclass
class Item:
    """A macro, a member, a function or a struct. `shared` text is that of a whole run."""
    kind: str  # "macro", "member", "slot" (a member that is called), "function", "struct"
    name: str
    code: str
    text: str = ""
    shared: str = ""
    members: list = dataclasses.field(default_factory=list)

    def said(self):
        return " ".join(part for part in (self.shared, self.text) if part)


@dataclasses.dataclass
class Header:
    include: str  # "volt/loop.h"
    title: str
    text: str
    items: list  # of Item, and of str for headings and for text of its own

    def page(self):
        return self.include.replace("/", "_") + ".3"


def headers():
    return [path for folder in FOLDERS for path in sorted((folder / "volt").rglob("*.h"))]


def include(path):
    """As it is written between < and >."""
    return path.relative_to(next(base for base in FOLDERS if base in path.parents)).as_posix()


def comment_text(raw):
    """What is between /* and */, without the border; an empty line parts paragraphs."""
    lines = raw.strip()[2:-2].split("\n")
    return "\n".join(re.sub(r"^\s*\* ?", "", line).rstrip() if number else line.strip()
                     for number, line in enumerate(lines)).strip("\n")


def member_names(code):
    """The names that a declaration of members declares, and whether it can be called."""
    call = re.search(rf"\(\*({NAME})\)", code)
    if call:
        return [call[1]], True
    return [re.search(rf"({NAME})(?:\[.*\])?$", part.strip())[1]
            for part in code.rstrip(";").split(",")], False


class Parser:
    """Reads headers of the house style: declarations end with ; or }, one on a line."""

    def __init__(self, path):
        self.lines = path.read_text(encoding="utf-8").split("\n")
        self.header = Header(include(path), "", "", [])
        self.at = 0
        self.pending = ""  # the comment above
        self.run = False  # whether the line above was a macro or prototype of the same run

    def take(self, until):
        """Joins lines from here to the one that `until` matches, which is taken as well."""
        first = self.at
        while not re.search(until, self.lines[self.at]):
            self.at += 1
        self.at += 1
        return "\n".join(self.lines[first:self.at])

    def parse(self):
        while self.at < len(self.lines):
            self.step(self.lines[self.at])
        return self.header

    def step(self, line):
        if re.match(r"/\*", line) and not re.search(r"\*/\s*\S", line):
            self.comment(comment_text(self.take(r"\*/")))
        elif not line.strip():
            self.flush()
            self.at += 1
        elif line.startswith("#define"):
            self.macro(self.take(r"[^\\]$"))
        elif re.match(r"struct \w+ \{", line):
            self.struct(self.take(r"^\}"))
        elif line.startswith("#") or re.match(r'extern "C"|\}|VOLT_PRINTF|struct \w+;', line):
            self.at += 1
        else:
            self.function()

    def flush(self):
        if self.pending and not self.run:
            self.header.items.append(self.pending)
        self.pending, self.run = "", False

    def comment(self, text):
        if text.startswith("SPDX-"):
            return
        if not self.header.title:
            title, _, self.header.text = text.partition("\n\n")
            self.header.title = " ".join(title.partition(" - ")[2].split())
        elif re.match(r"-{5,}", text):
            self.header.items.append("= " + text.strip("- "))
        else:
            self.flush()
            self.pending = text

    def add(self, item):
        if not item.name.endswith("_"):
            item.shared = self.pending
            self.header.items.append(item)
            self.run = True

    def macro(self, raw):
        found = re.match(rf"#define ({NAME})(\([^)]*\))?[ \t]*(.*)", raw, re.DOTALL)
        name, arguments = found[1], found[2] or ""
        body = re.sub(r"/\* NOLINT.*?\*/", "", found[3])
        said = re.search(r"/\*(.*?)\*/", body, re.DOTALL)
        value = re.sub(r"/\*.*?\*/", "", body, flags=re.DOTALL).strip()
        if not value or value.startswith(("extern", "__attribute__")):
            return
        text = said[1].strip() if said else ""
        if name.startswith("VOLT_EXT_") and not text:
            text = "The id of the extension, for get_ext()."
        self.add(Item("macro", name, f"#define {name}{arguments}" +
                      (f" {value}" if not arguments else ""), text))

    def function(self):
        raw = self.take(r"[;{]\s*(?:/\*.*\*/)?$")
        if raw.rstrip().endswith("{"):
            self.take(r"^\}")
        code = re.sub(r"^static inline ", "", " ".join(re.sub(r"/\*.*?\*/", "", raw).split()))
        code = code.rstrip("{; ") + ";"
        said = re.search(r"/\*(.*?)\*/", raw)
        name = re.search(rf"({NAME})\(", code)[1]
        self.add(Item("function", name, code, said[1].strip() if said else ""))

    @staticmethod
    def members(item, code, above):
        names, called = member_names(code)
        for name in names:
            text = above or COMMON.get(name.rstrip("0123456789"), "")
            item.members.append(Item("slot" if called else "member", name, code, text))

    def struct(self, raw):
        name = re.match(r"struct (\w+)", raw)[1]
        item = Item("struct", name, f"struct {name}")
        body = raw[raw.index("{") + 1:raw.rindex("}")]
        above, end = "", 0
        for found in re.finditer(r"(/\*.*?\*/)|([^;/]+;)", body, re.DOTALL):
            if found[2]:
                code = " ".join(found[2].split())
                code = code.replace("( ", "(")
                self.members(item, code, above)
                above, end = "", found.end()
            elif item.members and "\n" not in body[end:found.start()]:
                for member in item.members:  # on the line of what it is about
                    if member.code == code:
                        member.text = comment_text(found[1])
            else:
                above = comment_text(found[1])
        self.add(item)


def parse_all():
    return [Parser(path).parse() for path in headers()]


# ------------------------------------------------------------------ pages

def sentences(lines):
    """Each on lines of its own, which is how mdoc knows where one ends."""
    text = "\n".join(lines)
    return re.sub(r"([.:?!][)\"]?) (?=[A-Z*`\"])", r"\1\n", text).split("\n")


def escaped(line):
    line = line.replace("\\", r"\e")
    return r"\&" + line if line[:1] in (".", "'") else line


def paragraphs(text):
    """mdoc of a comment: lists and examples, which are indented, stay as they are."""
    out = []
    for number, part in enumerate(re.split(r"\n\n+", text)):
        lines = sentences(part.split("\n"))
        if number:
            out.append(".Pp")
        while lines:
            if lines[0].startswith("  "):
                out.append(".Bd -literal -offset indent")
                while lines and lines[0].startswith("  "):
                    out.append(literal(lines.pop(0)[2:]))
                out.append(".Ed")
            else:
                out.append(escaped(lines.pop(0)))
    return out


def literal(line):
    for char, name in (("\\", r"\e"), ("'", r"\(aq"), ("`", r"\(ga"), ("^", r"\(ha"), ("~", r"\(ti")):
        line = line.replace(char, name) if char == "\\" else re.sub(
            rf"(?<!\\\(){re.escape(char)}", lambda _, n=name: n, line)
    return r"\&" + line if line[:1] == "." else line


def quoted(code):
    return '"' + literal(code).replace('"', r"\(dq") + '"'


def tagged(items):
    out = [".Bl -tag -width Ds"]
    for number, item in enumerate(items):
        if number and items[number - 1].code == item.code:
            continue  # uint64_t base, len;
        texts = list(dict.fromkeys(other.text for other in items if other.code == item.code))
        out.append(f".It Li {quoted(item.code)}")
        if len(texts) > 1:  # uint32_t size, reserved;
            texts = ["; ".join(f"{other.name}: {other.text}" for other in items
                               if other.code == item.code)]
        out += paragraphs("\n".join(texts)) if any(texts) else []
    return out + [".El"]


def runs(items):
    """Items of one run together: macros and functions that share a comment."""
    found = []
    for item in items:
        if (found and isinstance(item, Item) and isinstance(found[-1], list)
                and item.kind in ("macro", "function") and found[-1][0].kind == item.kind
                and item.shared == found[-1][0].shared):
            found[-1].append(item)
        else:
            found.append([item] if isinstance(item, Item) else item)
    return found


def body(header):
    out = []
    for one in runs(header.items):
        if isinstance(one, str):
            out += [f".Ss {one[2:].capitalize()}"] if one.startswith("= ") else [".Pp"] + paragraphs(one)
            continue
        if one[0].kind == "struct":
            out += [f".Ss struct {one[0].name}"]
            out += paragraphs(one[0].shared) if one[0].shared else []
            out += tagged(one[0].members)
            continue
        if len(one) == 1:
            one = [dataclasses.replace(one[0], text=one[0].said(), shared="")]
        out += [".Pp"] + (paragraphs(one[0].shared) if one[0].shared else [])
        out += tagged(one)
    return out


def clean(lines):
    """No paragraph begins where one has begun already, or before a list or display."""
    out = []
    for line in lines:
        if re.match(r"\.B[ld]\b", line) and out and out[-1] == ".Pp":
            out.pop()
        if line == ".Pp" and (not out or re.match(r"\.(Pp|Ss|Sh)\b", out[-1])):
            continue
        out.append(line)
    return out


def top(title, section, name, what):
    return [r'.\" SPDX-License-Identifier: Apache-2.0',
            r'.\" SPDX-FileCopyrightText: The Volt authors',
            r'.\" Made from the headers by sdk/reference.py.',
            f".Dd {DATE}", f".Dt {title} {section}", ".Os Volt", ".Sh NAME", f".Nm {name}",
            ".Nd " + what.replace('"', r"\(dq")]


def page(header):
    name = header.page()[:-2]
    out = top(name.upper(), 3, name, escaped(header.title.rstrip(".")))
    out += [".Sh SYNOPSIS", f".In {header.include}", ".Sh DESCRIPTION"]
    out += paragraphs(header.text) if header.text else []
    out += [".Sh REFERENCE"] + body(header)
    out += [".Sh SEE ALSO", ".Xr volt-plugin 7 ,", ".Xr volt-sdk 7"]
    return "\n".join(clean(out)) + "\n"


INTRODUCTION = """These pages are made from the comments of the headers that are installed with
.Xr volt 1 .
.Xr volt-plugin 7
teaches how to use them.
.Pp
A struct that begins with
.Va size
grows at its end only:
.Va size
is how many bytes of it its maker knows, and
.Fn VOLT_HAS
asks whether a member is there.
Members called
.Va reserved
are 0.
.Ss Threads
Each function says which thread calls it, or may call it:
.Bl -tag -width Ds
.It Bq wire
the main thread, while the machine is put together; after the seal these answer
.Er \\-EPERM
.It Bq loop
the thread of the event loop, after the seal
.It Bq io
the thread of the vCPU whose access it is
.It Bq worker
a thread made by
.Xr volt_worker.h 3
.It Bq any
any of them, at any time after init began
.El
.Ss Headers""".split("\n")


def index(found):
    out = top("VOLT-SDK", 7, "volt-sdk", "the headers for plugins of volt")
    out += [".Sh DESCRIPTION"] + INTRODUCTION + [".Bl -tag -width Ds"]
    for header in found:
        out += [f".It Xr {header.page()[:-2]} 3", escaped(header.title.rstrip("."))]
    return "\n".join(out + [".El", ".Sh SEE ALSO", ".Xr volt 1 ,", ".Xr volt-plugin 1 ,",
                            ".Xr volt-plugin 7"]) + "\n"


def main():
    if sys.argv[1:] == ["--names"]:
        print("\n".join([Header(include(path), "", "", []).page() for path in headers()]
                        + ["volt-sdk.7"]))
        return
    if sys.argv[1:] == ["--headers"]:
        print("\n".join(path.relative_to(SDK).as_posix() for path in headers()))
        return
    folder = pathlib.Path(sys.argv[1])
    found = parse_all()
    for header in found:
        (folder / header.page()).write_text(page(header), encoding="utf-8")
    (folder / "volt-sdk.7").write_text(index(found), encoding="utf-8")


if __name__ == "__main__":
    main()
