# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Code that runs inside of a sealed volt, as if a guest had taken it over, tries things."""

import errno
import os
import signal
import socket

from forbidden import ACTIONS, BEFORE, Action
from kit import KILLED, THREADS, SecurityCase, snapshot, tcp_address


class Attempts(SecurityCase):
    """Runs actions of forbidden.py, and watches what they could have an effect on."""

    def setUp(self):
        super().setUp()
        self.signals = 0
        self.addCleanup(signal.signal, signal.SIGUSR2, signal.signal(
            signal.SIGUSR2, lambda number, frame: setattr(self, "signals", self.signals + 1)))
        self.server = socket.create_server(("127.0.0.1", 0))
        self.server.setblocking(False)
        self.addCleanup(self.server.close)
        self.facts = {}

    def make_folder(self):
        path = self.folder()
        (path / "keep").write_text("kept")
        (path / "folder").mkdir()
        script = path / "script"
        script.write_text(f"#!/bin/sh\n: >{path}/executed\n")
        script.chmod(0o755)
        return path

    def facts_of(self, *how):
        """Volt's files, which depend on what is loaded and on nothing else."""
        if how not in self.facts:
            page = self.explain(self.plugged("", *how))
            one = {"vm": "VM", "vcpu": "vCPU", "wake": "wakes the event loop", "lock": "lock",
                   "signal": "signals", "epoll": "event loop", "input": "stream, input",
                   "output": "stream, output"}
            self.facts[how] = {name: page.fds(use)[0] for name, use in one.items()}
            self.facts[how]["plugin"] = self.own_plugin("probe")
        return self.facts[how]

    def plugged(self, steps, thread, before, options):
        return self.words(self.probe(thread, steps, before), "serial", "ioapic",
                          options=options)

    def attempt(self, action, thread, *options, before=BEFORE):
        """The run, with what was in its folder before and what is after."""
        folder = self.make_folder()
        steps = action.steps.format(
            dir=folder, parent=os.getpid(), tcp=tcp_address(self.server.getsockname()),
            **self.facts_of(thread, before, options))
        found = snapshot(folder)
        run = self.run_words(self.plugged(steps, thread, before, options))
        run.before, run.after = found, snapshot(folder)
        return run

    def connected(self):
        try:
            self.server.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def check_no_effect(self, run):
        self.assertEqual(run.before, run.after, run.story())
        self.assertEqual(run.out, b"", run.story())
        self.assertEqual(self.signals, 0, run.story())
        self.assertFalse(self.connected(), run.story())

    def each(self, thread, check):
        """Every action that is forbidden there, as a test of its own."""
        for action in ACTIONS.values():
            if thread in action.threads:
                with self.subTest(action=action.name):
                    check(action)

    def check_each_dies(self, thread, *options):
        def check(action):
            run = self.attempt(action, thread, *options)
            self.check_killed(run)
            self.check_no_effect(run)

        self.each(thread, check)


class Sealed(Attempts):
    def test_there_are_sixty_actions_and_more(self):
        for thread in THREADS:
            self.assertGreaterEqual(
                len([a for a in ACTIONS.values() if thread in a.threads]), 60)

    # HOLDS(D8, security)
    def test_each_action_of_a_vcpu_thread_kills(self):
        self.check_each_dies("vcpu")

    # HOLDS(security)
    def test_each_action_of_the_loop_thread_kills(self):
        self.check_each_dies("loop")

    # HOLDS(security)
    def test_each_action_of_a_worker_kills(self):
        self.check_each_dies("worker")

    # HOLDS(security)
    def test_calls_that_no_filter_sees_do_nothing(self):
        """Linux 6.14 took uretprobe (335), and uprobe (336) when it came, out of seccomp's
        hands. Where the kernel's own trampoline did not make them, the first is an illegal
        instruction and the second answers ENXIO."""
        for number in (335, 336):
            for thread in THREADS:
                with self.subTest(number=number, thread=thread):
                    run = self.attempt(Action("", str(number), None), thread)
                    if self.returned(run) is not None:
                        self.assertEqual(self.returned(run), [-errno.ENXIO], run.story())
                    else:
                        self.assertIn(run.process.returncode, (KILLED, -signal.SIGILL),
                                      run.story())

    # HOLDS(security)
    def test_writing_to_the_sealed_tables_kills(self):
        for thread in THREADS:
            with self.subTest(thread=thread):
                run = self.attempt(Action("", "store host 1", None), thread)
                self.assertEqual(run.process.returncode, -signal.SIGSEGV, run.story())

    def test_data_does_not_run(self):
        """ret, in memory that the probe wrote."""
        for thread in THREADS:
            with self.subTest(thread=thread):
                run = self.attempt(Action("", "jump %c3", None), thread)
                self.assertEqual(run.process.returncode, -signal.SIGSEGV, run.story())


class Unsealed(Attempts):
    """The other side of the proof: the same actions do what they say when nothing forbids."""

    OPEN = ("--no-sandbox",)

    # HOLDS(security)
    def test_each_action_lives_without_the_sandbox(self):
        def check(action):
            if action.control is None:
                return
            run = self.attempt(action, "vcpu", *self.OPEN)
            self.assertEqual(run.process.returncode, 0, run.story())
            self.assertIsNotNone(self.returned(run), run.story())
            if action.control == "ok":
                self.assertGreaterEqual(self.returned(run)[-1], 0, run.story())

        self.each("vcpu", check)
        self.assertGreaterEqual(
            len([a for a in ACTIONS.values() if a.control == "ok"]), 60)

    def test_file_is_made(self):
        run = self.attempt(ACTIONS["creat"], "vcpu", *self.OPEN)
        self.assertIn("made", run.after)

    def test_file_is_removed(self):
        run = self.attempt(ACTIONS["unlink"], "worker", *self.OPEN)
        self.assertNotIn("keep", run.after)

    def test_program_is_started(self):
        for name in ("execve", "execveat"):
            for thread in THREADS:
                with self.subTest(name=name, thread=thread):
                    run = self.attempt(ACTIONS[name], thread, *self.OPEN)
                    self.assertEqual(run.process.returncode, 0, run.story())
                    self.assertIn("executed", run.after)

    def test_signal_arrives(self):
        self.attempt(ACTIONS["kill_parent"], "loop", *self.OPEN)
        self.assertEqual(self.signals, 1)

    def test_server_is_connected_to(self):
        self.attempt(ACTIONS["connect"], "vcpu", *self.OPEN)
        self.assertTrue(self.connected())

    def test_output_is_written(self):
        run = self.attempt(ACTIONS["write_standard_output"], "vcpu", *self.OPEN)
        self.assertEqual(run.out, b"x")


class WithoutLandlock(Attempts):
    # HOLDS(security)
    def test_each_action_still_kills(self):
        self.check_each_dies("vcpu", "--no-landlock")
