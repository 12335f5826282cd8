# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""One run of volt with a test guest, and what the cases share.

Everything that waits has a limit: a guest that hangs is killed, and its output shown.
"""

import os
import pathlib
import re
import selectors
import shutil
import subprocess
import tempfile
import time
import unittest

# This KVM runs guest kernels without VMX or SVM; some of what CPUs do it does not.
PVM = os.path.exists("/sys/module/kvm_pvm")
LIMIT = 60  # seconds, to end what hangs: see Patience
TICKS = os.sysconf("SC_CLK_TCK")


class Setup:
    """Where things are; set by run.py."""

    volt = guests = test_plugins = None
    options = []
    sandboxed = True


def cpu_seconds(pid):
    """The CPU time of all threads of a process, 0 if it is gone: proc_pid_stat(5), fields 14 and 15."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    return sum(map(int, stat.rsplit(")", 1)[1].split()[11:13])) / TICKS


class Patience:
    """A limit by progress, as a busy machine may leave a process waiting for a CPU for long: `limit`
    seconds of the process's own CPU time, or as many in which it neither ran nor wrote."""

    def __init__(self, run, limit):
        self.run, self.limit = run, limit
        self.begun = cpu_seconds(run.pid)
        self.seen, self.since = None, time.monotonic()

    def is_over(self):
        spent = cpu_seconds(self.run.pid)
        seen = (spent, len(self.run.out), len(self.run.err))
        if seen != self.seen:
            self.seen, self.since = seen, time.monotonic()
        return spent - self.begun > self.limit or time.monotonic() - self.since > self.limit


class Vm:
    """A volt process. Its output is collected while anything is waited for."""

    def __init__(self, command, stdin, stdout, stderr, **kwargs):
        self.command = command
        self.out = self.err = b""
        self.process = subprocess.Popen(
            command, stdin=stdin, stdout=stdout, stderr=stderr, **kwargs)
        self.selector = selectors.DefaultSelector()
        for name in ("stdout", "stderr"):
            pipe = getattr(self.process, name)
            if pipe:
                os.set_blocking(pipe.fileno(), False)
                self.selector.register(pipe, selectors.EVENT_READ, name[3:])

    @property
    def pid(self):
        return self.process.pid

    def text(self):
        return self.out.decode(errors="replace")

    def log(self):
        return self.err.decode(errors="replace").splitlines()

    def story(self):
        """For messages of failed tests."""
        return (f"\n$ {' '.join(self.command)}\n--- output\n{self.text()[-2000:]}"
                f"\n--- log\n{chr(10).join(self.log()[-40:])}\n--- status {self.process.poll()}")

    def _read(self, seconds):
        if not self.selector.get_map():
            time.sleep(min(seconds, 0.01))
            return
        for key, _ in self.selector.select(seconds):
            data = os.read(key.fd, 65536)
            if not data:
                self.selector.unregister(key.fileobj)
            setattr(self, key.data, getattr(self, key.data) + data)

    def until(self, fact, what, limit=LIMIT):
        """Collects output until fact() is true."""
        patience = Patience(self, limit)
        while not fact():
            if patience.is_over():
                raise AssertionError(f"after {limit} s still not: {what}{self.story()}")
            if self.process.poll() is not None and not self.selector.get_map():
                if fact():
                    return
                raise AssertionError(f"volt ended before: {what}{self.story()}")
            self._read(0.02)

    def expect(self, text, limit=LIMIT):
        self.until(lambda: text.encode() in self.out, f"output of {text!r}", limit)

    def expect_log(self, text, limit=LIMIT):
        self.until(lambda: text.encode() in self.err, f"log of {text!r}", limit)

    def expect_ready(self):
        self.expect_log("boot mark 0x52")

    def send(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, limit=LIMIT):
        """Collects the rest and returns the exit status."""
        patience = Patience(self, limit)
        while self.process.poll() is None or self.selector.get_map():
            if patience.is_over():
                raise AssertionError(f"not ended after {limit} s{self.story()}")
            self._read(0.05)
        return self.process.returncode

    def alive(self):
        return self.process.poll() is None

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe:
                try:
                    pipe.close()
                except OSError:
                    pass
        self.selector.close()


