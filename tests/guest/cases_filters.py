# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Filters around a device of a running VM, and what prometheus shows of one."""

import json
import os
import re
import socket
import subprocess

from vm import Case, Refusals, Setup

TEXT = "hello from a guest\n"
LINE = re.compile(r"\d+\.\d{9} cpu0 serial serial\+0x[0-7] (read|write)1 0x[0-9a-f]{2}")
DEBUG = ("--log-level", "debug")
FILTERS = ("trace", "record", "replay", "fault", "delay", "deny", "count")


class Filters(Case):
    def filtered(self, *filters, case="hello", status=0, options=DEBUG, **kwargs):
        words = list(options)
        for spec in filters:
            words += ["--filter", str(spec)]
        return self.run_guest("serial", case, options=words, status=status, **kwargs)

    def recording(self):
        path = self.folder() / "serial.rec"
        self.filtered(f"record,on=serial,to=file:{path}")
        return path

    def test_trace_shows_every_access(self):
        path = self.folder() / "trace"
        run = self.filtered(f"trace,on=serial,to=file:{path}")
        lines = path.read_text().splitlines()
        self.assertEqual(run.text(), TEXT, run.story())
        for line in lines:
            self.assertRegex(line, LINE)
        written = [line.split()[-1] for line in lines if "serial+0x0 write1" in line]
        self.assertEqual(bytes(int(byte, 16) for byte in written).decode(), TEXT)
        times = [float(line.split()[0]) for line in lines]
        self.assertEqual(times, sorted(times))

    def test_count_agrees_with_the_device(self):
        counters = self.counters(self.filtered("count,on=serial"))
        self.assertEqual(counters["serial: tx_bytes"], len(TEXT))
        self.assertGreaterEqual(counters["count: writes"], len(TEXT))
        self.assertEqual(counters["count: writes"], counters["count: bytes_written"])

    def test_deny_keeps_output_from_the_device(self):
        run = self.filtered("deny,on=serial,what=writes")
        self.assertEqual(run.text(), "", run.story())
        self.assertNotIn("serial: tx_bytes", self.counters(run))

    def test_a_start_that_fails_says_so_although_another_has_much_to_release(self):
        """Under the seal nothing is released: that would be a system call, and kill it."""
        path = self.folder() / "large.rec"
        path.write_bytes(b"VOLTREC1" + bytes([32]) + bytes(55 + 32 * 40000))
        run = self.launch(self.command("serial", "hello", options=[
            "--filter", f"replay,on=serial,from={path}",
            "--filter", "deny,on=serial,range=none"]))
        self.assertEqual(run.wait(), 102, run.story())
        self.assertIn("volt: error: deny: range=none: the device has no such range", run.log())
        self.assertEqual(run.text(), "", run.story())

    def test_fault_corrupts_what_is_sent(self):
        # 0x00 at the port's first register; all else as it was.
        run = self.filtered("fault,on=serial,what=writes,kind=zero,every=1")
        self.assertEqual(run.out, bytes(len(TEXT)), run.story())

    def test_delay_makes_the_guest_wait(self):
        """How long it waits, and that all of it is waited, is in the unit test of the filter."""
        run = self.filtered("delay,on=serial,what=writes,ns=20000000")
        self.assertEqual(self.counters(run).get("delay: delayed"), len(TEXT), run.story())

    def test_device_that_answers_as_recorded_passes(self):
        path = self.recording()
        run = self.filtered(f"replay,on=serial,from={path}")
        counters = self.counters(run)
        self.assertEqual(run.text(), TEXT, run.story())
        self.assertEqual(counters["replay: matched"], (path.stat().st_size - 64) // 32)
        self.assertNotIn("replay: diverged", counters)

    def test_recording_answers_in_the_device_s_place(self):
        run = self.filtered(f"replay,on=serial,mode=answer,from={self.recording()}")
        self.assertEqual(run.text(), "", run.story())
        self.assertNotIn("replay: diverged", self.counters(run))

    def test_other_guest_differs_from_the_recording(self):
        run = self.filtered(f"replay,on=serial,from={self.recording()}", case="flood 10",
                            status=1)
        self.assertEqual(1, sum(" vCPU 0 differs: " in line for line in run.log()), run.story())

    def test_broken_device_differs_from_the_recording(self):
        """replay stands above fault: what it sees is a device that answers wrongly."""
        run = self.filtered(f"replay,on=serial,from={self.recording()}",
                            "fault,on=serial,what=reads,every=1", status=1)
        self.assertEqual(1, sum(" vCPU 0 differs: " in line for line in run.log()), run.story())

    def test_order_on_the_command_line_is_the_guest_s_side_first(self):
        path = self.folder() / "trace"
        for filters, shown in ((("trace", "deny"), True), (("deny", "trace"), False)):
            path.write_text("")
            specs = {"trace": f"trace,on=serial,what=writes,to=file:{path}",
                     "deny": "deny,on=serial"}
            run = self.filtered(*(specs[name] for name in filters))
            self.assertEqual(run.text(), "", run.story())
            self.assertEqual(path.read_text() != "", shown, run.story())

    def test_filter_leaves_other_devices_alone(self):
        run = self.filtered("deny,on=i8042", options=(*DEBUG, "--plugin", "i8042"))
        self.assertEqual(run.text(), TEXT, run.story())

    def test_two_filters_of_one_kind_have_numbered_ids(self):
        counters = self.counters(self.filtered("count,on=serial", "count,on=exitport"))
        self.assertEqual(counters["count.2: writes"], 1)

    def test_explain_names_the_filters_of_a_range(self):
        words = [Setup.volt, *Setup.options, "explain", "--plugin", "serial",
                 "--filter", "count,on=serial", "--filter", "deny,on=serial"]
        run = self.launch(words)
        self.assertEqual(run.wait(10), 0, run.story())
        self.assertIn("serial, through count, deny\n", run.text())
        run = self.launch([*words, "--json"])
        self.assertEqual(run.wait(10), 0, run.story())
        found = [r for r in json.loads(run.text())["addresses"] if r["owner"] == "serial"]
        self.assertEqual(found[0]["filters"], ["count", "deny"])

    def test_help_lists_the_parameters_of_each(self):
        for name in FILTERS:
            run = self.launch([Setup.volt, *Setup.options, "--filter", f"{name},help"])
            self.assertEqual(run.wait(10), 0, run.story())
            self.assertRegex(run.text(), r"(?m)^  on=DEVICE .*\(required\)$")


class Wrong(Refusals):
    def test_wrong_filters_are_refused(self):
        self.try_each(102, {
            f"--kernel {self.kernel} --plugin serial {options}": said for options, said in {
                "--filter count": "--filter count: on=DEVICE is required",
                "--filter count,on=seria": "did you mean serial?",
                "--filter count,on=": "on: has no value",
                "--filter count,on=serial,on=serial": "on: given twice",
                "--filter coun,on=serial": "--filter coun: there is no such plugin",
                "--filter serial,on=serial": "the plugin is not a filter; use --plugin",
                "--plugin count,on=serial": "that is a filter: use --filter",
                "--filter deny,on=serial,frm=1": "did you mean from?",
                "--filter delay,on=serial": "ns: is required",
                "--plugin prometheus": "to=unix:PATH or file=PATH is required",
                "--plugin serial,on=serial,id=b,base=0x2f8": "on: no such parameter",
            }.items()})

    def test_recording_that_is_none_is_refused(self):
        path = self.file(b"VOLTREC1" + bytes(10))
        self.refused([*Setup.options, "--kernel", self.kernel, "--plugin", "serial",
                      "--filter", f"replay,on=serial,from={path}"], 102, "is not a recording")


class Metrics(Case):
    def running(self, *more, options=()):
        folder = self.folder()
        run = self.start("serial", "deaf", plugins=(f"prometheus,to=unix:{folder}/m{''.join(more)}",),
                         options=options)
        run.expect("ready\n")
        return run, str(folder / "m")

    def fetch(self, path, request=b"", ended=False):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(path)
            s.sendall(request)
            if ended:
                s.shutdown(socket.SHUT_WR)
            found = b""
            while data := s.recv(65536):
                found += data
        return found.decode()

    def values(self, text):
        """{name{labels}: number}, each line checked against the exposition format."""
        found, typed = {}, set()
        for line in text.splitlines():
            if match := re.fullmatch(r"# TYPE (\w+) (counter|gauge)", line):
                self.assertNotIn(match[1], typed, "a family told twice")
                typed.add(match[1])
                continue
            if line.startswith("# HELP ") or not line:
                continue
            match = re.fullmatch(r'([a-z_0-9]+)((?:\{(?:\w+="(?:[^"\\]|\\.)*",?)+\})?) '
                                 r"(\d+(?:\.\d+)?)", line)
            self.assertTrue(match, line)
            self.assertIn(match[1], typed)
            self.assertNotIn(match[1] + match[2], found, "a value told twice")
            found[match[1] + match[2]] = float(match[3])
        return found

    def test_socket_tells_what_the_guest_did(self):
        _, path = self.running()
        values = self.values(self.fetch(path))
        self.assertEqual(values['volt_plugin_serial_tx_bytes_total{id="serial"}'], len("ready\n"))
        self.assertGreaterEqual(values['volt_exits_total{vcpu="0",reason="io"}'], len("ready\n"))
        self.assertFalse([name for name in values if name.startswith("volt_reads_total")])

    def test_http_client_gets_a_header(self):
        _, path = self.running()
        text = self.fetch(path, b"GET /metrics HTTP/1.1\r\nHost: vm\r\n\r\n")
        head, _, body = text.partition("\r\n\r\n")
        self.assertTrue(head.startswith("HTTP/1.0 200 OK\r\n"), head)
        self.assertIn("Content-Type: text/plain; version=0.0.4", head)
        self.assertTrue(self.values(body))

    def test_client_that_has_said_all_is_answered(self):
        """As `nc -N` and `socat` do: the request and its end come together."""
        _, path = self.running()
        for request in (b"GET / HTTP/1.0\r\n\r\n", b"\n"):
            self.assertIn("volt_info", self.fetch(path, request, ended=True))

    def test_client_after_client_is_served(self):
        run, path = self.running()
        for i in range(20):
            values = self.values(self.fetch(path, b"\n"))
        self.assertEqual(values['volt_plugin_prometheus_answers_total{id="prometheus"}'], 19)
        self.assertTrue(run.alive(), run.story())

    def test_client_that_leaves_or_says_nothing_sensible_does_no_harm(self):
        run, path = self.running()
        for request in (b"", b"GET ", b"\0" * 100000, b"\r\n", b"POST / HTTP/1.1\r\n\r\n"):
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(path)
                try:
                    s.sendall(request)
                except OSError:
                    pass
        self.assertTrue(self.values(self.fetch(path)))
        self.assertTrue(run.alive(), run.story())

    def test_ranges_are_timed_when_asked(self):
        _, path = self.running(",times=on")
        values = self.values(self.fetch(path))
        labels = '{device="serial",range="serial",space="pio",base="0x3f8"}'
        self.assertGreaterEqual(values["volt_writes_total" + labels], len("ready\n"))
        self.assertGreater(values["volt_handlers_seconds_total" + labels], 0)

    def test_counters_of_filters_are_there(self):
        _, path = self.running(options=("--filter", "count,on=serial"))
        values = self.values(self.fetch(path))
        self.assertGreaterEqual(values['volt_plugin_count_writes_total{id="count"}'], len("ready\n"))

    def test_file_is_kept_up_to_date(self):
        path = self.file(b"left from an earlier and longer text\n" * 3000)
        run = self.start("serial", "deaf", plugins=(f"prometheus,file={path},every=1",))
        run.expect("ready\n")
        name = 'volt_plugin_serial_tx_bytes_total{id="serial"}'
        run.until(lambda: self.values(path.read_text()).get(name) == len("ready\n"),
                  "the file tells what was sent")
        self.assertEqual(os.path.getsize(path) % 4096, 0)

    def test_file_needs_one_system_call_more(self):
        path = self.file()
        words = [Setup.volt, *Setup.options, "explain", "--plugin", "serial", "--plugin"]
        calls = {}
        for spec in (f"prometheus,to=unix:{self.folder()}/s", f"prometheus,file={path}"):
            out = subprocess.run([str(w) for w in (*words, spec, "--json")], check=True,
                                 capture_output=True, text=True).stdout
            calls[spec[11:13]] = "pwrite64" in out
        self.assertEqual(calls, {"to": False, "fi": True})
