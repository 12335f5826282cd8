# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""What a control socket costs a VM, how long a request takes while its guest runs, and `volt ps`."""

import json
import os
import resource
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from kit import Plot, Problem, Table, figure, median, say
from memory import LIMIT_S, Group, above_guest, die_with_parent, parse_maps

TITLE = "Control"
GOAL_P99_MS, GOAL_PSS_KIB, GOAL_CALLS, GOAL_PS_MS = 1, 64, 10, 100
REQUESTS, QUICK_REQUESTS = 5000, 500
VMS, QUICK_VMS = 500, 20
GUESTS = {"halted guest": "halt", "guest that spins": "spin", "guest at work on all devices": "all"}


class Client:
    """One connection: JSON-RPC 2.0, a line each."""

    def __init__(self, path):
        end = time.monotonic() + LIMIT_S
        self.socket = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self.socket.connect(str(path))
                break
            except (FileNotFoundError, ConnectionRefusedError):
                if time.monotonic() > end:
                    raise Problem(f"no VM listens at {path}") from None
                time.sleep(0.01)
        self.lines = self.socket.makefile("rb")

    def time(self, method):
        """Milliseconds until the answer."""
        request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method}).encode() + b"\n"
        start = time.perf_counter()
        self.socket.sendall(request)
        answer = json.loads(self.lines.readline())
        if "result" not in answer:
            raise Problem(f"{method} was answered with {answer}")
        return (time.perf_counter() - start) * 1000


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def requests(bench, folder):
    """{guest: [ms, ...]}, one request at a time."""
    found = {}
    for name, words in GUESTS.items():
        path = folder / f"{words}.sock"
        command = bench.volt_command(
            bench.path("pausing"), "--cmdline", f"{words} ffffff" if words == "all" else words,
            plugins=["default", f"control,socket=unix:{path}"])
        process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   preexec_fn=die_with_parent)
        try:
            client = Client(path)
            for _ in range(20):
                client.time("vm.status")
            found[name] = [client.time("vm.status")
                           for _ in range(bench.count(REQUESTS, QUICK_REQUESTS))]
        finally:
            process.kill()
            process.wait()
    return found


def pss_of(pid):
    """KiB of a VM above its guest's memory, and of its helper, which shares pages with it."""
    kib = above_guest(Path(f"/proc/{pid}/smaps").read_text(), 128)["pss"]
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        kib += sum(row.get("Pss", 0) for row in parse_maps(Path(f"/proc/{child}/smaps").read_text()))
    return kib


def memory(bench, folder):
    """KiB of PSS of a VM without and with a control socket, turn by turn."""
    found = {"without": [], "with": []}
    for number in range(bench.count(10, 4)):
        for name, plugins in (("without", ["default"]), (
                "with", ["default", f"control,socket=unix:{folder}/{number}.sock"])):
            with Group(bench.volt_command(bench.kernels["idle"], plugins=plugins)) as group:
                group.start(1)
                found[name].append(pss_of(group.processes[0].pid))
    return found


def calls(bench, folder):
    page = json.loads(bench.run([bench.volt, "explain", "--json", "--plugin", "default", "--plugin",
                                 f"control,socket=unix:{folder}/explain.sock"]))
    return len({rule["syscall"] for thread in page["threads"] for rule in thread["rules"]})


def list_vms(bench, folder):
    """(VMs, [ms of a `volt ps`, ...])"""
    count = bench.count(VMS, QUICK_VMS)
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(folder)}
    command = [str(word) for word in bench.volt_command(bench.kernels["small"])]
    started, times = [], []
    try:
        for number in range(count):
            started.append(subprocess.Popen(
                [*command, "--name", f"vm{number}"], env=environment, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=die_with_parent))
        end = time.monotonic() + LIMIT_S
        while len(list((folder / "volt").glob("*.sock"))) < count:
            if time.monotonic() > end:
                raise Problem(f"{count} VMs with names do not run")
            time.sleep(0.1)
        for _ in range(bench.count(21, 5)):
            start = time.perf_counter()
            lines = bench.run([bench.volt, "ps"], env=environment).splitlines()
            times.append((time.perf_counter() - start) * 1000)
            if sum(line.startswith("vm") for line in lines) != count:
                raise Problem(f"volt ps lists {len(lines)} lines of {count} VMs")
    finally:
        for process in started:
            process.kill()
        for process in started:
            process.wait()
        end = time.monotonic() + LIMIT_S  # their helpers remove the sockets
        while list((folder / "volt").glob("*.sock")) and time.monotonic() < end:
            time.sleep(0.1)
    return count, times


def measure(bench):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    folder = Path(tempfile.mkdtemp(prefix="volt-bench-"))
    try:
        say("control: requests, one at a time")
        found = requests(bench, folder)
        say("control: memory with and without a socket, alternating")
        pss = memory(bench, folder)
        number = calls(bench, folder)
        say("control: VMs with names")
        vms, ps = list_vms(bench, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # helpers of killed VMs may still be at it
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    worst = max(percentile(values, 0.99) for values in found.values())
    added = median(pss["with"]) - median(pss["without"])
    rows = [[name, f"{median(values):.3f}", f"{percentile(values, 0.99):.3f}",
             f"{max(values):.3f}"] for name, values in found.items()]
    text = (f"Goals: a request is answered within {GOAL_P99_MS} ms in 99 of 100 cases while the "
            f"guest runs at full load; a control socket adds at most {GOAL_PSS_KIB} KiB of PSS; at "
            f"most {GOAL_CALLS} system calls; `volt ps` of {VMS} VMs in {GOAL_PS_MS} ms. Measured: "
            f"{worst:.3f} ms, {added:.0f} KiB, {number} calls, {median(ps):.0f} ms for {vms}.")
    goals = [("control request, p99, guest at full load", f"{GOAL_P99_MS} ms", f"{worst:.3f} ms",
              worst / GOAL_P99_MS),
             ("control socket, PSS", f"{GOAL_PSS_KIB} KiB", f"{added:.0f} KiB",
              added / GOAL_PSS_KIB),
             ("control socket, system calls", GOAL_CALLS, number, number / GOAL_CALLS),
             (f"volt ps of {vms} VMs", f"{GOAL_PS_MS} ms", f"{median(ps):.0f} ms",
              median(ps) / GOAL_PS_MS)]
    return {"text": text, "goals": goals,
            "tables": [Table("From a request to its answer, ms",
                             ["Guest", "Median", "99 of 100", "Most"], rows,
                             "vm.status over the control socket, the client in Python on the same "
                             "machine; one request at a time."),
                       Table("A VM with a control socket, KiB of PSS",
                             ["Without (quartiles)", "With", "More"],
                             [[figure(pss["without"], 0), figure(pss["with"], 0), f"{added:.0f}"]],
                             "All default plugins, 128 MB, the guest sleeps; with the clean-up helper.")],
            "plots": [Plot("control", "99 of 100 requests are answered within", "ms",
                           {"p99": [(name, percentile(values, 0.99))
                                    for name, values in found.items()]})],
            "data": {"requests_ms": found, "pss_kib": pss, "calls": number, "ps_ms": ps}}
