# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""What a VM costs above the pages that are its guest's: one, many of the same kernel, and as many
as fit. The guests sleep; nothing but the monitor touches their memory."""

import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

from kit import FLOOR, ROOT, Plot, Problem, Table, median, say

sys.path.insert(0, str(ROOT / "tests" / "lab"))
from lab import die_with_parent  # noqa: E402

TITLE = "Memory"
SIZES = (128, 256, 512, 1024)
GROUPS = (1, 10, 100)
MOST = 1000
RESERVE_MIB = 3072  # never taken from the host
LIMIT_S = 60
GOAL_KIB = 1024
HEAD = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \d+ *(.*)")


# --- one process ----------------------------------------------------------------------------


def parse_maps(text):
    """[{start, end, name, Rss, Pss, ...}] of a smaps file, sizes in KiB."""
    found = []
    for line in text.splitlines():
        match = HEAD.match(line)
        if match:
            found.append({"start": int(match[1], 16), "end": int(match[2], 16), "name": match[4]})
        else:
            key, _, rest = line.partition(":")
            if rest.endswith("kB"):
                found[-1][key] = int(rest.split()[0])
    return found


def guest_maps(maps, memory):
    """The mappings that are the guest's memory: neighbours that add up to its size."""
    want = memory << 20
    for first, one in enumerate(maps):
        size, last = one["end"] - one["start"], first
        while size < want and last + 1 < len(maps) and maps[last + 1]["start"] == maps[last]["end"]:
            last += 1
            size += maps[last]["end"] - maps[last]["start"]
        if size == want:
            return maps[first:last + 1]
    raise Problem(f"no mapping of {memory} MiB in the monitor's smaps")


def above_guest(text, memory):
    """{rss, pss, private, guest} in KiB of a smaps file."""
    maps = parse_maps(text)
    guest = guest_maps(maps, memory)
    rest = [one for one in maps if one not in guest]

    def total(rows, *keys):
        return sum(row.get(key, 0) for row in rows for key in keys)

    return {"rss": total(rest, "Rss"), "pss": total(rest, "Pss"),
            "private": total(rest, "Private_Dirty", "Private_Clean"), "guest": total(guest, "Rss")}


# --- many processes -------------------------------------------------------------------------


def available_kib():
    return int(re.search(r"MemAvailable:\s*(\d+)", Path("/proc/meminfo").read_text()).group(1))


class Group:
    """VMs of one command that all sleep; their output is one pipe, a byte 'R' from each."""

    def __init__(self, command):
        self.command = [str(word) for word in command]
        self.processes, self.seen = [], 0
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.send_signal(signal.SIGKILL)
        for process in self.processes:
            process.wait()
        os.close(self.reader)
        os.close(self.writer)

    def start(self, count):
        for _ in range(count):
            self.processes.append(subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=self.writer,
                stderr=subprocess.DEVNULL, preexec_fn=die_with_parent))
        end = time.monotonic() + LIMIT_S
        while self.seen < len(self.processes):
            try:
                self.seen += os.read(self.reader, 4096).count(b"R")
            except BlockingIOError:
                if time.monotonic() > end:
                    raise Problem(f"{len(self.processes) - self.seen} of "
                                  f"{len(self.processes)} VMs do not run: "
                                  f"{' '.join(self.command)}") from None
                time.sleep(0.005)
        time.sleep(0.2)

    def above(self, memory):
        return [above_guest(Path(f"/proc/{process.pid}/smaps").read_text(), memory)
                for process in self.processes]


def by_size(bench):
    """{monitor: {MiB: [costs of a run, ...]}}"""
    found = {}
    for memory in SIZES:
        for _ in range(bench.count(3, 1)):
            for name, command in bench.monitors(bench.kernels["idle"], memory).items():
                with Group(command) as group:
                    group.start(1)
                    found.setdefault(name, {}).setdefault(memory, []).extend(group.above(memory))
    return found


def side_by_side(bench):
    """{monitor: {count: {"pss": KiB per VM, "host": KiB per VM}}}"""
    found = {}
    for name, command in bench.monitors(bench.kernels["idle"]).items():
        for count in GROUPS[:bench.count(3, 2)]:
            before = available_kib()
            if before < (count * 48 + RESERVE_MIB) * 1024:
                say(f"memory: too little is free for {count} VMs of {name}")
                continue
            with Group(command) as group:
                group.start(count)
                costs = group.above(128)
                found.setdefault(name, {})[count] = {
                    "pss": median([cost["pss"] for cost in costs]),
                    "private": median([cost["private"] for cost in costs]),
                    "guest": median([cost["guest"] for cost in costs]),
                    "host": (before - available_kib()) / count}
    return found


