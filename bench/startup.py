# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""From the start of the process to the first guest instruction seen, and where that time goes."""

import json

from kit import (FLOOR, FLOOR_COPY, FLOOR_LIBC, Plot, Table, column, figure, median, other_volt,
                 paired, ratio, say, static_volt)

TITLE = "Start-up"
RUNS, QUICK_RUNS = 60, 12
LAYERS = {"Volt, --no-seccomp": ["--no-seccomp"], "Volt, --no-landlock": ["--no-landlock"],
          "Volt, --no-sandbox": ["--no-sandbox"]}
FILES = "Volt, devices from files"
STATIC = "Volt, static"
GOALS = {"Volt": 2.0, STATIC: 1.6}  # times the floor
# Volt before its checks at the start were trimmed, its plugins' files no longer copied and
# libseccomp used; and the volt of today without libseccomp and libcap.
BEFORE, BEFORE_REVISION = "Volt of 8204e81", "8204e81"
OWN = "Volt, own compiler of filters"
COUNTED = (FLOOR, FLOOR_LIBC, "Volt", FILES, OWN, STATIC, BEFORE)


def commands(bench):
    kernel = bench.kernels["start"]
    found = {FLOOR: bench.floor_command(kernel),
             FLOOR_LIBC: bench.floor_command(kernel, program="floor-libc"),
             FLOOR_COPY: ["env", "FLOOR_COPY=1", *bench.floor_command(kernel)],
             "Volt": bench.volt_command(kernel)}
    found[FILES] = bench.volt_command(kernel, "--plugin-dir", bench.build / "plugins")
    for name, options in LAYERS.items():
        found[name] = bench.volt_command(kernel, *options)
    static = static_volt(bench, "static")
    if static:
        found[STATIC] = [static, "--kernel", kernel, "--memory", "128M"]
    own = other_volt(bench, "own-compiler", ["-Dlibseccomp=disabled", "-Dlibcap=disabled"])
    found[OWN] = bench.volt_command(kernel, build=own)
    before = None if bench.quick else other_volt(bench, "before", revision=BEFORE_REVISION)
    if before:
        found[BEFORE] = bench.volt_command(kernel, build=before)
    found["Volt, kernel copied"] = bench.volt_command(kernel, "--kernel-memory", "copy")
    found["Volt, KVM's irqchip"] = bench.volt_command(kernel, plugins=["serial", "exitport"])
    for peer in bench.peers:
        if peer.on_host:
            found[peer.name] = peer.command(kernel)
    return found


def phases(bench, runs):
    """{phase: [ms, ...]} of --trace-file, the first from the start of the process."""
    found = {}
    trace = bench.path("trace.json")
    for _ in range(runs):
        bench.run(bench.volt_command(bench.kernels["start"], "--trace-file", trace))
        for event in json.loads(trace.read_text(encoding="utf-8")):
            found.setdefault(event["name"], []).append(event["dur"] / 1000)
    return found


def phase_table(found):
    total = sum(median(values) for values in found.values())
    rows = [[name, figure(values, 3), f"{100 * median(values) / total:.0f} %"]
            for name, values in found.items()]
    rows.append(["all", f"{total:.3f}", "100 %"])
    return Table("Phases of a sealed start, ms",
                 ["Phase, by its end", "Median (quartiles)", "Part"], rows,
                 "From `--trace-file`; the first phase begins with the process.")


def sealing_cost(runs):
    """Paired differences: the cost of each layer at start."""
    sealed = column(runs["Volt"], "first")
    return {name: paired(sealed, column(runs[name], "first")) for name in LAYERS}


def count_table(bench, all_commands):
    """What a start does, beside what it takes: for hosts to compare, and busy ones to be useful."""
    say("start-up: instructions, one by one")
    counts = {name: bench.counts(command) for name, command in all_commands.items()
              if name in COUNTED}
    rows = [[name, f"{c['instructions']:,}", c["calls"], c["faults"]]
            for name, c in counts.items()]
    return counts, Table("What a start does in user space, its end included",
                         ["Monitor", "Instructions", "System calls", "Page faults"], rows,
                         "By bench/steps.c, one run each; a repeated instruction counts as often "
                         "as it repeats.")


