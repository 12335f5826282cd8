# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""An honest back end of vhost-user that serves nothing, in a process of its own, for any number of front ends.

It ends when the path of its socket is gone. Messages are those of QEMU's docs/interop/vhost-user.rst.
"""

import array
import os
import selectors
import socket
import struct

HEADER = struct.Struct("=III")
REPLY, NEED_REPLY = 4, 8
GET_FEATURES, GET_VRING_BASE, GET_PROTOCOL_FEATURES, GET_QUEUE_NUM, GET_CONFIG = 1, 11, 15, 17, 24
FEATURES = 1 << 32 | 1 << 30 | 1 << 29 | 1 << 28
MQ, REPLY_ACK, CONFIG = 1 << 0, 1 << 3, 1 << 9
NUMBERS = {GET_FEATURES: FEATURES, GET_PROTOCOL_FEATURES: MQ | REPLY_ACK | CONFIG, GET_QUEUE_NUM: 16}


def receive(peer, count):
    """So many bytes; the descriptors with them are closed. Fewer: the peer is gone."""
    got = b""
    while len(got) < count:
        part, control, _, _ = peer.recvmsg(count - len(got), socket.CMSG_SPACE(64))
        for _, _, data in control:
            fds = array.array("i", data[:len(data) - len(data) % 4])
            for fd in fds:
                os.close(fd)
        if not part:
            return got
        got += part
    return got


def answer(request, body):
    if request in NUMBERS:
        return struct.pack("=Q", NUMBERS[request])
    if request in (GET_VRING_BASE, GET_CONFIG):
        return body
    return struct.pack("=Q", 0)


def serve(peer):
    """One message; False: the peer is gone."""
    head = receive(peer, HEADER.size)
    if len(head) < HEADER.size:
        return False
    request, flags, size = HEADER.unpack(head)
    body = receive(peer, size)
    if request in NUMBERS or request in (GET_VRING_BASE, GET_CONFIG) or flags & NEED_REPLY:
        reply = answer(request, body)
        peer.sendall(HEADER.pack(request, flags | REPLY, len(reply)) + reply)
    return len(body) == size


def serve_all(listener, path):
    waiting = selectors.DefaultSelector()
    waiting.register(listener, selectors.EVENT_READ)
    while os.path.exists(path):
        for key, _ in waiting.select(1):
            if key.fileobj is listener:
                waiting.register(listener.accept()[0], selectors.EVENT_READ)
                continue
            try:
                there = serve(key.fileobj)
            except OSError:
                there = False
            if not there:
                waiting.unregister(key.fileobj)
                key.fileobj.close()


def start(path):
    """Returns when it listens."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(64)
    if os.fork() == 0:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for fd in range(3):
            os.dup2(null, fd)
        try:
            serve_all(listener, path)
        finally:
            os._exit(0)
    listener.close()