def density(bench, name, command, most):
    """[(VMs, KiB that the host lost), ...] up to `most`, or until the reserve is reached."""
    step = max(most // 10, 1)
    points, before = [(0, 0)], available_kib()
    with Group(command) as group:
        while len(group.processes) < most:
            if available_kib() < RESERVE_MIB * 1024:
                say(f"memory: stopped at {len(group.processes)} VMs of {name}: the rest is others'")
                break
            group.start(step)
            points.append((len(group.processes), before - available_kib()))
    return points


def next_one(points):
    """KiB per VM: the median of the steps, so that a neighbour's allocation does not count."""
    steps = [(kib - points[i][1]) / (count - points[i][0])
             for i, (count, kib) in enumerate(points[1:])]
    return median(steps) if steps else float("nan")


def size_table(found):
    rows = []
    for name, sizes in found.items():
        for memory, runs in sizes.items():
            rows.append([name, memory] + [f"{median([run[key] for run in runs]):.0f}"
                                          for key in ("rss", "pss", "private", "guest")])
    return Table("One VM, KiB above the guest's own pages",
                 ["Monitor", "MiB of memory", "RSS", "PSS", "Private", "Guest pages touched"], rows,
                 "From /proc/PID/smaps, less the mappings of guest memory. The last column is what "
                 "is resident of these: the monitor's doing, as the guest only executes two "
                 "instructions.")


def group_table(found):
    rows = [[name, count, f"{cost['pss']:.0f}", f"{cost['private']:.0f}", f"{cost['guest']:.0f}",
             f"{cost['host']:.0f}", f"{cost['pss'] / found['Volt'][count]['pss']:.2f}"]
            for name, counts in found.items() for count, cost in counts.items()
            if count in found["Volt"]]
    return Table("VMs of the same kernel side by side, KiB per VM",
                 ["Monitor", "VMs", "PSS", "Private", "Guest pages", "Host's loss of MemAvailable",
                  "PSS to Volt's"], rows,
                 "19 MB vmlinux, 128 MB of memory. The host's loss has the kernel's part in it: "
                 "page tables, KVM's structures, stacks.")


def measure(bench):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    say("memory: one VM of each size")
    sizes = by_size(bench)
    say("memory: VMs side by side")
    groups = side_by_side(bench)
    most, lines, rows = bench.count(MOST, 40), {}, []
    for name, command in bench.monitors(bench.kernels["small"]).items():
        count = most if name in (FLOOR, "Volt") else min(most, 100)
        say(f"memory: up to {count} idle VMs of {name}")
        lines[name] = density(bench, name, command, count)
        rows.append([name, lines[name][-1][0], f"{lines[name][-1][1] / 1024:.0f}",
                     f"{next_one(lines[name]):.0f}"])
    ratio = next_one(lines["Volt"]) / next_one(lines[FLOOR])
    each = next_one(lines["Volt"])
    for row in rows:
        row.append(f"{next_one(lines[row[0]]) / each:.2f}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    one = median([run["pss"] for run in sizes["Volt"][128]])
    text = (f"Goal: at most {GOAL_KIB} KiB of PSS for one VM with all plugins, less for each "
            f"further one; 1,000 idle VMs on 24 GiB. Measured: {one:.0f} KiB for one, "
            f"{groups['Volt'][max(groups['Volt'])]['pss']:.0f} KiB each for "
            f"{max(groups['Volt'])}; the next idle VM costs the host {each:.0f} KiB, "
            f"{ratio:.2f} times the floor's, so 24 GiB hold {24 * 2**20 / each:,.0f} of them.")
    goals = [("PSS above the guest's pages, one VM", f"{GOAL_KIB} KiB", f"{one:.0f} KiB",
              one / GOAL_KIB),
             ("1,000 idle VMs", "24 GiB", f"{each * 1000 / 2**20:.1f} GiB",
              each * 1000 / 2**20 / 24)]
    bars = {name: [(f"{memory} MB", median([run["pss"] for run in runs]) / 1024)
                   for memory, runs in by.items()] for name, by in sizes.items()}
    return {"text": text, "goals": goals,
            "tables": [size_table(sizes), group_table(groups),
                       Table("As many idle VMs as fit", ["Monitor", "VMs started", "MiB in all",
                                                         "KiB for the next", "to Volt's"], rows,
                             f"1 MB kernel, 128 MB of memory each; stops at {MOST}, at 100 for "
                             f"peers, or when {RESERVE_MIB} MiB are left.")],
            "plots": [Plot("memory", "PSS above the guest's pages, one VM", "MiB", bars),
                      Plot("density", "Memory that the host lost", "MiB",
                           {name: [(x, y / 1024) for x, y in points]
                            for name, points in lines.items()}, "lines", "idle VMs")],
            "data": {"sizes_kib": sizes, "groups_kib": groups, "density_kib": lines}}
