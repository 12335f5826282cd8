# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""NOTIFY_SOCKET and --ready-socket: what a service manager hears of a VM, as sd_notify(3) says."""

import json
import os
import select
import signal
import socket

from vm import LIMIT, Case, Refusals, Setup

INPUT = 101
RUNS, STOPS = "STATUS=The guest runs, and is not ready yet.\n", "STOPPING=1\n"
READY, RUNNING = (f"READY=1\nSTATUS=The guest {word}.\n" for word in ("is ready", "runs"))


class Manager:
    """A service manager's end."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(LIMIT)

    def hear(self):
        return self.socket.recv(4096).decode()

    def nothing_came(self):
        return not select.select([self.socket], [], [], 0)[0]


class Notified(Case):
    def setUp(self):
        super().setUp()
        self.place = self.folder()
        self.path = self.place / "notify"
        self.ready = self.place / "vsock_1025"

    def manager(self, address=None):
        manager = Manager(str(address or self.path))
        self.addCleanup(manager.socket.close)
        return manager

    def go(self, *options, address=None, guest="serial", case="echo"):
        return self.start(guest, case, ["serial,console=null"], options,
                          env={"NOTIFY_SOCKET": str(address or self.path)})

    def client(self):
        """A connection of the guest's, as virtio-vsock makes one on the host."""
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        client.settimeout(LIMIT)
        client.connect(str(self.ready))
        return client

    def stop(self, run, manager):
        run.signal(signal.SIGTERM)
        self.assertEqual(manager.hear(), STOPS, run.story())
        self.assertEqual(run.wait(), 143, run.story())
        self.assertTrue(manager.nothing_came(), run.story())


class WithoutReadySocket(Notified):
    def test_ready_when_the_guest_runs_and_stopping_at_the_end(self):
        manager = self.manager()
        run = self.go()
        self.assertEqual(manager.hear(), RUNNING, run.story())
        self.stop(run, manager)

    def test_an_abstract_socket(self):
        name = f"volt-test-{os.getpid()}-notify"
        manager = self.manager(f"\0{name}")
        run = self.go(address=f"@{name}")
        self.assertEqual(manager.hear(), RUNNING, run.story())
        self.stop(run, manager)

    def test_a_guest_that_ends_itself(self):
        manager = self.manager()
        run = self.go(guest="ending", case="status 3")
        self.assertEqual([manager.hear(), manager.hear()], [RUNNING, STOPS], run.story())
        self.assertEqual(run.wait(), 3, run.story())

    def test_a_killed_volt(self):
        manager = self.manager()
        run = self.go()
        self.assertEqual(manager.hear(), RUNNING, run.story())
        run.signal(signal.SIGKILL)
        self.assertEqual(manager.hear(), STOPS, run.story())

    def test_a_start_that_fails_is_never_ready(self):
        manager = self.manager()
        run = self.go("--plugin", "serial,id=x,base=0x3f8")
        self.assertEqual(run.wait(), 102, run.story())
        while not manager.nothing_came():
            self.assertNotIn("READY", manager.hear(), run.story())

    def test_a_clean_start_keeps_the_address(self):
        """LD_... makes volt start itself anew."""
        manager = self.manager()
        run = self.start("serial", "echo", ["serial,console=null"],
                         env={"NOTIFY_SOCKET": str(self.path), "LD_BIND_NOW": "1"})
        self.assertEqual(manager.hear(), RUNNING, run.story())
        self.stop(run, manager)

    def test_no_manager_is_a_warning(self):
        for address in (self.place / "nobody", "relative", "@", "vsock:2:5",
                        f"/{'x' * 108}"):
            with self.subTest(address=address):
                run = self.go(address=address, guest="ending", case="status 3")
                self.assertEqual(run.wait(), 3, run.story())
                self.assertIn("volt: warning: NOTIFY_SOCKET=", "\n".join(run.log()))

    def test_a_manager_that_does_not_read_holds_up_nobody(self):
        manager = self.manager()
        full = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(full.close)
        full.setblocking(False)
        full.connect(str(self.path))
        try:
            while True:
                full.send(b"x" * 1000)
        except BlockingIOError:
            pass
        run = self.go(guest="ending", case="status 3")
        self.assertEqual(run.wait(), 3, run.story())
        self.assertEqual(manager.hear(), "x" * 1000)


