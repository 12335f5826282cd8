# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Other monitors: a small file each, see bench/README.md."""

import json
import os
import shutil
from pathlib import Path

from kit import HERE, Problem, say

KEYS = {"name", "program", "arguments", "initrd", "disk", "files", "host", "lab", "fallback"}


class Peer:
    def __init__(self, path):
        try:
            self.told = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise Problem(f"--peer {path}: {error}") from None
        unknown = set(self.told) - KEYS
        missing = {"name", "program", "arguments"} - set(self.told)
        if unknown or missing:
            raise Problem(f"--peer {path}: unknown keys {sorted(unknown)}, missing keys "
                          f"{sorted(missing)}; there are {sorted(KEYS)}")
        self.name = self.told["name"]
        self.arguments = self.told["arguments"]
        self.program = shutil.which(self.told["program"])
        if not self.program:
            raise Problem(f"--peer {path}: there is no program '{self.told['program']}'")
        self.on_host = self.told.get("host", True)
        self.in_lab = self.told.get("lab", True)

    def command(self, kernel, memory=128, cmdline="", initrd=None):
        words = {"kernel": kernel, "memory": memory, "cmdline": cmdline, "initrd": initrd or ""}
        arguments = list(self.arguments)
        if initrd:
            arguments += self.told.get("initrd", [])
        return [self.program, *(word.format(**words) for word in arguments)]

    def fall_back(self):
        """Replaces arguments by those of the fallback; True if that changes something."""
        fallback = self.told.get("fallback", {})
        before = self.arguments
        self.arguments = [fallback.get(word, word) for word in before]
        return self.arguments != before

    def lab_files(self, libraries):
        """{path inside: path here} of all that it needs in the lab."""
        paths = [self.program, *libraries([self.program]), *self.told.get("files", [])]
        return {path: os.path.realpath(path) for path in paths}


def load(more):
    """The standing peers, where their programs are installed, and what the user names."""
    found = []
    for path in sorted((HERE / "peers").glob("*.json")):
        try:
            found.append(Peer(path))
        except Problem as problem:
            say(f"without {path.stem}: {problem}")
    return found + [Peer(path) for path in more]


def runs(bench, peer):
    """The result of a bare-metal guest on this host's KVM: its mark is not 0 if the guest ran."""
    return bench.stopwatch(peer.command(bench.kernels["start"]), "R", limit=20, options=["-k"])


def drop_unfit(bench):
    """Falls back, or leaves out, with the reason, who cannot run a guest on this host's KVM."""
    for peer in bench.peers:
        if not peer.on_host:
            continue
        run = runs(bench, peer)
        if run["mark"] == 0 and peer.fall_back():
            say(f"{peer.name} does not run on this host's KVM (status {run['status']}): "
                f"it falls back to {peer.told['fallback']}")
            run = runs(bench, peer)
        if run["mark"] == 0:
            peer.on_host = False
            say(f"{peer.name} does not run on this host's KVM (status {run['status']}): "
                "it takes part in the lab only")
