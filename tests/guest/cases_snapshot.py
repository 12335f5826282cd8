# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""A VM that is saved, and goes on in another process: its guest notices nothing.

VOLT_SAVES is how many times each kind of machine is saved and restored in Standing, by one guest after
the other; the seed is printed, VOLT_SEED gives another.
"""

import os
import random
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import time

from cases_control import Client
from cases_interrupts import FOX
from snapshot_reader import Snapshot, crc32c
from vm import LIMIT, Case, Setup

SAVES = int(os.environ.get("VOLT_SAVES", "12"))
SEED = int(os.environ.get("VOLT_SEED", "0")) or random.randrange(1, 2**31)
ROUNDS = 512
CPUS = (1, 2, 8)
CHIPS = {"kvm": (), "ioapic": ("ioapic",)}


class Saving(Case):
    """Each VM of a chain has its own control socket and its own folder."""

    def setUp(self):
        super().setUp()
        self.place = self.folder()
        self.number = 0

    def devices(self, plugins):
        self.socket = self.place / f"{self.number}.sock"
        self.number += 1
        words = []
        for spec in ("serial", "exitport", "bootmark", *plugins, f"control,socket=unix:{self.socket}"):
            words += ["--plugin", spec]
        return words

    def boot(self, guest, case="", plugins=(), options=(), **kwargs):
        return self.launch([Setup.volt, *Setup.options, "--kernel", Setup.guests / guest,
                            "--cmdline", case, *self.devices(plugins), "--snapshot", *options],
                           **kwargs)

    def restore(self, folder, plugins=(), options=("--snapshot",), **kwargs):
        return self.launch([Setup.volt, *Setup.options, "--restore", folder,
                            *self.devices(plugins), *options], **kwargs)

    def snapshot(self, *words, status=0):
        run = subprocess.run([str(word) for word in (Setup.volt, "snapshot", *words)],
                             capture_output=True, text=True, timeout=60, check=False)
        if status is not None:
            self.assertEqual(run.returncode, status, run.stdout + run.stderr)
        return run

    def listens(self):
        """The socket has its name a moment before volt listens."""
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self.socket)) == 0

    def save(self, run, *words, name=None, status=0):
        folder = self.place / (name or f"snapshot{self.number}")
        run.until(lambda: self.listens() or not run.alive(), "volt listens")
        return folder, self.snapshot("save", *words, self.socket, folder, status=status)


class Files(Saving):
    def save_echo(self, *words, plugins=(), options=()):
        run = self.boot("serial", "echo", plugins, options, stdin=subprocess.PIPE)
        run.expect("ready")
        folder, _ = self.save(run, *words)
        return run, folder

    def test_a_saved_guest_goes_on_in_a_new_process(self):
        for chip, plugins in CHIPS.items():
            with self.subTest(chip=chip):
                run, folder = self.save_echo("--stop", plugins=plugins)
                self.check_end(run, 113)
                again = self.restore(folder, plugins, stdin=subprocess.PIPE)
                again.send(b"still here\x04")
                self.check_end(again, 0)
                self.assertEqual(again.text(), "still heredone\n", again.story())

    def test_a_saved_vm_goes_on_itself(self):
        run, _ = self.save_echo()
        run.send(b"and on\x04")
        self.check_end(run, 0)
        self.assertEqual(run.text(), "ready\nand ondone\n")

    def test_many_are_made_of_one_and_leave_it_as_it_was(self):
        _, folder = self.save_echo("--stop")
        before = (folder / "memory").read_bytes()
        runs = [self.restore(folder, options=(), stdin=subprocess.PIPE) for _ in range(4)]
        for number, run in enumerate(runs):
            run.send(b"clone %d\x04" % number)
        for number, run in enumerate(runs):
            self.check_end(run, 0)
            self.assertEqual(run.text(), f"clone {number}done\n")
        self.assertEqual((folder / "memory").read_bytes(), before)

    def test_a_reader_written_from_the_document_understands_it(self):
        _, folder = self.save_echo("--stop", "--note", "as a test")
        snapshot = Snapshot(folder)
        self.assertEqual(snapshot.ram, 128 << 20)
        self.assertIn("note=as a test", snapshot.find("meta").lines())
        self.assertIn("plugin serial serial", snapshot.find("conf").lines())
        self.assertEqual(len(snapshot.find("cpu").blocks()["REGS"]), 144)
        self.assertEqual(len(snapshot.find("dev", name="serial").fields()["rx_data"]), 16)
        ranges = snapshot.find("ram").ranges()
        kernel = (Setup.guests / "serial").read_bytes()
        memory = (folder / "memory").read_bytes()
        saved = b"".join(memory[offset:offset + length] for offset, length in ranges)
        self.assertIn(kernel[0x1000:0x1040], saved)
        self.assertLess(len(saved), 1 << 20)
        rest = memory[:ranges[0][0]] + b"".join(
            memory[a + n:b] for (a, n), (b, _) in zip(ranges, ranges[1:]))
        self.assertEqual(rest.count(0), len(rest))

    def test_show_verify_and_check(self):
        _, folder = self.save_echo("--stop")
        shown = self.snapshot("show", folder).stdout
        for text in ("uuid ", "memory 134217728", "plugin serial serial", "rx_data[16]"):
            self.assertIn(text, shown)
        self.snapshot("verify", folder)
        self.snapshot("check", folder, *Setup.options, *self.devices(()))
        run = self.snapshot("check", folder, *Setup.options, "--plugin", "serial", status=102)
        self.assertIn("nothing more", run.stderr)

    def test_a_name_that_is_taken_is_refused_and_the_vm_goes_on(self):
        run, folder = self.save_echo()
        _, again = self.save(run, name=folder.name, status=4)
        self.assertIn("is there already", again.stderr)
        run.send(b"\x04")
        self.check_end(run, 0)

    def test_a_diff_holds_what_was_written_and_merges_with_its_base(self):
        _, base = self.save_echo("--stop")
        second = self.restore(base, stdin=subprocess.PIPE)
        second.send(b"second")
        second.expect("second")
        diff, _ = self.save(second, "--stop", "--diff")
        self.assertLess(sum(n for _, n in Snapshot(diff).find("ram").ranges()),
                        sum(n for _, n in Snapshot(base).find("ram").ranges()))
        third = self.restore(diff)
        self.assertEqual(third.wait(LIMIT), 101, third.story())
        self.assertIn("it is a diff", "\n".join(third.log()))
        merged = self.place / "merged"
        self.snapshot("merge", base, diff, merged)
        self.snapshot("verify", merged)
        fourth = self.restore(merged, stdin=subprocess.PIPE)
        fourth.send(b"fourth\x04")
        self.check_end(fourth, 0)
        self.assertEqual(fourth.text(), "fourthdone\n")
        run = self.snapshot("merge", merged, diff, self.place / "wrong", status=1)
        self.assertIn("is not the base", run.stderr)

    def test_a_full_save_of_a_restored_vm_is_whole(self):
        """Memory that the second process never touched is in its snapshot too."""
        _, first = self.save_echo("--stop")
        run = self.restore(first)
        second, _ = self.save(run, "--stop")
        memory = [(folder / "memory").read_bytes() for folder in (first, second)]
        differ = sum(memory[0][at:at + 4096] != memory[1][at:at + 4096]
                     for at in range(0, len(memory[0]), 4096))
        self.assertLess(differ, 8)
        third = self.restore(second, stdin=subprocess.PIPE)
        third.send(b"\x04")
        self.check_end(third, 0)

    def test_memory_on_both_sides_of_the_hole(self):
        run, folder = self.save_echo("--stop", options=("--memory", "3074M"))
        self.check_end(run, 113)
        self.assertEqual(Snapshot(folder).ram, 3074 << 20)
        again = self.restore(folder, stdin=subprocess.PIPE)
        again.send(b"high\x04")
        self.check_end(again, 0)


class Refused(Saving):
    """Each with a line that names the cause."""

    def setUp(self):
        super().setUp()
        run = self.boot("serial", "echo")
        run.expect("ready")
        self.saved, _ = self.save(run, "--stop")

    def refused(self, said, code=101, plugins=(), options=(), folder=None):
        run = self.restore(folder or self.saved, plugins, options)
        self.assertEqual(run.wait(LIMIT), code, run.story())
        self.assertIn(said, "\n".join(run.log()))

    def test_other_machines(self):
        self.refused('"memory 67108864"', 102, options=("--memory", "64M"))
        self.refused('"cpus 2"', 102, options=("--cpus", "2"))
        self.refused('"plugin i8042 i8042"', 102, plugins=("i8042",))
        self.refused("--kernel", 100, options=("--kernel", "x"))

    def test_a_vm_without_the_option_cannot_be_saved(self):
        run = self.launch([Setup.volt, *Setup.options, "--kernel", Setup.guests / "serial",
                           "--cmdline", "echo", *self.devices(())], stdin=subprocess.PIPE)
        run.expect("ready")
        _, tool = self.save(run, status=1)
        self.assertIn("start it with --snapshot", tool.stderr)
        run.send(b"\x04")
        self.check_end(run, 0)

    def test_a_vm_that_nobody_could_ask(self):
        run = self.start("serial", "echo", options=("--snapshot",))
        self.assertEqual(run.wait(LIMIT), 103, run.story())
        self.assertIn("give --name", "\n".join(run.log()))

    def test_a_diff_of_a_booted_vm(self):
        run = self.boot("serial", "echo")
        run.expect("ready")
        _, tool = self.save(run, "--diff", status=1)
        self.assertIn("this one was booted", tool.stderr)

    def corrupt(self, change):
        folder = self.folder() / "corrupt"
        folder.mkdir()
        state = bytearray((self.saved / "state").read_bytes())
        change(state)
        (folder / "state").write_bytes(state)
        os.link(self.saved / "memory", folder / "memory")
        return folder

    def mend(self, state):
        rows, table = struct.unpack_from("<I", state, 12)[0], 64
        struct.pack_into("<I", state, 56, crc32c(state[table:table + 64 * rows]))
        struct.pack_into("<I", state, 60, crc32c(state[:60]))

    def test_damaged_files(self):
        def cut(state):
            del state[-40:]

        def flip(at):
            def change(state):
                state[at] ^= 1
            return change

        self.refused("its header is damaged", folder=self.corrupt(flip(20)))
        self.refused("its table of sections is damaged", folder=self.corrupt(flip(70)))
        self.refused("leaves the file", folder=self.corrupt(cut))
        for section in Snapshot(self.saved).sections:
            if section.kind == "meta":
                continue  # nothing is decided by it
            with self.subTest(section=section.kind):
                run = self.restore(self.corrupt(flip(section.offset)))
                self.assertIn(run.wait(LIMIT), (101, 102, 103, 104), run.story())
                self.assertIn("is damaged", "\n".join(run.log()))

    def test_verify_prints_no_control_characters(self):
        """A name of a section may come from anybody."""
        def change(state):
            state[64:68] = b"\x1b[2J"
            state[64 + 32:64 + 39] = b"\x1b]0;x\x07\xff"
            state[Snapshot(self.saved).sections[0].offset] ^= 1
            self.mend(state)
        run = self.snapshot("verify", self.corrupt(change), status=1)
        self.assertIn("section ?[2J 0 ?]0;x?? is damaged", run.stderr)
        self.assertTrue(run.stderr.strip().isprintable(), repr(run.stderr))

    def without_line(self, line):
        """As a plugin of before would have saved, which did not know that parameter."""
        line = line.encode() + b"\n"

        def change(state):
            conf = Snapshot(self.saved).find("conf")
            text = conf.bytes.replace(line, b"")
            self.assertNotEqual(text, conf.bytes)
            row = next(at for at in range(64, conf.offset, 64) if state[at:at + 4] == b"conf")
            state[conf.offset:conf.offset + len(text)] = text
            struct.pack_into("<I", state, row + 8, crc32c(text))
            struct.pack_into("<Q", state, row + 24, len(text))
            self.mend(state)
        return self.corrupt(change)

    def test_parameter_that_is_new_may_have_its_default_alone(self):
        folder = self.without_line("param serial irq 4")
        run = self.restore(folder, stdin=subprocess.PIPE)
        run.send(b"\x04")
        self.check_end(run, 0)
        run = self.launch([Setup.volt, *Setup.options, "--restore", folder, "--plugin",
                           "serial,irq=4", "--plugin", "exitport", "--plugin", "bootmark"])
        self.assertEqual(run.wait(LIMIT), 102, run.story())
        self.assertIn('"param serial irq 4"', "\n".join(run.log()))

    def test_parameter_that_is_another(self):
        run = self.launch([Setup.volt, *Setup.options, "--restore", self.saved, "--plugin",
                           "serial,irq=3", "--plugin", "exitport", "--plugin", "bootmark"])
        self.assertEqual(run.wait(LIMIT), 102, run.story())
        self.assertIn('it has "param serial irq 3"', "\n".join(run.log()))

    def test_unknown_section_that_must_be_understood(self):
        def change(state):
            state[64:68] = b"what"
            self.mend(state)
        self.refused("kind or version", folder=self.corrupt(change))

    def test_memory_that_others_may_write_or_that_is_short(self):
        folder = self.folder() / "open"
        folder.mkdir()
        (folder / "state").write_bytes((self.saved / "state").read_bytes())
        (folder / "memory").write_bytes(b"")
        os.chmod(folder / "memory", 0o644)
        self.refused("shorter than", folder=folder)
        os.truncate(folder / "memory", 128 << 20)
        os.chmod(folder / "memory", 0o666)
        self.refused("somebody else may write it", folder=folder)


class Masked(Saving):
    """--cpu with a file that volt doctor --cpu printed."""

    def features(self, *files):
        run = subprocess.run([Setup.volt, "doctor", "--cpu", *files], capture_output=True, text=True,
                             timeout=60, check=False)
        self.assertEqual(run.returncode, 0, run.stderr)
        return run.stdout

    def test_a_guest_has_the_features_of_the_file_and_its_snapshot_goes_on(self):
        mine = self.features()
        row = re.search(r"^cpuid 0x1 0 EDX 0x(\w+)$", mine, re.MULTILINE)
        fewer = mine.replace(row[0], f"cpuid 0x1 0 EDX 0x{int(row[1], 16) & ~(1 << 19):08x}")  # CLFLUSH
        run = self.boot("serial", "echo", options=("--cpu", self.file(fewer.encode())))
        run.expect("ready")
        folder, _ = self.save(run, "--stop")
        leaves = Snapshot(folder).find("cpu").blocks()["CPID"]
        edx = next(struct.unpack_from("<10I", leaves, at)[6] for at in range(0, len(leaves), 40)
                   if struct.unpack_from("<I", leaves, at)[0] == 1)
        self.assertEqual(edx & ~(1 << 28), int(row[1], 16) & ~(1 << 19 | 1 << 28 | 1 << 22))
        again = self.restore(folder, stdin=subprocess.PIPE)
        again.send(b"masked\x04")
        self.check_end(again, 0)

    def test_what_cannot_be_given_is_refused_by_name(self):
        for text, code, said in (
                (b"cpuid 0x1 0 ECX 0x00010000\n", 103, "(CPUID 0x1.0 ECX bit 16)"),
                (b"cpuid 0x1 0 ECX\n", 101, "line 1 is not"), (b"", 101, "line 1 is not")):
            run = self.boot("serial", "echo", options=("--cpu", self.file(text)))
            self.assertEqual(run.wait(LIMIT), code, run.story())
            self.assertIn(said, "\n".join(run.log()))
        run = self.boot("serial", "echo", options=("--cpu", "v5"))
        self.assertEqual(run.wait(LIMIT), 101, run.story())
        self.assertIn("it is not v2, v3 or v4", "\n".join(run.log()))

    def test_a_restored_vm_has_the_features_of_its_snapshot(self):
        run = self.launch([Setup.volt, "--restore", "x", "--cpu", "v2"])
        self.assertEqual(run.wait(LIMIT), 100, run.story())
        self.assertIn("leave out --cpu", "\n".join(run.log()))


class Failing(Saving):
    """A save from which nothing comes: the VM goes on, and no folder is left."""

    def setUp(self):
        super().setUp()
        initrd = self.file(random.Random(1).randbytes(16 << 20))
        self.run_ = self.boot("serial", "echo", options=("--initrd", initrd), stdin=subprocess.PIPE)
        self.run_.expect("ready")

    def goes_on(self):
        self.run_.send(b"goes on\x04")
        self.check_end(self.run_, 0)
        self.assertEqual(self.run_.text(), "ready\ngoes ondone\n")

    def begin(self):
        client = Client(self.socket)
        client.send(id=1, method="vm.save", params={})
        self.assertEqual(client.read()["method"], "bytes")
        return client

    def test_client_that_leaves(self):
        self.begin().close()
        self.goes_on()

    def test_input_that_came_during_a_pause_arrives(self):
        """Nothing happens after the resume that would make volt look at it once more."""
        client = Client(self.socket)
        self.assertEqual(client.call("vm.pause"), {})
        self.run_.send(b"goes on\x04")
        self.assertEqual(client.call("vm.status")["state"], "paused")  # volt has seen the input too
        self.assertEqual(client.call("vm.resume"), {})
        self.check_end(self.run_, 0)
        self.assertEqual(self.run_.text(), "ready\ngoes ondone\n")

    def test_client_that_stands_still(self):
        client, other = self.begin(), Client(self.socket)
        self.assertEqual(other.call("vm.status")["state"], "paused")
        self.assertEqual(other.call("vm.resume")["data"]["errno"], "EBUSY")
        self.assertEqual(other.call("vm.save")["data"]["errno"], "EBUSY")
        self.run_.until(lambda: other.call("vm.status")["state"] == "running", "it goes on")
        self.goes_on()
        client.close()

    def test_paused_vm_that_is_saved_goes_on(self):
        client = Client(self.socket)
        self.assertEqual(client.call("vm.pause"), {})
        folder, _ = self.save(self.run_)
        self.snapshot("verify", folder)
        self.goes_on()

    def test_vm_that_ends_meanwhile(self):
        client, other = self.begin(), Client(self.socket)
        other.send(id=1, method="vm.end", params={})
        self.check_end(self.run_, 113)
        client.close()

    def limited(self):
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def test_disk_that_is_full(self):
        folder = self.place / "full"
        tool = subprocess.run([str(word) for word in (Setup.volt, "snapshot", "save", "--stop",
                                                      self.socket, folder)],
                              capture_output=True, text=True, timeout=60, check=False,
                              preexec_fn=self.limited)
        self.assertEqual(tool.returncode, 4, tool.stderr)
        self.assertIn("File too large", tool.stderr)
        self.assertEqual([path for path in self.place.iterdir() if not path.is_socket()], [])
        self.goes_on()


class Standing(Saving):
    """Saved at random moments, again and again: the result is that of a run that never was."""

    def pauser(self):
        return self.own_plugin("pauser") + ",pauses=off"

    def begin(self, cpus, chip=()):
        return self.boot("pausing", f"all {ROUNDS // cpus:x} {cpus}", (*chip, self.pauser()),
                         ("--cpus", str(cpus)))

    def chain(self, run, plugins, most, random_of):
        """What a guest printed in all of its processes, and how many of them were restored."""
        text, restores = "", 0
        while True:
            run.until(lambda: self.listens() or not run.alive(), "volt listens")
            time.sleep(random_of.random() * 0.02)
            folder, tool = self.save(run, "--stop", status=None)
            if tool.returncode != 0:
                break
            text += run.text() if run.wait(LIMIT) == 113 else self.fail(run.story())
            run.kill()  # its pipes, of which there may be thousands
            run = self.restore(folder, plugins)
            restores += 1
            if restores == most:
                break
        if tool.returncode != 0:
            print(tool.stderr, end="", flush=True)  # the guest was done, most of the time
        self.check_end(run, 0, limit=120)
        run.kill()
        return text + run.text(), restores

    def test_results_are_those_of_an_unsaved_run(self):
        random_of = random.Random(SEED)
        for cpus in CPUS:
            alone = self.begin(cpus)
            self.check_end(alone, 0, limit=120)
            for chip, plugins in CHIPS.items():
                with self.subTest(cpus=cpus, chip=chip):
                    saved = 0
                    while saved < SAVES:
                        text, restores = self.chain(self.begin(cpus, plugins), (*plugins, self.pauser()),
                                                    SAVES - saved, random_of)
                        self.compare(text, alone.text(), restores)
                        saved += restores
                        self.forget()
                    print(f"{cpus} vCPUs, {chip}: {saved} restores, seed {SEED}", flush=True)

    def forget(self):
        """The snapshots so far, which would fill a disk."""
        shutil.rmtree(self.place)
        self.place.mkdir()

    def compare(self, text, expected, restores):
        """A timer that is over fires once more when it is set again: nobody can tell whether its
        interrupt was delivered, and a guest bears one too many."""
        count = re.compile("(?<=timers )[0-9a-f]+")
        self.assertEqual(count.sub("", text), count.sub("", expected))
        for mine, must in zip(count.findall(text), count.findall(expected)):
            self.assertGreaterEqual(int(mine, 16), int(must, 16))
            self.assertLessEqual(int(mine, 16), int(must, 16) + restores)


class Devices(Saving):
    """What a device has under way goes on in the new process."""

    def test_transmitter_goes_on(self):
        for chip, plugins in CHIPS.items():
            with self.subTest(chip=chip):
                case = "transmit " + ("pic" if chip == "kvm" else "ioapic")
                run = self.boot("interrupts", case, plugins)
                text, folder = "", None
                for _ in range(3):
                    folder, tool = self.save(run, "--stop", status=None)
                    if tool.returncode != 0:
                        break
                    run.wait(LIMIT)
                    text += run.text()
                    run = self.restore(folder, plugins)
                self.check_end(run, 0)
                self.assertEqual(text + run.text(), FOX)


class Calls(Saving):
    """What saving adds is there only if it was asked for."""

    def explain(self, *options):
        words = [Setup.volt, "explain", "--json", *Setup.options, "--kernel",
                 Setup.guests / "serial", *self.devices(()), *options]
        run = subprocess.run([str(word) for word in words], capture_output=True, text=True,
                             timeout=30, check=True)
        return {thread["name"]: {rule["syscall"] for rule in thread["rules"]}
                for thread in __import__("json").loads(run.stdout)["threads"]}

    def test_one_call_more_on_the_loop_and_none_on_vcpus(self):
        without, with_it = self.explain(), self.explain("--snapshot")
        self.assertEqual(with_it["loop"] - without["loop"], {"pread64"})
        self.assertEqual(with_it["vcpu0"], without["vcpu0"])
