# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Interrupts through KVM's own controllers and through the ioapic plugin."""

import signal
import subprocess

import vm
from vm import Case

FOX = "The quick brown fox jumps over the lazy dog, one interrupt at a time.\n"

# How a line can reach the guest: what the guest programs, and the plugin it needs.
KERNEL_IOAPIC = ("ioapic", ())
KERNEL_PIC = ("pic", ())
PLUGIN = ("ioapic", ("ioapic",))
EVERY = (KERNEL_IOAPIC, KERNEL_PIC, PLUGIN)
IOAPICS = (KERNEL_IOAPIC, PLUGIN)


class Through(Case):
    def start_through(self, way, guest, case, plugins=(), words="", **kwargs):
        chip, extra = way
        return self.start(guest, f"{case} {chip} {words}", plugins=(*plugins, *extra),
                          options=("--log-level", "debug"), **kwargs)


class Edge(Through):
    def test_transmitter_is_driven_by_its_interrupts(self):
        for way in EVERY:
            with self.subTest(way=way):
                run = self.start_through(way, "interrupts", "transmit")
                self.check_end(run, 0)
                self.assertEqual(run.text(), FOX, run.story())

    def test_receiver_is_driven_by_its_interrupts(self):
        for way in EVERY:
            with self.subTest(way=way):
                run = self.start_through(way, "interrupts", "receive", stdin=subprocess.PIPE)
                run.expect("ready\n")
                for piece in ("slowly ", "one ", "by ", "one"):
                    run.send(piece.encode())
                    run.expect(piece)
                run.send(b".")
                self.check_end(run, 0)
                self.assertEqual(run.text(), "ready\nslowly one by one.", run.story())

    def test_receiver_takes_many_bytes(self):
        text = b"0123456789abcde\n" * 256
        for way in EVERY:
            with self.subTest(way=way):
                run = self.start_through(way, "interrupts", "receive", stdin=subprocess.PIPE)
                run.send(text + b".")
                self.check_end(run, 0)
                self.assertEqual(run.out, b"ready\n" + text + b".", run.story())

    def test_out2_holds_the_interrupt_back(self):
        for way in EVERY:
            with self.subTest(way=way):
                self.check_end(self.start_through(way, "interrupts", "gated"), 0)

    def test_keyboard_interrupts_for_a_byte(self):
        for way in EVERY:
            with self.subTest(way=way):
                run = self.start_through(way, "interrupts", "keyboard", ("i8042",))
                self.check_end(run, 0)
                self.assertEqual(run.text(), "codes 1e\n", run.story())

    def test_sigusr1_types_control_alt_delete(self):
        """Set 1: Ctrl, Alt and E0 Delete down, then up in the other order."""
        for way in EVERY:
            with self.subTest(way=way):
                run = self.start_through(way, "interrupts", "attention", ("i8042",))
                run.expect_ready()
                run.signal(signal.SIGUSR1)
                self.check_end(run, 0)
                self.assertEqual(
                    run.text(), "ready\ncodes 1d 38 e0 53 e0 d3 b8 9d\n", run.story())

    def test_edge_on_a_masked_pin_is_lost(self):
        run = self.start_through(PLUGIN, "interrupts", "masked_edge", ("i8042",))
        self.check_end(run, 0)
        self.assertEqual(run.text(), "codes 1f\n", run.story())
        self.assertEqual(self.counters(run).get("ioapic: masked_edges"), 1, run.story())

    # HOLDS(D9)
    def test_storm_of_signals_loses_no_later_interrupt(self):
        for way in IOAPICS:
            with self.subTest(way=way):
                run = self.start_through(way, "interrupts", "attention", ("i8042",))
                run.expect_ready()
                for _ in range(1000):
                    run.signal(signal.SIGUSR1)
                self.check_end(run, 0)


