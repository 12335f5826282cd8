# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""A serial port and the peers that it can have, with a guest that polls."""

import os
import pathlib
import pty
import re
import select
import signal
import socket
import subprocess
import time

import vm
from vm import Case

EOT = b"\x04"
ALL_BYTES = bytes(byte for byte in range(256) if byte != 4)


class Stdio(Case):
    def test_output_reaches_a_pipe(self):
        run = self.run_guest("serial", "hello")
        self.assertEqual(run.text(), "hello from a guest\n", run.story())

    def test_input_comes_from_a_pipe(self):
        run = self.start("serial", "echo", stdin=subprocess.PIPE)
        run.expect("ready\n")
        run.send(b"typed early, ")
        run.expect("typed early, ")
        run.send(b"and late" + EOT)
        self.check_end(run, 0)
        self.assertEqual(run.text(), "ready\ntyped early, and latedone\n", run.story())

    def test_every_byte_passes_unchanged_both_ways(self):
        run = self.start("serial", "echo", stdin=subprocess.PIPE)
        run.send(ALL_BYTES * 8 + EOT)
        self.check_end(run, 0)
        self.assertEqual(run.out, b"ready\n" + ALL_BYTES * 8 + b"done\n", run.story())

    def test_input_before_the_guest_looks_is_kept(self):
        run = self.start("serial", "answer", stdin=subprocess.PIPE)
        run.send(b"ab" + EOT)
        run.process.stdin.close()
        self.check_end(run, 0)
        self.assertEqual(run.text(), "ready\ngot 61\ngot 62\ndone\n", run.story())

    def test_end_of_input_does_not_end_the_guest(self):
        run = self.start("serial", "deaf")
        run.expect("ready\n")
        time.sleep(0.1)
        self.assertTrue(run.alive(), run.story())

    def test_output_goes_where_a_shared_regular_file_stands(self):
        """What others wrote to it before and after stays, as with any program."""
        path = self.file()
        with open(path, "wb") as out:
            os.write(out.fileno(), b"before\n")
            run = self.start("serial", "hello", stdout=out)
            self.check_end(run, 0)
            os.write(out.fileno(), b"after\n")
        self.assertEqual(path.read_bytes(), b"before\nhello from a guest\nafter\n")

    def test_input_goes_on_where_a_shared_regular_file_stands(self):
        path = self.file(b"others' line\nours" + EOT)
        with open(path, "rb", buffering=0) as stdin:
            self.assertEqual(stdin.read(13), b"others' line\n")
            run = self.run_guest("serial", "echo", stdin=stdin)
        self.assertEqual(run.text(), "ready\noursdone\n", run.story())

    def test_two_ports_have_streams_of_their_own(self):
        path = self.file()
        path.unlink()
        run = self.run_guest("serial", "two_ports", plugins=(
            "serial", f"serial,id=com2,base=0x2f8,irq=3,console=file:{path}"))
        self.assertEqual(run.text(), "first\n", run.story())
        self.assertEqual(path.read_bytes(), b"second\n")

    def test_two_ports_take_two_interrupts_with_either_irqchip(self):
        for chip in ((), ("ioapic",)):
            with self.subTest(chip=chip):
                run = self.run_guest("serial", "two_ports", options=("--log-level", "debug"),
                                     plugins=("serial,id=one", "serial,base=0x2f8,irq=3,"
                                              "id=two,console=null", *chip))
                counted = self.counters(run)
                self.assertEqual(counted.get("one: tx_bytes"), 6, run.story())
                self.assertEqual(counted.get("two: tx_bytes"), 7, run.story())


