# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""What the measurements share: settings, programs, runs that alternate, statistics, tables.

A measurement is a module with `TITLE` and `measure(bench)`, which gives its part of the report:
{"text": markdown paragraphs, "tables": [Table], "plots": [Plot], "data": for the JSON file}.
"""

import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / "bench"
START = time.monotonic()
FIELDS = re.compile(r"first=(\d+) mark=(\d+) exit=(\d+) cpu=(\d+) faults=(\d+) status=(\d+) "
                    r"line=(.*)")
COUNTS = re.compile(r"instructions=(\d+) calls=(\d+) faults=(\d+) status=(\d+)")
STATIC = ("-Dplugin_mode=builtin", "-Dstatic=true", "-Dallocator=bump", "-Doptimization=s",
          "-Ddebug=false", "-Db_ndebug=true", "-Db_lto=true", "-Dtests=false", "-Dinit=disabled",
          "-Dextras=[]")
DEFAULTS = ("sandbox", "serial", "i8042", "ioapic", "acpipower", "pvpanic", "exitport", "bootmark")
FLOOR, FLOOR_LIBC, FLOOR_COPY = "floor", "floor, with glibc", "floor, kernel copied"


class Problem(Exception):
    """A fault that the user must know of; its text is one line."""


def say(text):
    print(f"[{time.monotonic() - START:6.1f} s] {text}", flush=True)


class Bench:
    """One run of scripts/bench: where things are, how much to do, who takes part."""

    def __init__(self, build, work, quick, peers):
        self.build, self.work, self.quick = Path(build), Path(work), quick
        self.peers = peers
        self.volt = self.build / "core" / "volt"
        self.work.mkdir(parents=True, exist_ok=True)
        os.chmod(self.work, 0o755)
        self.kernels = {}

    def count(self, full, quick):
        return quick if self.quick else full

    def path(self, name):
        return self.work / name

    def run(self, command, limit=60, env=None, ok=(0,)):
        """Standard output of a command that must succeed."""
        command = [str(word) for word in command]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  errors="replace", timeout=limit, env=env)
        except subprocess.TimeoutExpired:
            raise Problem(f"no end of '{' '.join(command)}' within {limit} s") from None
        if done.returncode not in ok:
            raise Problem(f"'{' '.join(command)}' ended with {done.returncode}: "
                          f"{(done.stderr or done.stdout).strip()[-400:]}")
        return done.stdout

    # --- monitors: commands that boot a kernel

    def volt_command(self, kernel, *options, memory=128, plugins=(), build=None):
        build = build or self.build
        command = [build / "core" / "volt", "--kernel", kernel, "--memory", f"{memory}M", *options]
        for spec in plugins:
            command += ["--plugin", spec]
        return command

    def floor_command(self, kernel, memory=128, cpus=1, words="", program="floor"):
        return [self.path(program), kernel, memory, cpus, words]

    def monitors(self, kernel, memory=128, words=""):
        """{name: command}: the floor, Volt as it is used, and every peer on this host."""
        found = {FLOOR: self.floor_command(kernel, memory, words=words),
                 "Volt": self.volt_command(kernel, "--cmdline", words, memory=memory)}
        for peer in self.peers:
            if peer.on_host:
                found[peer.name] = peer.command(kernel, memory=memory, cmdline=words)
        return found

    # --- timing

    def stopwatch(self, command, mark="", limit=30, env=None, options=()):
        """One run from outside: milliseconds, and what else bench/stopwatch.c tells."""
        text = self.run([self.path("stopwatch"), *options, limit, mark, *command],
                        limit=limit + 20, env=env)
        return parse_stopwatch(text)

    def counts(self, command):
        """What one run does, the same at any load: bench/steps.c."""
        text = self.run([self.path("steps"), *command], limit=600)
        match = COUNTS.search(text)
        if not match or match.group(4) != "0":
            raise Problem(f"bench/steps said: {text.strip()[-300:]}")
        return dict(zip(("instructions", "calls", "faults"), map(int, match.groups())))

    def alternate(self, commands, runs, envs=None, check="first", **kwargs):
        """{name: [run, ...]}: every command once, then again, so that all see the same host. Each
        time in another order: a program that always ran after one that fills the caches would always be slower."""
        found = {name: [] for name in commands}
        for number in range(runs):
            turns = list(commands.items())
            random.Random(number).shuffle(turns)
            for name, command in turns:
                run = self.stopwatch(command, env=(envs or {}).get(name), **kwargs)
                if run[check] == 0:
                    raise Problem(f"{name}: its guest did not run (status {run['status']}): "
                                  f"{' '.join(map(str, command))}")
                found[name].append(run)
        return found


def parse_stopwatch(text):
    match = FIELDS.search(text)
    if not match:
        raise Problem(f"bench/stopwatch said: {text.strip()[-300:]}")
    first, mark, end, cpu, faults, status, line = match.groups()
    return {"first": int(first) / 1e6, "mark": int(mark) / 1e6, "exit": int(end) / 1e6,
            "cpu": int(cpu) / 1e3, "faults": int(faults), "status": int(status), "line": line}


def static_volt(bench, name, plugins=(), options=()):
    """A volt with musl and these plugins, or all default ones, linked in, as scripts/check minimal
    has it; None without musl-gcc."""
    if not shutil.which("musl-gcc"):
        return None
    folder = bench.path(name)
    say(f"building a static volt: {name}")
    if not (folder / "build.ninja").exists():
        chosen = [f"-Dplugins={','.join(plugins)}"] if plugins else []
        bench.run(["meson", "setup", folder, ROOT, *STATIC, *chosen, *options],
                  env={**os.environ, "CC": "musl-gcc"})
    bench.run(["ninja", "-C", folder, "core/volt"], limit=300)
    return folder / "core" / "volt"


def other_volt(bench, name, options=(), revision=None):
    """The build folder of a volt with the sandbox as a file that differs from the measured
    one by options, or is of an older commit; None where git does not have that one."""
    folder, source = bench.path(name), ROOT
    if revision:
        source = bench.path(f"{name}-source")
        packed = bench.path(f"{name}.tar")
        if not (source / "meson.build").exists():
            source.mkdir(exist_ok=True)
            if subprocess.run(["git", "-C", ROOT, "archive", "-o", packed, revision],
                              capture_output=True).returncode != 0:
                return None
            bench.run(["tar", "-xf", packed, "-C", source])
    say(f"building another volt: {name}")
    if not (folder / "build.ninja").exists():
        bench.run(["meson", "setup", folder, source, "--buildtype=release", "-Dtests=false",
                   "-Dinit=disabled", *options])
    bench.run(["ninja", "-C", folder, "core/volt",
               *(f"plugins/{plugin}.so" for plugin in DEFAULTS)], limit=600)
    return folder


# --- statistics -----------------------------------------------------------------------------


def median(values):
    return statistics.median(values)


def spread(values):
    """The quartiles."""
    if len(values) < 4:
        return min(values), max(values)
    low, _, high = statistics.quantiles(values, n=4)
    return low, high


def figure(values, digits=2):
    """Median and quartiles, as every table shows them."""
    low, high = spread(values)
    return f"{median(values):.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def ratio(values, base):
    return f"{median(values) / median(base):.2f}"


def paired(values, base):
    """Differences between runs of one turn: the host's moods cancel out."""
    return [a - b for a, b in zip(values, base)]


