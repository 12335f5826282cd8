# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""A real Linux in the lab: Debian's cloud kernel to userspace, and to its panic without root;
our own microVM kernel to userspace beside it."""

import json
import re
import shlex
import sys

from kit import (FLOOR, ROOT, Plot, Problem, Table, column, figure, median, parse_stopwatch,
                 ratio, say)
from memory import above_guest

sys.path[:0] = [str(ROOT / "tests" / "lab"), str(ROOT / "tests" / "kernel")]
import lab as labs  # noqa: E402
import own as own_kernel  # noqa: E402

TITLE = "Boot"
RUNS, QUICK_RUNS = 10, 1
LIMIT_S = 60
GOAL = 0.5
WORDS = "console=ttyS0 reboot=t panic=-1 quiet"
READY = "VOLT VM READY"
PLACE = "/lab/bench"
COMMAND = "the command runs"
DEBIAN, OWN = "/lab/vmlinux", f"{PLACE}/vmlinux"


def lab_files(bench, peers):
    files = {f"{PLACE}/{name}": bench.path(name) for name in ("stopwatch", "floor", "start.elf")}
    for peer in peers:
        files.update(peer.lab_files(labs.libraries))
    return files


def commands(peers, initrd, kernel=DEBIAN):
    """{monitor: words} for a kernel, with an initramfs or to its panic."""
    volt = ["volt", "--kernel", kernel, "--cmdline", WORDS]
    if initrd:
        volt += ["--initrd", "/lab/initramfs.cpio.gz", "--trace-file", f"{PLACE}/trace"]
    found = {"Volt": volt}
    for peer in peers:
        found[peer.name] = peer.command(kernel, cmdline=WORDS,
                                        initrd="/lab/initramfs.cpio.gz" if initrd else None)
    return found


def time_one(lab, command, mark, options=()):
    words = [f"{PLACE}/stopwatch", *options, LIMIT_S, mark, *command]
    status, text = lab.run(shlex.join(map(str, words)), timeout=LIMIT_S + 30)
    if status:
        raise Problem(f"in the lab: {shlex.join(map(str, words))}: {text[-300:]}")
    return parse_stopwatch(text)


def to_ready(lab, name, command):
    """A boot to userspace, the guest's own time and the monitor's memory when it is there."""
    run = time_one(lab, command, READY, ["-k", "-m", f"{PLACE}/maps"])
    if run["mark"] == 0:
        raise Problem(f"{name} did not reach '{READY}' within {LIMIT_S} s in the lab")
    run["guest"] = float(re.search(r"uptime ([\d.]+)", run["line"]).group(1)) * 1000
    run["memory"] = above_guest(lab.check(f"cat {PLACE}/maps"), 128)
    if name == "Volt":
        events = json.loads(lab.check(f"cat {PLACE}/trace"))
        run["before"] = sum(event["dur"] for event in events) / 1000
    return run


def to_command(lab):
    """From Enter to the first line that the command of volt run prints in the guest."""
    run = time_one(lab, ["volt", "run", "--kernel", OWN, "--no-share", "--memory", "128M", "--",
                         "sh", "-c", f"echo {COMMAND}"], COMMAND)
    if run["mark"] == 0:
        raise Problem(f"volt run did not reach its command within {LIMIT_S} s in the lab")
    return run


def boots(lab, bench, peers):
    """{monitor: runs}, taking turns: to userspace, the same with our kernel, to the panic's end;
    and the runs of volt run."""
    ready, own, panic, told = {}, {}, {}, []
    count = bench.count(RUNS, QUICK_RUNS)
    for number in range(count):
        say(f"boot: round {number + 1} of {count}")
        for name, command in commands(peers, True).items():
            ready.setdefault(name, []).append(to_ready(lab, name, command))
        for name, command in commands(peers, True, OWN).items():
            own.setdefault(name, []).append(to_ready(lab, name, command))
        told.append(to_command(lab))
        for name, command in commands(peers, False).items():
            panic.setdefault(name, []).append(time_one(lab, command, ""))
    return ready, own, panic, told


def starts(lab, bench, peers):
    """Start-up as in startup.py, on the lab's KVM."""
    found = {}
    names = {FLOOR: [f"{PLACE}/floor", f"{PLACE}/start.elf"],
             "Volt": ["volt", "--kernel", f"{PLACE}/start.elf"]}
    for peer in peers:
        names[peer.name] = peer.command(f"{PLACE}/start.elf")
    for _ in range(bench.count(10, 2)):
        for name, command in names.items():
            found.setdefault(name, []).append(time_one(lab, command, ""))
    return found


def ready_table(ready, kernel):
    base, rows = column(ready["Volt"], "mark"), []
    for name, runs in ready.items():
        total, guest = column(runs, "mark"), column(runs, "guest")
        before = [run["before"] for run in runs if "before" in run]
        rows.append([name, figure(total, 0), figure(guest, 0),
                     figure([a - b for a, b in zip(total, guest)], 0),
                     figure(before, 0) if before else "", ratio(total, base)])
    return Table(f"Boot to userspace of {kernel}, ms of the lab",
                 ["Monitor", f"To `{READY}` (quartiles)", "By the guest's clock", "Outside of it",
                  "Before its first instruction", "Ratio to Volt"], rows,
                 "The guest's clock starts early in its kernel; what is outside of it is the "
                 "monitor's start, firmware, and the kernel's first steps. The column before the "
                 "last is Volt's --trace-file.")


