# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""From the start of the process to the first guest instruction seen, and where that time goes."""

import json

from kit import (FLOOR, FLOOR_COPY, FLOOR_LIBC, Plot, Table, column, figure, median, paired,
                 ratio, say, static_volt)

TITLE = "Start-up"
RUNS, QUICK_RUNS = 60, 12
LAYERS = {"Volt, --no-seccomp": ["--no-seccomp"], "Volt, --no-landlock": ["--no-landlock"],
          "Volt, --no-sandbox": ["--no-sandbox"]}
GOAL = 1.25


def commands(bench):
    kernel = bench.kernels["start"]
    found = {FLOOR: bench.floor_command(kernel),
             FLOOR_LIBC: bench.floor_command(kernel, program="floor-libc"),
             FLOOR_COPY: ["env", "FLOOR_COPY=1", *bench.floor_command(kernel)],
             "Volt": bench.volt_command(kernel)}
    for name, options in LAYERS.items():
        found[name] = bench.volt_command(kernel, *options)
    static = static_volt(bench, "static")
    if static:
        found["Volt, static"] = [static, "--kernel", kernel, "--memory", "128M"]
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


def measure(bench):
    count = bench.count(RUNS, QUICK_RUNS)
    say(f"start-up: {count} runs of each monitor, alternating")
    runs = bench.alternate(commands(bench), count)
    base, libc, copy = (column(runs[name], "first") for name in (FLOOR, FLOOR_LIBC, FLOOR_COPY))
    rows = []
    for name, several in runs.items():
        first = column(several, "first")
        rows.append([name, figure(first), f"{min(first):.2f}", ratio(first, base),
                     ratio(first, libc), ratio(first, copy),
                     f"{median(column(several, 'cpu')):.2f}",
                     f"{median(column(several, 'exit')):.2f}", several[0]["faults"]])
    say(f"start-up: {bench.count(30, 10)} runs with --trace-file")
    found = phases(bench, bench.count(30, 10))
    times = Table("Start to the first byte that the guest wrote, ms",
                  ["Monitor", "Median (quartiles)", "Best", "to the floor", "to it with glibc",
                   "to it, copying", "CPU time", "To its end", "Page faults"], rows,
                  f"{count} runs each, taking turns; vmlinux of 19 MB with 2 MB of bss, 128 MB of "
                  "memory. CPU time is that of all of the process, its end included.")
    bars = [(row[0], median(column(runs[row[0]], "first"))) for row in rows]
    def share_of(field, name):
        return median(column(runs["Volt"], field)) / median(column(runs[name], field))

    share = share_of("first", FLOOR)
    text = (f"Goal: sealed, at most {GOAL} times the floor. Measured: {share:.2f} times by the "
            f"wall's clock and {share_of('cpu', FLOOR):.2f} times in CPU time; to the same floor "
            "that copies its kernel instead of mapping the file, "
            f"{share_of('first', FLOOR_COPY):.2f} and {share_of('cpu', FLOOR_COPY):.2f} times.")
    goals = [("start-up, sealed, to the floor", f"{GOAL} times", f"{share:.2f} times",
              share / GOAL)]
    return {"text": text, "goals": goals, "tables": [times, phase_table(found)],
            "plots": [Plot("startup", "Start to first guest instruction", "ms", {"median": bars}),
                      Plot("phases", "Phases of a sealed start", "ms",
                           {"median": [(name, median(v)) for name, v in found.items()]})],
            "data": {"runs": runs, "phases_ms": found, "layers_ms": sealing_cost(runs)}}
