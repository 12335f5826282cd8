# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Going on from a snapshot, at once and by "go"; how long a save stops its guest; what copies cost."""

import json
import random
import resource
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from control import Client
from kit import DEFAULTS, Plot, Problem, Table, column, figure, median, ratio, say, static_volt
from memory import RESERVE_MIB, above_guest, available_kib, die_with_parent

TITLE = "Snapshots"
RUNS, QUICK_RUNS = 60, 10
SIZES = (128, 1024, 12288)  # MiB
COPIES, QUICK_COPIES = 1000, 20
COPY_MIB = 4  # at most, to know whether as many fit
FLOOR, WAITING = "floor", "Volt, waiting, from go"
GOALS = {"Volt": 1.5, "Volt, static": 1.5, WAITING: 0.4}  # times the floor of a restore
GOAL_FLAT, GOAL_PAUSE_MS, GOAL_COPY_KIB, GOAL_CALLS = 1.1, 2, 1024, 1
LIMIT_S = 60


def plugins(socket_path=None):
    names = [name for name in DEFAULTS if name != "sandbox"]
    return names + ([f"control,socket=unix:{socket_path}"] if socket_path else [])


def command_of(bench, *options, control=None, volt=None):
    words = [volt or bench.volt, *([] if volt else ["--plugin-dir", bench.build / "plugins"]), *options]
    for name in plugins(control):
        words += ["--plugin", name]
    return [str(word) for word in words]


class Vm:
    """A VM that can be saved."""

    def __init__(self, bench, folder, guest, words, *options, restore=None):
        self.bench, self.path = bench, folder / f"{random.getrandbits(32):08x}.sock"
        begin = ("--restore", restore) if restore else ("--kernel", bench.path(guest), "--cmdline",
                                                        words)
        self.process = subprocess.Popen(
            command_of(bench, *begin, "--snapshot", *options, control=self.path),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            preexec_fn=die_with_parent)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def save(self, folder, *words):
        self.bench.run([self.bench.volt, "snapshot", "save", "--quiet", *words, self.path, folder])

    def time_save(self, diff):
        """(MiB, ms from the request to its answer): the guest is paused for nearly all of it."""
        client = Client(self.path)
        request = {"jsonrpc": "2.0", "id": 1, "method": "vm.save",
                   "params": {"diff": "on" if diff else "off"}}
        sent, start = 0, time.perf_counter()
        client.socket.sendall(json.dumps(request).encode() + b"\n")
        while True:
            message = json.loads(client.lines.readline())
            if message.get("method") != "bytes":
                break
            sent += len(client.lines.read(message["params"]["size"]))
        if "result" not in message:
            raise Problem(f"vm.save was answered with {message}")
        client.socket.close()
        return sent / 2**20, (time.perf_counter() - start) * 1000


def snapshot_of(bench, folder, memory):
    """A guest that writes to its serial port all the time, so that its next instruction shows."""
    saved = folder / f"flood{memory}"
    with Vm(bench, folder, "serial", "flood ffffffff", "--memory", f"{memory}M") as vm:
        vm.process.stdout.read(64)
        vm.process.stdout.close()
        vm.save(saved, "--stop")
    return saved


def restore_commands(bench, saved, static):
    volt = command_of(bench, "--restore", saved)
    found = {FLOOR: ([bench.path("floor-restore"), saved], ()), "Volt": (volt, ()),
             WAITING: (command_of(bench, "--restore", saved, "--restore-wait", 3), ("-g",)),
             "Volt, --no-sandbox": (command_of(bench, "--restore", saved, "--no-sandbox"), ())}
    if static:
        found["Volt, static"] = (command_of(bench, "--restore", saved, volt=static), ())
    return found


