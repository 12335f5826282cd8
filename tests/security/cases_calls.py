# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""What a sealed volt really calls, with strace as the observer, against what `volt explain`
says that it may: nothing outside of it, and nothing in it that no scenario needs."""

import collections
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import tty

import vm
from kit import SecurityCase, Setup

EOT = b"\x04"
LINE = re.compile(r"(\d+)<(.*?)> +(\w+)\((.*)")
SECCOMP_SET_MODE_FILTER = "0x1,"

# Rules, by role, call and reason, that a thread may never come to use.
UNCERTAIN = (
    r"\w+: clock_gettime, .*",           # the vDSO answers where it can
    r"loop: read, waits for a lock",     # two threads must meet
)


class Call:
    def __init__(self, task, thread, name, rest):
        self.task, self.thread, self.name = task, thread, name
        words = re.split(r"[,)]| <unfinished", rest)
        args = [int(word, 0) for word in words if re.fullmatch(r" *(0x[0-9a-f]+|\d+)", word)]
        self.args = [arg % 2**64 for arg in (args + [0] * 6)[:6]]

    def __str__(self):
        return f"{self.thread}: {self.name}({', '.join(hex(arg) for arg in self.args)})"


def read_trace(path):
    """Calls of each task behind its last filter, and {task: the name that it then had}; the
    first is volt's own. Nothing behind the end: of threads that die with it strace may tell
    what another did."""
    calls, names = collections.defaultdict(list), {}
    for line in path.read_text().splitlines():
        match = LINE.match(line)
        if not match:
            continue  # the second half of a call, or a task's end
        task, thread, name, rest = match.groups()
        names.setdefault(task, None)
        if name == "seccomp" and rest.startswith(SECCOMP_SET_MODE_FILTER):
            calls[task].clear()
            names[task] = thread
        else:
            calls[task].append(Call(task, thread, name, rest))
        if name == "exit_group" and task == next(iter(names)):
            break
    return calls, names


class Scenario(SecurityCase):
    seen = collections.defaultdict(set)    # {(role, rule's text): {test}}
    allowed = collections.defaultdict(set)

    def setUp(self):
        super().setUp()
        if not shutil.which("strace"):
            self.skip("strace is not installed")
        probe = subprocess.run(["strace", "-qq", "-f", "-Y", "-o", os.devnull, "true"],
                               stderr=subprocess.PIPE, timeout=30)
        if probe.returncode != 0:
            self.skip(f"strace does not work here: {probe.stderr.decode()}")
        self.trace = self.folder() / "trace"

    def watch(self, guest, case="", plugins=(), options=(), explain_stdin=None, **kwargs):
        """Starts volt under strace; waits until the guest runs."""
        words = self.command(guest, case, plugins, options)
        self.page = self.explain(words[1:], stdin=explain_stdin)
        run = self.launch(["strace", "-f", "-qq", "-Y", "-e", "raw=all", "-e", "signal=none",
                           "-o", self.trace, *words], **kwargs)
        self.addCleanup(self.kill_traced, run)
        return run

    def kill_traced(self, run):
        """Volt would outlive a strace that is killed."""
        if run.alive():
            for pid in vm.children(run.pid):
                os.kill(pid, signal.SIGKILL)

    def of_guests(self, name):
        """A plugin of tests/guest."""
        return str(Setup.guests / f"{name}.so")

    def pid(self, run):
        """Of volt itself: strace's child."""
        return vm.children(run.pid)[0]

    def end(self, run, status=None, number=None):
        if number:
            os.kill(self.pid(run), number)
            status = 128 + number
        self.assertEqual(run.wait(), status, run.story())
        self.judge(run)

    def judge(self, run):
        calls, names = read_trace(self.trace)
        first = next(iter(names))
        for task, found in calls.items():
            name = "loop" if task == first else names[task]
            if name not in self.page.threads:
                self.assertEqual({call.thread for call in found} - {"volt"}, {"volt-helper"})
                continue
            thread = self.page.threads[name]
            self.assertTrue(found, f"nothing seen of {name}")
            for call in found:
                rules = thread.which(call.name, call.args)
                self.assertTrue(rules, f"not allowed: {call}{run.story()}")
                for rule in rules:
                    self.seen[thread.role, rule.call, rule.reason].add(self.id())
        self.assertLessEqual(set(self.page.threads), {"loop", *filter(None, names.values())})
        for thread in self.page.threads.values():
            for rule in thread.rules:
                self.allowed[thread.role, rule.call, rule.reason].add(self.id())