class WithReadySocket(Notified):
    def go_unready(self, manager, *options):
        run = self.go("--ready-socket", self.ready, *options)
        self.assertEqual(manager.hear(), RUNS, run.story())
        return run

    def test_ready_when_the_guest_says_so(self):
        manager = self.manager()
        run = self.go_unready(manager)
        self.client().sendall(b"READY=1\n")
        self.assertEqual(manager.hear(), READY, run.story())
        run.expect_log("the guest is ready")
        self.stop(run, manager)
        self.assertFalse(self.ready.exists())

    def test_in_pieces_among_other_lines_and_without_a_line_feed(self):
        for pieces in ((b"X_BOOT=1\nREA", b"DY=", b"1\nSTATUS=up\n"), (b"READY=1",)):
            with self.subTest(pieces=pieces):
                manager = self.manager(self.path)
                run = self.go_unready(manager)
                client = self.client()
                for piece in pieces:
                    self.assertTrue(manager.nothing_came())
                    client.sendall(piece)
                client.close()
                self.assertEqual(manager.hear(), READY, run.story())
                self.stop(run, manager)
                manager.socket.close()
                self.path.unlink()

    def test_other_words_are_not_heard(self):
        manager = self.manager()
        run = self.go_unready(manager)
        for words in (b"READY=10\n", b"XREADY=1\n", b"READY=1 \n", b"READY=0", b"",
                      b"STOPPING=1\n", b"x" * 300 + b"\nREADY=1\n"):
            with self.subTest(words=words):
                client = self.client()
                try:
                    client.sendall(words)
                    client.shutdown(socket.SHUT_WR)
                    client.recv(1)  # until the helper closes it
                except OSError:
                    pass  # it was closed with bytes unread
                client.close()
        self.assertTrue(manager.nothing_came(), run.story())
        self.client().sendall(b"READY=1\n")
        self.assertEqual(manager.hear(), READY, run.story())
        self.stop(run, manager)

    def test_a_silent_client_keeps_nobody_out(self):
        manager = self.manager()
        run = self.go_unready(manager)
        silent = [self.client() for _ in range(5)]
        self.client().sendall(b"READY=1\n")
        self.assertEqual(manager.hear(), READY, run.story())
        self.stop(run, manager)
        self.assertEqual(len(silent), 5)

    def test_without_a_manager_the_log_tells_it(self):
        run = self.start("serial", "echo", ["serial,console=null"],
                         ["--ready-socket", self.ready])
        run.expect_ready()
        self.client().sendall(b"READY=1\n")
        run.expect_log("the guest is ready")


class Seal(Notified, Refusals):
    def page(self, *options, **env):
        run = self.launch([Setup.volt, "explain", "--json", *options, "--plugin",
                           f"serial,console=unix:{self.place}/console"], env=env)
        self.assertEqual(run.wait(), 0, run.story())
        page = json.loads(run.text())
        # Not the numbers of the files, which are the lowest that were free.
        calls = [(thread["name"], rule["syscall"], rule["asked_by"], rule["reason"])
                 for thread in page["threads"] for rule in thread["rules"]]
        return set(calls), sorted(f["use"] for f in page["files"])

    def test_the_sealed_program_gets_neither_a_file_nor_a_call(self):
        before = self.page()
        self.assertEqual(self.page("--ready-socket", str(self.ready),
                                   NOTIFY_SOCKET=str(self.path)), before)
        self.assertFalse(self.ready.exists())

    def test_a_path_where_no_socket_can_be(self):
        self.refused(["--ready-socket", "/nowhere/at/all", "--kernel", self.kernel], INPUT,
                     "--ready-socket", "No such file or directory")