def take_turns(bench, commands, count):
    """As Bench.alternate(), but each with options of its own, and killed at a line of output."""
    found = {name: [] for name in commands}
    for number in range(count):
        turns = list(commands.items())
        random.Random(number).shuffle(turns)
        for name, (command, options) in turns:
            run = bench.stopwatch(command, mark="=>?@", options=("-k", *options))
            if run["first"] == 0:
                raise Problem(f"{name}: its guest did not go on (status {run['status']})")
            found[name].append(run)
    return found


def by_size(bench, folder):
    static = None if bench.quick else static_volt(
        bench, "static-snapshot", plugins=(*DEFAULTS, "control"))
    found = {}
    for memory in SIZES:
        saved = snapshot_of(bench, folder, memory)
        commands = restore_commands(bench, saved, static)
        if memory != SIZES[0]:
            commands = {name: commands[name] for name in (FLOOR, "Volt", WAITING)}
        count = bench.count(RUNS, QUICK_RUNS)
        say(f"snapshot: {count} restores of {memory} MiB each, alternating")
        found[memory] = take_turns(bench, commands, count)
        shutil.rmtree(saved)
    return found


def saves(bench, folder):
    """{what: [(MiB, ms), ...]}"""
    say("snapshot: saves and diffs")
    found, filled = {}, folder / "filled"
    filled.write_bytes(random.Random(1).randbytes(64 << 20))
    for name, options in (("fresh guest", ()), ("64 MiB touched", ("--initrd", filled))):
        with Vm(bench, folder, "interrupts", "receive ioapic", "--memory", "256M", *options) as vm:
            vm.process.stdout.read(1)
            found[name] = [vm.time_save(False) for _ in range(bench.count(20, 5))]
            base = folder / "base"
            vm.save(base, "--stop")
        with Vm(bench, folder, None, None, restore=base) as vm:
            found[f"{name}, diff"] = [vm.time_save(True) for _ in range(bench.count(20, 5))]
        shutil.rmtree(base)
    return found


