# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Workers that wait for files, and descriptors that volt inherits by name (fd:N).

plugins/watcher.c watches a socket; guests/watching.c asks it to send. Both under the whole
sandbox.
"""

import json
import os
import socket
import subprocess

from vm import LIMIT, Case

ROUNDS = 100


def file_of(pid, fd):
    """Which file that is, in a way that can be compared; None if it is closed."""
    try:
        at = os.stat(f"/proc/{pid}/fd/{fd}")
    except FileNotFoundError:
        return None
    return at.st_dev, at.st_ino


class Watching(Case):
    def pair(self):
        ours, theirs = socket.socketpair()
        ours.settimeout(LIMIT)
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        return ours, theirs

    def plugin(self, fd):
        return f"{self.own_plugin('watcher')},socket=fd:{fd}"

    def go(self, case, theirs, plugins=(), options=(), others=()):
        return self.start("watching", case, (self.plugin(theirs.fileno()), *plugins),
                          ("--log-level", "debug", *options),
                          pass_fds=[theirs.fileno(), *others])


class Watch(Watching):
    # HOLDS(L5)
    def test_files_doorbells_and_runs_wake_one_worker(self):
        for plugins in ((), ("ioapic",)):
            with self.subTest(plugins=plugins):
                ours, theirs = self.pair()
                run = self.go("echo", theirs, plugins)
                theirs.close()
                for number in range(1, ROUNDS + 1):
                    self.assertEqual(ours.recv(1), bytes([number]), run.story())
                    ours.send(b"x")
                ours.close()
                self.check_end(run, 0)

    def test_what_is_there_before_the_start_and_much_at_once(self):
        """Edge-triggered: what was ready first is told once, and all of it read."""
        ours, theirs = self.pair()
        ours.send(b"early")
        run = self.go("listen", theirs)
        theirs.close()
        run.expect_ready()
        ours.sendall(bytes(100000))
        ours.close()
        self.check_end(run, 0)
        self.assertIn(f"{100005:x}", run.text(), run.story())

    def test_nothing_is_lost_while_the_vm_is_paused_again_and_again(self):
        ours, theirs = self.pair()
        run = self.go("echo", theirs, (f"{self.own_plugin('pauser')},base=0x900,"
                                  "every=100,hold=300",))
        theirs.close()
        for number in range(1, ROUNDS + 1):
            self.assertEqual(ours.recv(1), bytes([number]), run.story())
            ours.send(b"x")
        ours.close()
        self.check_end(run, 0)
        self.assertGreater(self.counters(run)["pauser: pauses"], 0, run.story())

    def test_explain_shows_the_wait_on_that_worker_alone(self):
        _, theirs = self.pair()
        fd = theirs.fileno()
        command = self.command("watching", "echo", (self.plugin(fd),), ("--json",))
        done = subprocess.run([str(word) for word in (command[0], "explain", *command[1:])],
                              pass_fds=[fd], capture_output=True, text=True, timeout=LIMIT,
                              check=True)
        page = json.loads(done.stdout)
        epoll, = (f["fd"] for f in page["files"] if f["use"] == "worker's wait")
        for thread in page["threads"]:
            rules = [rule for rule in thread["rules"] if rule["syscall"] == "epoll_pwait2"
                     and rule["tests"][0]["value"] == epoll]
            self.assertEqual(len(rules), thread["name"] == "watcher", thread)
            for rule in rules:
                self.assertEqual((rule["asked_by"], rule["reason"]),
                                 ("watcher", "waits for posts and for files"))


class Inherited(Watching):
    def test_named_descriptor_stays_and_others_are_closed(self):
        ours, theirs = self.pair()
        others = [os.open("/dev/null", os.O_RDONLY) for _ in range(50)]
        pipe = os.pipe()
        for fd in (*others, *pipe):
            self.addCleanup(os.close, fd)
        fd = theirs.fileno()
        run = self.go("listen", theirs, others=(*others, *pipe))
        run.expect_ready()
        self.assertEqual(file_of(run.pid, fd), file_of("self", fd))
        open_ones = {file_of(run.pid, n) for n in os.listdir(f"/proc/{run.pid}/fd")}
        for end in pipe:
            self.assertNotIn(file_of("self", end), open_ones)
        self.assertLess(len(open_ones), 40)
        ours.close()
        theirs.close()
        self.check_end(run, 0)

    def test_name_that_no_parameter_takes_keeps_nothing(self):
        """A path that looks like one."""
        ours, theirs = self.pair()
        pipe = os.pipe()
        for fd in pipe:
            self.addCleanup(os.close, fd)
        path = self.folder() / f"a=fd:{pipe[0]}"
        run = self.start("watching", "listen",
                         (f"serial,console=file:{path}", self.plugin(theirs.fileno())),
                         ("--log-level", "debug"), pass_fds=[theirs.fileno(), pipe[0]])
        run.expect_ready()
        open_ones = {file_of(run.pid, n) for n in os.listdir(f"/proc/{run.pid}/fd")}
        self.assertNotIn(file_of("self", pipe[0]), open_ones)
        ours.close()
        theirs.close()
        self.check_end(run, 0)

    def test_descriptor_that_cannot_be_taken_is_refused_by_name(self):
        words = self.command("watching", "listen")[1:]
        null = os.open("/dev/null", os.O_RDONLY)
        self.addCleanup(os.close, null)
        for fd, passed, said in ((999, (), "did not inherit"), (null, (null,), "is not a socket")):
            with self.subTest(said):
                self.refused([*words, "--plugin", self.plugin(fd)], 102, f"fd:{fd}", said,
                             pass_fds=passed)
