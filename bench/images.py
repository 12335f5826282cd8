# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Kernels that do next to nothing: an ELF64 vmlinux as large as a real one, whose first
instructions are its last. Each has a PVH note too, and code that means the same in 32-bit and in
64-bit mode, so that every monitor can start it."""

import struct

BASE = 0x1000000
MIB = 1 << 20
PT_LOAD, PT_NOTE = 1, 4
XEN_ELFNOTE_PHYS32_ENTRY = 18

# mov $0x3f8, %edx; mov $'R', %al; out %al, (%dx): the byte that says "a guest runs"; a newline
SAY = bytes.fromhex("baf8030000 b052 ee b00a ee")
# mov $0xf4, %edx; mov $0, %al; out %al, (%dx)
END = bytes.fromhex("baf4000000 b000 ee")
# hlt; jmp to it
SLEEP = bytes.fromhex("f4 ebfd")


def noise(size):
    """Bytes that no file system stores as a hole or shares with another file."""
    state, words = 0x9E3779B9, []
    for _ in range(1024):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        words.append(state)
    page = struct.pack("<1024I", *words)
    return (page * (size // len(page) + 1))[:size]


def vmlinux(code, text_mib, data_mib, bss_mib):
    """Text and data in the file, page-aligned in it as the linker of Linux does, and a bss."""
    text = code + noise(text_mib * MIB - len(code))
    data = noise(data_mib * MIB)
    note = struct.pack("<3I4sI", 4, 4, XEN_ELFNOTE_PHYS32_ENTRY, b"Xen\0", BASE)
    at = {"text": 0x1000, "data": 0x1000 + len(text), "note": 0x1000 + len(text) + len(data)}
    heads = struct.pack("<II6Q", PT_LOAD, 5, at["text"], BASE, BASE, len(text), len(text), 0x1000)
    where = BASE + len(text)
    if data or bss_mib:
        heads += struct.pack("<II6Q", PT_LOAD, 6, at["data"], where, where, len(data),
                             len(data) + bss_mib * MIB, 0x1000)
    heads += struct.pack("<II6Q", PT_NOTE, 4, at["note"], 0, 0, len(note), len(note), 4)
    elf = b"\x7fELF\x02\x01\x01" + bytes(9)
    elf += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, BASE, 64, 0, 0, 64, 56,
                       len(heads) // 56, 64, 0, 0)
    return (elf + heads).ljust(at["text"], b"\0") + text + data + note


def write_all(bench):
    """start says R and ends the VM, idle says R and sleeps; small ones are of 1 MB."""
    kernels = {"start": vmlinux(SAY + END + SLEEP, 13, 6, 2),
               "idle": vmlinux(SAY + SLEEP, 13, 6, 2),
               "small-start": vmlinux(SAY + END + SLEEP, 1, 0, 0),
               "small": vmlinux(SAY + SLEEP, 1, 0, 0)}
    for name, image in kernels.items():
        path = bench.path(f"{name}.elf")
        if not path.exists() or path.read_bytes() != image:
            path.write_bytes(image)
        bench.kernels[name] = path
    bench.kernels["guest"] = bench.path("guest.elf")
