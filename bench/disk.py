# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""A disk: requests of Linux in the lab, beside the peers that have one; what a request, a kick and an
interrupt cost by number; what a disk adds to a VM."""

import json
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from kit import ROOT, Problem, Table, column, figure, median, paired, say
from memory import Group, above_guest
from probe import CountingLab

sys.path.insert(0, str(ROOT / "tests" / "lab"))
import lab as labs  # noqa: E402

TITLE = "Disk"
PLACE = "/lab/bench"
WORDS = 'console=ttyS0 reboot=t panic=-1 quiet volt.run="/bin/loop"'
LIMIT_S = 5400
IMAGE_BYTES = 64 << 20
MEMORY_MIB = 256
REQUESTS = 4096  # of a run that is counted; another has twice as many
# The budget: to the peer's best, calls of a request one at a time and 32 at a time, exits and kicks.
GOAL_RATIO, GOAL_CALLS_1, GOAL_CALLS_32 = 0.45, 3, 1
GOAL_EXITS_MMIO, GOAL_KICKS = 2, 1
GOAL_KINDS, GOAL_PSS_KIB, GOAL_START_MS = 16, 128, 0.3
MMIO = "d0000000 17"  # docs/plugins.md, Places
AT_RANDOM, IN_A_ROW = "at random places", "in a row"
NUMBERED = [*((transport, depth, AT_RANDOM) for transport in ("pci", "mmio") for depth in (1, 32)),
            ("pci", 32, IN_A_ROW)]
ROW = re.compile(r"^row (\w+) (\d+) (\d+) (\d+) ([\d.]+)\r?$", re.MULTILINE)
LOOP = """#!/bin/sh
echo none >/sys/block/vda/queue/scheduler
/bin/diskloop {words} /dev/vda
"""


# --- Linux in the lab -------------------------------------------------------------------------


def initramfs(bench):
    """volt-init, and the program that times requests."""
    output, script = bench.path("disk.cpio.gz"), bench.path("loop")
    script.write_text(LOOP.format(words="-q" if bench.quick else ""))
    script.chmod(0o755)
    command = [sys.executable, ROOT / "volt-init/pack.py", "--init", bench.build / "volt-init/volt-init",
               "--add", f"{labs.busybox()}=/bin/busybox", "--link", "/bin/sh=busybox",
               "--add", f"{bench.path('diskloop')}=/bin/diskloop", "--add", f"{script}=/bin/loop"]
    for path in labs.module_files(labs.fetch()["modules"], ["virtio_pci", "virtio_mmio", "virtio_blk"]):
        command += ["--module", path]
    bench.run([*command, "-o", output])
    return output


def monitors(peers):
    """{name: words}, each with a disk in the lab's page cache; Volt over PCI, as a peer is."""
    kernel, initrd, image = "/lab/vmlinux", f"{PLACE}/disk.cpio.gz", f"{PLACE}/disk.img"
    volt = ["volt", "--kernel", kernel, "--cmdline", WORDS, "--initrd", initrd, "--memory",
            f"{MEMORY_MIB}M", "--plugin", "default"]
    found = {"Volt": [*volt, "--plugin", "pci", "--plugin", f"virtio-blk,disk={image}"],
             "Volt, MMIO": [*volt, "--plugin", f"virtio-blk,disk={image}"]}
    for peer in peers:
        found[peer.name] = [*peer.command(kernel, memory=MEMORY_MIB, cmdline=WORDS, initrd=initrd),
                            *(word.format(disk=image) for word in peer.told["disk"])]
    return found


def rows_of(text, name):
    rows = {(kind, int(size), int(depth)): {"ns": int(ns), "interrupts": float(interrupts)}
            for kind, size, depth, ns, interrupts in ROW.findall(text)}
    if "diskloop: all rows" not in text:
        raise Problem(f"{name} in the lab: not all rows came: {text[-400:]}")
    return rows


def in_lab(bench, peers):
    """{monitor: {(kind, bytes, depth): {ns, interrupts}}}, and the plain loop on the lab's file."""
    files = {f"{PLACE}/disk.cpio.gz": initramfs(bench), f"{PLACE}/diskloop": bench.path("diskloop")}
    for peer in peers:
        files.update(peer.lab_files(labs.libraries))
    found = {}
    with CountingLab(build=bench.build, files=files) as lab:
        for name, command in monitors(peers).items():
            say(f"disk: {name}, in a lab that counts instructions")
            lab.check(f"rm -f {PLACE}/disk.img; dd if=/dev/zero of={PLACE}/disk.img bs=1M "
                      f"count={IMAGE_BYTES >> 20} 2>/dev/null")
            # Few lines leave the machine: see probe.py.
            text = lab.run(f"{shlex.join(map(str, command))} </dev/null >/tmp/out 2>&1; "
                           "grep -E '^(row|diskloop)' /tmp/out || tail -n 5 /tmp/out", LIMIT_S)[1]
            found[name] = rows_of(text, name)
    return found


