# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Commands to a running VM through the control plugin's socket."""

import json
import os
import socket
import stat
import subprocess
import time

from vm import LIMIT, Case, resident_kib


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(LIMIT)
        self.connect(path)
        self.lines = self.socket.makefile("rb")
        self.number = 0

    def connect(self, path):
        """The socket has its name a moment before volt listens."""
        end = time.monotonic() + LIMIT
        while True:
            try:
                return self.socket.connect(str(path))
            except ConnectionRefusedError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)

    def close(self):
        self.lines.close()
        self.socket.close()

    def send(self, **request):
        self.socket.sendall(json.dumps({"jsonrpc": "2.0", **request}).encode() + b"\n")

    def read(self):
        return json.loads(self.lines.readline())

    def call(self, method, **params):
        self.number += 1
        self.send(id=self.number, method=method, params=params)
        answer = self.read()
        assert answer["id"] == self.number, answer
        return answer.get("result", answer.get("error"))


class Control(Case):
    def start(self, *options):
        """A guest that waits for input that does not come."""
        path = self.folder() / "control.sock"
        run = self.launch(self.command("serial", "echo", options=[
            *options, "--plugin", f"control,socket=unix:{path}"]))
        run.until(path.exists, "the socket is there")
        return run, path

    def connect(self, path):
        client = Client(path)
        self.addCleanup(client.close)
        return client

    def test_only_its_user_may_connect(self):
        self.addCleanup(os.umask, os.umask(0))
        _, path = self.start()
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)

    def test_status_tells_the_machine(self):
        run, path = self.start("--memory", "64M")
        status = self.connect(path).call("vm.status")
        self.assertEqual(status["state"], "running")
        self.assertEqual(status["pid"], run.pid)
        self.assertEqual(status["vcpus"], 1)
        self.assertEqual(status["memory"], 64 << 20)

    def test_list_names_the_commands_of_the_core(self):
        _, path = self.start()
        answer = self.connect(path).call("list")
        self.assertEqual(answer["protocol"], 1)
        vm = answer["instances"][0]
        self.assertEqual(vm["id"], "vm")
        self.assertEqual({command["name"] for command in vm["commands"]} >= {
            "status", "attention", "end", "log-level", "metrics"}, True)

    def test_metrics_are_rows(self):
        run, path = self.start()
        client = self.connect(path)

        def exits():
            return [row["value"] for row in client.call("vm.metrics")
                    if row["name"] == "volt_exits_total" and 'reason="io"' in row["labels"]]
        self.assertEqual(len(exits()), 1)
        run.until(lambda: exits()[0] > 0, "the guest has made an access")

    def test_a_paused_guest_stands_still_and_goes_on(self):
        path = self.folder() / "control.sock"
        run = self.launch(self.command("serial", "echo", options=[
            "--plugin", f"control,socket=unix:{path}"]), stdin=subprocess.PIPE)
        run.until(path.exists, "the socket is there")
        client, other = self.connect(path), self.connect(path)

        def accesses():
            return sum(row["value"] for row in other.call("vm.metrics")
                       if row["name"] == "volt_accesses_total")
        run.until(lambda: accesses() > 0, "the guest has made an access")
        self.assertEqual(client.call("vm.resume")["code"], -32000)
        for _ in range(20):
            self.assertEqual(client.call("vm.pause"), {})
            self.assertEqual(other.call("vm.status")["state"], "paused")
            self.assertEqual(client.call("vm.pause")["data"]["errno"], "EBUSY")
            before = accesses()
            run.process.stdin.write(b"x")
            run.process.stdin.flush()
            self.assertEqual(accesses(), before)
            self.assertEqual(other.call("vm.resume"), {})
            run.until(lambda: accesses() > before, "the guest goes on")
        run.until(lambda: run.out.count(b"x") == 20, "all that was typed is echoed")

    def test_a_paused_vm_can_be_ended(self):
        run, path = self.start()
        client = self.connect(path)
        self.assertEqual(client.call("vm.pause"), {})
        client.call("vm.end")
        self.assertEqual(run.wait(), 113, run.story())

    def test_end_ends_the_vm_and_tells_the_others(self):
        run, path = self.start()
        listener, client = self.connect(path), self.connect(path)
        self.assertEqual(listener.call("events"), {})
        client.call("vm.end")
        event = listener.read()
        self.assertEqual(event["method"], "event")
        self.assertEqual((event["params"]["source"], event["params"]["name"]), ("vm", "ended"))
        self.assertEqual(run.wait(), 113, run.story())
        self.assertFalse(path.exists())

    def test_log_level_reaches_plugins(self):
        run, path = self.start()
        client = self.connect(path)
        error = client.call("vm.log-level", level="loud")
        self.assertEqual(error["code"], -32602)
        self.assertEqual(client.call("vm.log-level", level="debug"), {})
        client.call("vm.end")
        run.wait()
        self.assertTrue([line for line in run.log() if "control: requests" in line], run.story())

    def test_a_client_that_floods_and_one_that_stalls_hold_up_nobody(self):
        _, path = self.start()
        stalled, flood, good = (self.connect(path) for _ in range(3))
        stalled.socket.sendall(b'{"jsonrpc"')
        flood.socket.setblocking(False)
        try:
            for _ in range(100000):
                flood.socket.send(b'{"jsonrpc":"2.0","id":1,"method":"list"}\n' * 100)
        except BlockingIOError:
            pass
        for _ in range(20):
            self.assertEqual(good.call("vm.status")["state"], "running")

    def test_many_connections_one_after_the_other(self):
        """Their memory is all touched after a thousand; VOLT_RECONNECTS=100000 takes minutes."""
        run, path = self.start()
        for number in range(int(os.environ.get("VOLT_RECONNECTS", "2000"))):
            client = Client(path)
            self.assertEqual(client.call("vm.status")["state"], "running")
            client.close()
            if number == 1000:
                before = resident_kib(run.pid)
        self.assertLess(resident_kib(run.pid), before + 64, run.story())
