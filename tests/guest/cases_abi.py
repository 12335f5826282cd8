# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""The plugin ABI, on a real VM: the order of a plugin's calls and the threads they come on,
plugins of other ABI revisions, and plugins that are larger or smaller than this host knows."""

import hashlib
import pathlib
import re
import signal

from vm import Case, Refusals, Setup

MUSEUM = pathlib.Path(__file__).resolve().parents[1] / "abi" / "museum"


def catalogue():
    """{file: (SHA-256, fate)}"""
    rows = [line.split("\t") for line in (MUSEUM / "catalogue").read_text().splitlines()
            if line and not line.startswith("#")]
    return {piece: (digest, fate) for piece, _, digest, fate in rows}


def kept(name):
    """The pieces of one plugin that are still shown."""
    return [str(MUSEUM / piece) for piece, (_, fate) in catalogue().items()
            if fate == "kept" and piece.endswith(f"-{name}.so")]


class Lifecycle(Case):
    def calls(self, run):
        return [line.removeprefix("volt: relic: ") for line in run.log()
                if line.startswith("volt: relic: ")]

    # HOLDS(D6, L1, L2, L4)
    def test_calls_come_in_order_and_on_their_threads(self):
        """t0 made the VM and is the loop, t1 is the vCPU; nothing after the end, no fini."""
        run = self.run_guest("bus", "script pr1:6f0 pw1:6f3:41 pw1:6f4:7",
                             plugins=[self.own_plugin("relic")], status=7)
        self.assertEqual(self.calls(run), [
            "init 0 t0", "reset 0 t0", "event 1 t0", "start 0 t0",
            "read 0 t1", "write 3 t1", "write 4 t1"])

    # HOLDS(L2)
    def test_timers_run_on_the_loop_and_jobs_on_a_worker(self):
        run = self.start("ending", "spin", plugins=[self.own_plugin("relic")])
        run.expect_ready()
        run.signal(signal.SIGUSR1)
        run.expect_log("relic: timer")
        run.expect_log("relic: job")
        run.signal(signal.SIGTERM)
        run.wait()
        calls = self.calls(run)
        self.assertEqual(calls[:5], ["init 0 t0", "reset 0 t0", "event 1 t0", "start 0 t0",
                                     "attention 0 t0"])
        self.assertEqual(sorted(calls[5:]), ["job 0 t1", "timer 0 t0"])

    # HOLDS(L1)
    def test_each_step_is_done_for_all_instances_before_the_next(self):
        relic = self.own_plugin("relic")
        run = self.run_guest("ending", "status 7", status=7, plugins=[
            f"{relic},id=relic", f"{relic},id=other,base=0x6e0,irq=11"])
        calls = [line.split()[1:3] for line in run.log()
                 if re.match(r"volt: (relic|other): ", line)]
        self.assertEqual(calls, [
            ["relic:", "init"], ["other:", "init"], ["relic:", "reset"], ["other:", "reset"],
            ["relic:", "event"], ["other:", "event"], ["relic:", "start"], ["other:", "start"]])

    # HOLDS(L3)
    def test_a_failing_start_ends_the_vm_before_the_guest_runs(self):
        run = self.launch(self.command("ending", "status 7",
                                       plugins=[self.own_plugin("relic") + ",fail=start"]))
        self.assertEqual(run.wait(), 102, run.story())
        self.assertEqual(self.calls(run)[:4],
                         ["init 0 t0", "reset 0 t0", "event 1 t0", "start 0 t0"])
        self.assertIn("volt: error: relic: start failed: Input/output error", run.log())
        self.assertEqual(run.out, b"")

    # HOLDS(L3)
    def test_a_failing_init_ends_the_wiring(self):
        run = self.launch(self.command("ending", "status 7", plugins=[
            self.own_plugin("relic") + ",fail=init", self.own_plugin("relic") + ",id=other"]))
        self.assertEqual(run.wait(), 102, run.story())
        self.assertEqual(self.calls(run), ["init 0 t0"])
        self.assertIn("volt: error: relic: told to fail in init", run.log())
        self.assertNotIn("other: init", run.err.decode())


class Museum(Case):
    # HOLDS(R10)
    def test_it_holds_what_its_catalogue_says(self):
        for piece, (digest, fate) in catalogue().items():
            with self.subTest(piece=piece):
                if fate == "kept":
                    found = hashlib.sha256((MUSEUM / piece).read_bytes()).hexdigest()
                    self.assertEqual(found, digest)
                else:
                    self.assertRegex(fate, r"^retired: .{20}", "a retired piece has its reason")
                    self.assertFalse((MUSEUM / piece).exists())
        self.assertEqual({path.name for path in MUSEUM.glob("*.so")},
                         {piece for piece, (_, fate) in catalogue().items() if fate == "kept"})

    # HOLDS(R9)
    def test_every_piece_is_loaded_and_wired(self):
        for piece, (_, fate) in catalogue().items():
            if fate != "kept":
                continue
            with self.subTest(piece=piece):
                run = self.launch([Setup.volt, "explain", *Setup.options, "--plugin",
                                   MUSEUM / piece])
                self.assertEqual(run.wait(), 0, run.story())
                name = piece.removesuffix(".so").split("-", 1)[1]
                self.assertRegex(run.text(), rf"(?m)^  (port|mmio) .* {name} ")

    def each(self, name):
        pieces = kept(name)
        self.assertTrue(pieces, f"no {name} is left in the museum")
        for piece in pieces:
            with self.subTest(piece=piece):
                yield piece

    # HOLDS(R9)
    def test_relics_work(self):
        for piece in self.each("relic"):
            run = self.run_guest("bus", "script pr1:6f0 pw1:6f5:1 pw1:6f5:0 pw1:6f4:9",
                                 plugins=[piece], status=9)
            self.assertIn("volt: relic: read 0 t1", run.log())

    # HOLDS(R9)
    def test_serial_ports_work(self):
        for piece in self.each("serial"):
            command = self.command("bus", "script pr1:3fd", plugins=["serial"])
            command[command.index("serial")] = piece
            run = self.launch(command)
            self.check_end(run, 0)
            self.assertIn("pr1:3fd 60", run.text(), run.story())

    def test_interrupt_controllers_and_keyboards_work(self):
        for ioapic in self.each("ioapic"):
            for keyboard in kept("i8042"):
                run = self.start("interrupts", "attention", plugins=[ioapic, keyboard])
                run.expect_ready()
                run.signal(signal.SIGUSR1)
                self.assertEqual(run.wait(), 0, run.story())

    def test_power_registers_work(self):
        for piece in self.each("acpipower"):
            self.run_guest("ending", "power_off", plugins=[piece], status=0)


class Growth(Case):
    # HOLDS(R2)
    def test_a_larger_plugin_works_as_far_as_this_host_knows_it(self):
        run = self.run_guest("bus", "script pr1:6e0 pw1:6e0:5a pr1:6e0",
                             plugins=[self.own_plugin("growth") + ",first=0x31"],
                             options=["--log-level", "debug"])
        values = [line.split()[1] for line in run.text().splitlines()]
        self.assertEqual([int(values[0], 16), int(values[2], 16)], [0x31, 0x5A], run.story())
        self.assertEqual(self.counters(run).get("growth: reads"), 2, run.story())

    # HOLDS(R3)
    def test_every_row_of_its_needs_is_found(self):
        run = self.launch([Setup.volt, "explain", *Setup.options, "--plugin",
                           self.own_plugin("growth")])
        self.assertEqual(run.wait(), 0, run.story())
        self.assertRegex(run.text(), r"(?m)^  getpid .*growth: ")
        self.assertRegex(run.text(), r"(?m)^  getppid .*growth: ")


class Smaller(Refusals):
    # HOLDS(R2)
    def test_a_descriptor_smaller_than_the_first_is_refused(self):
        self.refuse_plugins([self.own_plugin("shrunk")], "shrunk.so",
                            "its size is smaller than ABI 0.1's")
