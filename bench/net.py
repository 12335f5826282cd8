# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""What a disk and a network add to a VM: system calls that it may make, memory, and time to start."""

import re
import socket
import threading

import memory
from kit import Table, column, figure, median, paired, say

TITLE = "A disk and a network"
PLUGINS = ("default",)
GOAL_CALLS, GOAL_KIB, GOAL_MS = 16, 128, 0.3
DISK_BYTES = 8 << 20
CALL = re.compile(r"^  ([a-z0-9_]+)  ", re.MULTILINE)


class Peer:
    """A stream socket that takes each connection and keeps it; nobody sends anything."""

    def __init__(self, path):
        self.path, self.kept = path, []
        path.unlink(missing_ok=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        path.chmod(0o666)
        self.listener.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            self.kept = [*self.kept[-8:], self.listener.accept()[0]]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.path.unlink(missing_ok=True)


def commands(bench, kernel, peer):
    disk = bench.path("net-disk")
    disk.write_bytes(bytes(DISK_BYTES))
    both = (f"virtio-blk,disk={disk}", f"virtio-net,socket=unix:{peer.path}")
    return {"without": bench.volt_command(kernel, plugins=PLUGINS),
            "with both": bench.volt_command(kernel, plugins=(*PLUGINS, *both))}


def allowed_calls(bench, command):
    """Names of all threads together, as `volt explain` prints them."""
    page = bench.run([command[0], "explain", *command[1:]])
    return sorted(set(CALL.findall(page[page.index(" thread "):])))


def cost_of_memory(bench, all_commands):
    found = {}
    for _ in range(bench.count(5, 2)):
        for name, command in all_commands.items():
            with memory.Group(command) as group:
                group.start(1)
                found.setdefault(name, []).append(group.above(128)[0]["pss"])
    return found


def measure(bench):
    count = bench.count(200, 30)
    with Peer(bench.path("net.sock")) as peer:
        say(f"net: {count} starts with a disk and a network, and as many without")
        runs = bench.alternate(commands(bench, bench.kernels["start"], peer), count)
        idle = commands(bench, bench.kernels["idle"], peer)
        calls = {name: allowed_calls(bench, command) for name, command in idle.items()}
        pss = cost_of_memory(bench, idle)
    times = {name: column(several, "first") for name, several in runs.items()}
    more_ms = median(paired(times["with both"], times["without"]))
    more_kib = median(paired(pss["with both"], pss["without"]))
    rows = [[name, figure(times[name]), figure(column(runs[name], "cpu")), figure(pss[name], 0), len(calls[name])]
            for name in runs]
    added = ", ".join(sorted(set(calls["with both"]) - set(calls["without"])))
    goals = [("calls of a VM with disk and net", f"{GOAL_CALLS}", f"{len(calls['with both'])}",
              len(calls["with both"]) / GOAL_CALLS),
             ("memory of disk and net", f"{GOAL_KIB} KiB", f"{more_kib:.0f} KiB", more_kib / GOAL_KIB),
             ("start with disk and net", f"{GOAL_MS} ms more", f"{more_ms:.3f} ms more", more_ms / GOAL_MS)]
    text = (f"Goals: at most {GOAL_CALLS} system calls, {GOAL_KIB} KiB and {GOAL_MS} ms more. Measured: "
            f"{len(calls['with both'])} calls, {more_kib:.0f} KiB and {more_ms:.3f} ms more, medians of differences "
            f"between runs of one turn. Calls that come with them: {added}.")
    return {"text": text, "goals": goals,
            "tables": [Table("A VM with the default plugins", ["", "Start, ms (quartiles)", "CPU time, ms (quartiles)",
                                                                  "PSS above the guest, KiB (quartiles)", "System calls"],
                             rows)],
            "plots": [], "data": {"runs": runs, "pss": pss, "calls": calls}}