def column(runs, field):
    return [run[field] for run in runs]


# --- what the report is made of -------------------------------------------------------------


class Table:
    def __init__(self, title, head, rows, note=""):
        self.title, self.head, self.rows, self.note = title, head, rows, note

    def markdown(self):
        lines = [f"**{self.title}**", "", "| " + " | ".join(self.head) + " |",
                 "|---" * 1 + "|" + "---:|" * (len(self.head) - 1)]
        lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in self.rows]
        return "\n".join(lines + (["", self.note] if self.note else []))


class Plot:
    """Bars of one or more series over labels, or lines over numbers."""

    def __init__(self, name, title, unit, series, kind="bars", x=""):
        self.name, self.title, self.unit, self.kind, self.x = name, title, unit, kind, x
        self.series = series  # {series: [(label or x, value), ...]}


# --- programs -------------------------------------------------------------------------------

WARNINGS = ["-Wall", "-Wextra", "-Wno-missing-field-initializers", "-Wno-unused-parameter",
            "-Wshadow"]
COMMON = ["-std=gnu11", "-D_GNU_SOURCE", "-O2", *WARNINGS]
GUEST = ["-std=gnu11", "-O2", "-ffreestanding", "-fno-builtin", "-fno-pic", "-no-pie",
         "-fno-stack-protector", "-fno-asynchronous-unwind-tables", "-fcf-protection=none",
         "-mgeneral-regs-only", "-mno-red-zone", *WARNINGS, "-nostdlib", "-static",
         "-Wl,--build-id=none", "-Wl,-z,noexecstack", "-Wl,--no-warn-rwx-segments"]
