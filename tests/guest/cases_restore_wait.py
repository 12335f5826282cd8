# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Restored VMs that wait for "go": everything but the guest's clocks is there before."""

import json
import signal
import socket
import subprocess

from cases_identity import DEVICES, LINE, WHERE
from cases_snapshot import CHIPS, Saving
from vm import LIMIT, Setup, tasks


class Waiting(Saving):
    def save_echo(self, plugins=()):
        run = self.boot("serial", "echo", plugins)
        run.expect("ready")
        folder, _ = self.save(run, "--stop")
        return folder

    def wait_for_go(self, folder, plugins=(), options=(), ready=True, **kwargs):
        """The VM, which has said that it is ready, and the other end of its socket."""
        mine, its = socket.socketpair()
        self.addCleanup(mine.close)
        mine.settimeout(LIMIT)
        run = self.restore(folder, plugins, ("--restore-wait", its.fileno(), *options),
                           pass_fds=(its.fileno(),), **kwargs)
        its.close()
        if ready:
            self.assertEqual(mine.recv(16), b"ready\n", run.story())
        return run, mine

    def test_a_waiting_vm_goes_on_when_it_is_told(self):
        for chip, plugins in CHIPS.items():
            with self.subTest(chip=chip):
                folder = self.save_echo(plugins)
                run, go = self.wait_for_go(folder, plugins, stdin=subprocess.PIPE)
                run.send(b"at last\x04")
                self.assertTrue(run.alive(), run.story())
                self.assertEqual(run.text(), "")
                go.send(b"go\n")
                self.assertEqual(go.recv(16), b"", "volt ends the connection when it goes on")
                self.check_end(run, 0)
                self.assertEqual(run.text(), "at lastdone\n")

    def test_a_word_may_come_in_parts(self):
        run, go = self.wait_for_go(self.save_echo(), stdin=subprocess.PIPE)
        for part in (b"g", b"o", b"\n"):
            go.send(part)
        run.send(b"\x04")
        self.check_end(run, 0)

    def test_it_can_be_saved_again(self):
        run, go = self.wait_for_go(self.save_echo(), options=("--snapshot",))
        go.send(b"go\n")
        folder, _ = self.save(run, "--stop", name="again")
        again = self.restore(folder, stdin=subprocess.PIPE)
        again.send(b"again\x04")
        self.check_end(again, 0)
        self.assertEqual(again.text(), "againdone\n")

    def test_each_of_several_is_told_who_it_is(self):
        run = self.boot("identity", f"identity {WHERE}", DEVICES)
        run.expect("ready")
        folder, _ = self.save(run, "--stop")
        pool = [self.wait_for_go(folder, DEVICES, ("--identity", "hostname=none"))
                for _ in range(3)]
        for number, (_, go) in enumerate(pool):
            go.send(b"go hostname=copy-%d,color=red\n" % number if number else b"go\n")
        told = []
        for number, (run, _) in enumerate(pool):
            self.check_end(run, 0)
            told += LINE.findall(run.text())
            self.assertEqual(told[-1][2], f"hostname=copy-{number} color=red " if number else
                             "hostname=none ")
        self.assertEqual(len({generation for generation, *_ in told}), 3, told)

    def test_state_is_set_after_the_wait(self):
        """The guest's clocks and timers would run on while it waits."""
        trace = self.place / "trace.json"
        run, go = self.wait_for_go(self.save_echo(), options=("--trace-file", trace),
                                   stdin=subprocess.PIPE)
        go.send(b"go\n")
        run.send(b"\x04")
        self.check_end(run, 0)
        names = [event["name"] for event in json.loads(trace.read_text(encoding="utf-8"))]
        order = [name for name in names if name in ("memory mapped", "policy", "threads", "waited",
                                                    "state set", "running")]
        self.assertEqual(order, ["memory mapped", "policy", "threads", "waited", "state set",
                                 "running"])

    def test_threads_are_in_their_filters_while_it_waits(self):
        if not Setup.sandboxed:
            return
        run, _ = self.wait_for_go(self.save_echo())
        found = {name: fields["Seccomp"] for (name, _), fields in tasks(run.pid).items()}
        self.assertEqual(found["vcpu0"], "2", found)

    def test_whoever_leaves_ends_it(self):
        run, go = self.wait_for_go(self.save_echo())
        go.close()
        self.assertEqual(run.wait(), 113, run.story())
        self.assertIn('its socket was closed while it waited for "go"', "\n".join(run.log()))

    def test_a_signal_ends_it(self):
        run, _ = self.wait_for_go(self.save_echo())
        run.signal(signal.SIGUSR1)
        run.signal(signal.SIGTERM)
        self.assertEqual(run.wait(), 128 + signal.SIGTERM, run.story())
        self.assertIn('ended by SIGTERM while it waited for "go"', "\n".join(run.log()))

    def test_words_that_are_refused(self):
        folder = self.save_echo()
        for word, said in ((b"stop\n", '"stop" came'), (b"gone\n", '"gone" came'),
                           (b"go a=1\n", "no plugin of this VM"),
                           (5000 * b"x", "came, which is not")):
            with self.subTest(word=word[:8]):
                run, go = self.wait_for_go(folder)
                go.send(word)
                self.assertEqual(run.wait(), 100, run.story())
                self.assertIn(said, "\n".join(run.log()))

    def test_options_that_are_refused(self):
        for options, said in ((("--kernel", "x", "--restore-wait", "0"), "from 3 on"),
                              (("--kernel", "x", "--restore-wait", "x"), "from 3 on"),
                              (("--restore", "x", "--restore-wait", "99"), "is not a socket")):
            self.refused(options, 100, said)
        mine, its = socket.socketpair()
        with mine, its:
            self.refused(("--kernel", "x", "--restore-wait", str(its.fileno())), 100,
                         "goes with --restore", pass_fds=(its.fileno(),))

    def test_a_snapshot_that_does_not_fit_is_refused_before_the_wait(self):
        run, go = self.wait_for_go(self.save_echo(), ("i8042",), ready=False)
        self.assertEqual(run.wait(), 102, run.story())
        self.assertEqual(go.recv(16), b"")

    def test_explain_lists_the_socket(self):
        folder = self.save_echo()
        mine, its = socket.socketpair()
        with mine, its:
            words = [Setup.volt, "explain", *Setup.options, "--restore", folder,
                     *self.devices(()), "--restore-wait", its.fileno()]
            run = subprocess.run([str(word) for word in words], capture_output=True, text=True,
                                 timeout=LIMIT, check=False, pass_fds=(its.fileno(),))
            self.assertEqual(run.returncode, 0, run.stderr)
            self.assertRegex(run.stdout, rf"\n  {its.fileno()} +core: socket of --restore-wait\n")
