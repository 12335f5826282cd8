# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""What each layer of the sandbox costs: once at the start, and at every exit."""

import json

from exits import EXITS, guest_ns
from kit import Plot, Table, column, figure, median, paired, ratio, say
from startup import LAYERS

TITLE = "Security"
RUNS, QUICK_RUNS = 60, 15
EXIT_RUNS, QUICK_EXIT_RUNS = 25, 5
FILTER_RUNS, QUICK_FILTER_RUNS = 21, 7
GOAL_MS = 1
GOAL_FILTER_NS = 10  # above the floor
FILTERS = {
    # what: the program that measures and its mode
    "none": ("filter", "none"),
    "two that only allow (the floor)": ("filter", "floor"),
    "the thread's own": ("filter", "thread"),
    "its own and the early filter's": ("filter", "both"),
    "the same, by the compiler of volts without libseccomp": ("filter-own", "both"),
}
FILTERS_OF_VOLT = "its own and the early filter's"
FLOOR = "two that only allow (the floor)"
OPS = {"eq": 1, "masked_eq": 2}  # VOLT_TEST_*


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


def filter_words(bench):
    """The file number of vCPU 0 and its rules, as bench/filter.c wants them."""
    page = json.loads(bench.run([bench.volt, "explain", "--json"]))
    rules = next(thread for thread in page["threads"] if thread["name"] == "vcpu0")["rules"]
    words = []
    for rule in rules:
        words += [rule["syscall"], *(
            f"{t['arg']}:{OPS[t['op']]}:{t['value']}:{t.get('mask', 0)}" for t in rule["tests"]),
            ","]
    fd = next(t["value"] for rule in rules if rule["syscall"] == "ioctl"
              for t in rule["tests"] if t["arg"] == 0)
    return fd, words


def filter_costs(bench):
    """{which programs: [ns per call, ...]}, taking turns."""
    fd, words = filter_words(bench)
    found = {}
    for _ in range(bench.count(FILTER_RUNS, QUICK_FILTER_RUNS)):
        for name, (program, mode) in FILTERS.items():
            out = bench.run([bench.path(program), mode, fd, 1000, *words])
            found.setdefault(name, []).append(float(out))
    return found


def filter_table(costs):
    none = costs["none"]
    return Table("Cost of the seccomp programs for one KVM_RUN, ns",
                 ["Programs", "ioctl that does nothing (quartiles)", "Adds, median of pairs"],
                 [[name, figure(values, 1), figure(paired(values, none), 1)]
                  for name, values in costs.items()],
                 "The real programs of a default VM's vCPU thread, around a call that costs "
                 "nearly nothing itself: an exit would hide the difference.")


def measure(bench):
    say("security: starts with and without each layer, alternating")
    runs = start_costs(bench)
    say("security: the seccomp programs alone, with and without, alternating")
    filters = filter_costs(bench)
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
                   "Differences are between runs of one turn, with a kernel of 1 MB.")
    per_exit = Table("Cost of each layer per exit, ns",
                     ["Configuration", "Port read (quartiles)", "Ratio to sealed", "Best",
                      "Sealed takes longer by, best to best"],
                     [[name, figure(values, 0), ratio(values, exits["Volt"]), f"{min(values):.0f}",
                       f"{min(exits['Volt']) - min(values):+.0f}"]
                      for name, values in exits.items()],
                     "The whole exit as the guest sees it. A filter runs once per KVM_RUN; "
                     "Landlock is not asked there.")
    cost = median(paired(sealed_cpu, column(runs["Volt, --no-sandbox"], "cpu")))
    per_call = median(paired(filters[FILTERS_OF_VOLT], filters[FLOOR]))
    floor = median(paired(filters[FLOOR], filters["none"]))
    text = (f"Goal: the filters take at most {GOAL_FILTER_NS} ns an exit more than two that only "
            f"allow, which take {floor:.0f} ns on this host. Measured: {per_call:.0f} ns. Goal: sealing takes less than {GOAL_MS} ms. Measured: {cost:.2f} ms of CPU time for "
            "all layers together.")
    goals = [("sealing", f"{GOAL_MS} ms", f"{cost:.2f} ms", cost / GOAL_MS),
             ("filters per exit, above the floor", f"{GOAL_FILTER_NS} ns", f"{per_call:.0f} ns",
              per_call / GOAL_FILTER_NS)]
    bars = [(name.removeprefix("Volt, "), median(paired(sealed_cpu, column(runs[name], "cpu"))))
            for name in LAYERS]
    return {"text": text, "goals": goals, "tables": [starts, filter_table(filters), per_exit],
            "plots": [Plot("security", "CPU time that a sealed start adds to one with", "ms",
                           {"median": bars})],
            "data": {"start": runs, "exit_ns": exits, "filter_ns": filters}}