def copies(bench, folder):
    """As many idle copies of one guest as are asked for, each of which answers a byte at the end."""
    saved, count = folder / "idle", bench.count(COPIES, QUICK_COPIES)
    with Vm(bench, folder, "interrupts", "receive ioapic") as vm:
        vm.process.stdout.read(1)
        vm.save(saved, "--stop")
    before, started = available_kib(), []
    count = min(count, max(1, (before // 1024 - RESERVE_MIB) // COPY_MIB))
    say(f"snapshot: {count} copies of one guest")
    begun = time.monotonic()
    try:
        for _ in range(count):
            started.append(subprocess.Popen(
                command_of(bench, "--restore", saved), stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=die_with_parent))
        while any(len(list(Path(f"/proc/{p.pid}/task").iterdir())) < 2 for p in started):
            time.sleep(0.1)
            if time.monotonic() > begun + LIMIT_S + count:
                raise Problem("the copies do not start")
        started_s = time.monotonic() - begun
        time.sleep(1)
        host = (before - available_kib()) / count
        pss = [above_guest(Path(f"/proc/{p.pid}/smaps").read_text(), 128)["pss"]
               for p in started[:50]]
        for number, process in enumerate(started):
            process.stdin.write(bytes([ord("A") + number % 26]))
            process.stdin.flush()
        answered = sum(process.stdout.read(1) == bytes([ord("A") + number % 26])
                       for number, process in enumerate(started))
    finally:
        for process in started:
            process.kill()
        for process in started:
            process.communicate()
    if answered != count:
        raise Problem(f"{answered} of {count} copies answered")
    return {"count": count, "host_kib": host, "pss_kib": pss, "started_s": started_s}


def calls(bench, folder):
    """Kinds of system calls under the seal, without and with --snapshot."""
    found = {}
    for name, options in (("without", ()), ("with", ("--snapshot",))):
        volt, *rest = command_of(bench, *options, control=folder / "explain.sock")
        page = json.loads(bench.run([volt, "explain", "--json", *rest]))
        found[name] = len({rule["syscall"] for thread in page["threads"]
                           for rule in thread["rules"]})
    return found


def restore_table(found):
    rows = []
    for memory, runs in found.items():
        base = column(runs[FLOOR], "first")
        rows += [[name, memory, figure(column(several, "first")),
                  f"{min(column(several, 'first')):.2f}", ratio(column(several, "first"), base),
                  f"{min(column(several, 'cpu')):.2f}"]
                 for name, several in runs.items()]
    return Table("To a restored guest's first byte, ms",
                 ["Monitor", "MiB", "Median (quartiles)", "Best", "to the floor",
                  "Least CPU time"], rows,
                 "From the fork; of a waiting process from \"go\". The page cache is warm, the guest "
                 "writes without a pause. A KVM with shadow page tables needs time for each GiB, also of the "
                 "floor.")


def shares(found, memory, name):
    """(what of the runs, its ratio to the floor's), by the wall's clock and by what a busy machine
    blurs least. A waiting process has had most of its CPU time before the "go"."""
    several, floor = found[memory][name], found[memory][FLOOR]
    yield "", median(column(several, "first")) / median(column(floor, "first"))
    field, words = ("first", ", best runs") if name == WAITING else ("cpu", ", least CPU time")
    yield words, min(column(several, field)) / min(column(floor, field))


def restore_goals(found):
    small, large = SIZES[0], SIZES[-1]
    rows = [(f"restore, {name}, to its floor{words}", f"{limit} times", f"{share:.2f} times",
             share / limit)
            for name, limit in GOALS.items() if name in found[small]
            for words, share in shares(found, small, name)]
    growth = {name: min(column(found[large][name], "cpu")) / min(column(found[small][name], "cpu"))
              for name in ("Volt", FLOOR)}
    limit = max(GOAL_FLAT, growth[FLOOR])
    rows.append((f"restore of {large} MiB to one of {small}, least CPU time (the floor's: "
                 f"{growth[FLOOR]:.2f})", f"{limit:.2f} times", f"{growth['Volt']:.2f} times",
                 growth["Volt"] / limit))
    return rows


def measure(bench):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    folder = Path(tempfile.mkdtemp(prefix="volt-bench-"))
    try:
        restores = by_size(bench, folder)
        saved = saves(bench, folder)
        many = copies(bench, folder)
        number = calls(bench, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    least = min(ms for _, ms in saved["fresh guest"])
    more = number["with"] - number["without"]
    goals = [*restore_goals(restores),
             ("save of a fresh guest, best of all", f"{GOAL_PAUSE_MS} ms", f"{least:.2f} ms",
              least / GOAL_PAUSE_MS),
             (f"a copy, of {many['count']}: host's memory", f"{GOAL_COPY_KIB} KiB",
              f"{many['host_kib']:.0f} KiB", many["host_kib"] / GOAL_COPY_KIB),
             ("--snapshot: system calls more", GOAL_CALLS, more, more / GOAL_CALLS)]
    rows = [[name, f"{median([mib for mib, _ in several]):.1f}",
             figure([ms for _, ms in several])] for name, several in saved.items()]
    text = (f"{many['count']} idle copies of one guest of 128 MiB were there after "
            f"{many['started_s']:.1f} s, took {many['host_kib']:.0f} KiB each of the host's memory "
            f"(PSS above the guest's memory {median(many['pss_kib']):.0f} KiB), and each answered "
            "a byte.")
    bars = [(name, median(column(several, "first")))
            for name, several in restores[SIZES[0]].items()]
    return {"text": text, "goals": goals,
            "tables": [restore_table(restores),
                       Table("A save, from the request to its answer, ms",
                             ["Of", "MiB sent", "Median (quartiles)"], rows,
                             "The receiver is in Python, and drops what comes.")],
            "plots": [Plot("restore", "To a restored guest's first byte", "ms", {"median": bars})],
            "data": {"restores": restores, "saves": saved, "copies": many, "calls": number}}