class Case(unittest.TestCase):
    """A test with VMs. What it starts is gone when it ends."""

    needs_kvm = True
    longMessage = True

    def shortDescription(self):
        return None  # the name says it; a docstring says why

    def setUp(self):
        if self.needs_kvm and Setup.no_kvm:
            self.skip(Setup.no_kvm)

    def skip(self, why):
        """A skip in CI is a failure."""
        if os.environ.get("VOLT_MUST_WORK") == "1":
            self.fail(f"cannot run: {why}")
        self.skipTest(why)

    def folder(self):
        path = tempfile.mkdtemp(prefix="volt-guest-")
        self.addCleanup(shutil.rmtree, path, ignore_errors=True)
        return pathlib.Path(path)

    def file(self, content=b"", name="file"):
        path = self.folder() / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def launch(self, command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
               stderr=subprocess.PIPE, **kwargs):
        vm = Vm([str(word) for word in command], stdin, stdout, stderr, **kwargs)
        self.addCleanup(vm.kill)
        return vm

    def command(self, guest, case="", plugins=(), options=()):
        """The usual one: COM1, a way out and marks, and whatever else the test names."""
        named = []
        if not any(spec.split(",")[0] == "serial" for spec in plugins):
            named.append("serial")
        named += ["exitport", "bootmark", *plugins]
        words = [Setup.volt, *Setup.options, "--kernel", Setup.guests / guest, "--cmdline", case]
        for spec in named:
            words += ["--plugin", spec]
        return words + list(options)

    def start(self, guest, case="", plugins=(), options=(), **kwargs):
        return self.launch(self.command(guest, case, plugins, options), **kwargs)

    def run_guest(self, guest, case="", plugins=(), options=(), limit=LIMIT, status=0, **kwargs):
        """Starts, waits, and checks the status and the line that tells what happened."""
        vm = self.start(guest, case, plugins, options, **kwargs)
        self.check_end(vm, status, limit=limit)
        return vm

    def check_end(self, vm, status, said="", limit=LIMIT):
        """One line, the last, says how the VM ended, and why."""
        self.assertEqual(vm.wait(limit), status, vm.story())
        last = [line for line in vm.log() if line.endswith(f"; exit code {status}")]
        self.assertEqual(len(last), 1, f"not one line with the exit code{vm.story()}")
        self.assertIn(said, last[0], vm.story())
        return vm

    def refused(self, words, status, *said, **kwargs):
        """volt must not start a guest: `status`, one error line that names what `said` does."""
        vm = self.launch([Setup.volt, *words], **kwargs)
        self.assertEqual(vm.wait(), status, vm.story())
        errors = [line for line in vm.log() if line.startswith("volt: error: ")]
        self.assertEqual(len(errors), 1, f"not one error line{vm.story()}")
        for text in said:
            self.assertIn(text, errors[0], vm.story())
        self.assertEqual([], [line for line in vm.log() if not line.startswith("volt: ")],
                         f"lines that are not volt's{vm.story()}")
        self.assertEqual(vm.out, b"", vm.story())
        return errors[0]

    def counters(self, vm):
        """{"serial: tx_bytes": 20} of a run with --log-level debug."""
        found = {}
        for line in vm.log():
            match = re.fullmatch(r"volt: ([\w.-]+: \w+) (\d+)", line)
            if match:
                found[match[1]] = int(match[2])
        return found

    def own_plugin(self, name):
        return str(Setup.test_plugins / f"{name}.so")


class Refusals(Case):
    """volt does not start a guest: tests of what it says instead."""

    @property
    def kernel(self):
        return Setup.guests / "ending"

    def try_each(self, status, table):
        """{options in one text: what the line must say}."""
        for options, said in table.items():
            with self.subTest(options=options):
                self.refused([*Setup.options, *options.split()], status,
                             *([said] if isinstance(said, str) else said))

    def refuse_plugins(self, specs, *said, options=(), status=102):
        words = [*Setup.options, *options, "--kernel", self.kernel]
        for spec in specs:
            words += ["--plugin", str(spec)]
        return self.refused(words, status, *said)


def tasks(pid):
    """{name: {field: value}} of /proc/PID/task/*/status."""
    found = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        fields = dict(line.split(":\t", 1) for line in
                      (task / "status").read_text().splitlines() if ":\t" in line)
        found[(fields["Name"], int(task.name))] = fields
    return found


def resident_kib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError(f"no VmRSS of {pid}")


def children(pid):
    return [int(word) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
            for word in (task / "children").read_text().split()]

