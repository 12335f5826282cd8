# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""virtio-rng and virtio-console, driven by guests/virtio.c over both transports: bytes, kicks, interrupts, exits.
And virtio-blk by guests/disk.c, which loses no request.

VOLT_SOAK_SECONDS is how long the disk is driven over each transport, VOLT_SEED by which numbers.
"""

import json
import os
import pathlib
import random
import re
import struct
import subprocess
import sys
import time

from cases_snapshot import CHIPS, Saving
from vm import Case, LIMIT, Setup, resident_kib

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "plugin-check"))
import backend  # noqa: E402

FEW, MANY = 0x10, 0x110
# The first place that the host gives out, and the highest free line: docs/plugins.md, Places.
MMIO = "d0000000 17"
MOVED = "e0100000"
# Enough that a save finds the guest at work.
LONG = 0x4000


class Virtio(Case):
    def ask(self, case, count, plugins, where=""):
        return self.run_guest("virtio", f"{case} {count:x} {where}".strip(), plugins,
                              ("--log-level", "debug"))

    def exits(self, vm):
        return int(re.search(r"exits (\d+),", "\n".join(vm.log()))[1])

    def exits_of_requests(self, case, plugins, where=""):
        """Of MANY - FEW requests, each with a kick and an interrupt."""
        runs = [self.ask(case, count, plugins, where) for count in (FEW, MANY)]
        self.assertIn(f"virtio-rng: bytes {64 * MANY}", "\n".join(runs[1].log()), runs[1].story())
        return self.exits(runs[1]) - self.exits(runs[0])

    def test_an_interrupt_over_mmio_costs_two_exits(self):
        """InterruptStatus and InterruptACK; the kick costs none."""
        for chip in ((), ("ioapic",)):
            with self.subTest(chip=chip):
                self.assertEqual(self.exits_of_requests("mmio", (*chip, "virtio-rng"), MMIO),
                                 2 * (MANY - FEW))

    def test_a_request_over_pci_costs_no_exit(self):
        for chip in ((), ("ioapic",)):
            with self.subTest(chip=chip):
                self.assertEqual(self.exits_of_requests("pci", (*chip, "pci", "virtio-rng")), 0)

    def test_a_kick_of_a_bar_that_was_moved_costs_an_exit(self):
        self.assertEqual(self.exits_of_requests("moved", ("pci", "virtio-rng"), MOVED), MANY - FEW)

    def test_a_masked_vector_is_pending_and_loses_no_interrupt(self):
        """Each request masks and unmasks its vector, which are two exits; the worker fires between."""
        for chip in ((), ("ioapic",)):
            with self.subTest(chip=chip):
                self.assertEqual(self.exits_of_requests("masked", (*chip, "pci", "virtio-rng")),
                                 2 * (MANY - FEW))

    def exits_of_lines(self, guest, case, plugins, where=""):
        """Of 1024 lines of 64 bytes."""
        runs = [self.run_guest(guest, f"{case} {count:x} {where}".strip(), plugins, ("--log-level", "debug"))
                for count in (0x400, 0x800)]
        return self.exits(runs[1]) - self.exits(runs[0])

    def test_a_kib_of_output_costs_48_exits_or_16(self):
        """16 lines, with a kick and an interrupt each. A serial port takes an exit for each byte."""
        out = self.folder() / "out"
        console = f"virtio-console,console=file:{out}"
        self.assertEqual(self.exits_of_lines("virtio", "console-mmio", (console,), MMIO), 64 * 48)
        self.assertEqual(self.exits_of_lines("virtio", "console-pci", ("pci", console)), 64 * 16)
        line = bytes(range(ord("0"), ord("0") + 63)) + b"\n"
        self.assertEqual(out.read_bytes(), line * 2 * (0x400 + 0x800))
        runs = [self.run_guest("serial", f"flood {64 * count:x}", ("serial,console=null",), ("--log-level", "debug"))
                for count in (0x400, 0x800)]
        self.assertEqual(self.exits(runs[1]) - self.exits(runs[0]), 64 * 1024)

    def test_the_bus_is_found_wherever_it_is_named(self):
        self.ask("pci", FEW, ("virtio-rng", "pci"))

    def test_the_parameter_chooses(self):
        self.ask("mmio", FEW, ("pci", "virtio-rng,transport=mmio"), MMIO)
        self.refused(self.command("virtio", "pci", ("virtio-rng,transport=pci",))[1:], 102,
                     "--plugin pci")


class Soak(Case):
    """Reads, writes and flushes at random, 1 to 32 in flight: each comes back, and with what was written."""

    SECONDS = int(os.environ.get("VOLT_SOAK_SECONDS", "0"))
    SEED = int(os.environ.get("VOLT_SEED", "0")) or random.randrange(1, 2**31)
    REQUESTS = 0x4000 if SECONDS else 0x200

    def soak(self, transport, plugins, where=""):
        """In turn with and without event index, and on either irqchip."""
        print(f"VOLT_SEED={self.SEED}", flush=True)
        end, seed, done = time.monotonic() + self.SECONDS, self.SEED, 0
        while done < 2 or time.monotonic() < end:
            chip = list(CHIPS.values())[done // 2 % len(CHIPS)]
            disk = self.file(bytes(2 << 20), name="disk")
            run = self.run_guest(
                "disk", f"soak-{transport} {self.REQUESTS:x} {seed:x} {done % 2} {where}".strip(),
                (*chip, *plugins, f"virtio-blk,disk={disk}"), ("--log-level", "debug"))
            self.assertIn(f"requests {self.REQUESTS:x}".encode(), run.out, run.story())
            self.assertEqual(self.counters(run).get("virtio-blk: failed", 0), 0, run.story())
            seed, done = seed + 1, done + 1

    def test_no_request_is_lost_over_mmio(self):
        self.soak("mmio", (), MMIO)

    def test_no_request_is_lost_over_pci(self):
        self.soak("pci", ("pci",))


class Ending(Case):
    """A disk that is still owed a flush when the VM ends in order."""

    def write(self, count, *options):
        base, own = self.file(bytes(1 << 20), name="base"), self.file(b"", name="own")
        run = self.run_guest("virtio", f"disk {count:x} {MMIO}",
                             (f"virtio-blk,disk={own},base={base}",), options)
        return run, own.read_bytes()

    def test_an_overlay_keeps_what_was_not_flushed(self):
        """Only a flush writes the map, by which sectors are found again: docs/overlay.md."""
        run, content = self.write(24, "--log-level", "debug")
        start, = struct.unpack_from("<Q", content, 40)
        self.assertEqual(content[4096], 0b111, run.story())  # 24 sectors are three clusters
        for sector in range(24):
            at = start + 512 * sector
            self.assertEqual(content[at:at + 512], bytes([sector + 1]) * 512, run.story())


    def test_a_ring_under_the_seal(self):
        """Two writes at a time by io_uring, where the kernel has it: volt-virtio-blk(7)."""
        disk = self.file(bytes(1 << 20), name="disk")
        run = self.run_guest("virtio", f"disk 18 {MMIO}", (f"virtio-blk,disk={disk},io=ring",))
        content = disk.read_bytes()
        for sector in range(24):
            self.assertEqual(content[512 * sector:512 * sector + 512], bytes([sector + 1]) * 512,
                             run.story())

    # HOLDS(security)
    def test_a_ring_adds_one_call_to_its_worker_and_only_if_asked_for(self):
        disk = self.file(bytes(1 << 20), name="disk")
        pages = {}
        for io in "calls", "ring":
            words = [Setup.volt, "explain", "--json", *Setup.options, "--kernel",
                     Setup.guests / "virtio", "--plugin", f"virtio-blk,disk={disk},io={io}"]
            run = subprocess.run([str(word) for word in words], capture_output=True, text=True,
                                 timeout=30, check=True)
            if "no io_uring" in run.stderr:  # this host's kernel: nothing is added then
                return
            pages[io] = {thread["name"]: {rule["syscall"] for rule in thread["rules"]}
                         for thread in json.loads(run.stdout)["threads"]}
        self.assertEqual(pages["ring"].pop("blk") - pages["calls"].pop("blk"), {"io_uring_enter"})
        self.assertEqual(pages["ring"], pages["calls"])


class Balloon(Case):
    """Pages that a guest gives up leave the process, and come back as zeros: guests/balloon.c."""

    PAGES = 0x2000
    KIB = PAGES * 4

    def start_balloon(self, case, *options):
        return self.start("balloon", f"{case} {self.PAGES:x} {MMIO}", ("virtio-balloon",),
                          ("--log-level", "debug", *options), stdin=subprocess.PIPE)

    def stages(self, run):
        """Memory of the process in KiB: with all pages, without them, and with them again."""
        found = []
        for stage in "full", "empty", "again":
            run.expect(stage)
            found.append(resident_kib(run.pid))
            run.send(b"x")
        self.check_end(run, 0)
        return found

    def test_what_the_guest_gives_up_leaves_the_process(self):
        run = self.start_balloon("mmio")
        full, empty, again = self.stages(run)
        self.assertGreater(full - empty, self.KIB * 9 // 10, run.story())
        self.assertGreater(again - empty, self.KIB * 9 // 10, run.story())
        self.assertIn(f"virtio-balloon: given_back {self.KIB * 1024}", "\n".join(run.log()))

    def test_the_pages_between_stay(self):
        run = self.start_balloon("apart")
        self.stages(run)
        self.assertIn(f"virtio-balloon: given_back {self.KIB * 1024}", "\n".join(run.log()))

    def test_memory_that_another_process_shares_leaves_both(self):
        """It is a file then, which would keep the bytes of a page that only volt gave up."""
        back_end = self.folder() / "back-end"
        backend.start(back_end)
        self.addCleanup(back_end.unlink)
        run = self.start("balloon", f"mmio {self.PAGES:x} {MMIO}",
                         ("virtio-balloon", f"vhost-user,device=26,socket=unix:{back_end}"),
                         ("--log-level", "debug"), stdin=subprocess.PIPE)
        full, empty, again = self.stages(run)
        self.assertGreater(full - empty, self.KIB * 9 // 10, run.story())
        self.assertGreater(again - empty, self.KIB * 9 // 10, run.story())

    # HOLDS(security)
    def test_its_worker_has_one_call_more_and_that_for_guest_memory_alone(self):
        words = [Setup.volt, "explain", "--json", *Setup.options, "--kernel",
                 Setup.guests / "virtio", "--plugin", "virtio-balloon"]
        run = subprocess.run([str(word) for word in words], capture_output=True, text=True,
                             timeout=30, check=True)
        rules = {thread["name"]: [rule for rule in thread["rules"] if rule["syscall"] == "madvise"]
                 for thread in json.loads(run.stdout)["threads"]}
        rule, = rules.pop("balloon")
        self.assertEqual(set(map(len, rules.values())), {0})
        where, length, advice = rule["tests"]
        self.assertEqual((where["op"], where["mask"]), ("masked_eq", -(256 << 20)))
        self.assertEqual((length["value"], length["mask"]), (0, -(4 << 20)))
        self.assertEqual((advice["op"], advice["value"]), ("eq", 4))


class RestoredBalloon(Saving):
    def test_pages_of_a_snapshots_file_stay_as_they_are(self):
        """A private mapping of a file cannot become zeros: it would be the file's again."""
        count = 0x200
        run = self.boot("balloon", f"mmio {count:x} {MMIO} kept", ("virtio-balloon",),
                        stdin=subprocess.PIPE)
        run.expect("full")
        folder, _ = self.save(run, "--stop")
        self.assertEqual(run.wait(LIMIT), 113, run.story())
        run = self.restore(folder, ("virtio-balloon",), ("--log-level", "debug"),
                           stdin=subprocess.PIPE)
        for stage in "empty", "again":
            run.send(b"x")
            run.expect(stage)
        run.send(b"x")
        self.check_end(run, 0)
        log = "\n".join(run.log())
        self.assertIn(f"virtio-balloon: inflated {count}", log, run.story())
        self.assertNotIn("virtio-balloon: given_back", log, run.story())


class Saved(Saving):
    """A device with a request under way is saved, and goes on in another process."""

    def go_on(self, case, plugins, where=""):
        run = self.boot("virtio", f"{case} {LONG:x} {where}".strip(), plugins)
        saves = 0
        for _ in range(3):
            folder, tool = self.save(run, "--stop", status=None)
            if tool.returncode != 0:  # the guest was through
                break
            self.assertEqual(run.wait(LIMIT), 113, run.story())
            run = self.restore(folder, plugins)
            saves += 1
        self.check_end(run, 0)
        self.assertGreater(saves, 0, run.story())

    def test_over_mmio(self):
        for chip, plugins in CHIPS.items():
            with self.subTest(chip=chip):
                self.go_on("mmio", (*plugins, "virtio-rng"), MMIO)

    def test_over_pci(self):
        for chip, plugins in CHIPS.items():
            for case, where in {"pci": "", "moved": MOVED, "masked": ""}.items():
                with self.subTest(chip=chip, case=case):
                    self.go_on(case, (*plugins, "pci", "virtio-rng"), where)
