# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""CPU time of virtio-balloon's worker for a page that goes back to the host."""

import os
import subprocess
import time
from pathlib import Path

from kit import Problem, Table, say

TITLE = "Balloon"
GOAL_US = 2
PAGES = 0x2000
RUNS, QUICK_RUNS = 10, 2
# The first place that the host gives out, and the highest free line: docs/plugins.md, Places.
WHERE = "d0000000 17"
GUESTS = {
    # name: the case of tests/guest/guests/balloon.c
    "pages side by side": "mmio",
    "every second page": "apart",
}


def worker_ns(pid):
    for task in Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().strip() == "balloon":
            return int((task / "schedstat").read_text().split()[0])
    raise Problem("volt has no worker of the balloon")


def read_until(run, text, limit=60):
    end, found = time.monotonic() + limit, b""
    while text not in found:
        more = os.read(run.stdout.fileno(), 4096)
        found += more
        if not more or time.monotonic() > end:
            raise Problem(f"the guest did not say '{text.decode()}': {found.decode()}")


def page_us(bench, case):
    command = bench.volt_command(bench.path("balloon"), "--cmdline", f"{case} {PAGES:x} {WHERE}",
                                 plugins=["serial", "exitport", "bootmark", "virtio-balloon"])
    with subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
        try:
            read_until(run, b"full")
            before = worker_ns(run.pid)
            run.stdin.write(b"x")
            run.stdin.flush()
            read_until(run, b"empty")
            return (worker_ns(run.pid) - before) / PAGES / 1e3
        finally:
            run.kill()


def measure(bench):
    say("balloon: guests that give pages up")
    rows, data, medians = [], {}, []
    for name, case in GUESTS.items():
        found = sorted(page_us(bench, case) for _ in range(bench.count(RUNS, QUICK_RUNS)))
        data[name], median = found, found[len(found) // 2]
        medians.append(median)
        rows.append([name, f"{found[0]:.2f}", f"{median:.2f}", f"{found[-1]:.2f}"])
    text = (f"Goal: less than {GOAL_US} us of CPU time for a page, of pages side by side, as Linux gives "
            f"them. Measured: {medians[0]:.2f} us.")
    return {"text": text,
            "goals": [("balloon", f"{GOAL_US} us", f"{medians[0]:.2f} us", medians[0] / GOAL_US)],
            "tables": [Table("CPU time of the worker for a page, us",
                             ["Guest", "Least", "Median", "Most"], rows,
                             f"{PAGES} pages of 4 KiB, by lists of 256.")],
            "plots": [], "data": data}