def lab_table(found):
    names = list(found)
    rows = []
    for key, first in found["Volt"].items():
        kind, size, depth = key
        cells = [f"{found[name][key]['ns'] / 1000:.1f}" for name in names]
        ratios = [f"{first['ns'] / found[name][key]['ns']:.2f}" for name in names[2:]]
        rows.append([f"{kind}, {size >> 10} KiB, {depth} at a time", *cells, *ratios,
                     f"{first['interrupts']:.2f}"])
    return Table("A request of Linux in the lab, microseconds of an instruction per nanosecond",
                 ["Request", *names, *(f"Volt to {name}" for name in names[2:]),
                  "Volt's interrupts a request"], rows,
                 "Debian's kernel, O_DIRECT by libaio's calls, no scheduler; the image in the page cache. "
                 "A flush is one after a write of 4 KiB.")


# --- by number, on this host ------------------------------------------------------------------


def drive(bench, guest, how, *before):
    """Standard output and error of a bare-metal guest with one disk."""
    image = bench.path("disk.img")
    image.write_bytes(bytes(2 << 20))
    command = [str(word) for word in (*before, *bench.volt_command(
        bench.path("disk"), "--cmdline", guest, "--log-level", "debug",
        plugins=["serial,console=stdio", "i8042", "exitport", *how]))]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          errors="replace", timeout=600)
    if done.returncode:
        raise Problem(f"'{' '.join(command)}' ended with {done.returncode}: {done.stdout} {done.stderr[-400:]}")
    return done.stdout + done.stderr


def count_calls(bench, guest, how):
    log = bench.path("strace")
    drive(bench, guest, how, "strace", "-f", "-qq", "-c", "-o", log)
    return int(re.search(r"^\S+ +\S+ +(?:\S+ +)?(\d+) +(?:\d+ +)?total$", log.read_text(), re.M)[1])


def more(bench, count, row, how):
    """What REQUESTS more requests add."""
    transport, depth, order = row
    where = f" {MMIO}" if transport == "mmio" else ""
    word = "run" if order == IN_A_ROW else "batch"
    guests = [f"{word}-{transport} {REQUESTS * n:x} {depth:x} 1{where}" for n in (1, 2)]
    values = [count(bench, guest, how) for guest in guests]
    return values[1] - values[0]


def count_exits(bench, guest, how):
    return int(re.search(r"exits (\d+),", drive(bench, guest, how))[1])


def count_of(word):
    def count(bench, guest, how):
        return int(re.search(rf"{word} ([0-9a-f]+)", drive(bench, guest, how))[1], 16)
    return count


def by_number(bench):
    found = {}
    for row in NUMBERED:
        bus = ["pci"] if row[0] == "pci" else []
        plain = [*bus, f"virtio-blk,disk={bench.path('disk.img')}"]
        found[row] = {"kicks": more(bench, count_of("kicks"), row, plain),
                      "interrupts": more(bench, count_of("interrupts"), row, plain),
                      "exits": more(bench, count_exits, row, plain)}
        if shutil.which("strace"):
            found[row]["calls"] = more(bench, count_calls, row, plain)
            found[row]["ring"] = more(bench, count_calls, row, [*bus, plain[-1] + ",io=ring"])
    return found


def number_table(found):
    rows = []
    for (transport, depth, order), row in found.items():
        batches = REQUESTS / depth
        rows.append([f"{transport}, {depth} at a time, {order}", *(
            f"{row[key] / REQUESTS:.2f}" if key in row else "not counted" for key in ("calls", "ring")),
            f"{row['kicks'] / batches:.2f}", f"{row['interrupts'] / batches:.2f}",
            f"{row['exits'] / row['interrupts']:.2f}"])
    return Table("Reads of 4 KiB, by number",
                 ["Requests", "Calls a request", "Calls, `io=ring`", "Kicks a batch",
                  "Interrupts a batch", "Exits an interrupt"], rows,
                 "A bare-metal guest; a batch is so many requests with one kick. Calls are those of the "
                 "whole process (strace), KVM_RUN and interrupts among them.")


# --- what it adds to a VM ---------------------------------------------------------------------


def kinds_of_calls(bench, image):
    """Of a VM with a disk and a network."""
    with tempfile.TemporaryDirectory(prefix="volt-bench-") as folder:
        path = Path(folder) / "net"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen(4)
            page = json.loads(bench.run([bench.volt, "explain", "--json", "--plugin", "default", "--plugin",
                                         f"virtio-blk,disk={image}", "--plugin", f"virtio-net,socket=unix:{path}"]))
    return sorted({rule["syscall"] for thread in page["threads"] for rule in thread["rules"]})


