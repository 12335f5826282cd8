#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""What the seal is and costs: system calls left, time to enter it, and its share of an exit.

    python3 bench/seal.py --build BUILD

Times are medians of runs that take turns, so read ratios before nanoseconds: those are of this
machine and this hour.
"""

import argparse
import json
import pathlib
import resource
import statistics
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
RUNS = 20
EXITS = 100000
EXIT_RUNS = 5
# Phases of --trace-file from the last vCPU to the first instruction of the guest, and the early filter.
SEAL = ("threads counted", "policy", "Landlock", "capabilities", "threads", "seccomp")
PHASES = ("early filter", *SEAL, "running")
SWITCHES = ((), ("--no-seccomp",), ("--no-landlock",), ("--no-sandbox",))
LINES = {
    "serial": ("serial",),
    "default": (),
    "two serial ports": ("serial", "serial,id=b,base=0x2f8,irq=3,console=null", "ioapic"),
    "socket": ("serial,console=unix:{folder}/socket",),
    "pseudo-terminal": ("serial,console=pty",),
    "file": ("serial,console=file:{folder}/out",),
}


class Bench:
    def __init__(self, build, folder):
        self.volt, self.folder = build / "core/volt", folder
        self.kernels = {count: self.assemble(count) for count in (0, EXITS)}

    def assemble(self, count):
        path = self.folder / f"outs-{count}"
        subprocess.run(["cc", "-nostdlib", "-static", "-Wl,-Ttext=0x1000000,--build-id=none",
                        f"-DCOUNT={count}", "-o", path, HERE / "outs.S"], check=True)
        return path

    def run(self, *words):
        return subprocess.run([self.volt, *words], stdin=subprocess.DEVNULL, check=True,
                              capture_output=True, timeout=60).stdout

    def plugins(self, specs):
        return [word for spec in specs for word in ("--plugin", spec.format(folder=self.folder))]

    def calls(self, specs):
        """Distinct system calls: of all threads, of the loop, of a vCPU; and rules."""
        page = json.loads(self.run("explain", *self.plugins(specs), "--json"))
        threads = {thread["name"]: thread["rules"] for thread in page["threads"]}
        counts = [len({rule["syscall"] for rules in threads.values() for rule in rules})]
        for name in ("loop", "vcpu0"):
            counts += [len({rule["syscall"] for rule in threads[name]}), len(threads[name])]
        return counts

    def phases(self):
        """{phase: microseconds} of one start."""
        trace = self.folder / "trace"
        self.run("--kernel", self.kernels[0], "--plugin", "serial", "--plugin", "exitport",
                 "--trace-file", trace)
        return {event["name"]: event["dur"] for event in json.loads(trace.read_text())}

    def seconds(self, kernel, options):
        """Of processor time, which a busy machine changes least."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.run("--kernel", kernel, "--plugin", "exitport", *options)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def exits(self):
        """{switches: [nanoseconds an exit]}"""
        found = {options: [] for options in SWITCHES}
        for _ in range(EXIT_RUNS):
            for options, times in found.items():
                some = self.seconds(self.kernels[EXITS], options)
                none = self.seconds(self.kernels[0], options)
                times.append((some - none) / EXITS * 1e9)
        return found


def print_calls(bench):
    print(f"{'system calls':18} {'all':>4} {'loop':>5} {'(rules)':>8} {'vcpu':>5} {'(rules)':>8}")
    for name, specs in LINES.items():
        every, loop, loop_rules, vcpu, vcpu_rules = bench.calls(specs)
        print(f"{name:18} {every:4} {loop:5} {loop_rules:8} {vcpu:5} {vcpu_rules:8}")


def print_phases(bench):
    runs = [bench.phases() for _ in range(RUNS)]
    print(f"\nphase of the start, us ({RUNS} runs)  median  quartiles")
    for phase in PHASES:
        low, middle, high = statistics.quantiles([run[phase] for run in runs], n=4)
        print(f"{phase:34} {middle:6.0f}  {low:.0f} to {high:.0f}")
    seal = [sum(run[phase] for phase in SEAL) for run in runs]
    print(f"{'the seal':34} {statistics.median(seal):6.0f}")


def print_exits(bench):
    found = bench.exits()
    open_ns = statistics.median(found["--no-sandbox",])
    print(f"\nan exit, ns ({EXIT_RUNS} runs of {EXITS})    median   ratio to --no-sandbox")
    for options, times in found.items():
        ns = statistics.median(times)
        print(f"{' '.join(options) or 'sealed':34} {ns:6.0f}   {ns / open_ns:.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--build", type=pathlib.Path, required=True, help="a build folder")
    build = parser.parse_args().build.resolve()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(build, pathlib.Path(folder))
        print_calls(bench)
        print_phases(bench)
        print_exits(bench)


if __name__ == "__main__":
    main()
