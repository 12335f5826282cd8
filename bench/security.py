# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""What each layer of the sandbox costs: once at the start, and at every exit."""

from exits import EXITS, guest_ns
from kit import Plot, Table, column, figure, median, paired, ratio, say
from startup import LAYERS

TITLE = "Security"
RUNS, QUICK_RUNS = 60, 15
EXIT_RUNS, QUICK_EXIT_RUNS = 25, 5
GOAL_MS = 1


def start_costs(bench):
    kernel = bench.kernels["small-start"]
    commands = {"Volt": bench.volt_command(kernel)}
    for name, options in LAYERS.items():
        commands[name] = bench.volt_command(kernel, *options)
    return bench.alternate(commands, bench.count(RUNS, QUICK_RUNS))


def exit_costs(bench):
    """{configuration: [ns per exit, ...]}, taking turns."""
    plugins = ["serial", "exitport", f"{bench.path('ranges.so')},count=1"]
    words = f"pio {EXITS:x} 1000"
    found = {}
    for _ in range(bench.count(EXIT_RUNS, QUICK_EXIT_RUNS)):
        for name, options in {"Volt": [], **LAYERS}.items():
            command = bench.volt_command(bench.kernels["guest"], "--cmdline", words, *options,
                                         plugins=plugins)
            found.setdefault(name, []).extend(guest_ns(bench, command, EXITS))
    return found


def measure(bench):
    say("security: starts with and without each layer, alternating")
    runs = start_costs(bench)
    say("security: exits with and without each layer, alternating")
    exits = exit_costs(bench)
    sealed, sealed_cpu = column(runs["Volt"], "first"), column(runs["Volt"], "cpu")
    rows = []
    for name in runs:
        first, cpu = column(runs[name], "first"), column(runs[name], "cpu")
        rows.append([name, figure(first), figure(paired(sealed, first), 3),
                     figure(paired(sealed_cpu, cpu), 3), ratio(first, sealed)])
    starts = Table("Cost of each layer at the start, ms",
                   ["Configuration", "Start (quartiles)", "Sealed start takes longer by",
                    "and more CPU time by", "Ratio to sealed"], rows,
                   "Differences are between runs that followed each other, with a kernel of 1 MB.")
    per_exit = Table("Cost of each layer per exit, ns",
                     ["Configuration", "Port read (quartiles)", "Ratio to sealed", "Best",
                      "Sealed takes longer by, best to best"],
                     [[name, figure(values, 0), ratio(values, exits["Volt"]), f"{min(values):.0f}",
                       f"{min(exits['Volt']) - min(values):+.0f}"]
                      for name, values in exits.items()],
                     "The whole exit as the guest sees it. A filter runs once per KVM_RUN; "
                     "Landlock is not asked there.")
    cost = median(paired(sealed_cpu, column(runs["Volt, --no-sandbox"], "cpu")))
    text = (f"Goal: sealing takes less than {GOAL_MS} ms. Measured: {cost:.2f} ms of CPU time for "
            "all layers together.")
    goals = [("sealing", f"{GOAL_MS} ms", f"{cost:.2f} ms", cost / GOAL_MS)]
    bars = [(name.removeprefix("Volt, "), median(paired(sealed_cpu, column(runs[name], "cpu"))))
            for name in LAYERS]
    return {"text": text, "goals": goals, "tables": [starts, per_exit],
            "plots": [Plot("security", "CPU time that a sealed start adds to one with", "ms",
                           {"median": bars})],
            "data": {"start": runs, "exit_ns": exits}}
