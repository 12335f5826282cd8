# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""A VM that is paused and goes on: its guest notices nothing (docs/pause.md).

plugins/pauser.c pauses at random moments. VOLT_PAUSES is how many pauses each kind of machine
has to take in Standing; the seed is printed, VOLT_SEED gives another.
"""

import json
import os
import random
import signal
import subprocess

from cases_interrupts import EVERY, FOX, PLUGIN
from vm import Case, Setup

PAUSES = int(os.environ.get("VOLT_PAUSES", "200"))
SEED = int(os.environ.get("VOLT_SEED", "0")) or random.randrange(1, 2**31)
ROUNDS = 100
CPUS = (1, 2)
CHIPS = {"KVM": (), "ioapic": ("ioapic",)}


class Pausing(Case):
    def pauser(self, **params):
        words = [self.own_plugin("pauser"), *(f"{name}={value}" for name, value in params.items())]
        return ",".join(words)

    def go(self, guest, case, plugins=(), options=(), **params):
        return self.start(guest, case, plugins=(*plugins, self.pauser(**params)),
                          options=("--log-level", "debug", *options))


class Standing(Pausing):
    """Ports, memory, string instructions, HLT, timer and IPIs: no access is lost or made
    twice, no interrupt is lost, at whatever moment the pauses come."""

    def run_all(self, cpus, plugins, **params):
        words = f"all {ROUNDS:x} {cpus}"
        run = self.go("pausing", words, plugins, ("--cpus", str(cpus)), **params)
        self.check_end(run, 0, limit=120)
        return run

    def compare(self, cpus, plugins):
        expected = self.run_all(cpus, plugins, pauses="off").text()
        paused, seed = 0, SEED
        while paused < PAUSES:
            run = self.run_all(cpus, plugins, every=100, seed=seed)
            self.assertEqual(run.text(), expected, f"seed {seed}{run.story()}")
            paused += self.counters(run).get("pauser: pauses", 0)
            seed += 1
        print(f"{cpus} vCPUs, {plugins or 'KVM'}: {paused} pauses from seed {SEED}", flush=True)

    def test_results_are_those_of_an_unpaused_run(self):
        for plugins in CHIPS.values():
            for cpus in CPUS:
                with self.subTest(plugins=plugins, cpus=cpus):
                    self.compare(cpus, plugins)


class Devices(Pausing):
    """What devices have under way is neither lost nor done twice."""

    def test_transmitter_goes_on(self):
        for chip, extra in EVERY:
            with self.subTest(chip=chip, plugins=extra):
                run = self.go("interrupts", f"transmit {chip}", extra, every=50, seed=SEED)
                self.check_end(run, 0)
                self.assertEqual(run.text(), FOX, run.story())

    def test_receiver_goes_on(self):
        text = b"0123456789abcde\n" * 64
        for chip, extra in EVERY:
            with self.subTest(chip=chip, plugins=extra):
                run = self.start("interrupts", f"receive {chip}", stdin=subprocess.PIPE,
                                 plugins=(*extra, self.pauser(every=100, hold=100, seed=SEED)))
                run.send(text + b".")
                self.check_end(run, 0)
                self.assertEqual(run.out, b"ready\n" + text + b".", run.story())

    def test_level_line_goes_on(self):
        for case in ("once", "redelivered", "coalesced", "from_loop"):
            for chip, extra in EVERY:
                with self.subTest(case=case, chip=chip, plugins=extra):
                    plugins = (self.own_plugin("leveldev"), *extra)
                    run = self.go("level", f"{case} {chip} 64", plugins, every=50, seed=SEED)
                    self.check_end(run, 0)

    def test_doorbells_are_served(self):
        for plugins in CHIPS.values():
            run = self.go("doorbell", "doorbells", (self.own_plugin("doorbell"), *plugins), base=0x900,
                          every=50, seed=SEED)
            self.check_end(run, 0)

    def test_sigusr1_waits_for_the_end_of_the_pause(self):
        chip, extra = PLUGIN
        run = self.go("interrupts", f"attention {chip}", ("i8042", *extra),
                      every=200, hold=1000, seed=SEED)
        run.expect_ready()
        run.signal(signal.SIGUSR1)
        self.check_end(run, 0)
        self.assertEqual(run.text(), "ready\ncodes 1d 38 e0 53 e0 d3 b8 9d\n", run.story())


class Ends(Pausing):
    """A state machine and not a wait: nothing that happens meanwhile hangs the VM."""

    def test_guest_ends_while_a_pause_is_under_way(self):
        for wait in range(0, 200000, 5000):
            run = self.go("pausing", f"end {wait:x}", options=("--cpus", "2"))
            self.check_end(run, 0)

    def test_signal_ends_a_paused_vm(self):
        for case in ("halt", "spin"):
            run = self.go("pausing", case, every=1, hold=60000000)
            run.expect_log("pauser: paused")
            run.signal(signal.SIGTERM)
            self.check_end(run, 143, "SIGTERM")

    def test_worker_that_never_ends_refuses_the_pause_and_the_vm_goes_on(self):
        run = self.go("pausing", "ask", hang="on", within=20000)
        self.check_end(run, 0)
        self.assertEqual(run.text(), "over\n")
        self.assertEqual(self.counters(run)["pauser: refused"], 1, run.story())
        self.assertNotIn("pauser: pauses", self.counters(run))
        self.assertIn("not paused: -110", "\n".join(run.log()))

    def test_guest_goes_on_after_a_pause(self):
        run = self.go("pausing", "ask", hold=1000)
        self.check_end(run, 0)
        self.assertEqual(self.counters(run)["pauser: pauses"], 1, run.story())


class Calls(Pausing):
    """What pausing adds is there only if something asks for it."""

    def explain(self, *plugins, cpus=1):
        words = [Setup.volt, "explain", "--json", *Setup.options, "--cpus", cpus, "--kernel",
                 Setup.guests / "pausing", "--plugin", "serial"]
        for plugin in plugins:
            words += ["--plugin", plugin]
        run = subprocess.run([str(word) for word in words], capture_output=True, text=True,
                             timeout=30, check=True)
        return json.loads(run.stdout)

    def calls(self, page):
        return {thread["name"]: {rule["syscall"] for rule in thread["rules"]}
                for thread in page["threads"]}

    # HOLDS(security)
    def test_five_calls_stay_five(self):
        calls = self.calls(self.explain(self.pauser(pauses="off")))
        self.assertEqual(set().union(*calls.values()), set().union(
            *self.calls(self.explain()).values()))
        self.assertNotIn("rt_sigreturn", calls["vcpu0"])

    # HOLDS(security)
    def test_pausing_adds_one_call_to_vcpus_and_none_to_the_loop(self):
        without, with_it = (self.calls(self.explain(self.pauser(pauses=word)))
                            for word in ("off", "on"))
        self.assertEqual(with_it["vcpu0"] - without["vcpu0"], {"rt_sigreturn"})
        self.assertEqual(with_it["loop"] - without["loop"], set())

    def test_rules_do_not_grow_with_vcpus(self):
        counts = []
        for cpus in (1, 64):
            page = self.explain(self.pauser(), cpus=cpus)
            loop = next(t for t in page["threads"] if t["name"] == "loop")
            counts.append(sum("pauser" in rule["asked_by"] for rule in loop["rules"]))
        self.assertEqual(counts[0], 3)
        self.assertLess(counts[1], 3 * 14)  # blocks of a power of two, aligned
