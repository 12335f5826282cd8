# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Overlays after SIGKILL and after a power cut, read by docs/overlay.md and not by volt's code.

A writer is killed before each of its system calls in turn. Then each sector must hold what a disk
with a volatile cache may hold: what was stable at the last flush, or something written since.
"""

import functools
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

SECTORS = 256
PAGE = 4096


@functools.cache
def digest(data):
    """FNV-1a, 64 bits, of the base's first 64 KiB."""
    total = 0xCBF29CE484222325
    for byte in data[:65536]:
        total = ((total ^ byte) * 0x100000001B3) % (1 << 64)
    return total


def read_overlay(own, base):
    """The disk's bytes."""
    magic, version, cluster, size, map_at, map_bytes, data_at, total = struct.unpack_from(
        "<8sIIQQQQQ", own)
    assert magic == b"VOLTOVL\n" and version == 1, (magic, version)
    assert cluster == 4096 and size == len(base) and map_at == 4096, (cluster, size, map_at)
    assert map_bytes == 4096 and data_at == 65536 and len(own) == data_at + size
    assert total == digest(base) and not any(own[56:4096])
    disk = bytearray(base)
    for number in range(size // cluster):
        if own[map_at + number // 8] >> number % 8 & 1:
            at = number * cluster
            disk[at:at + cluster] = own[data_at + at:data_at + at + cluster]
    return bytes(disk)


def allowed(lines, base):
    """For each sector the contents that it may have, and the number of requests that were done."""
    may = [[base[s * 512:s * 512 + 512]] for s in range(SECTORS)]
    now = [history[0] for history in may]
    done = 0
    for index, line in enumerate(lines):
        if line == "done":
            done += 1
            continue
        word, number, sector, count = line.split()
        ended = index + 1 < len(lines)
        if word == "flush" and ended:
            may = [[value] for value in now] if not discarded(lines[:index]) else forget(may, now)
        if word == "flush":
            continue
        for s in range(int(sector), int(sector) + int(count)):
            value = bytes(512)
            if word == "write":
                value = struct.pack("<I", int(number) << 16 | s) * 128
            may[s].append(value)
            if word != "discard":
                now[s] = value
    return may, done


def discarded(lines):
    return any(line.startswith("discard") for line in lines)


def forget(may, now):
    """After a discard a sector holds the old bytes or zeroes, which no flush decides."""
    kept = []
    for history, value in zip(may, now):
        last = len(history) - 1 - history[::-1].index(value)
        kept.append(history[last:])
    return kept


def check(own, base, may, what):
    disk = read_overlay(own, base)
    for s in range(SECTORS):
        found = disk[s * 512:s * 512 + 512]
        assert found in may[s], f"{what}: sector {s} holds {found[:8].hex()}, may hold " + \
            " ".join(value[:8].hex() for value in may[s])


def after_power_cut(live, stable, seed):
    """Any of the pages that were not synced may be lost, and each by itself."""
    choose = random.Random(seed)
    pages = [choose.choice((live, stable))[at:at + PAGE] for at in range(0, len(live), PAGE)]
    return b"".join(pages)


def run(writer, folder, base, seed, call):
    """One writer, killed before its call number `call`. False: it came to its end."""
    (folder / "own").write_bytes(b"")
    done = subprocess.run([writer, folder, str(seed), str(call)], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode in (0, -signal.SIGKILL), (done.returncode, done.stderr)
    may, answered = allowed(done.stdout.splitlines(), base)
    live, stable = (folder / "own").read_bytes(), (folder / "stable").read_bytes()
    what = f"seed {seed}, killed before call {call}, {answered} requests answered"
    check(live, base, may, what)
    for round_ in range(3):
        check(after_power_cut(live, stable, round_), base, may, what + f", power cut {round_}")
    return done.returncode != 0


def main():
    seed = int(os.environ.get("VOLT_FUZZ_SEED", random.randrange(1 << 30)))
    print(f"VOLT_FUZZ_SEED={seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="volt-overlay-") as name:
        folder = Path(name)
        base = random.Random(seed).randbytes(SECTORS * 512)
        (folder / "base").write_bytes(base)
        call = 1
        while run(sys.argv[1], folder, base, seed, call):
            call += 1
    print(call - 1, "crashes")
    assert call > 30


if __name__ == "__main__":
    main()