def difference_table(runs, counts):
    """Paired differences of CPU time, which a busy machine blurs least."""
    rows = []
    for what, more, less in (("libseccomp and libcap", "Volt", OWN),
                             ("default devices as files", FILES, "Volt"),
                             ("glibc and the sandbox as a file", OWN, STATIC),
                             ("what was trimmed since 8204e81, less libseccomp", BEFORE, "Volt")):
        if more not in runs or less not in runs:
            continue
        gap = paired(column(runs[more], "cpu"), column(runs[less], "cpu"))
        rows.append([what, figure(gap, 3), *(f"{counts[more][key] - counts[less][key]:,}"
                                             for key in ("instructions", "calls", "faults"))])
    return Table("What parts of a start cost", ["Part", "ms of CPU time (quartiles)",
                                                "Instructions", "System calls", "Page faults"],
                 rows, "Differences of runs in one turn: with it, less without it.")


def goal_rows(runs):
    rows = []
    for name, limit in GOALS.items():
        if name not in runs:
            continue
        for field, words, least in (("first", "", median), ("cpu", ", least CPU time", min)):
            share = least(column(runs[name], field)) / least(column(runs[FLOOR], field))
            rows.append((f"start-up, {name.replace('Volt', 'sealed')}, to the floor{words}",
                         f"{limit} times", f"{share:.2f} times", share / limit))
    return rows


def measure(bench):
    count = bench.count(RUNS, QUICK_RUNS)
    all_commands = commands(bench)
    say(f"start-up: {count} runs of each monitor, alternating")
    runs = bench.alternate(all_commands, count)
    base, libc, copy = (column(runs[name], "first") for name in (FLOOR, FLOOR_LIBC, FLOOR_COPY))
    rows = []
    for name, several in runs.items():
        first, cpu = column(several, "first"), column(several, "cpu")
        rows.append([name, figure(first), f"{min(first):.2f}", ratio(first, base),
                     ratio(first, libc), ratio(first, copy),
                     f"{median(cpu):.2f}", f"{min(cpu):.2f}",
                     f"{min(cpu) / min(column(runs[FLOOR], 'cpu')):.2f}",
                     f"{median(column(several, 'exit')):.2f}", several[0]["faults"]])
    say(f"start-up: {bench.count(30, 10)} runs with --trace-file")
    found = phases(bench, bench.count(30, 10))
    counts, counted = count_table(bench, all_commands)
    times = Table("Start to the first byte that the guest wrote, ms",
                  ["Monitor", "Median (quartiles)", "Best", "to the floor", "to it with glibc",
                   "to it, copying", "CPU time", "Least", "to the floor's", "To its end",
                   "Page faults"], rows,
                  f"{count} runs each, taking turns; vmlinux of 19 MB with 2 MB of bss, 128 MB of "
                  "memory. CPU time is that of all of the process, its end included.")
    bars = [(row[0], median(column(runs[row[0]], "first"))) for row in rows]

    def share_of(field, name):
        return median(column(runs["Volt"], field)) / median(column(runs[name], field))

    goals = goal_rows(runs)
    text = (f"Goals: sealed, at most {GOALS['Volt']} times the floor with glibc, the sandbox "
            f"as a file and libseccomp; {GOALS[STATIC]} times as a static program. Measured: "
            f"{share_of('first', FLOOR):.2f} times by the wall's clock and "
            f"{share_of('cpu', FLOOR):.2f} times in CPU time; to the same floor "
            "that copies its kernel instead of mapping the file, "
            f"{share_of('first', FLOOR_COPY):.2f} and {share_of('cpu', FLOOR_COPY):.2f} times.")
    return {"text": text, "goals": goals,
            "tables": [times, counted, difference_table(runs, counts), phase_table(found)],
            "plots": [Plot("startup", "Start to first guest instruction", "ms", {"median": bars}),
                      Plot("phases", "Phases of a sealed start", "ms",
                           {"median": [(name, median(v)) for name, v in found.items()]})],
            "data": {"runs": runs, "phases_ms": found, "layers_ms": sealing_cost(runs),
                     "counts": counts}}