class Calls(Scenario):
    def test_01_output(self):
        self.end(self.watch("serial", "hello"), 0)

    def test_02_flood_of_output(self):
        self.end(self.watch("serial", "flood 2000"), 0)

    def test_03_input(self):
        run = self.watch("serial", "echo", stdin=subprocess.PIPE)
        run.expect("ready\n")
        run.send(b"typed" + EOT)
        self.end(run, 0)
        self.assertIn("typed", run.text())

    def test_04_clients_of_a_socket(self):
        path = self.folder() / "socket"
        run = self.watch("serial", "echo", (f"serial,console=unix:{path}",))
        run.expect_ready()
        for text in (b"one", b"two"):
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(vm.LIMIT)
                client.connect(str(path))
                client.sendall(text)
                self.assertEqual(client.makefile("rb").read(3), text)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(EOT)
            self.end(run, 0)

    def test_05_pseudo_terminal(self):
        run = self.watch("serial", "echo", ("serial,console=pty",))
        run.expect_ready()
        name = next(line.split()[-1] for line in run.log() if "/dev/pts/" in line)
        terminal = os.open(name, os.O_RDWR | os.O_NOCTTY)
        self.addCleanup(os.close, terminal)
        os.write(terminal, b"typed" + EOT)
        self.end(run, 0)

    def test_06_terminal_with_its_escape_key(self):
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        self.addCleanup(os.close, slave)
        tty.setraw(slave)
        run = self.watch("interrupts", "attention ioapic", ("i8042",), explain_stdin=slave,
                         stdin=slave)
        run.expect_ready()
        os.write(master, b"\x01h\x01b\x01d")
        self.end(run, 0)

    def test_07_signal(self):
        run = self.watch("ending", "spin", ("serial", "i8042", "ioapic"))
        run.expect_ready()
        self.end(run, number=signal.SIGTERM)

    def test_08_reset(self):
        self.end(self.watch("ending", "reset_keyboard", ("i8042",)), 110)

    def test_09_status(self):
        self.end(self.watch("ending", "status 2a"), 42)

    def test_10_triple_fault(self):
        self.end(self.watch("ending", "triple_fault"), 111)

    def test_11_attention(self):
        run = self.watch("interrupts", "attention ioapic", ("i8042", "ioapic"))
        run.expect_ready()
        os.kill(self.pid(run), signal.SIGUSR1)
        self.end(run, 0)

    def test_12_two_vcpus_at_one_device(self):
        run = self.watch("smp", "hammer 200", (self.of_guests("probe"),),
                         options=("--cpus", "2"))
        self.end(run, 0)

    def test_13_edge_interrupts_of_the_ioapic(self):
        run = self.watch("interrupts", "receive ioapic", ("ioapic",), stdin=subprocess.PIPE)
        run.expect("ready\n")
        run.send(b"by interrupt.")
        self.end(run, 0)

    def test_14_level_interrupts_of_kvm(self):
        run = self.watch("level", "redelivered ioapic 10", (self.of_guests("leveldev"),))
        self.end(run, 0)

    def test_15_level_interrupts_of_the_ioapic(self):
        run = self.watch("level", "from_loop ioapic", (self.of_guests("leveldev"), "ioapic"))
        self.end(run, 0)

    def test_16_keyboard(self):
        run = self.watch("interrupts", "keyboard ioapic", ("i8042", "ioapic"))
        self.end(run, 0)

    def test_17_panic(self):
        self.end(self.watch("ending", "panic", ("pvpanic",)), 112)

    def test_18_power_off(self):
        self.end(self.watch("ending", "power_off", ("acpipower",)), 0)

    def test_19_log_and_trace_in_files(self):
        folder = self.folder()
        self.end(self.watch("serial", "hello", options=(
            "--log-file", folder / "log", "--trace-file", folder / "trace")), 0)

    def test_20_worker(self):
        """More than once, as the loop need not be woken if it is awake."""
        for _ in range(5):
            self.end(self.watch(Setup.test_plugins / "poke", "",
                                (self.probe("worker") + ",irq=5",)), 0)

    def test_21_level_interrupts_of_the_ioapic_raised_by_a_vcpu(self):
        run = self.watch("level", "redelivered ioapic 10",
                         (self.of_guests("leveldev"), "ioapic"))
        self.end(run, 0)

    # HOLDS(security)
    def test_99_no_rule_is_unused(self):
        """Rules that no scenario above needs are rules too many."""
        if len({test for tests in self.allowed.values() for test in tests}) < 20:
            self.skipTest("run all scenarios, in one process")
        unused = [f"{role}: {call}, {reason}" for role, call, reason in self.allowed
                  if (role, call, reason) not in self.seen]
        self.assertEqual([rule for rule in unused
                          if not re.fullmatch("|".join(UNCERTAIN), rule)], [])
