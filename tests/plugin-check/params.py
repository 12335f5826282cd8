# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""What plugins of this tree must be given to do anything: for `volt-plugin check --params`.

Called with FOLDER PLUGIN, makes the files that the plugin is to have in FOLDER and prints its
parameters: none for most.
"""

import pathlib
import struct
import sys

import backend


def disk(folder):
    path = folder / "disk"
    path.write_bytes(bytes(65536))
    return f"disk={path}"


def pmem(folder):
    path = folder / "memory"
    path.write_bytes(bytes(2 << 20))
    return f"file={path}"


def recording(folder):
    """An empty one: volt/recording.h."""
    path = folder / "recording"
    path.write_bytes(struct.pack("<8sII48s", b"VOLTREC1", 32, 0, b"device"))
    return f"from={path}"


def text(folder):
    path = folder / "text"
    path.touch()
    return f"file={path}"


def listening(folder):
    return f"socket=unix:{folder / 'socket'}"


def served(folder):
    path = folder / "backend"
    if not path.exists():
        backend.start(path)
    return f"socket=unix:{path},device=2,queues=2"


def tap(folder):
    return "tap=tap0"


NEEDED = {"control": listening, "prometheus": text, "replay": recording, "vhost-user": served,
          "virtio-blk": disk, "virtio-net": tap, "virtio-pmem": pmem}


def make(folder, name):
    """The parameters of plugin `name`, with their files in `folder`; "" if it needs none."""
    return NEEDED[name](pathlib.Path(folder)) if name in NEEDED else ""


if __name__ == "__main__":
    print(make(*sys.argv[1:3]))
