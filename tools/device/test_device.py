# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""The program volt-device, under its seal, and a played front end: a driver with a ring in shared memory.

usage: test_device.py PROGRAM PLUGINS [OPTION...]
"""

import mmap
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

PROGRAM, PLUGINS = sys.argv[1:3]
OPTIONS = sys.argv[3:]
LIMIT_S = 60
# The end frees nothing, as in volt: a sanitized program is not to look for that.
ENVIRONMENT = {**os.environ, "ASAN_OPTIONS": f"{os.environ.get('ASAN_OPTIONS', '')}:detect_leaks=0".lstrip(":")}
GPA, USER, MEMORY = 0x100000, 0x7F0000000000, 1 << 20
VERSION, REPLY, NEED_REPLY = 1, 4, 8
VERSION_1, PROTOCOL = 1 << 32, 1 << 30
RING = 8
(GET_FEATURES, SET_FEATURES, SET_OWNER, SET_MEM_TABLE, SET_VRING_NUM, SET_VRING_ADDR, SET_VRING_BASE,
 GET_VRING_BASE, SET_VRING_KICK, SET_VRING_CALL, GET_PROTOCOL, SET_PROTOCOL, GET_QUEUES, ENABLE,
 GET_CONFIG) = (1, 2, 3, 5, 8, 9, 10, 11, 12, 13, 15, 16, 17, 18, 24)


class Front:
    """A front end, the driver behind it, and the guest's memory."""

    def __init__(self, stream):
        self.socket = stream
        self.socket.settimeout(LIMIT_S)
        self.fd = os.memfd_create("guest", 0)
        os.ftruncate(self.fd, MEMORY)
        self.memory = mmap.mmap(self.fd, MEMORY)
        self.kicks, self.calls, self.shown = {}, {}, {}

    def send(self, request, payload=b"", fds=(), flags=VERSION):
        data = struct.pack("<III", request, flags, len(payload)) + payload
        if fds:
            socket.send_fds(self.socket, [data], list(fds))
        else:
            self.socket.sendall(data)

    def take(self, n):
        data = b""
        while len(data) < n:
            more = self.socket.recv(n - len(data))
            if not more:
                raise EOFError("the back end has left")
            data += more
        return data

    def ask(self, request, payload=b""):
        self.send(request, payload)
        got, flags, size = struct.unpack("<III", self.take(12))
        assert (got, flags) == (request, VERSION | REPLY), (got, flags)
        return self.take(size)

    def done(self, request, payload=b"", fds=()):
        """Acknowledged by 0."""
        self.send(request, payload, fds, VERSION | NEED_REPLY)
        got, flags, size = struct.unpack("<III", self.take(12))
        assert (got, flags, size) == (request, VERSION | REPLY, 8), (got, flags, size)
        value, = struct.unpack("<Q", self.take(8))
        assert value == 0, f"message {request} is refused"

    def number(self, request):
        return struct.unpack("<Q", self.ask(request))[0]

    def negotiate(self):
        features = self.number(GET_FEATURES)
        assert features & VERSION_1 and features & PROTOCOL, hex(features)
        self.send(SET_PROTOCOL, struct.pack("<Q", self.number(GET_PROTOCOL)))
        self.done(SET_OWNER)
        self.done(SET_FEATURES, struct.pack("<Q", features & (0xFFFFFF | VERSION_1 | PROTOCOL)))
        self.give_memory()

    def give_memory(self):
        table = struct.pack("<IIQQQQ", 1, 0, GPA, MEMORY, USER, 0)
        self.done(SET_MEM_TABLE, table, [self.fd])

    def start(self, queue=0, base=0):
        at = 0x4000 * queue
        self.done(SET_VRING_NUM, struct.pack("<II", queue, RING))
        self.done(SET_VRING_BASE, struct.pack("<II", queue, base))
        self.done(SET_VRING_ADDR, struct.pack("<IIQQQQ", queue, 0, USER + at, USER + at + 0x1000, USER + at + 0x2000, 0))
        self.calls[queue], self.kicks[queue] = os.eventfd(0, os.EFD_NONBLOCK), os.eventfd(0, os.EFD_NONBLOCK)
        self.done(SET_VRING_CALL, struct.pack("<Q", queue), [self.calls[queue]])
        self.done(SET_VRING_KICK, struct.pack("<Q", queue), [self.kicks[queue]])
        self.done(ENABLE, struct.pack("<II", queue, 1))
        self.shown.setdefault(queue, base)

    def stop(self, queue=0):
        return struct.unpack("<II", self.ask(GET_VRING_BASE, struct.pack("<II", queue, 0)))[1]

    def show(self, segments, queue=0):
        """Puts one chain of (offset in memory, length, writable) into the ring and kicks."""
        at = 0x4000 * queue
        for i, (offset, size, writable) in enumerate(segments):
            last = i + 1 == len(segments)
            struct.pack_into("<QIHH", self.memory, at + 16 * i, GPA + offset, size,
                             (2 if writable else 0) | (0 if last else 1), 0 if last else i + 1)
        slot = self.shown[queue] % RING
        struct.pack_into("<H", self.memory, at + 0x2000 + 4 + 2 * slot, 0)
        self.shown[queue] = self.shown[queue] + 1 & 0xFFFF
        struct.pack_into("<H", self.memory, at + 0x2000 + 2, self.shown[queue])
        os.eventfd_write(self.kicks[queue], 1)

    def used(self, queue=0):
        return struct.unpack_from("<H", self.memory, 0x4000 * queue + 0x1000 + 2)[0]

    def await_used(self, queue=0):
        """Until the device has given back all that was shown, and has called."""
        deadline = time.monotonic() + LIMIT_S
        while self.used(queue) != self.shown[queue]:
            ready, _, _ = select.select([self.calls[queue]], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"no interrupt; used index {self.used(queue)}, shown {self.shown[queue]}"
            os.eventfd_read(self.calls[queue])

    def request(self, kind, sector, data=b"", size=0):
        """One request of a disk (virtio 5.2.6); returns its status and bytes."""
        head, body, status = 0x10000, 0x11000, 0x10100
        self.memory[head:head + 16] = struct.pack("<IIQ", kind, 0, sector)
        self.memory[status] = 0xFF
        segments = [(head, 16, False)]
        if data:
            self.memory[body:body + len(data)] = data
            segments.append((body, len(data), False))
        if size:
            segments.append((body, size, True))
        self.show([*segments, (status, 1, True)])
        self.await_used()
        return self.memory[status], bytes(self.memory[body:body + size])

    def close(self):
        self.socket.close()
        for fd in [self.fd, *self.kicks.values(), *self.calls.values()]:
            os.close(fd)
        self.memory.close()


class Device(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="volt-device-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.disk, self.path = self.folder / "disk.img", self.folder / "socket"
        self.image = bytes(range(256)) * 1024
        self.disk.write_bytes(self.image)
        self.fronts = []

    def begin(self, plugin=None, where=None, **how):
        with (self.folder / "log").open("w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "--socket", where or str(self.path), "--plugin-dir", PLUGINS, *OPTIONS,
                 plugin or f"virtio-blk,disk={self.disk}"], stdin=subprocess.DEVNULL, stderr=log, stdout=log,
                env=ENVIRONMENT, **how)
        self.addCleanup(self.kill)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def said(self):
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def connect(self):
        stream = socket.socket(socket.AF_UNIX)
        deadline = time.monotonic() + LIMIT_S
        while True:
            try:
                stream.connect(str(self.path))
                break
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    self.fail(f"nobody waits at the socket: {self.said()}")
                time.sleep(0.01)
        return self.front(stream)

    def front(self, stream):
        front = Front(stream)
        self.addCleanup(front.close)
        return front

    def serve(self, plugin=None):
        self.begin(plugin)
        return self.connect()

    def ends(self, code, text=""):
        found = self.process.wait(LIMIT_S)
        self.assertEqual(found, code, self.said())
        self.assertIn(text, self.said())

    # --- honest

    def test_disk_is_read_written_and_flushed(self):
        front = self.serve()
        front.negotiate()
        self.assertEqual(front.number(GET_QUEUES), 1)
        config = front.ask(GET_CONFIG, struct.pack("<III", 0, 60, 0) + bytes(60))
        self.assertEqual(struct.unpack_from("<Q", config, 12)[0], len(self.image) // 512)
        front.start()
        status, data = front.request(0, 3, size=4096)
        self.assertEqual((status, data), (0, self.image[3 * 512:3 * 512 + 4096]), self.said())
        self.assertEqual(front.request(1, 100, data=b"\x5a" * 1024)[0], 0)
        self.assertEqual(front.request(4, 0)[0], 0)
        self.assertEqual(front.request(0, len(self.image) // 512, size=512)[0], 1)
        self.assertEqual(front.stop(), 4)
        front.socket.shutdown(socket.SHUT_RDWR)
        self.ends(0, "the front end has left")
        wanted = self.image[:51200] + b"\x5a" * 1024 + self.image[52224:]
        self.assertEqual(self.disk.read_bytes(), wanted)

    def test_disk_goes_on_where_it_stopped(self):
        front = self.serve()
        front.negotiate()
        front.start()
        self.assertEqual(front.request(0, 0, size=512)[0], 0)
        base = front.stop()
        front.start(base=base)
        self.assertEqual(front.request(0, 8, size=512), (0, self.image[4096:4608]))
        front.give_memory()  # while the ring is served
        self.assertEqual(front.request(0, 9, size=512), (0, self.image[4608:5120]))

    def test_socket_is_gone_when_the_front_end_is_there(self):
        front = self.serve()
        front.number(GET_FEATURES)
        self.assertFalse(self.path.exists())

    def test_other_plugin_without_workers_or_files(self):
        front = self.serve("virtio-rng")
        front.negotiate()
        front.start()
        front.show([(0x10000, 64, True)])
        front.await_used()
        self.assertNotEqual(front.memory[0x10000:0x10040], bytes(64))

    def test_console_without_workers_is_kicked_by_the_loop(self):
        out = self.folder / "out"
        front = self.serve(f"virtio-console,console=file:{out}")
        front.negotiate()
        front.start(0)
        front.start(1)
        front.memory[0x10000:0x10006] = b"hello\n"
        front.show([(0x10000, 6, False)], queue=1)
        front.await_used(1)
        front.socket.shutdown(socket.SHUT_RDWR)
        self.ends(0)
        self.assertEqual(out.read_bytes(), b"hello\n")

    def test_inherited_socket(self):
        near, far = socket.socketpair()
        with far:
            self.begin(where=f"fd:{far.fileno()}", pass_fds=[far.fileno()])
        front = self.front(near)
        front.negotiate()
        front.start()
        self.assertEqual(front.request(0, 0, size=512), (0, self.image[:512]))

    # --- hostile

    def test_malformed_message_ends_it_with_its_own_code(self):
        front = self.serve()
        front.send(SET_FEATURES, b"\0" * 7)
        self.ends(107, "the front end cannot be served: a message has the wrong size")

    def test_unknown_message_ends_it_with_its_own_code(self):
        front = self.serve()
        front.send(200)
        self.ends(107, "is not one that this back end offers")

    def test_files_that_do_not_belong_there_end_it(self):
        front = self.serve()
        front.send(SET_OWNER, fds=[front.fd] * 60)
        self.ends(107, "has more files than any may have")

    def test_memory_that_is_not_there_is_refused_and_no_ring_begins(self):
        front = self.serve()
        front.negotiate()
        with self.assertRaises(AssertionError):
            front.done(SET_MEM_TABLE, struct.pack("<IIQQQQ", 1, 0, GPA, MEMORY + 4096, USER, 0), [front.fd])
        with self.assertRaises(AssertionError):
            front.start()
        self.assertIsNone(self.process.poll(), self.said())

    def test_chain_outside_of_memory_breaks_the_queue_alone(self):
        front = self.serve()
        front.negotiate()
        front.start()
        front.show([(MEMORY - 8, 16, False), (0x10000, 1, True)])
        front.number(GET_FEATURES)  # it still answers
        self.assertEqual(front.stop(), 0)
        self.assertEqual(front.used(), 0)

    def test_random_bytes_never_end_it_by_a_signal(self):
        for seed in range(12):
            with self.subTest(seed=seed):
                front = self.serve()
                state = seed
                data = bytearray()
                for _ in range(600):
                    state = (state * 1103515245 + 12345) & 0x7FFFFFFF
                    data.append(state >> 16 & (0x0F if len(data) % 12 else 0x1F))
                try:
                    front.socket.sendall(bytes(data))
                    front.socket.shutdown(socket.SHUT_WR)
                except OSError:
                    pass  # it has ended the connection
                self.assertEqual(self.process.wait(LIMIT_S), 107, self.said())
                self.path.unlink(missing_ok=True)

    # --- the start

    def test_signal_while_it_waits(self):
        self.begin()
        deadline = time.monotonic() + LIMIT_S
        while not self.path.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        self.process.send_signal(signal.SIGTERM)
        self.assertIn(self.process.wait(LIMIT_S), (128 + signal.SIGTERM, -signal.SIGTERM), self.said())

    def test_signal_while_it_serves(self):
        front = self.serve()
        front.negotiate()
        self.process.send_signal(signal.SIGTERM)
        self.ends(128 + signal.SIGTERM, "ended by SIGTERM")

    def test_what_is_not_a_virtio_device_is_refused(self):
        self.begin("exitport")
        self.ends(102, "exitport: cannot be hosted: it is not a virtio device")

    def test_transport_is_the_front_ends(self):
        self.begin(f"virtio-blk,disk={self.disk},transport=mmio")
        self.ends(102, "the front end decides here how the guest reaches the device")

    def test_device_of_another_process_is_refused(self):
        near, far = socket.socketpair()
        with near, far:
            self.begin(f"vhost-user,socket=fd:{far.fileno()},device=2", pass_fds=[far.fileno()])
            self.ends(102, "another process does this device's work already")

    def test_missing_disk(self):
        self.begin("virtio-blk,disk=/nowhere")
        self.ends(102, "/nowhere")
        self.assertFalse(self.path.exists())

    def test_socket_that_is_there_already(self):
        self.path.write_bytes(b"")
        self.begin()
        self.ends(101, "remove the file if nobody waits there any more")

    def test_file_in_the_place_of_a_socket(self):
        with self.disk.open("rb") as file:
            self.begin(where=f"fd:{file.fileno()}", pass_fds=[file.fileno()])
            self.ends(101, "cannot be used")

    def test_usage(self):
        for line in ([], ["--socket", "x"], ["virtio-rng"], ["--socket", "x", "a", "b"], ["--sock"],
                     ["--log-level", "loud"]):
            done = subprocess.run([PROGRAM, *line], capture_output=True, text=True, timeout=LIMIT_S, check=False)
            self.assertEqual(done.returncode, 100, (line, done.stderr))
            self.assertIn("volt-device: ", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
