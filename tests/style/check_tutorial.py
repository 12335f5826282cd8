# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""What sdk/volt-plugin.7 shows works as printed: its files are written and its commands typed,
in its order, in an empty folder, with an installed Volt and nothing of this tree.

usage: check_tutorial.py --build BUILD    installs BUILD into an empty prefix first
       check_tutorial.py --prefix PREFIX  what was installed, the folder with bin/

A comment before each display of the page says what it is; its first lines tell which there are.
"""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

import tree

PAGE = "sdk/volt-plugin.7"
DISPLAY = re.compile(
    r'^(?:\.\\" (file|more|run|guest|prints)(?: (\S+))?\n)?\.Bd -literal[^\n]*\n(.*?)^\.Ed$',
    re.MULTILINE | re.DOTALL)
ESCAPES = {r"\e": "\\", r"\&": "", r"\(aq": "'", r"\(ga": "`", r"\(ha": "^", r"\(ti": "~", r"\-": "-"}
# What a formatter changes on the way to a terminal: copied from there, it would not compile.
CHANGED = re.compile(r"(?<!\\\()['`^~]|\\(?![e&-]|\((?:aq|ga|ha|ti))")
STRICT = ("cc -Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers -Wshadow"
          " -Wstrict-prototypes -Werror ")
# One byte to the port that volt.mark names in the page, and then nothing any more.
GUEST = """	.globl _start
_start:	movw	$0x320, %dx
	movb	$0x52, %al
	outb	%al, %dx
1:	hlt
	jmp	1b
"""
CLOCK = re.compile(r"\d+\.\d{9}")
LIMIT_S = 300


def plain(text):
    return re.sub("|".join(map(re.escape, ESCAPES)), lambda m: ESCAPES[m.group()], text)


def displays(problems):
    page = tree.text(PAGE)
    for found in DISPLAY.finditer(page):
        kind, name, text = found.groups()
        for line in text.splitlines():
            if CHANGED.search(line) or re.match(r"[.']", line):
                problems.append(f"{PAGE}: a formatter changes this line: {line}")
            if len(plain(line).expandtabs()) > 75:  # and five in front
                problems.append(f"{PAGE}: too long for a terminal: {line}")
        yield kind, name, plain(text)
    if len(re.findall(r"^\.Bd", page, re.MULTILINE)) != len(DISPLAY.findall(page)):
        problems.append(f"{PAGE}: a display is of no kind that is known here")


class Reader:
    """Does what the page says, in a folder of its own."""

    def __init__(self, prefix, folder, problems):
        found = list(prefix.rglob("volt-plugin.pc"))
        if not found:
            sys.exit(f"no volt-plugin.pc below {prefix}")
        self.folder, self.problems, self.printed = folder, problems, ""
        self.env = dict(
            os.environ, PATH=f"{prefix / 'bin'}:{os.environ['PATH']}", LC_ALL="C.UTF-8",
            PKG_CONFIG_PATH=str(found[0].parent), HOME=str(folder))
        for name in ("VOLT_PLUGIN_DIR", "CFLAGS", "LDFLAGS"):
            self.env.pop(name, None)
        self.done = 0

    def file(self, name, text):
        (self.folder / name).write_text(text)

    def more(self, name, text):
        with (self.folder / name).open("a") as file:
            file.write(text)

    def run(self, status, text):
        done = subprocess.run(
            ["sh", "-euc", re.sub(r"^cc ", STRICT, text, flags=re.MULTILINE)], cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LIMIT_S,
            check=False)
        self.printed = done.stdout
        if done.returncode != int(status or 0):
            self.problems.append(
                f"{PAGE}: status {done.returncode} of\n{text}which printed\n{done.stdout}")

    def guest(self, status, text):
        """Not every host can run Linux, so another guest does what volt-init does; where none
        has to, the machine is told of and not run."""
        words = shlex.split(text.replace("\\\n", " "))
        kept = [word for word, before in zip(words[1:], words)
                if "--kernel" not in (word, before) and "--initrd" not in (word, before)]
        if not status:
            self.run(None, shlex.join([words[0], "explain", *kept]) + "\n")
            return
        (self.folder / "guest.S").write_text(GUEST)
        self.run(None, "cc -nostdlib -static -no-pie -Wl,-Ttext=0x200000,--build-id=none guest.S"
                 " -o guest\n")
        self.run(status, shlex.join([words[0], "--kernel", "guest", *kept]) + "\n")
        self.printed += "".join(log.read_text() for log in self.folder.glob("*.log"))

    def prints(self, _, text):
        printed = CLOCK.sub("TIME", self.printed).splitlines()
        for line in CLOCK.sub("TIME", text).splitlines():
            if line not in printed:
                self.problems.append(f"{PAGE}: says {line}, of what prints\n{self.printed}")


def read(prefix, problems):
    with tempfile.TemporaryDirectory(prefix="volt-tutorial-") as folder:
        reader = Reader(prefix, pathlib.Path(folder), problems)
        for kind, name, text in displays(problems):
            if kind and not problems:
                getattr(reader, kind)(name, text)
                reader.done += 1
        return reader.done


def install(build, folder):
    status, printed = tree.run(
        "meson", "install", "-C", build, "--no-rebuild", "--destdir", folder)
    if status:
        sys.exit(f"meson install: {printed}")
    return next(pathlib.Path(folder).rglob("bin/volt")).parent.parent


os.umask(0o022)  # the loader refuses what others can write
found = []
for tool in ("pkg-config", "mandoc"):
    tree.need(tool)
if not pathlib.Path("/dev/kvm").exists():
    tree.skip("volt explain needs /dev/kvm")
if sys.argv[1] == "--build":
    target = tempfile.mkdtemp(prefix="volt-prefix-")
    try:
        checked = read(install(tree.given(sys.argv[2]), target), found)
    finally:
        shutil.rmtree(target)
else:
    checked = read(tree.given(sys.argv[2]), found)
if "```c" in tree.text("docs/plugins.md"):
    found.append(f"docs/plugins.md: code that no test compiles; its place is {PAGE}")
tree.finish(found, checked, "displays of the manual")
