# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""volt ctl against a running VM, and against what is not one.

usage: test_ctl.py VOLT VOLT_CTL GUESTS
"""

import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

VOLT, CTL, GUESTS = sys.argv[1:4]
LIMIT = 60  # seconds; nothing here takes one on an idle machine


class Ctl(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="volt-ctl-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.path = self.folder / "vm.sock"

    def listens(self):
        """The socket has its name a moment before volt listens."""
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self.path)) == 0

    def start(self):
        """A guest that waits for input that does not come."""
        vm = subprocess.Popen(
            [VOLT, "--kernel", f"{GUESTS}/serial", "--cmdline", "echo", "--plugin",
             "serial,console=null", "--plugin", f"control,socket=unix:{self.path}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(vm.wait)
        self.addCleanup(vm.kill)
        while not self.listens():
            self.assertIsNone(vm.poll(), "volt has ended")
            time.sleep(0.01)
        return vm

    def ctl(self, *words, status=0, program=(CTL,), **kwargs):
        run = subprocess.run([*program, *map(str, words)], capture_output=True, text=True,
                             timeout=LIMIT, check=False, **kwargs)
        self.assertEqual(run.returncode, status, run.stdout + run.stderr)
        return run

    def test_a_command_prints_its_results(self):
        vm = self.start()
        lines = self.ctl(self.path, "vm.status").stdout.splitlines()
        self.assertIn("state=running", lines)
        self.assertIn(f"pid={vm.pid}", lines)

    def test_volt_starts_it(self):
        self.start()
        run = self.ctl("ctl", "--json", self.path, "vm.status", program=(VOLT,))
        self.assertEqual(json.loads(run.stdout)["vcpus"], 1)

    def test_without_a_command_it_lists_all(self):
        self.start()
        text = self.ctl(self.path).stdout
        self.assertIn("  vm.status  ", text)
        self.assertIn("      level=error|warn|info|debug|trace  ", text)
        self.assertIn("(required)", text)

    def test_rows_are_lines(self):
        self.start()
        lines = self.ctl(self.path, "vm.metrics").stdout.splitlines()
        self.assertTrue([line for line in lines if line.startswith("name=volt_info\tlabels=")])

    def test_a_refused_command_says_why(self):
        self.start()
        for words, why in ((("vm.log-level",), "level: is required"),
                           (("vm.log-level", "level=loud"), "level=loud"),
                           (("vm.log-level", "lvel=debug"), "did you mean level?"),
                           (("vm.nothing",), "no such command"),
                           (("disk.resize",), "no plugin with commands has that id")):
            run = self.ctl(self.path, *words, status=1)
            self.assertIn(why, run.stderr)
            self.assertEqual(len(run.stderr.splitlines()), 1)

    def test_wrong_words_are_refused_before_anything_is_sent(self):
        for words in ((), ("--nothing",), ("--timeout", "0", "x"), ("--timeout",),
                      (self.path, "vm.status", "x"), (self.path, "vm.status", "=x"),
                      (self.path, "vm.status", "a=1", "a=2")):
            run = self.ctl(*words, status=2)
            self.assertEqual(len(run.stderr.splitlines()), 1, run.stderr)

    def test_no_vm_is_one_line(self):
        run = self.ctl(self.path, "vm.status", status=3)
        self.assertIn("No such file", run.stderr)
        self.assertIn("--plugin control", run.stderr)

    def test_events_end_with_the_vm(self):
        vm = self.start()
        watcher = subprocess.Popen([CTL, str(self.path), "events"], stdout=subprocess.PIPE,
                                   text=True)
        self.addCleanup(watcher.wait)
        self.addCleanup(watcher.kill)
        while not [row for row in self.metrics() if row["name"].endswith("requests_total")
                   and row["value"] >= 2]:
            time.sleep(0.01)
        self.ctl(self.path, "vm.end")
        out, _ = watcher.communicate(timeout=LIMIT)
        self.assertEqual(watcher.returncode, 0)
        self.assertEqual(out, "vm ended: the operator ended the VM by command\n")
        self.assertEqual(vm.wait(LIMIT), 113)

    def metrics(self):
        return json.loads(self.ctl("--json", self.path, "vm.metrics").stdout)

    def serve(self, answer):
        """A socket that is not a VM's: it sends `answer` and keeps the connection."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.path))
        listener.listen()
        self.addCleanup(listener.close)
        kept = []

        def accept():
            client, _ = listener.accept()
            kept.append(client)
            client.recv(4096)
            client.sendall(answer)
        threading.Thread(target=accept, daemon=True).start()
        self.addCleanup(lambda: [client.close() for client in kept])

    def test_a_silent_vm_is_given_up(self):
        self.serve(b"")
        run = self.ctl("--timeout", "1", self.path, "vm.status", status=3)
        self.assertIn("timed out", run.stderr)

    def test_what_is_not_json_is_refused(self):
        self.serve(b"hello\n")
        run = self.ctl(self.path, "vm.status", status=3)
        self.assertIn("does not speak JSON-RPC", run.stderr)

    def test_control_characters_do_not_reach_the_terminal(self):
        self.serve(b'{"jsonrpc":"2.0","id":1,"result":{"a":"\\u001b[2Jx"}}\n')
        self.assertEqual(self.ctl(self.path, "vm.status").stdout, "a=?[2Jx\n")

    def test_output_that_nobody_takes_is_an_error(self):
        self.start()
        with open("/dev/full", "w", encoding="utf-8") as full:
            run = subprocess.run([CTL, str(self.path), "vm.status"], stdout=full,
                                 stderr=subprocess.PIPE, text=True, timeout=LIMIT, check=False)
        self.assertEqual(run.returncode, 4)
        self.assertIn("cannot write", run.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
