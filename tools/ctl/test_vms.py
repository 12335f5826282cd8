# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""volt ps, stop, kill, pause, resume, wait, logs, metrics and console, with VMs that have names.

usage: test_vms.py VOLT GUESTS
"""

import fcntl
import json
import os
import pathlib
import pty
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

VOLT, GUESTS = sys.argv[1:3]
LIMIT = 120  # seconds, to end what hangs
F_OFD_SETLK = 37
STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


class Vms(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="volt-vms-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.dir = self.folder / "volt"
        self.env = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": folder.name}

    def start(self, name, *options, guest="ending", case="halt"):
        """A guest that does nothing."""
        vm = subprocess.Popen(
            [VOLT, "--name", name, "--kernel", f"{GUESTS}/{guest}", "--cmdline", case,
             "--memory", "32M", "--plugin", "serial,console=null", "--plugin", "exitport",
             "--plugin", "bootmark", *map(str, options)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=self.env)
        self.addCleanup(vm.wait)
        self.addCleanup(vm.kill)
        return vm

    def volt(self, *words, status=0):
        run = subprocess.run([VOLT, *map(str, words)], capture_output=True, text=True,
                             timeout=LIMIT, check=False, env=self.env)
        self.assertEqual(run.returncode, status, run.stdout + run.stderr)
        return run

    def ps(self, *options):
        return {vm["name"]: vm for vm in json.loads(self.volt("ps", "--json", *options).stdout)}

    def until(self, fact, what):
        end = time.monotonic() + LIMIT
        while not fact():
            self.assertLess(time.monotonic(), end, f"still not: {what}")
            time.sleep(0.02)

    def until_running(self, *names):
        self.until(lambda: {vm["state"] for vm in self.ps().values()} == {"running"}
                   and set(self.ps()) == set(names), f"{names} are running")


class One(Vms):
    def test_ps_tells_of_a_vm(self):
        vm = self.start("web", "--append", "ip=10.0.0.7::10.0.0.1")
        self.until_running("web")
        row = self.ps()["web"]
        self.assertEqual((row["pid"], row["memory"], row["address"]),
                         (vm.pid, 32 << 20, "10.0.0.7"))
        self.assertGreater(row["memory-used"], 0)
        self.assertGreaterEqual(row["cpu-ms"], 0)
        title, line = self.volt("ps").stdout.splitlines()
        self.assertEqual(title.split(),
                         ["NAME", "STATE", "KERNEL", "MEMORY", "CPU", "SINCE", "ADDRESS"])
        self.assertRegex(
            line, rf"^web +running +ending +[\d.]+M +[\d.]+ +{STAMP} +10\.0\.0\.7$")

    def test_pause_and_resume(self):
        self.start("web")
        self.until_running("web")
        self.volt("pause", "web")
        self.assertEqual(self.ps()["web"]["state"], "paused")
        self.assertIn("paused already", self.volt("pause", "web", status=1).stderr)
        self.volt("resume", "web")
        self.assertEqual(self.ps()["web"]["state"], "running")

    def test_ctl_takes_a_name(self):
        vm = self.start("web")
        self.until_running("web")
        self.assertIn(f"pid={vm.pid}", self.volt("ctl", "web", "vm.status").stdout.splitlines())

    def test_wait_ends_with_the_status_of_the_vm(self):
        waiting = []
        self.start("web")
        self.until_running("web")
        for _ in range(3):
            waiting.append(subprocess.Popen([VOLT, "wait", "web"], env=self.env, text=True,
                                            stdout=subprocess.PIPE))
        self.volt("ctl", "web", "vm.end")
        for process in waiting:
            out, _ = process.communicate(timeout=LIMIT)
            self.assertEqual(process.returncode, 113)
            self.assertEqual(out, "web: the operator ended the VM by command\n")
        self.assertEqual(json.loads(self.volt("wait", "--json", "web", status=113).stdout)["cause"],
                         "operator")

    def test_wait_tells_of_a_guests_status(self):
        self.start("web", guest="ending", case="status 7").wait()
        self.volt("wait", "web", status=7)

    def test_stop_uses_force_after_a_time(self):
        vm = self.start("web")
        self.until_running("web")
        self.assertIn("by force", self.volt("stop", "--timeout", "1", "web").stderr)
        self.assertEqual(vm.wait(LIMIT), 113)

    def test_stop_kills_a_vm_that_hears_nothing(self):
        vm = self.start("web")
        self.until_running("web")
        vm.send_signal(signal.SIGSTOP)
        self.volt("stop", "--timeout", "1", "web")
        self.assertEqual(vm.wait(LIMIT), -signal.SIGKILL)

    def test_ps_does_not_wait_for_a_vm_that_hears_nothing(self):
        vms = [self.start(f"vm{i}") for i in range(5)]
        self.until_running(*(f"vm{i}" for i in range(5)))
        for vm in vms[:4]:
            vm.send_signal(signal.SIGSTOP)
        states = [vm["state"] for vm in self.ps().values()]
        self.assertEqual(states, ["unknown"] * 4 + ["running"])

    def test_kill_tells_the_cause(self):
        vm = self.start("web")
        self.until_running("web")
        self.volt("kill", "web")
        self.assertEqual(vm.wait(LIMIT), -signal.SIGKILL)
        end = self.ps("--all")["web"]["end"]
        self.assertEqual((end["cause"], end["signal"], end["code"]), ("signal", 9, 137))
        self.assertEqual(self.ps(), {})

    def test_logs(self):
        self.start("web")
        self.until_running("web")
        self.until(lambda: "boot mark" in self.volt("logs", "web").stdout, "the log has its line")
        follower = subprocess.Popen([VOLT, "logs", "--follow", "web"], env=self.env, text=True,
                                    stdout=subprocess.PIPE)
        self.volt("ctl", "web", "vm.end")
        out, _ = follower.communicate(timeout=LIMIT)
        self.assertIn("volt[web]: the operator ended the VM by command; exit code 113", out)
        self.assertIn("exit code 113", self.volt("logs", "web").stdout)

    def test_logs_of_a_file_that_is_named(self):
        path = self.folder / "log"
        self.start("web", "--log-file", path)
        self.until_running("web")
        self.until(lambda: path.read_text() and self.volt("logs", "web").stdout ==
                   path.read_text(), "the log is that file")

    def test_metrics_have_the_name(self):
        self.start("web")
        self.until_running("web")
        lines = self.volt("metrics", "web").stdout.splitlines()
        self.assertIn('volt_memory_bytes{vm="web"} 33554432', lines)
        types = [line.split()[2] for line in lines if line.startswith("# TYPE ")]
        self.assertEqual(len(types), len(set(types)))
        for line in lines:
            self.assertRegex(line, r'^(# TYPE \w+ (counter|gauge)|\w+\{vm="web".*\} [\d.]+)$')


class Gone(Vms):
    def test_a_vm_that_died_with_its_helper_is_told_and_swept(self):
        vm = self.start("web")
        self.until_running("web")
        helpers = [int(word) for task in pathlib.Path(f"/proc/{vm.pid}/task").iterdir()
                   for word in (task / "children").read_text().split()]
        vm.send_signal(signal.SIGSTOP)
        for pid in helpers:
            os.kill(pid, signal.SIGKILL)
        vm.kill()
        vm.wait(LIMIT)
        self.assertTrue((self.dir / "web.sock").exists())
        self.assertEqual(self.ps("--all")["web"]["end"]["cause"], "lost")
        self.assertFalse((self.dir / "web.sock").exists())
        self.volt("wait", "web", status=137)

    def test_only_the_newest_ends_are_kept(self):
        self.dir.mkdir(mode=0o700)
        for i in range(105):
            (self.dir / f"old{i}.vm").write_text(
                f'{{"name":"old{i}","pid":1}}\n{{"ended-ms":{1000 + i},"code":0}}\n')
        self.assertEqual(len(self.ps("--all")), 100)
        self.assertFalse((self.dir / "old4.vm").exists())
        self.assertTrue((self.dir / "old5.vm").exists())

    def test_a_damaged_entry_is_passed_over(self):
        self.dir.mkdir(mode=0o700)
        for number, text in enumerate((b"", b"x", b"[]\n", b"{\n", b"\xff\n", b"{}\n[]\n", b"7\n7\n")):
            (self.dir / f"bad{number}.vm").write_bytes(text)
        (self.dir / "link.vm").symlink_to("/etc/passwd")
        self.volt("ps", "--all")
        self.volt("stop", "bad1", status=3)

    def test_a_process_with_the_number_of_a_vm_is_not_killed(self):
        self.dir.mkdir(mode=0o700)
        other = subprocess.Popen(["sleep", "100"])
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        (self.dir / "web.vm").write_text(f'{{"name":"web","pid":{other.pid}}}\n')
        self.volt("kill", "web", status=3)
        self.assertIsNone(other.poll())

    def test_a_name_that_is_taken_but_not_written_yet_is_a_start(self):
        self.dir.mkdir(mode=0o700)
        with open(self.dir / "web.vm", "w+", encoding="ascii") as entry:
            fcntl.fcntl(entry, F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 2, 0))
            self.assertEqual(self.ps()["web"]["state"], "starting")
        self.assertEqual(self.ps(), {})

    def test_nothing_of_that_name(self):
        for verb in ("stop", "kill", "pause", "resume", "logs", "metrics"):
            self.assertIn("there is no VM of that name", self.volt(verb, "web", status=3).stderr)
        self.assertIn("there is no VM of that name", self.volt("wait", "web", status=125).stderr)
        self.volt("stop", "../web", status=3)

    def test_wrong_words(self):
        for words in (("ps", "x"), ("stop",), ("wait",), ("wait", "a", "b"), ("logs", "--json", "a"),
                      ("stop", "--timeout", "0", "a"), ("ps", "--nothing")):
            self.assertEqual(len(self.volt(*words, status=2).stderr.splitlines()), 1, words)
        for verb in ("ps", "stop", "kill", "pause", "resume", "logs", "metrics", "wait",
                     "console"):
            self.assertIn(f"usage: volt {verb}", self.volt(verb, "--help").stdout)


class Console(Vms):
    def start_echo(self, *options, console="null", case="echo"):
        """A guest that prints "ready" and sends back what it gets."""
        vm = subprocess.Popen(
            [VOLT, "--name", "web", "--kernel", f"{GUESTS}/serial", "--cmdline", case,
             "--memory", "32M", "--plugin", f"serial,console={console}", "--plugin", "exitport",
             "--plugin", "bootmark", *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=self.env)
        self.addCleanup(vm.stdout.close)
        self.addCleanup(vm.wait)
        self.addCleanup(vm.kill)
        self.until_running("web")
        return vm

    def attach(self):
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        client.settimeout(LIMIT)
        client.connect(str(self.dir / "web.console"))
        return client

    @staticmethod
    def expect(client, text):
        got = b""
        while text not in got:
            more = client.recv(65536)
            assert more, f"the console ended: {got!r}"
            got += more
        return got

    def test_several_clients_see_and_type(self):
        self.start_echo()
        clients = [self.attach() for _ in range(4)]
        for client in clients:
            self.expect(client, b"ready")
        for number, typing in enumerate(clients):
            text = b"<from %d>" % number
            typing.sendall(text)
            for client in clients:
                self.expect(client, text)

    def test_who_comes_later_gets_what_was_before(self):
        self.start_echo()
        first = self.attach()
        first.sendall(b"<before>")
        self.expect(first, b"<before>")
        first.close()
        got = self.expect(self.attach(), b"<before>")
        self.assertIn(b"ready", got)

    def test_standard_output_has_it_too(self):
        vm = self.start_echo(console="stdio")
        client = self.attach()
        client.sendall(b"<both>")
        self.expect(client, b"<both>")
        got = b""
        while b"<both>" not in got:
            got += os.read(vm.stdout.fileno(), 4096)

    def test_it_outlives_standard_output(self):
        vm = self.start_echo(console="stdio")
        client = self.attach()
        self.expect(client, b"ready")
        vm.stdout.close()
        for text in (b"<one>", b"<two>", b"<three>"):
            client.sendall(text)
            self.expect(client, text)

    def test_a_client_that_does_not_read_holds_up_nobody(self):
        self.start_echo(case="flood 400000")
        silent, client = self.attach(), self.attach()
        left = 400000  # more than a ring and the buffers of a socket hold
        while left > 0:
            left -= len(client.recv(left))
        self.assertIn(b"bytes of output lost]", self.expect(silent, b"of output lost]"))

    def test_a_command_types(self):
        self.start_echo()
        self.volt("ctl", "web", "vm.console-input", "text=<typed>")
        self.expect(self.attach(), b"<typed>")

    def test_a_paused_guest_gets_what_was_typed_when_it_goes_on(self):
        self.start_echo()
        client = self.attach()
        self.expect(client, b"ready")
        self.volt("pause", "web")
        client.sendall(b"<while paused>")
        self.assertIn(b"ready", self.expect(self.attach(), b"ready"))
        self.volt("resume", "web")
        self.expect(client, b"<while paused>")

    def test_pipes(self):
        vm = self.start_echo()
        run = subprocess.Popen([VOLT, "console", "web"], env=self.env, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
        run.stdin.write(b"<piped>")
        run.stdin.flush()
        got = b""
        while b"<piped>" not in got:
            got += os.read(run.stdout.fileno(), 4096)
        vm.kill()
        run.communicate(timeout=LIMIT)
        self.assertEqual(run.returncode, 0)

    def test_a_terminal_detaches_and_is_as_it_was(self):
        self.start_echo()
        outer, inner = pty.openpty()
        self.addCleanup(os.close, outer)
        self.addCleanup(os.close, inner)
        before = termios.tcgetattr(inner)
        run = subprocess.Popen([VOLT, "console", "web"], env=self.env, stdin=inner, stdout=inner,
                               stderr=inner)
        self.addCleanup(run.kill)
        got = b""
        while b"ready" not in got:
            got += os.read(outer, 4096)
        self.assertNotEqual(termios.tcgetattr(inner), before)
        os.write(outer, b"\x03")  # Ctrl-C is the guest's
        os.write(outer, b"<keys>")
        while b"<keys>" not in got:
            got += os.read(outer, 4096)
        os.write(outer, b"\x1d")
        self.assertEqual(run.wait(LIMIT), 0)
        self.assertEqual(termios.tcgetattr(inner), before)
        self.assertEqual(self.ps()["web"]["state"], "running")

    def test_the_console_of_a_vm_that_has_ended(self):
        self.start("web")
        self.until_running("web")
        self.volt("kill", "web")
        self.assertIn("has ended", self.volt("console", "web", status=3).stderr)
        self.assertFalse((self.dir / "web.console").exists())


class Fifty(Vms):
    def test_fifty_vms_by_name(self):
        """Guests that end themselves when they are asked to, as Linux does: see lab-machine."""
        names = [f"vm{i}" for i in range(50)]
        vms = {name: self.start(name, "--plugin", "ioapic", "--plugin", "i8042",
                                guest="interrupts", case="attention") for name in names}
        self.until_running(*names)
        self.assertEqual([line.split()[0] for line in self.volt("ps").stdout.splitlines()[1:]],
                         names)
        self.volt("pause", *names)
        self.assertEqual({vm["state"] for vm in self.ps().values()}, {"paused"})
        self.volt("resume", *names)
        for name in names:
            self.assertRegex(self.volt("metrics", name).stdout,
                             re.compile(rf'^volt_info\{{vm="{name}",.*name="{name}"', re.MULTILINE))
        for name in names[:10]:
            vms[name].kill()
        self.until(lambda: len(self.ps()) == 40, "ten are gone")
        for name in names[:10]:
            self.assertEqual(self.ps("--all")[name]["end"]["cause"], "signal")
        self.assertNotIn("by force",
                         self.volt("stop", "--timeout", str(LIMIT), *names[10:]).stderr)
        self.assertEqual({vms[name].wait(LIMIT) for name in names[10:]}, {0})
        self.assertEqual(self.ps(), {})
        for name in names[10:]:
            self.assertEqual(self.ps("--all")[name]["end"]["cause"], "status")
        self.assertEqual([path.name for path in self.dir.iterdir()
                          if path.suffix not in (".vm", ".log")], [])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[3:]])
