# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""The terminal: raw while the guest has it, an escape key, and given back as it was."""

import fcntl
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import termios
import time

import vm
from vm import Case

CTRL_A = b"\x01"
EOT = b"\x04"


class Terminal:
    """A pseudo-terminal with a person at its master side."""

    def __init__(self, case):
        self.master, self.slave = pty.openpty()
        case.addCleanup(os.close, self.master)
        case.addCleanup(os.close, self.slave)
        self.seen = b""
        self.before = self.mode()

    def mode(self):
        return termios.tcgetattr(self.slave)

    def resize(self, columns, rows):
        """As a terminal emulator does: the kernel sends SIGWINCH to who runs on it."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def type(self, keys):
        os.write(self.master, keys)

    def read(self, seconds=0.0):
        while select.select([self.master], [], [], seconds)[0]:
            self.seen += os.read(self.master, 65536)
            seconds = 0

    def expect(self, text, run):
        try:
            run.until(lambda: self.read() or text in self.seen, f"{text!r} at the terminal")
        except AssertionError as error:
            raise AssertionError(f"{error}\n--- terminal\n{self.seen!r}") from None


class Terminals(Case):
    def sit_down(self, guest, case, plugins=(), options=(), own_session=True, size=None):
        """Starts volt as a shell would: terminal on 0 and 1; the log stays apart."""
        terminal = Terminal(self)
        if size:
            terminal.resize(*size)

        def attach():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        run = self.start(guest, case, plugins, options, stdin=terminal.slave,
                         stdout=terminal.slave, preexec_fn=attach if own_session else None)
        return terminal, run

    def is_raw(self, terminal):
        return not terminal.mode()[3] & (termios.ICANON | termios.ECHO | termios.ISIG)

    def await_mode(self, terminal, mode):
        """The helper restores it after a kill; it needs a moment."""
        end = time.monotonic() + vm.LIMIT
        while terminal.mode() != mode and time.monotonic() < end:
            time.sleep(0.01)
        self.assertEqual(terminal.mode(), mode)


class Window(Terminals):
    def test_size_of_the_terminal_reaches_a_console_as_it_changes(self):
        lines = self.file(name="serial")
        terminal, run = self.sit_down(
            "virtio", "console-size d0000000", (f"serial,console=file:{lines}", "virtio-console"), size=(80, 24))
        for columns, rows in (80, 24), (132, 43), (20, 99):
            terminal.resize(columns, rows)
            wanted = f"size {rows << 16 | columns:x}"
            run.until(lambda wanted=wanted: wanted in lines.read_text(), wanted)
        self.check_end(run, 0)

    def test_call_is_there_for_a_console_on_a_terminal_alone(self):
        terminal = Terminal(self)
        for plugin, there in ("virtio-console", True), ("serial", False), ("virtio-console,console=null", False):
            words = [vm.Setup.volt, "explain", *vm.Setup.options, "--plugin", "sandbox", "--plugin", plugin]
            page = subprocess.run(words, stdin=terminal.slave, capture_output=True, text=True,
                                  timeout=vm.LIMIT, check=True).stdout
            self.assertEqual("asks how large the terminal is" in page, there, plugin)


class Mode(Terminals):
    def test_terminal_is_raw_while_the_guest_runs(self):
        terminal, run = self.sit_down("serial", "answer")
        before = terminal.before
        terminal.expect(b"ready\n", run)
        self.assertTrue(self.is_raw(terminal))
        terminal.type(b"\x03\x1a\x1c\r\x7f")
        for byte in (b"3", b"1a", b"1c", b"d", b"7f"):
            terminal.expect(b"got " + byte + b"\n", run)
        terminal.type(EOT)
        self.check_end(run, 0)
        self.assertEqual(terminal.mode(), before)

    def test_terminal_is_restored_however_the_vm_ends(self):
        for guest, case, plugins, status in (
                ("ending", "status 3", (), 3), ("ending", "reset_keyboard", ("i8042",), 110),
                ("ending", "triple_fault", (), 111), ("ending", "jump_to_device", (), 106),
                ("ending", "panic", ("pvpanic",), 112)):
            with self.subTest(case=case):
                terminal = Terminal(self)
                before = terminal.before
                run = self.start(guest, case, plugins, stdin=terminal.slave,
                                 stdout=terminal.slave)
                self.check_end(run, status)
                self.assertEqual(terminal.mode(), before)

    def test_terminal_is_restored_after_signals(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            with self.subTest(signal=number):
                terminal, run = self.sit_down("ending", "spin")
                before = terminal.before
                run.expect_ready()
                self.assertTrue(self.is_raw(terminal))
                run.signal(number)
                self.check_end(run, 128 + number)
                self.assertEqual(terminal.mode(), before)

    def test_terminal_is_restored_after_a_kill(self):
        for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGSYS, signal.SIGABRT):
            with self.subTest(signal=number):
                terminal, run = self.sit_down("ending", "spin")
                before = terminal.before
                run.expect_ready()
                self.assertTrue(self.is_raw(terminal))
                run.signal(number)
                self.assertEqual(run.wait(), -number, run.story())
                self.await_mode(terminal, before)

    def test_failed_start_leaves_the_terminal_alone(self):
        terminal = Terminal(self)
        before = terminal.before
        run = self.start("ending", "spin", ("serial", "serial,id=b,irq=5,console=null"),
                         stdin=terminal.slave, stdout=terminal.slave)
        self.assertNotEqual(run.wait(), 0)
        self.assertEqual(terminal.mode(), before)

    def test_stream_that_is_not_the_terminal_leaves_it_alone(self):
        terminal, run = self.sit_down("ending", "spin", ("serial,console=null",))
        before = terminal.before
        run.expect_ready()
        self.assertEqual(terminal.mode(), before)
        run.signal(signal.SIGTERM)
        self.check_end(run, 143)

    def test_log_lines_end_where_they_should_in_raw_mode(self):
        """The log goes to the same terminal: its line feeds must return the carriage."""
        terminal = Terminal(self)
        run = self.start("ending", "marks 3", stdin=terminal.slave, stdout=terminal.slave,
                         stderr=terminal.slave)
        self.assertEqual(run.wait(), 0)
        terminal.read(0.5)
        self.assertEqual(terminal.seen.count(b"\n"), terminal.seen.count(b"\r\n"))
        self.assertEqual(terminal.seen.count(b"boot mark"), 3)

    def test_terminal_is_raw_again_after_a_stop(self):
        """As a shell does: it takes the terminal, later sends the group SIGCONT."""
        for stopped in ("volt", "group"):
            with self.subTest(stopped=stopped):
                terminal, run = self.sit_down("serial", "answer")
                before = terminal.before
                terminal.expect(b"ready\n", run)
                (os.kill if stopped == "volt" else os.killpg)(run.pid, signal.SIGSTOP)
                termios.tcsetattr(terminal.slave, termios.TCSANOW, before)
                os.killpg(run.pid, signal.SIGCONT)
                run.until(lambda: self.is_raw(terminal), "raw mode")
                terminal.type(b"\x03")
                terminal.expect(b"got 3\n", run)
                terminal.type(EOT)
                self.check_end(run, 0)
                self.assertEqual(terminal.mode(), before)

    def test_stopped_helper_does_not_hold_volt(self):
        terminal, run = self.sit_down("ending", "spin")
        before = terminal.before
        run.expect_ready()
        helper, = vm.children(run.pid)
        os.kill(helper, signal.SIGSTOP)
        run.signal(signal.SIGTERM)
        self.assertEqual(run.process.wait(vm.LIMIT), 143, run.story())
        os.kill(helper, signal.SIGCONT)
        run.wait()
        self.await_mode(terminal, before)
        self.assertIn("volt-helper does not answer", "\n".join(run.log()))

    def test_hang_up_of_the_terminal_does_not_hang_volt(self):
        master, slave = pty.openpty()
        run = self.start("ending", "busy", stdin=slave, stdout=slave)
        os.close(slave)
        run.expect_ready()
        os.close(master)
        time.sleep(0.1)
        self.assertTrue(run.alive(), run.story())
        run.signal(signal.SIGTERM)
        self.check_end(run, 143)


class Escape(Terminals):
    def test_x_quits(self):
        terminal, run = self.sit_down("serial", "answer")
        before = terminal.before
        terminal.expect(b"ready\n", run)
        terminal.type(CTRL_A + b"x")
        self.check_end(run, 113, "quit")
        self.assertEqual(terminal.mode(), before)

    def test_x_quits_a_guest_that_never_reads(self):
        terminal, run = self.sit_down("serial", "deaf")
        run.expect_ready()
        terminal.type(b"y" * 2000)
        time.sleep(0.05)
        terminal.type(CTRL_A + b"x")
        self.check_end(run, 113)

    def test_x_quits_while_a_flood_fills_a_terminal_that_takes_nothing(self):
        terminal, run = self.sit_down("serial", "flood 10000000")

        def waiting():
            return int.from_bytes(fcntl.ioctl(terminal.master, termios.FIONREAD, bytes(4)), "little")
        run.until(lambda: waiting() >= 4000, "the terminal is full")
        for _ in range(40):
            terminal.type(b"a line of input\r")
        terminal.type(CTRL_A + b"x")
        self.check_end(run, 113)

    def test_a_sends_the_key_itself(self):
        terminal, run = self.sit_down("serial", "answer")
        terminal.expect(b"ready\n", run)
        terminal.type(CTRL_A + b"a" + b"z")
        terminal.expect(b"got 1\ngot 7a\n", run)
        terminal.type(CTRL_A + CTRL_A + b"y")
        terminal.expect(b"got 1\ngot 79\n", run)
        terminal.type(EOT)
        self.check_end(run, 0)

    def test_b_sends_a_break(self):
        """Which a port that ignores the line status takes for a 0."""
        terminal, run = self.sit_down("serial", "answer", options=("--log-level", "debug"))
        terminal.expect(b"ready\n", run)
        terminal.type(CTRL_A + b"b" + b"z")
        terminal.expect(b"got 0\ngot 7a\n", run)
        terminal.type(EOT)
        self.check_end(run, 0)
        self.assertEqual(self.counters(run).get("serial: rx_breaks"), 1, run.story())

    def test_d_types_control_alt_delete(self):
        terminal, run = self.sit_down("interrupts", "attention ioapic", ("i8042",))
        terminal.expect(b"ready\n", run)
        terminal.type(CTRL_A + b"d")
        self.check_end(run, 0)
        terminal.read(0.5)
        self.assertIn(b"codes 1d 38 e0 53 e0 d3 b8 9d", terminal.seen)

    def test_h_lists_the_keys_and_types_nothing(self):
        terminal, run = self.sit_down("serial", "answer")
        terminal.expect(b"ready\n", run)
        terminal.type(CTRL_A + b"h")
        run.expect_log("Ctrl-A x")
        terminal.type(b"z")
        terminal.expect(b"ready\ngot 7a\n", run)
        terminal.type(EOT)
        self.check_end(run, 0)

    def test_other_keys_after_the_escape_are_swallowed(self):
        terminal, run = self.sit_down("serial", "answer")
        terminal.expect(b"ready\n", run)
        terminal.type(CTRL_A + b"q" + b"z")
        terminal.expect(b"ready\ngot 7a\n", run)
        terminal.type(EOT)
        self.check_end(run, 0)

    def test_keys_split_over_two_reads_count(self):
        terminal, run = self.sit_down("serial", "answer")
        terminal.expect(b"ready\n", run)
        terminal.type(CTRL_A)
        time.sleep(0.2)
        self.assertTrue(run.alive())
        terminal.type(b"x")
        self.check_end(run, 113)

    def test_pipe_has_no_escape_key(self):
        run = self.start("serial", "answer", stdin=subprocess.PIPE)
        run.send(CTRL_A + b"x" + EOT)
        self.check_end(run, 0)
        self.assertEqual(run.text(), "ready\ngot 1\ngot 78\ndone\n", run.story())


class Paste(Terminals):
    def test_pasted_text_comes_back_whole(self):
        """Far more than the port, the terminal and a page hold."""
        terminal, run = self.sit_down("serial", "echo")
        run.expect_ready()
        os.set_blocking(terminal.master, False)
        text = b"".join(b"line %06d of the text\n" % i for i in range(2000))
        sent = 0

        def paste():
            nonlocal sent
            try:
                sent += os.write(terminal.master, text[sent:sent + 1024]) if text[sent:] else 0
            except BlockingIOError:
                pass
            terminal.read()
            return len(terminal.seen) >= len(b"ready\n" + text)

        run.until(paste, "all of the text came back", 60)
        self.assertEqual(terminal.seen, b"ready\n" + text)
        terminal.type(CTRL_A + b"x")
        self.check_end(run, 113)

    def test_a_guest_that_never_reads_is_told_of_once(self):
        terminal, run = self.sit_down("serial", "deaf")
        run.expect_ready()
        os.set_blocking(terminal.master, False)
        said = "the guest does not read: 65536 bytes"

        def paste():
            try:
                os.write(terminal.master, b"y" * 1024)
            except BlockingIOError:
                pass
            return said in "\n".join(run.log())

        run.until(paste, "the warning")
        run.signal(signal.SIGTERM)
        self.check_end(run, 143)
        self.assertEqual("\n".join(run.log()).count(said), 1, run.story())


class SharedFlags(Case):
    """O_NONBLOCK belongs to the open file that volt shares with its caller."""

    def test_pipe_stays_blocking(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, writer)
        self.addCleanup(os.close, reader)
        run = self.start("ending", "spin", stdin=reader)
        run.expect_ready()
        self.assertTrue(os.get_blocking(reader))
        run.signal(signal.SIGKILL)
        run.wait()
        self.assertTrue(os.get_blocking(reader))

    def test_socket_is_blocking_again_after_the_end(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            with self.subTest(signal=number):
                ours, theirs = socket.socketpair()
                self.addCleanup(ours.close)
                self.addCleanup(theirs.close)
                run = self.start("ending", "spin", stdin=theirs, stdout=theirs)
                run.expect_ready()
                run.signal(number)
                run.wait()
                end = time.monotonic() + vm.LIMIT
                while not os.get_blocking(theirs.fileno()) and time.monotonic() < end:
                    time.sleep(0.01)
                self.assertTrue(os.get_blocking(theirs.fileno()))

    def test_socket_carries_both_ways(self):
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        run = self.start("serial", "answer", stdin=theirs, stdout=theirs)
        theirs.close()
        ours.settimeout(vm.LIMIT)
        ours.sendall(b"a" + EOT)
        self.check_end(run, 0)
        self.assertEqual(ours.recv(1000), b"ready\ngot 61\ndone\n", run.story())
