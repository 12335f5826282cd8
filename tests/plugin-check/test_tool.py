# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""The program itself: list, describe, options, exit codes, and a manual that names them."""

import json
import os
import pathlib
import re
import subprocess
import tempfile

import kit

MANUAL = pathlib.Path(__file__).parents[2] / "tools/plugin/volt-plugin.1"
OPTION = re.compile(r"(?<![\w-])--([a-z][a-z0-9-]+)")
ITEM = re.compile(r"^\.It .*?Fl -([a-z][a-z0-9-]+)", re.MULTILINE)
SOUND = kit.BROKEN / "sound.so"


def expect_run(words, status, out="", err=""):
    got, said, complained = kit.run(*words)
    kit.expect(got == status and re.search(out, said) and re.search(err, complained),
               f"{' '.join(map(str, words))}: status {got}, not {status}, or not /{out}/ /{err}/: "
               f"{said[-300:]} {complained[-300:]}")
    return said


# Options: help and manual name the same.
said = set(OPTION.findall(expect_run(["--help"], 0, r"^usage: volt-plugin list")))
manual = MANUAL.read_text(encoding="utf-8")
written = set(ITEM.findall(manual))
kit.expect(said == written, f"--help and the manual differ in {sorted(said ^ written)}")
expect_run(["--version"], 0, r"^volt-plugin \d.*plugin ABI \d+\.\d+")

# What cannot be done is 2.
expect_run([], 2, err="no command")
expect_run(["frobnicate"], 2, err="unknown command frobnicate")
expect_run(["check"], 2, err="needs one name or file")
expect_run(["frobnicate"], 2, err=r"\Avolt-plugin: .*; see volt-plugin --help\n\Z")
expect_run(["list", "--frob=1"], 2, err=r"\Avolt-plugin: unknown option --frob; see .*\n\Z")
expect_run(["list", "-xy"], 2, err=r"\Avolt-plugin: unknown option -x; see .*\n\Z")
expect_run(["check", SOUND, "--rounds"], 2, err=r"\Avolt-plugin: --rounds needs a value\n\Z")
expect_run(["list", "--json=1"], 2, err=r"\Avolt-plugin: --json takes no value\n\Z")
expect_run(["describe", "--seed", "1", SOUND], 2,
           err=r"\Avolt-plugin: --seed goes with check alone; see .*\n\Z")
expect_run(["list", "more"], 2, err="takes no more words")
expect_run(["check", "--seed", "x", SOUND], 2, err="--seed x: must be a number")
expect_run(["check", "--seed", "-1", SOUND], 2, err="--seed -1: must be a number")
expect_run(["check", "--rounds", "0", SOUND], 2,
           err=r"--rounds 0: must be a number from 1 to 10000000$")
expect_run(["check", "--timeout", "0", SOUND], 2, err="--timeout 0: must be a number from 1 to 3600")
expect_run(["check", "--timeout", "3601", SOUND], 2, err="--timeout 3601: must be a number from 1 to")
expect_run(["check", "--only", "nothing", SOUND], 2, err="no test has that name; there are file,")
expect_run(["check", "./no-such.so"], 2, err="no such file")
expect_run(["--plugin-dir", kit.BROKEN, "check", "soundd"], 2, err="did you mean sound")
expect_run(["--plugin-dir", "/no/such/folder", "list"], 2, err="cannot read the plugin folder")

# The code of a plugin that is only told of can write no file.
if not kit.SANITIZED:
    with tempfile.TemporaryDirectory() as empty:
        done = subprocess.run([kit.PROGRAM.resolve(), "describe",
                               (kit.BROKEN / "extension-writes.so").resolve()], cwd=empty,
                              capture_output=True, text=True, check=False)
        kit.expect(done.returncode == 0 and "WRITTEN" not in done.stderr and not os.listdir(empty),
                   f"a plugin that was described wrote a file: {done}")

# Files that volt would refuse are 1, with volt's reason.
expect_run(["describe", kit.SECURITY / "no_note.so"], 1, err="no Volt note")
if not kit.SANITIZED:  # such a build loads what has constructors, and they run
    expect_run(["--plugin-dir", kit.SECURITY, "list"], 1, err="no_note.so: it has no Volt note")