def pss(bench, image):
    found = {"without": [], "with": []}
    for _ in range(bench.count(10, 4)):
        for name, plugins in (("without", ["default"]), ("with", ["default", f"virtio-blk,disk={image}"])):
            with Group(bench.volt_command(bench.kernels["idle"], plugins=plugins)) as group:
                group.start(1)
                pid = group.processes[0].pid
                found[name].append(above_guest(Path(f"/proc/{pid}/smaps").read_text(), 128)["pss"])
    return found


def start(bench, image):
    kernel = bench.kernels["start"]
    return bench.alternate({"without": bench.volt_command(kernel, plugins=["default"]),
                            "with": bench.volt_command(kernel, plugins=["default", f"virtio-blk,disk={image}"])},
                           bench.count(40, 10))


def row_goals(found):
    goals = []
    for name in list(found)[2:]:
        for key, first in found["Volt"].items():
            is_now = first["ns"] / found[name][key]["ns"]
            goals.append((f"disk, {key[0]} of {key[1] >> 10} KiB, {key[2]} at a time, to {name}",
                          f"{GOAL_RATIO} times", f"{is_now:.2f} times", is_now / GOAL_RATIO))
    return goals


def number_goals(numbers):
    one, many = numbers["pci", 1, AT_RANDOM], numbers["pci", 32, AT_RANDOM]
    row, mmio = numbers["pci", 32, IN_A_ROW], numbers["mmio", 1, AT_RANDOM]
    exits = mmio["exits"] / mmio["interrupts"]
    kicks = many["kicks"] / (REQUESTS / 32)
    goals = [("disk, exits of an interrupt over MMIO", GOAL_EXITS_MMIO, f"{exits:.2f}",
              exits / GOAL_EXITS_MMIO),
             ("disk, exits of an interrupt over PCI", 0, f"{one['exits'] / REQUESTS:.2f}",
              1 if one["exits"] == 0 else 2),
             ("disk, kicks of a batch", GOAL_KICKS, f"{kicks:.2f}", kicks / GOAL_KICKS)]
    for what, count, goal in (("one at a time", one.get("calls"), GOAL_CALLS_1),
                              ("32 in a row", row.get("calls"), GOAL_CALLS_32),
                              ("32 at random places", many.get("calls"), GOAL_CALLS_32),
                              ("32 at random places, io=ring", many.get("ring"), GOAL_CALLS_32)):
        if count is not None:
            each = count / REQUESTS
            goals.append((f"disk, system calls of a request, {what}", goal, f"{each:.2f}", each / goal))
    return goals


def measure(bench):
    peers = [peer for peer in bench.peers if peer.in_lab and "disk" in peer.told]
    image = bench.path("disk.img")
    say("disk: calls, kicks, interrupts and exits by number")
    numbers = by_number(bench)
    say("disk: memory and start with and without one")
    image.write_bytes(bytes(2 << 20))
    kinds, memory, begun = kinds_of_calls(bench, image), pss(bench, image), start(bench, image)
    try:
        found = in_lab(bench, peers)
    except labs.LabError as error:
        raise Problem(str(error)) from None
    added = median(memory["with"]) - median(memory["without"])
    later = paired(column(begun["with"], "first"), column(begun["without"], "first"))
    goals = [*row_goals(found), *number_goals(numbers),
             ("disk and network, system calls of a VM", GOAL_KINDS, len(kinds), len(kinds) / GOAL_KINDS),
             ("disk, PSS", f"{GOAL_PSS_KIB} KiB", f"{added:.0f} KiB", added / GOAL_PSS_KIB),
             ("disk, start", f"{GOAL_START_MS} ms", f"{median(later):.2f} ms", median(later) / GOAL_START_MS)]
    text = (f"Goals: at most {GOAL_RATIO} of a peer's path in each row; {GOAL_CALLS_1} system calls a request "
            f"one at a time and under {GOAL_CALLS_32} at 32; at most {GOAL_EXITS_MMIO} exits to user space "
            f"for an interrupt over MMIO and none over PCI; a kick and an interrupt a batch; a VM with disk and "
            f"network makes at most {GOAL_KINDS} kinds of calls; a disk adds at most {GOAL_PSS_KIB} KiB of PSS and "
            f"{GOAL_START_MS} ms to the start. Its calls: {', '.join(kinds)}.")
    return {"text": text, "goals": goals,
            "tables": [lab_table(found), number_table(numbers),
                       Table("What a disk adds to a VM", ["", "Without (quartiles)", "With", "More"],
                             [["PSS, KiB", figure(memory["without"], 0), figure(memory["with"], 0),
                               f"{added:.0f}"],
                              ["start, ms", figure(column(begun["without"], "first")),
                               figure(column(begun["with"], "first")), f"{median(later):.2f}"]])],
            "plots": [],
            "data": {"lab": {name: {" ".join(map(str, key)): row for key, row in rows.items()}
                             for name, rows in found.items()},
                     "numbers": {" ".join(map(str, key)): row for key, row in numbers.items()},
                     "calls": kinds, "pss_kib": memory, "start": begun}}
