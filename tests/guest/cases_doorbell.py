# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Guest memory, doorbells and messages, with KVM's irqchip and with a plugin's.

plugins/doorbell.c uses them as guests/doorbell.c asks; both run under the whole sandbox.
"""

import json
import pathlib
import subprocess

from cases_ending import with_its_bss
from vm import Case, Setup


class Doorbell(Case):
    """Each case with both kinds of irqchip."""

    chips = {"KVM": [], "ioapic": ["ioapic"]}

    def ring(self, case, **extra):
        for chip, plugins in self.chips.items():
            with self.subTest(irqchip=chip):
                run = self.run_guest("doorbell", case, plugins=[self.own_plugin("doorbell"), *plugins,
                                                            *extra.get("plugins", [])],
                                     options=["--log-level", "debug"])
                yield chip, run

    def test_doorbells_ring_on_the_loop_and_change_memory(self):
        for _, run in self.ring("doorbells"):
            counters = self.counters(run)
            self.assertGreaterEqual(counters["doorbell: rung"], 1, run.story())
            self.assertEqual(counters["doorbell: matched"], 1, run.story())

    def test_doorbells_post_workers(self):
        """3 of them, and as many as there may be."""
        for workers in 3, 64:
            for chip, plugins in self.chips.items():
                with self.subTest(workers=workers, irqchip=chip):
                    run = self.run_guest(
                        "doorbell", "doorbells",
                        plugins=[f"{self.own_plugin('doorbell')},workers={workers}", *plugins],
                        options=["--log-level", "debug"])
                    self.assertGreaterEqual(self.counters(run)["doorbell: rung"], 1, run.story())
                    self.assertEqual(self.counters(run)["doorbell: matched"], 1, run.story())

    def test_filtered_doorbell_posts_from_below_the_filter(self):
        run = self.run_guest("doorbell", "doorbells",
                             plugins=[f"{self.own_plugin('doorbell')},workers=3"],
                             options=["--log-level", "debug", "--filter", "count,on=doorbell"])
        self.assertGreaterEqual(self.counters(run)["doorbell: rung"], 1, run.story())
        self.assertEqual(self.counters(run)["doorbell: matched"], 1, run.story())

    def test_65th_worker_is_refused(self):
        run = self.start("doorbell", "doorbells", plugins=[
            f"{self.own_plugin('doorbell')},workers=64", f"{self.own_plugin('doorbell')},workers=1,id=more"])
        self.assertEqual(run.wait(), 102, run.story())
        self.assertIn("there are 64 workers already", "".join(run.log()))

    def test_filtered_doorbell_rings_from_below_the_filter(self):
        """KVM would take the write before anybody saw it."""
        run = self.run_guest("doorbell", "doorbells", plugins=[self.own_plugin("doorbell")],
                             options=["--log-level", "debug", "--filter", "count,on=doorbell"])
        counters = self.counters(run)
        self.assertGreaterEqual(counters["doorbell: rung"], 1, run.story())
        self.assertEqual(counters["doorbell: matched"], 1, run.story())
        self.assertGreaterEqual(counters["count: writes"], 2, run.story())
        self.assertNotIn("by KVM", self.explain("--filter", "count,on=doorbell"))

    def test_denied_doorbell_does_not_ring(self):
        run = self.start("doorbell", "doorbells", plugins=[self.own_plugin("doorbell")],
                         options=["--log-level", "debug",
                                  "--filter", "deny,on=doorbell,length=4"])
        self.assertNotEqual(run.wait(), 0, run.story())
        self.assertIn("nobody saw the first doorbell", run.text())
        self.assertNotIn("doorbell: rung", self.counters(run))

    def test_other_widths_do_not_ring(self):
        for _, run in self.ring("not_rung"):
            self.assertNotIn("doorbell: rung", self.counters(run))

    def test_what_is_not_ram_or_no_message_is_refused(self):
        for _ in self.ring("refusals"):
            pass

    def test_messages_come_from_vcpus_and_from_the_loop(self):
        for _ in self.ring("message"):
            pass

    def test_injected_messages_come(self):
        for _ in self.ring("inject"):
            pass

    def test_message_without_a_taker_is_lost(self):
        """KVM_SIGNAL_MSI fails then; on a bus nobody would ever know."""
        for chip, plugins in self.chips.items():
            with self.subTest(irqchip=chip):
                self.run_guest("smp", "untaken", plugins=[self.own_plugin("doorbell"), *plugins],
                               options=["--cpus", "2"])

    def test_pins_work_beside_messages(self):
        for _ in self.ring("pins_too", plugins=["i8042"]):
            pass

    def test_irq_fd_is_for_kvms_irqchip_only(self):
        for chip, run in self.ring("irq_fd"):
            self.assertIn("irq_fd works" if chip == "KVM" else "irq_fd refused 5f", run.text())

    def explain(self, *words):
        return subprocess.run(
            [str(word) for word in (Setup.volt, "explain", *Setup.options, "--kernel",
                                    Setup.guests / "doorbell", "--plugin",
                                    self.own_plugin("doorbell"), *words)],
            capture_output=True, text=True, timeout=60, check=True).stdout

    def test_explain_shows_doorbells_and_pinned_calls(self):
        text = self.explain()
        self.assertRegex(text, r"port 0x00000720 4 bytes any value  doorbell: by (KVM|volt)")
        self.assertRegex(text, r"port 0x00000724 4 bytes 0x7 +doorbell: by (KVM|volt)")
        self.assertIn("open to doorbell", text)
        vcpu = text.index(" thread vcpu")
        for thread in (text[:vcpu], text[vcpu:]):
            self.assertRegex(thread, r"ioctl +fd \d+, KVM_SIGNAL_MSI +doorbell:")
            self.assertRegex(thread, r"ioctl +fd \d+, KVM_IRQ_LINE +core:")
        self.assertNotIn("KVM_SET_GSI_ROUTING", text)

    def test_explain_says_the_same_as_json(self):
        doorbells = json.loads(self.explain("--json"))["doorbells"]
        self.assertEqual([doorbell["address"] for doorbell in doorbells], [0x720, 0x724])
        self.assertEqual(doorbells[1]["value"], 7)

    def test_plugin_with_memory_never_meets_a_mapped_file(self):
        doorbell = self.own_plugin("doorbell")
        run = self.start("doorbell", "doorbells", plugins=[doorbell], options=["--kernel-memory", "map"])
        self.assertEqual(run.wait(), 102, run.story())
        self.assertIn("plugin doorbell works on guest memory", "".join(run.log()))
        maps = self.mapped_kernels(plugins=[doorbell]), self.mapped_kernels()
        self.assertEqual([len(lines) > 0 for lines in maps], [False, True], maps)

    def mapped_kernels(self, plugins=()):
        """Mappings of the kernel's file in a volt with --kernel-memory auto."""
        kernel = self.file(with_its_bss(Setup.guests / "serial"), name="kernel")
        run = self.start(kernel, "answer", plugins=plugins,
                         stdin=subprocess.PIPE)
        run.expect_ready()
        lines = [line for line in
                 pathlib.Path(f"/proc/{run.pid}/maps").read_text(encoding="utf-8").splitlines()
                 if line.endswith(f" {kernel}")]
        run.kill()
        return lines
