# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""How a VM ends: the exit status, and the one line that says what happened."""

import os
import pathlib
import random
import signal
import struct
import subprocess
import time

import vm
from vm import Case, Setup


class ByTheGuest(Case):
    def test_exit_status_comes_through(self):
        for status in (0, 1, 42, 255):
            with self.subTest(status=status):
                run = self.start("ending", f"status {status:x}")
                self.check_end(run, status, f"the guest ended with status {status} ")

    def test_status_that_looks_like_volts_own_is_told_apart_by_the_line(self):
        for status in (100, 106, 110, 143):
            with self.subTest(status=status):
                run = self.start("ending", f"status {status:x}")
                self.check_end(run, status, f"the guest ended with status {status} ")

    def test_keyboard_controller_resets(self):
        run = self.start("ending", "reset_keyboard", ("i8042",))
        self.check_end(run, 110, "the guest asked for a reset")

    def test_reset_register_resets(self):
        run = self.start("ending", "reset_register", ("acpipower",))
        self.check_end(run, 110, "the guest asked for a reset")

    def test_soft_off_ends_with_status_zero(self):
        run = self.start("ending", "power_off", ("acpipower",))
        self.check_end(run, 0, "the guest turned itself off")

    def test_panic_port_tells_of_a_panic(self):
        run = self.start("ending", "panic", ("pvpanic",))
        self.check_end(run, 112, "panic")

    def test_triple_fault_is_a_shutdown(self):
        run = self.start("ending", "triple_fault")
        self.check_end(run, 111, "triple fault")

    def test_line_names_the_way_it_ended(self):
        """Two ways to reset, two reasons."""
        whys = set()
        for case, plugin in (("reset_keyboard", "i8042"), ("reset_register", "acpipower")):
            run = self.check_end(self.start("ending", case, (plugin,)), 110)
            whys.add([line for line in run.log() if "exit code" in line][0])
        self.assertEqual(len(whys), 2, whys)

    def test_with_both_irqchips(self):
        for case, plugin, status in (("reset_keyboard", "i8042", 110),
                                     ("triple_fault", "pvpanic", 111)):
            with self.subTest(case=case):
                self.run_guest("ending", case, (plugin, "ioapic"), status=status)

    def test_output_before_the_end_is_not_lost(self):
        for _ in range(20):
            run = self.run_guest("serial", "hello")
            self.assertEqual(run.text(), "hello from a guest\n")


def with_its_bss(kernel):
    """The guest's ELF file with all of its one segment in it, so that whole pages are mapped."""
    content = bytearray(kernel.read_bytes())
    head, = struct.unpack_from("<Q", content, 32)
    offset, = struct.unpack_from("<Q", content, head + 8)
    in_file, in_memory = struct.unpack_from("<QQ", content, head + 32)
    content[offset:] = content[offset:offset + in_file] + bytes(in_memory - in_file)
    struct.pack_into("<Q", content, head + 32, in_memory)
    return bytes(content)


class KernelFile(Case):
    """What becomes of a guest when somebody works on the file of its kernel."""

    def running(self, how):
        kernel = self.file(with_its_bss(Setup.guests / "serial"), name="kernel")
        run = self.start(kernel, "answer", options=("--kernel-memory", how),
                         stdin=subprocess.PIPE)
        run.expect_ready()
        return run, kernel

    def lives(self, run):
        run.send(b"a")
        run.expect("got 61\n")
        run.send(b"\x04")
        self.check_end(run, 0)

    def test_mapped_file_that_shrinks_ends_the_vm_with_a_word(self):
        run, kernel = self.running("map")
        os.truncate(kernel, 4096)
        try:
            run.send(b"a")
        except OSError:
            pass  # it had ended before
        self.check_end(run, 106, "KVM cannot")

    def test_copied_file_may_shrink(self):
        run, kernel = self.running("copy")
        os.truncate(kernel, 0)
        self.lives(run)

    def test_mapped_file_may_be_replaced_and_removed(self):
        run, kernel = self.running("map")
        os.replace(self.file(b"another", name="other"), kernel)
        os.remove(kernel)
        self.lives(run)

    def test_guest_does_not_write_to_its_file(self):
        run, kernel = self.running("map")
        before = with_its_bss(Setup.guests / "serial")
        self.lives(run)
        self.assertEqual(pathlib.Path(kernel).read_bytes(), before)