def panic_table(panic):
    base = column(panic["Volt"], "exit")
    return Table("Boot to panic without a root, ms of the lab",
                 ["Monitor", "To the monitor's end (quartiles)", "Ratio to Volt"],
                 [[name, figure(column(runs, "exit"), 0), ratio(column(runs, "exit"), base)]
                  for name, runs in panic.items()])


def command_table(own, told):
    base = column(own["Volt"], "mark")
    rows = [[f"`volt`, to `{READY}`", figure(base, 0), ratio(base, base)],
            ["`volt run`, to the command's first line", figure(column(told, "mark"), 0),
             ratio(column(told, "mark"), base)],
            ["`volt run`, to its end", figure(column(told, "exit"), 0),
             ratio(column(told, "exit"), base)]]
    return Table("From Enter to the command in the guest, our own kernel, ms of the lab",
                 ["Run", "Median (quartiles)", "Ratio to `volt`"], rows,
                 "Beyond the boot there are volt-run's own steps, the connection to the agent over "
                 "vsock, and the little shell's start.")


def memory_table(ready):
    keys = ("rss", "pss", "private", "guest")
    rows = [[name, *(f"{median([run['memory'][key] for run in runs]):.0f}" for key in keys)]
            for name, runs in ready.items()]
    for row in rows:
        row.append(f"{float(row[2]) / float(rows[0][2]):.1f}")
    return Table("Memory of a booted Linux guest of 128 MB, KiB",
                 ["Monitor", "RSS above the guest's", "PSS", "Private", "Guest pages",
                  "PSS to Volt's"], rows, f"Taken at `{READY}`.")


def start_table(found):
    base = column(found[FLOOR], "first")
    return Table("Start to the first guest instruction in the lab, ms",
                 ["Monitor", "Median (quartiles)", "to the floor"],
                 [[name, figure(column(runs, "first"), 1), ratio(column(runs, "first"), base)]
                  for name, runs in found.items()])


def build_kernel():
    """Our own kernel; what it takes a first time is minutes."""
    say("boot: building our own microVM kernel, unless it is there")
    try:
        return own_kernel.build()
    except own_kernel.BuildError as error:
        raise Problem(str(error)) from None


def kernel_goal(ready, own):
    """How much sooner our own kernel is there than Debian's, with Volt."""
    is_now = median(column(own["Volt"], "mark")) / median(column(ready["Volt"], "mark"))
    return ("boot of our own kernel, to Debian's", f"{GOAL} times", f"{is_now:.2f} times",
            is_now / GOAL)


def measure(bench):
    peers = [peer for peer in bench.peers if peer.in_lab]
    kernel = build_kernel()
    say("boot: starting the lab")
    files = {**lab_files(bench, peers), OWN: kernel["vmlinux"]}
    try:
        with labs.Lab(build=bench.build, files=files) as lab:
            try:
                begun, booted = starts(lab, bench, peers), boots(lab, bench, peers)
            except labs.LabStill as problem:
                lab.again(problem)  # figures of two machines do not go into one table
                begun, booted = starts(lab, bench, peers), boots(lab, bench, peers)
            ready, own, panic, told = booted
    except labs.LabError as error:
        raise Problem(str(error)) from None
    tables = [ready_table(ready, "Debian's cloud kernel"), ready_table(own, "our own kernel"),
              command_table(own, told),
              panic_table(panic), memory_table(ready), start_table(begun)]
    goals, said = [kernel_goal(ready, own)], []
    for peer in peers:
        is_now = median(column(ready["Volt"], "mark")) / median(column(ready[peer.name], "mark"))
        said.append(f"{is_now:.2f} times {peer.name}'s")
        goals.append((f"boot to userspace, to {peer.name}", f"{GOAL} times", f"{is_now:.2f} times",
                      is_now / GOAL))
    bars = {"to userspace": [(name, median(column(runs, "mark")) / 1000)
                             for name, runs in ready.items()],
            "our own kernel": [(name, median(column(runs, "mark")) / 1000)
                               for name, runs in own.items()],
            "to panic": [(name, median(column(runs, "exit")) / 1000)
                         for name, runs in panic.items()]}
    text = (f"Goal: at most {GOAL} times QEMU microvm's time to userspace. Measured: "
            f"{', '.join(said) or 'no peer took part'}. The same kernel, initramfs and command "
            f"line (`{WORDS}`) for all; the lab's CPU is emulated, so only ratios mean something. "
            f"Our own kernel is Linux {kernel['version']} of kernel/build, started the same way; "
            f"Volt has it in userspace in {goals[0][2]} the time of Debian's.")
    return {"text": text, "goals": goals, "tables": tables,
            "plots": [Plot("boot", "Boot in the lab", "s", bars)],
            "data": {"ready": ready, "own": own, "panic": panic, "run": told, "start": begun}}