class Streams(Case):
    def test_file_is_made_and_appended_to(self):
        path = self.folder() / "out"
        for _ in range(2):
            self.run_guest("serial", "hello", plugins=(f"serial,console=file:{path}",))
        self.assertEqual(path.read_bytes(), b"hello from a guest\n" * 2)

    def test_file_may_be_a_device(self):
        run = self.run_guest("serial", "hello", plugins=("serial,console=file:/dev/null",))
        self.assertEqual(run.text(), "", run.story())

    def test_full_device_costs_nothing_but_the_output(self):
        self.run_guest("serial", "flood 4000", plugins=("serial,console=file:/dev/full",))

    def test_null_takes_everything(self):
        run = self.run_guest("serial", "hello", plugins=("serial,console=null",),
                             stdin=subprocess.PIPE)
        self.assertEqual(run.text(), "", run.story())

    def test_fifo_gets_the_output(self):
        path = self.folder() / "fifo"
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        self.run_guest("serial", "hello", plugins=(f"serial,console=pipe:{path}",))
        self.assertEqual(os.read(reader, 100), b"hello from a guest\n")

    def test_fifo_without_a_reader_holds_nothing_up(self):
        path = self.folder() / "fifo"
        os.mkfifo(path)
        self.run_guest("serial", "flood 40000", plugins=(f"serial,console=pipe:{path}",))

    def test_pty_carries_both_ways(self):
        run = self.start("serial", "answer", plugins=("serial,console=pty",))
        run.expect_log("/dev/pts/")
        name = re.search(r"/dev/pts/\d+", "\n".join(run.log()))[0]
        line = os.open(name, os.O_RDWR | os.O_NOCTTY)
        self.addCleanup(os.close, line)
        os.write(line, b"a\x03")  # raw: Ctrl-C is a byte like others
        got = b""
        while b"got 3\n" not in got and select.select([line], [], [], vm.LIMIT)[0]:
            got += os.read(line, 1000)
        self.assertEqual(got, b"ready\ngot 61\ngot 3\n", run.story())
        os.write(line, EOT)
        self.check_end(run, 0)

    def test_pty_that_nobody_opens_holds_nothing_up(self):
        self.run_guest("serial", "flood 20000", plugins=("serial,console=pty",))


class UnixSocket(Case):
    def connect(self, path):
        end = time.monotonic() + vm.LIMIT
        while True:
            client = socket.socket(socket.AF_UNIX)
            self.addCleanup(client.close)
            client.settimeout(vm.LIMIT)
            try:
                client.connect(str(path))
                return client
            except OSError:
                client.close()
                if time.monotonic() > end:
                    raise
                time.sleep(0.01)

    def read_until(self, client, text):
        got = b""
        while text not in got:
            data = client.recv(1000)
            if not data:
                raise AssertionError(f"the socket ended after {got}")
            got += data
        return got

    def test_carries_both_ways(self):
        path = self.folder() / "s"
        run = self.start("serial", "answer", plugins=(f"serial,console=unix:{path}",))
        client = self.connect(path)
        client.sendall(b"a")
        self.assertIn(b"got 61\n", self.read_until(client, b"got 61\n"))
        client.sendall(EOT)
        self.read_until(client, b"done\n")
        self.check_end(run, 0)

    def test_next_client_comes_when_one_has_gone(self):
        path = self.folder() / "s"
        run = self.start("serial", "answer", plugins=(f"serial,console=unix:{path}",))
        for _ in range(5):
            client = self.connect(path)
            client.sendall(b"b")
            self.read_until(client, b"got 62\n")
            client.close()
        client = self.connect(path)
        client.sendall(EOT)
        self.read_until(client, b"done\n")
        self.check_end(run, 0)

    def test_second_client_waits_and_is_served_when_the_first_has_gone(self):
        path = self.folder() / "s"
        run = self.start("serial", "answer", plugins=(f"serial,console=unix:{path}",))
        first = self.connect(path)
        first.sendall(b"a")
        self.read_until(first, b"got 61\n")
        second = self.connect(path)
        second.sendall(b"b")
        second.settimeout(0.3)
        self.assertRaises(TimeoutError, second.recv, 100)
        first.close()
        second.settimeout(vm.LIMIT)
        self.read_until(second, b"got 62\n")
        run.signal(signal.SIGTERM)
        self.check_end(run, 143)

    def test_socket_is_gone_when_volt_is(self):
        path = self.folder() / "s"
        run = self.start("serial", "deaf", plugins=(f"serial,console=unix:{path}",))
        self.connect(path)
        run.expect_ready()
        run.signal(signal.SIGTERM)
        self.check_end(run, 143)
        self.assertFalse(path.exists())

    def test_socket_is_gone_after_a_kill(self):
        path = self.folder() / "s"
        run = self.start("serial", "deaf", plugins=(f"serial,console=unix:{path}",))
        self.connect(path)
        run.expect_ready()
        run.signal(signal.SIGKILL)
        run.wait()
        end = time.monotonic() + vm.LIMIT
        while path.exists() and time.monotonic() < end:
            time.sleep(0.01)
        self.assertFalse(path.exists())

    def test_stale_socket_is_replaced(self):
        path = self.folder() / "s"
        left = socket.socket(socket.AF_UNIX)
        left.bind(str(path))
        left.close()
        run = self.start("serial", "answer", plugins=(f"serial,console=unix:{path}",))
        self.connect(path).sendall(EOT)
        self.check_end(run, 0)

    def test_nobody_attached_holds_nothing_up(self):
        path = self.folder() / "s"
        self.run_guest("serial", "flood 40000", plugins=(f"serial,console=unix:{path}",))

    def test_client_that_does_not_read_holds_nothing_up(self):
        path = self.folder() / "s"
        run = self.start("serial", "flood 40000", plugins=(f"serial,console=unix:{path}",))
        self.connect(path)
        self.check_end(run, 0, limit=120)