class ByTheHost(Case):
    GUESTS = ("spin", "halt", "busy")

    def test_signal_ends_whatever_the_guest_does(self):
        for number, name in ((signal.SIGTERM, "SIGTERM"), (signal.SIGINT, "SIGINT"),
                             (signal.SIGHUP, "SIGHUP"), (signal.SIGQUIT, "SIGQUIT")):
            for guest in self.GUESTS:
                with self.subTest(signal=name, guest=guest):
                    run = self.start("ending", guest)
                    run.expect_ready()
                    run.signal(number)
                    self.check_end(run, 128 + number, f"ended by {name}", limit=10)

    def test_signal_ends_several_vcpus(self):
        run = self.start("ending", "busy", ("ioapic",), options=("--cpus", "4"))
        run.expect_ready()
        run.signal(signal.SIGTERM)
        self.check_end(run, 143, limit=10)

    def test_stop_and_continue_lose_nothing(self):
        run = self.start("serial", "answer", stdin=subprocess.PIPE)
        run.expect_ready()
        for byte in b"abc":
            run.signal(signal.SIGSTOP)
            run.send(bytes([byte]))
            time.sleep(0.05)
            self.assertNotIn(f"got {byte:x}", run.text())
            run.signal(signal.SIGCONT)
            run.expect(f"got {byte:x}\n")
        run.send(b"\x04")
        self.check_end(run, 0)

    def test_stop_and_continue_in_every_state(self):
        for guest in self.GUESTS:
            with self.subTest(guest=guest):
                run = self.start("ending", guest, options=("--cpus", "2"))
                run.expect_ready()
                for _ in range(20):
                    run.signal(signal.SIGSTOP)
                    run.signal(signal.SIGCONT)
                    time.sleep(0.002)
                self.assertTrue(run.alive(), run.story())
                run.signal(signal.SIGTERM)
                self.check_end(run, 143, limit=10)

    def test_harmless_signals_are_harmless(self):
        run = self.start("ending", "busy")
        run.expect_ready()
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGCHLD,
                       signal.SIGPIPE, signal.SIGWINCH, signal.SIGURG, signal.SIGIO,
                       signal.SIGPROF, signal.SIGVTALRM, signal.SIGXFSZ):
            for _ in range(100):
                run.signal(number)
        time.sleep(0.1)
        self.assertTrue(run.alive(), run.story())
        run.signal(signal.SIGTERM)
        self.check_end(run, 143)

    def test_termination_at_any_moment_of_the_start_is_clean(self):
        """Before volt takes signals it is just killed; after, it says so."""
        seed = int(os.environ.get("VOLT_SEED", random.randrange(1 << 30)))
        print(f"VOLT_SEED={seed}", end=" ", flush=True)
        choose = random.Random(seed)
        for _ in range(60):
            path = self.folder() / "socket"
            run = self.start("ending", "spin", (f"serial,console=unix:{path}", "ioapic"))
            time.sleep(choose.uniform(0, 0.04))
            run.signal(signal.SIGTERM)
            self.assertIn(run.wait(), (143, -signal.SIGTERM), run.story())
            errors = [line for line in run.log() if "error" in line]
            self.assertEqual(errors, [], run.story())
            if run.process.returncode == 143:
                self.assertFalse(path.exists(), run.story())

    # HOLDS(security)
    def test_inherited_signal_mask_and_dispositions_do_not_matter(self):
        def corrupt():
            signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
                signal.signal(number, signal.SIG_IGN)

        run = self.start("ending", "spin", preexec_fn=corrupt)
        run.expect_ready()
        run.signal(signal.SIGTERM)
        self.check_end(run, 143, limit=10)

    # HOLDS(security)
    def test_inherited_files_are_closed(self):
        held = [os.open("/dev/null", os.O_RDONLY) for _ in range(100)]
        for fd in held:
            self.addCleanup(os.close, fd)
        run = self.start("ending", "spin", pass_fds=held)
        run.expect_ready()
        if os.geteuid() == 0:
            self.assertLess(len(os.listdir(f"/proc/{run.pid}/fd")), 40)
        run.signal(signal.SIGTERM)
        self.check_end(run, 143)


class ByKvm(Case):
    """What this host's KVM cannot emulate ends the VM with an explanation."""

    def explained(self, case, *said):
        run = self.check_end(self.start("ending", case), 106)
        errors = [line for line in run.log() if line.startswith("volt: error: ")]
        self.assertEqual(len(errors), 1, run.story())
        for text in said:
            self.assertIn(text, errors[0], run.story())
        return errors[0]

    def test_breakpoint_is_shown_by_its_bytes(self):
        if vm.PVM:
            line = self.explained("breakpoint", "code bytes cc")
            self.assertIn("kvm_pvm", line)
        else:
            self.run_guest("ending", "breakpoint", status=111)

    def test_unknown_integer_instruction_is_shown_by_its_bytes(self):
        if vm.PVM:
            self.explained("count_bits", "code bytes f3 0f b8 c0")
        else:
            self.run_guest("ending", "count_bits")

    def test_software_interrupt_is_shown_by_its_bytes(self):
        if vm.PVM:
            self.explained("software_interrupt", "code bytes cd 40")
        else:
            self.run_guest("ending", "software_interrupt", status=111)

    def test_running_device_memory_as_code_is_no_instruction_to_blame(self):
        line = self.explained("jump_to_device")
        self.assertIn("device memory", line)


class Log(Case):
    def test_guest_cannot_flood_the_log(self):
        run = self.run_guest("ending", "marks 8000")
        marks = [line for line in run.log() if "boot mark" in line]
        self.assertLess(len(marks), 200, "of 32768 marks")
        self.assertTrue([line for line in run.log() if "suppressed" in line], run.story())

    def test_marks_show_a_time_that_grows(self):
        run = self.run_guest("ending", "marks 10")
        times = [float(line.split(" after ")[1].split()[0])
                 for line in run.log() if "boot mark" in line]
        self.assertEqual(len(times), 16, run.story())
        self.assertEqual(times, sorted(times))

    def test_log_file_takes_the_log(self):
        path = self.folder() / "log"
        for _ in range(2):
            run = self.start("ending", "status 0", options=("--log-file", path))
            self.assertEqual(run.wait(), 0, run.story())
            self.assertEqual(run.err, b"", run.story())
        self.assertEqual(path.read_text().count("exit code 0"), 2)

    def test_log_level_error_says_nothing_of_a_good_run(self):
        run = self.start("ending", "status 0", options=("--log-level", "error"))
        self.assertEqual(run.wait(), 0, run.story())
        self.assertEqual(run.err, b"", run.story())
