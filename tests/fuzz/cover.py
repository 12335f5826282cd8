#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Coverage-guided fuzzing of the parsers, and the inputs that it found; see docs/fuzzing.md.

    cover.py run PROGRAM ARCHIVE         runs the kept inputs through corpus_NAME
    cover.py fuzz BUILD SECONDS [NAME...]  looks for more with cover_NAME, and keeps what is new
    cover.py report BUILD                writes into docs/fuzzing.md how much of each parser the kept
                                         inputs reach
    cover.py check                       each target is in that document, with its number of inputs
"""

import json
import pathlib
import subprocess
import sys
import tarfile
import tempfile

KEPT = pathlib.Path(__file__).resolve().parent / "corpus"
ROOT = KEPT.parents[2]
PAGE = ROOT / "docs/fuzzing.md"
HEAD = "| Parser | Inputs | Lines | Reached |\n|---|---|---|---|\n"
# What each target is about. Of these files the report counts lines.
PARSERS = {
    "cmdline": ("core/vm/cmdline.c", "volt-init/cmdline.c", "volt-init/parse.c"),
    "json": ("plugins/control/json.c",),
    "kernel": ("core/boot/boot.c", "core/boot/bzimage.c", "core/boot/elf.c", "core/boot/multiboot.c",
               "core/boot/pvh.c", "core/boot/vmlinux.c"),
    "net": ("plugins/virtio-net/offload.c", "plugins/virtio-net/pcap.c",
            "plugins/virtio-net/receive.c", "plugins/virtio-net/transmit.c",
            "plugins/virtio-net/virtio-net.c"),
    "package": ("tools/kernel/config.c", "tools/kernel/image.c", "tools/kernel/package.c",
                "tools/kernel/unpack.c"),
    "params": ("sdk/common/params.c", "sdk/common/params_text.c", "sdk/common/params_value.c"),
    "plugin": ("core/plugin/vet_dynamic.c", "core/plugin/vet_headers.c",
               "core/plugin/vet_symbols.c"),
    "snapshot": ("core/kvm/blocks.c", "core/kvm/state_cpuid.c", "core/vm/restore.c",
                 "sdk/common/snapshot.c"),
    "state": ("sdk/common/state_load.c",),
}


def unpack(archive, folder):
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            (folder / pathlib.Path(member.name).name).write_bytes(tar.extractfile(member).read())


def pack(folder, archive):
    """The same bytes for the same inputs."""
    with tarfile.open(archive, "w:xz", preset=9) as tar:
        for path in sorted(folder.iterdir()):
            member = tarfile.TarInfo(path.name)
            member.size = path.stat().st_size
            with path.open("rb") as data:
                tar.addfile(member, data)


def run(program, archive):
    with tempfile.TemporaryDirectory(prefix="volt-corpus-") as folder:
        unpack(archive, pathlib.Path(folder))
        return subprocess.run([program, folder], check=False).returncode


def fuzz(build, seconds, names):
    for name in names or sorted(PARSERS):
        program = pathlib.Path(build).resolve() / "tests/fuzz" / f"cover_{name}"
        with tempfile.TemporaryDirectory(prefix="volt-fuzz-") as folder:
            old, found, new = (pathlib.Path(folder) / part for part in ("old", "found", "new"))
            for part in (old, found, new):
                part.mkdir()
            if (KEPT / f"{name}.tar.xz").exists():
                unpack(KEPT / f"{name}.tar.xz", old)
            options = ["-max_len=40000", "-rss_limit_mb=2500", "-malloc_limit_mb=8192", "-verbosity=0",
                       f"-artifact_prefix={pathlib.Path.cwd()}/"]
            done = subprocess.run([program, *options, f"-max_total_time={seconds}", found, old],
                                  cwd=folder, check=False)
            if done.returncode:
                print(f"{name}: a finding; its input is in this folder")
                return 1
            subprocess.run([program, *options, "-merge=1", new, old, found], cwd=folder, check=True)
            pack(new, KEPT / f"{name}.tar.xz")
            print(f"{name}: {len(list(new.iterdir()))} inputs kept")
    return 0


def reach(program, files, folder):
    """(inputs, lines of those files, lines that the inputs in folder/inputs reach)"""
    inputs, raw, data = folder / "inputs", folder / "raw", folder / "data"
    subprocess.run([program, "-runs=0", inputs], env={"LLVM_PROFILE_FILE": str(raw)}, cwd=folder,
                   capture_output=True, check=True)
    subprocess.run(["llvm-profdata", "merge", raw, "-o", data], check=True)
    text = subprocess.run(["llvm-cov", "export", "-summary-only", f"-instr-profile={data}", program],
                          capture_output=True, check=True).stdout
    found = [one["summary"]["lines"] for one in json.loads(text)["data"][0]["files"]
             if one["filename"].endswith(files)]
    return (len(list(inputs.iterdir())), sum(lines["count"] for lines in found),
            sum(lines["covered"] for lines in found))


def report(build):
    rows = ""
    for name, files in sorted(PARSERS.items()):
        program = pathlib.Path(build).resolve() / "tests/fuzz" / f"cover_{name}"
        with tempfile.TemporaryDirectory(prefix="volt-fuzz-") as folder:
            (pathlib.Path(folder) / "inputs").mkdir()
            unpack(KEPT / f"{name}.tar.xz", pathlib.Path(folder) / "inputs")
            count, lines, reached = reach(program, files, pathlib.Path(folder))
        rows += f"| {name} | {count} | {lines} | {100 * reached / max(lines, 1):.1f} % |\n"
    text = PAGE.read_text(encoding="utf-8")
    begin = text.index(HEAD) + len(HEAD)
    end = text.index("\n\n", begin) + 1
    PAGE.write_text(text[:begin] + rows + text[end:], encoding="utf-8")
    print(HEAD + rows, end="")
    return 0


def check():
    text = PAGE.read_text(encoding="utf-8")
    wrong = []
    for name in sorted(PARSERS):
        with tarfile.open(KEPT / f"{name}.tar.xz") as tar:
            count = len(tar.getmembers())
        if f"| {name} | {count} |" not in text:
            wrong.append(f"{name}: no row with its {count} inputs")
        if f"| `{name}` |" not in text:
            wrong.append(f"{name}: no row that tells what its input is")
    print(f"{len(PARSERS)} targets in {PAGE.name}, {len(wrong)} problems", *wrong, sep="\n")
    return bool(wrong)


def main(words):
    if len(words) == 3 and words[0] == "run":
        return run(*words[1:])
    if len(words) >= 3 and words[0] == "fuzz":
        return fuzz(words[1], int(words[2]), words[3:])
    if len(words) == 2 and words[0] == "report":
        return report(words[1])
    if words == ["check"]:
        return check()
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