class Level(Through):
    """A line that stays up until its cause is gone; both 8259 by their ELCR."""

    def pass_each(self, ways, case, words=""):
        runs = []
        for way in ways:
            with self.subTest(way=way):
                run = self.start_through(
                    way, "level", case, (self.own_plugin("leveldev"),), words)
                self.check_end(run, 0)
                runs.append(run)
        return runs

    def test_rise_makes_one_interrupt(self):
        for run in self.pass_each(EVERY, "once"):
            self.assertEqual(self.counters(run)["leveldev: raised"], 2, run.story())

    def test_line_that_stays_up_interrupts_after_each_end(self):
        self.pass_each(EVERY, "redelivered", "64")

    def test_plugin_counts_what_it_delivered_again(self):
        for run in self.pass_each((PLUGIN,), "redelivered", "64"):
            counted = self.counters(run)
            # kvm_pvm ends an interrupt early, so the last one comes twice: see level.c.
            self.assertIn(counted["ioapic: delivered"], (100, 101), run.story())
            self.assertEqual(counted["ioapic: redelivered"],
                             counted["ioapic: delivered"] - 1, run.story())
            self.assertEqual(counted["ioapic: eois"],
                             counted["ioapic: delivered"], run.story())

    def test_rises_in_the_handler_are_one_level(self):
        self.pass_each(EVERY, "coalesced")

    def test_masked_pin_waits_for_its_unmasking(self):
        self.pass_each(IOAPICS, "masked")

    def test_masking_in_service_loses_neither_end_nor_level(self):
        self.pass_each(IOAPICS, "masked_in_service")

    # HOLDS(D9)
    def test_level_that_fell_on_a_masked_pin_never_was(self):
        self.pass_each(IOAPICS, "withdrawn")

    def test_remote_irr_shows_what_is_in_service(self):
        for run in self.pass_each(IOAPICS, "remote_irr"):
            if not vm.PVM:
                self.assertIn("in service\n", run.text(), run.story())

    def test_programming_wins_over_the_claim(self):
        """82093AA 3.2.4: the redirection entry says edge or level."""
        for claim in ("edge", "level"):
            device = f"{self.own_plugin('leveldev')},claim={claim}"
            for case in ("as_edge", "as_masked_edge", "as_level", "as_masked_level", "as_both"):
                for way in IOAPICS:
                    with self.subTest(claim=claim, case=case, way=way):
                        self.check_end(self.start_through(way, "level", case, (device,)), 0)

    def test_interrupt_is_there_when_the_write_that_raised_it_returns(self):
        for claim in ("edge", "level"):
            device = f"{self.own_plugin('leveldev')},claim={claim}"
            for way in IOAPICS:
                with self.subTest(claim=claim, way=way):
                    self.check_end(self.start_through(way, "level", "at_once", (device,)), 0)

    def test_rise_from_the_event_loop_wakes_a_sleeping_processor(self):
        for run in self.pass_each(EVERY, "from_loop"):
            self.assertEqual(self.counters(run)["leveldev: timed"], 1, run.story())


class WithoutAcpi(Through):
    def test_kernel_that_may_get_no_interrupts_is_warned_of(self):
        for way, warned in ((PLUGIN, True), (KERNEL_IOAPIC, False)):
            with self.subTest(way=way):
                run = self.start_through(way, "interrupts", "gated", words="acpi=off")
                self.check_end(run, 0)
                self.assertEqual(any("acpi=off: with plugin ioapic" in line
                                     for line in run.log()), warned, run.story())


class Processors(Case):
    """Several vCPUs, started as Linux does it: INIT, then a start-up IPI."""

    def test_vcpus_start(self):
        for cpus in (2, 4):
            for chip in ((), ("ioapic",)):
                with self.subTest(cpus=cpus, chip=chip):
                    run = self.run_guest("smp", f"start_all {cpus}", plugins=chip,
                                         options=("--cpus", str(cpus)))
                    self.assertEqual(run.text(), "all started\n", run.story())

    def test_as_many_vcpus_as_there_can_be_start(self):
        run = self.run_guest("smp", "start_all 40", options=("--cpus", "64"), limit=120)
        self.assertEqual(run.text(), "all started\n", run.story())

    # HOLDS(D7)
    def test_callbacks_of_one_device_never_overlap(self):
        run = self.run_guest("smp", "hammer 8000", plugins=(self.own_plugin("probe"),),
                             options=("--cpus", "2"), limit=vm.LIMIT * 2)
        self.assertEqual(run.text(), "next 0\n", run.story())