class SlowReader(Case):
    """Output at full speed: more than the pipe and volt's buffer can hold."""

    MIB = "flood 100000"
    MUCH = "flood 40000"

    def test_pipe_that_nobody_reads_holds_nothing_up_and_drops_are_counted(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        run = self.start("serial", self.MIB, stdout=writer, options=("--log-level", "debug"))
        os.close(writer)
        self.check_end(run, 0, limit=120)
        counted = self.counters(run)
        # The last 16 wait in the transmitter's FIFO.
        self.assertEqual(counted["serial: tx_bytes"] + counted["serial: tx_dropped"], (1 << 20) - 16)
        self.assertGreater(counted["serial: tx_dropped"], 500000)

    def test_pipe_that_was_closed_holds_nothing_up(self):
        reader, writer = os.pipe()
        os.close(reader)
        run = self.start("serial", self.MUCH, stdout=writer)
        os.close(writer)
        self.check_end(run, 0, limit=120)

    def test_pipe_closed_in_the_middle_holds_nothing_up(self):
        reader, writer = os.pipe()
        run = self.start("serial", self.MUCH, stdout=writer)
        os.close(writer)
        os.read(reader, 1000)
        os.close(reader)
        self.check_end(run, 0, limit=120)

    def test_reader_that_keeps_up_loses_nothing(self):
        run = self.run_guest("serial", self.MUCH, options=("--log-level", "debug"), limit=120)
        self.assertEqual(len(run.out), 1 << 18, self.counters(run))
        line = bytes(range(ord("0"), ord("0") + 63)) + b"\n"
        self.assertEqual(run.out, line * (1 << 12))

    def test_stopped_terminal_holds_nothing_up(self):
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        run = self.start("serial", "flood 40000", stdout=slave)
        os.close(slave)
        self.check_end(run, 0, limit=120)

    # HOLDS(security)
    def test_closed_standard_streams_become_null(self):
        command = self.command("serial", "hello")
        script = 'exec "$@" <&- >&-'
        run = self.launch(["sh", "-c", script, "sh", *command])
        self.check_end(run, 0)

    def test_log_that_nobody_reads_holds_nothing_up(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        run = self.start("ending", "marks 2000", stderr=writer)
        os.close(writer)
        self.assertEqual(run.wait(120), 0)


class Flood(Case):
    # HOLDS(security)
    def test_ten_megabytes_that_nobody_reads_cost_no_memory(self):
        run = self.start("serial", "deaf", stdin=subprocess.PIPE)
        run.expect("ready\n")
        before = vm.resident_kib(run.pid)
        pipe = run.process.stdin.fileno()
        os.set_blocking(pipe, False)
        sent, block = 0, b"x" * 65536
        end = time.monotonic() + 1
        while sent < 10 << 20 and time.monotonic() < end:
            try:
                sent += os.write(pipe, block)
            except BlockingIOError:
                time.sleep(0.01)
        self.assertLess(vm.resident_kib(run.pid) - before, 256, "KiB more are resident")
        # What does not fit waits at the peer: a pipe's 64 KiB and no more.
        self.assertLess(sent, 200000)
        run.signal(signal.SIGTERM)
        self.check_end(run, 143)

    def test_flood_costs_no_processor_time(self):
        run = self.start("serial", "deaf", stdin=subprocess.PIPE)
        run.expect("ready\n")
        os.set_blocking(run.process.stdin.fileno(), False)
        os.write(run.process.stdin.fileno(), b"x" * 65536)
        time.sleep(0.1)

        def ticks():
            stat = pathlib.Path(f"/proc/{run.pid}/stat").read_text()
            return sum(map(int, stat.rsplit(")", 1)[1].split()[11:13]))

        before = ticks()
        time.sleep(1)
        self.assertLessEqual(ticks() - before, 5, "clock ticks in a second of waiting")
