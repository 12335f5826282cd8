# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""How long a pause takes, from the request to the moment when nothing runs."""

import re
import subprocess

from kit import Problem, Table, say

TITLE = "Pause"
GOAL_MS = 1
SECONDS, QUICK_SECONDS = 5, 1
GUESTS = {
    # name: the case of tests/guest/guests/pausing.c, vCPUs
    "halted vCPU": ("halt", 1),
    "spinning vCPU": ("spin", 1),
    "ports, memory, timer, calls to itself": ("all ffffff", 1),
    "the same on two vCPUs": ("all ffffff two", 2),
}
COUNTER = re.compile(r"volt: pauser: (\w+) (\d+)$", re.MULTILINE)


def pauses(bench, words, cpus):
    """Counters of tests/guest/plugins/pauser.c after a run that SIGTERM ends."""
    command = bench.volt_command(
        bench.path("pausing"), "--cmdline", words, "--cpus", cpus, "--log-level", "debug",
        plugins=["serial", f"{bench.path('pauser.so')},every=500"])
    done = subprocess.run(["timeout", "-s", "TERM", str(bench.count(SECONDS, QUICK_SECONDS)),
                           *map(str, command)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60)
    found = {name: int(count) for name, count in COUNTER.findall(done.stderr)}
    if not found.get("pauses"):
        raise Problem(f"no pause of '{words}': {done.stderr.strip()[-400:]}")
    return found


def measure(bench):
    say("pause: guests that halt, spin and work, paused at random moments")
    rows, data, worst = [], {}, 0
    for name, (words, cpus) in GUESTS.items():
        found = pauses(bench, words, cpus)
        data[name], number = found, found["pauses"]
        mean = found["ns"] / number / 1e6
        if cpus == 1:
            worst = max(worst, mean)
        rows.append([name, number, f"{found['ns_least'] / 1e3:.0f}", f"{mean * 1e3:.0f}",
                     f"{found['ns_most'] / 1e3:.0f}", f"{100 * found['within_ms'] / number:.1f} %"])
    text = (f"Goal: less than {GOAL_MS} ms for one vCPU that is halted or spins. Measured: "
            f"{worst:.3f} ms, the highest mean of one vCPU.")
    return {"text": text, "goals": [("pause", f"{GOAL_MS} ms", f"{worst:.3f} ms", worst / GOAL_MS)],
            "tables": [Table("From the request to the standstill, us",
                             ["Guest", "Pauses", "Least", "Mean", "Most", "Within 1 ms"], rows,
                             "The most is a turn of the host's scheduler where all CPUs are busy.")],
            "plots": [], "data": data}