# list
paths = sorted(kit.PLUGINS.glob("*.so"))
listed = expect_run(["--plugin-dir", kit.PLUGINS, "list"], 0, r"^NAME +VERSION +KIND +ABI")
kit.expect([line.split()[0] for line in listed.splitlines()[1:]] == [p.stem for p in paths],
           f"list names other plugins than are there:\n{listed}")
rows = json.loads(expect_run(["--plugin-dir", kit.PLUGINS, "list", "--json"], 0))
kit.expect([row["name"] for row in rows] == [p.stem for p in paths], "list --json names others")

# describe: lines and JSON say the same.
for path in [SOUND, kit.BROKEN / "declared-call.so"]:
    lines = dict(line.split("=", 1)
                 for line in expect_run(["describe", path], 0, r"^name=").splitlines())
    whole = json.loads(expect_run(["describe", "--json", path], 0))
    kit.expect(lines["name"] == whole["name"] == path.stem, f"describe {path.stem}: its name")
    kit.expect(lines["param.base.default"] == whole["param"]["base"]["default"] == "0x200",
               f"describe {path.stem}: its parameter's default")
    kit.expect(lines["param.base.max"] == str(whole["param"]["base"]["max"]) == "65532",
               f"describe {path.stem}: its parameter's maximum")
    kit.expect("counter.writes.help" in lines, f"describe {path.stem}: its counter")
    keys = {re.sub(r"\b(base|writes)\b", "NAME", re.sub(r"\.\d+", ".N", key)) for key in lines}
    for key in keys:
        kit.expect(f".It Li {key}\n" in manual, f"the manual does not know the key {key}")
kit.expect(lines["need.0.syscall"] == "getppid" and lines["need.0.roles"] == "loop",
           f"describe declared-call: its need is {lines}")

# check: text, one test alone, a seed that is printed and can be given again.
text = expect_run(["check", SOUND], 0, r"seed 0x[0-9a-f]+\n  ok    file ")
names = [line.split()[1] for line in text.splitlines()[1:-1]]
for name in names:
    kit.expect(f".It Li {name}\n" in manual, f"the manual does not know the test {name}")
expect_run(["check", "--only", "random", SOUND], 0, r"1 passed, 0 failed, 0 skipped")
expect_run(["check", "--only", "random", "--in-process", SOUND], 0, r"1 passed, 0 failed")
expect_run(["check", "--in-process", kit.BROKEN / "late-wiring.so"], 1, r"FAIL  seal")
expect_run(["check", "--params", "base=0x2f1", SOUND], 0, r"0 failed")
expect_run(["check", "--params", "base=0x99999", SOUND], 1, r"FAIL  init .*must be ")
broken = kit.BROKEN / "access-outside.so"
first = expect_run(["check", "--only", "random", broken], 1, r"FAIL  random")
seed = re.search(r"seed (0x[0-9a-f]+)", first).group(1)
again = expect_run(["check", "--only", "random", "--seed", seed, broken], 1, r"FAIL  random")
kit.expect(first == again, f"seed {seed} gave another report:\n{first}{again}")
with open("/dev/full", "w", encoding="utf-8") as full:
    lost = subprocess.run([kit.PROGRAM, "check", SOUND], stdout=full, stderr=subprocess.PIPE,
                          text=True, check=False)
kit.expect(lost.returncode == 2 and "cannot be written" in lost.stderr,
           f"a report that is lost: status {lost.returncode}, {lost.stderr}")

# Streams that are closed are no files of the plugin's.
for closed, status in (("<&-", 0), ("<&- 2>&-", 0), (">&-", 2), ("<&- >&-", 2)):
    done = subprocess.run(["sh", "-c", f'exec "$0" check "$1" {closed}', kit.PROGRAM, SOUND],
                          capture_output=True, text=True, check=False)
    kit.expect(done.returncode == status and (status == 0 or "cannot be written" in done.stderr),
               f"with {closed}: status {done.returncode}, {done.stdout} {done.stderr}")
kit.finish("expectations of the program")
