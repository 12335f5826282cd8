# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""--log-level trace and --trace-file: the phases of a start, with times."""

import json
import re

from vm import Case, Setup

PHASES = {"KVM opened", "VM created", "CPUID", "memory", "devices", "kernel loaded",
          "vCPU configured", "threads counted", "policy", "threads", "running"}
SEAL = ["threads counted", "policy", "Landlock", "capabilities", "threads", "seccomp", "running"]
LINE = re.compile(r"volt: +(\d+\.\d{3}) ms +\+ *(\d+\.\d{3}) +([^:]+?)(?:: (.*))?")


class Trace(Case):
    def lines(self, run):
        """[(ms, name, detail)] of a run's log."""
        found = [LINE.fullmatch(line) for line in run.log()]
        return [(float(m[1]), m[3], m[4] or "") for m in found if m]

    def test_log_has_every_phase_once_and_in_order(self):
        run = self.run_guest("ending", "status 0", options=("--log-level", "trace"))
        found = self.lines(run)
        names = [name for _, name, _ in found]
        self.assertLessEqual(PHASES, set(names), run.story())
        self.assertEqual(len(names), len(set(names)), run.story())
        self.assertEqual([ms for ms, _, _ in found], sorted(ms for ms, _, _ in found))
        if Setup.sandboxed:
            self.assertEqual(names[-len(SEAL):], SEAL, run.story())

    def test_seccomp_phase_counts_calls_and_instructions(self):
        if not Setup.sandboxed:
            self.skip("volt runs without a sandbox here")
        run = self.run_guest("ending", "status 0", options=("--log-level", "trace"))
        detail = {name: detail for _, name, detail in self.lines(run)}
        self.assertRegex(detail["seccomp"], r"^\d+ system calls, \d+ BPF instructions$")
        self.assertRegex(detail["Landlock"], r"^ABI \d+")
        self.assertIn("all sets empty", detail["capabilities"])

    def test_trace_file_is_what_trace_viewers_open(self):
        """Chrome trace events: complete ones, times in microseconds, one after the other."""
        path = self.folder() / "trace.json"
        path.write_text("left from an earlier and longer run" * 1000)
        self.run_guest("ending", "status 0", options=("--trace-file", path))
        events = json.loads(path.read_text())
        if isinstance(events, dict):
            events = events["traceEvents"]
        wanted = PHASES | (set(SEAL) if Setup.sandboxed else set())
        self.assertLessEqual(wanted, {event["name"] for event in events})
        end = 0
        for event in events:
            self.assertEqual(event["ph"], "X")
            self.assertIsInstance(event["pid"], int)
            self.assertIsInstance(event["tid"], int)
            self.assertGreaterEqual(event["ts"], end - 0.002)
            self.assertGreaterEqual(event["dur"], 0)
            end = event["ts"] + event["dur"]
        self.assertLess(end, 30e6)

    def test_trace_file_survives_strange_names(self):
        path = self.folder() / 'a "quoted" \\ name'
        path.write_bytes((Setup.guests / "ending").read_bytes())
        out = self.folder() / "trace.json"
        run = self.launch([Setup.volt, *Setup.options, "--kernel", path, "--cmdline", "status 0",
                           "--plugin", "exitport", "--trace-file", out])
        self.check_end(run, 0)
        json.loads(out.read_text())

    def test_log_and_file_tell_the_same_phases(self):
        path = self.folder() / "trace.json"
        run = self.run_guest("ending", "status 0",
                             options=("--trace-file", path, "--log-level", "trace"))
        events = json.loads(path.read_text())
        self.assertEqual([name for _, name, _ in self.lines(run)],
                         [event["name"] for event in events])

    def test_trace_that_cannot_be_written_does_not_stop_the_vm(self):
        self.run_guest("ending", "status 5", options=("--trace-file", "/dev/full"), status=5)