KERNEL_HEADERS = ["-idirafter", "/usr/include", "-idirafter",
                  f"/usr/include/{os.uname().machine}-linux-gnu"]


def build_programs(bench):
    """The small programs of this folder, in the work folder."""
    guests = ROOT / "tests" / "guest" / "guests"
    includes = [f"-I{folder}" for folder in (ROOT, ROOT / "sdk" / "include", bench.build,
                                             bench.build / "core")]
    static = ["musl-gcc", "-static", *KERNEL_HEADERS] if shutil.which("musl-gcc") else [
        "gcc", "-static"]
    sandbox = ROOT / "plugins" / "sandbox"
    filters = ["gcc", *COMMON, *includes, HERE / "filter.c",
               *(sandbox / name for name in ("calls.c", "early.c", "filter.c")),
               bench.build / "plugins" / "sandbox" / "call_table.c"]
    plugin = ["gcc", *COMMON, *includes, "-fPIC", "-fvisibility=hidden", "-shared", "-nostartfiles",
              "-Wl,-z,relro,-z,now,-z,noexecstack,-z,defs"]
    bare = ["gcc", *GUEST, f"-I{guests}", guests / "start.S", guests / "guest.c", guests / "irq.c"]
    for command in (
            [*static, *COMMON, HERE / "stopwatch.c", "-o", bench.path("stopwatch")],
            [*static, *COMMON, HERE / "steps.c", "-o", bench.path("steps")],
            [*static, *COMMON, HERE / "diskloop.c", "-o", bench.path("diskloop")],
            [*static, *COMMON, HERE / "floor.c", "-o", bench.path("floor")],
            [*static, *COMMON, HERE / "floor-restore.c", "-o", bench.path("floor-restore")],
            ["gcc", *COMMON, "-pthread", HERE / "floor.c", "-o", bench.path("floor-libc")],
            [*plugin, HERE / "ranges.c", "-o", bench.path("ranges.so")],
            [*plugin, guests.parent / "plugins" / "pauser.c", "-o", bench.path("pauser.so")],
            ["gcc", *COMMON, *includes, HERE / "dispatch.c", "-Wl,--wrap=ioctl",
             bench.build / "core" / "libvolt-core.a", bench.build / "sdk" / "libvolt-params.a",
             "-ldl", "-pthread", "-o", bench.path("dispatch")],
            [*filters, "-DSANDBOX_LIBSECCOMP", sandbox / "libseccomp.c", "-lseccomp", "-o",
             bench.path("filter")],
            [*filters, sandbox / "assemble.c", "-o", bench.path("filter-own")],
            [*bare, f"-Wl,-T,{HERE / 'guest.ld'}", "-o", bench.path("guest.elf"), HERE / "guest.c",
             HERE / "pvh.S"],
            *([*bare, f"-Wl,-T,{guests / 'guest.ld'}", "-o", bench.path(name), guests / f"{name}.c"]
              for name in ("pausing", "serial", "interrupts")),
            *([*bare, f"-Wl,-T,{guests / 'guest.ld'}", "-o", bench.path(name),
               guests / "virtio_bus.c", guests / f"{name}.c"] for name in ("balloon", "disk"))):
        bench.run(command, limit=120)


def tsc_khz():
    """Of the host; the kernel prints it into /proc/cpuinfo as half the BogoMIPS."""
    match = re.search(r"^bogomips\s*: ([\d.]+)", Path("/proc/cpuinfo").read_text(), re.M | re.I)
    return float(match.group(1)) * 1000 / 2


def host_facts():
    info = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.*)", info, re.M)
    memory = re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())
    kvm = next((name for name in ("kvm_pvm", "kvm_intel", "kvm_amd")
                if Path(f"/sys/module/{name}").exists()), "none")
    return {"cpu": model.group(1) if model else "?", "cpus": os.cpu_count(),
            "memory_gib": round(int(memory.group(1)) / 2**20, 1), "kernel": os.uname().release,
            "kvm": kvm, "load": os.getloadavg()[0]}


def write_json(path, data):
    Path(path).write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def die(text):
    sys.exit(f"bench: {text}")
