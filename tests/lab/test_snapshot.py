# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Linux is saved again and again, each time in another process, and notices nothing.

It prints a line each second, with a nonce that it drew at its start, so that a reboot cannot pass for
a restore, a counter, and its uptime. VOLT_GENERATIONS is how many processes a guest goes through.
"""

import hashlib
import os
import re
import sys
import tempfile
from pathlib import Path

from cases import LIMIT_S, NO_IOAPIC, expect, run, volt
from lab import LabUnavailable
from test_virtio import DISK, _image, _pack
from test_virtio import INITRD as DISK_INITRD

SHELL = "/lab/initramfs-sh.cpio.gz"
GENERATIONS = int(os.environ.get("VOLT_GENERATIONS", "4"))
LOAD = ("read nonce </proc/sys/kernel/random/uuid; i=0; while :; do read up rest </proc/uptime; "
        "echo tick $i $nonce $up; i=$((i+1)); sleep 1; done")
# Beside it a timer on each of two processors, whose loops stay where they are.
BEATS = ("for c in 1 2; do busybox taskset $c sh -c 'i=0; while :; do echo beat '$c' $i; i=$((i+1)); "
         "busybox sleep 1; done' & done; " + LOAD)
BLOCK = 50  # from which the disk is written, in units of 64 KiB
DISK_LOAD = ("read nonce </proc/sys/kernel/random/uuid; i=0; while :; do read up rest </proc/uptime; "
             f"dd if=/dev/vda of=/dev/vda bs=64k count=1 seek=$(({BLOCK}+i)) conv=notrunc,fsync 2>/dev/null || break; "
             "dd if=/dev/hwrng of=/dev/null bs=64 count=1 2>/dev/null || break; "
             "echo tick $i $nonce $up; i=$((i+1)); busybox sleep 1; done")
# A guest's watchdog and RCU write to the console, and so does a clocksource that is given up.
WORRIES = re.compile(r"soft lockup|blocked for more|self-detected stall|marking .* unstable|Call Trace")
BEAT = re.compile(r"^beat ([12]) (\d+)\r?$", re.MULTILINE)
TICK = re.compile(r"^tick (\d+) (\S+) (\d+)\.\d+\r?$", re.MULTILINE)

# Starts generation N, waits for its third tick, saves and ends it.
STEP = """
rm -f /tmp/{n}.sock; : >/tmp/{n}.out  # those of an earlier case would be taken for this one's
( {command} --snapshot --plugin control,socket=unix:/tmp/{n}.sock --log-file /tmp/{n}.log \
  >/tmp/{n}.out 2>/tmp/{n}.err </dev/null; echo "volt ended with $?" >>/tmp/{n}.err ) &
i=0
until test $(grep -c '^tick' /tmp/{n}.out) -ge 3; do
  i=$((i+1)); test $i -lt {limit} || break; sleep 1
done
volt snapshot save --stop --timeout 60 /tmp/{n}.sock /tmp/s{n}
wait
echo "after $i s:"; cat /tmp/{n}.err /tmp/{n}.log
"""


def _step(lab, command, n):
    """What generation N printed; it was saved then, and ended."""
    output = lab.check(STEP.format(command=command, n=n, limit=LIMIT_S), 2 * LIMIT_S + 60)
    printed = lab.check(f"cat /tmp/{n}.out")
    expect("MiB of memory" in output, f"generation {n} could not be saved", printed + output)
    return printed


def _steps(lab, words, initrd=SHELL, load=LOAD):
    """What all generations printed, one after the other."""
    words += " --memory 96M"
    printed = ""
    lab.check("rm -rf /tmp/s? /tmp/*.out /tmp/*.sock")
    for n in range(GENERATIONS):
        command = (volt(words, initrd=initrd, run=load, append="loglevel=5") if n == 0
                   else f"volt --restore /tmp/s{n - 1} {words}")
        printed += _step(lab, command, n)
        lab.check(f"rm -rf /tmp/s{n - 1}")
    return printed


def _check(printed):
    """How many ticks there were."""
    ticks = TICK.findall(printed)
    expect(len({nonce for _, nonce, _ in ticks}) == 1, "the guest was booted again", printed)
    expect([int(n) for n, _, _ in ticks] == list(range(len(ticks))), "lost or doubled ticks", printed)
    expect(len(ticks) >= 3 * GENERATIONS, "too few ticks", printed)
    ups = [int(up) for _, _, up in ticks]
    expect(ups == sorted(ups), "the clock went back", printed)
    expect(not WORRIES.search(printed), "the guest noticed", printed)
    print(f"{GENERATIONS} generations, {len(ticks)} ticks", flush=True)
    return len(ticks)


def _check_beats(printed):
    """Each processor's timer fires in each generation: three seconds at least, of which the save may
    take one, and a line may be cut by another one."""
    for cpu in "12":
        beats = [int(n) for found, n in BEAT.findall(printed) if found == cpu]
        expect(len(beats) >= 2 * GENERATIONS, f"too few beats of processor {cpu}", printed)
        expect(beats == sorted(set(beats)), f"beats of processor {cpu} came twice", printed)


def _notices_nothing(lab, words):
    _check(_steps(lab, words))


def one_vcpu_with_the_in_kernel_irqchip_goes_on(lab):
    _notices_nothing(lab, NO_IOAPIC)


def two_vcpus_with_ioapic_go_on(lab):
    printed = _steps(lab, NO_IOAPIC + " --plugin ioapic --cpus 2", load=BEATS)
    _check(printed)
    _check_beats(printed)


def _disk_and_random_bytes_go_on(lab, words):
    """Each tick writes the first block of the disk to another place, and reads random bytes."""
    lab.check(f"cp {DISK} /tmp/disk.img")
    ticks = _check(_steps(lab, words + " --plugin virtio-rng --plugin virtio-blk,disk=/tmp/disk.img",
                          DISK_INITRD, DISK_LOAD))
    found = hashlib.sha256(lab.read("/tmp/disk.img")).hexdigest()
    wanted = []
    for blocks in (ticks, ticks + 1):  # the last write may have come before its tick
        image = bytearray(_image())
        for place in range(BLOCK, BLOCK + blocks):
            image[place << 16:place + 1 << 16] = image[:1 << 16]
        wanted.append(hashlib.sha256(image).hexdigest())
    expect(found in wanted, "the disk holds other bytes than were written")


def disk_and_random_bytes_go_on_with_the_in_kernel_irqchip(lab):
    _disk_and_random_bytes_go_on(lab, NO_IOAPIC)


def disk_and_random_bytes_go_on_over_pci_with_ioapic(lab):
    _disk_and_random_bytes_go_on(lab, NO_IOAPIC + " --plugin ioapic --plugin pci")


def copies_know_who_they_are(lab):
    """Their wall clock stood still between save and restore, for 20 seconds at least."""
    load = ("read nonce </proc/sys/kernel/random/uuid; i=0; while :; do "
            "read name </proc/sys/kernel/hostname; read new </proc/sys/kernel/random/uuid; "
            "echo is $i $nonce $name $new $(busybox date +%s); i=$((i+1)); echo tick $i $nonce 1.0; "
            "test $i -lt 400 || break; busybox sleep 1; done")
    words = NO_IOAPIC + " --memory 96M --plugin vmgenid --plugin vmclock"
    command = volt(words, initrd=SHELL, run=load, append="loglevel=5")
    _step(lab, command, 0)
    lab.check("sleep 20")
    nonces, drawn = set(), set()
    for n in (1, 2):
        command = f"volt --restore /tmp/s0 {words} --identity hostname=copy-{n}"
        before = int(lab.check("date +%s").split()[-1])
        printed = _step(lab, command, n)
        lab.check(f"rm -rf /tmp/s{n}")
        after = int(lab.check("date +%s").split()[-1])
        expect("restored: this is another VM now" in printed, "it was not told", printed)
        found = re.findall(rf"^is \d+ (\S+) copy-{n} (\S+) (\d+)", printed, re.MULTILINE)
        expect(found, "it does not have its name", printed)
        nonce, new, date = found[-1]
        nonces.add(nonce)
        drawn.add(new)
        expect(before <= int(date) <= after, f"{date} is not between {before} and {after}", printed)
        expect(not WORRIES.search(printed), "the guest noticed", printed)
    expect(len(nonces) == 1, "the guest was booted again")
    expect(len(drawn) == 2, "two copies drew one number")
    lab.check("rm -rf /tmp/s0")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="volt-lab-") as folder:
        packed, disk = Path(folder) / "initramfs.cpio.gz", Path(folder) / "disk.img"
        try:
            _pack(packed)
        except LabUnavailable as problem:
            print(f"SKIP: {problem}")
            sys.exit(1 if os.environ.get("VOLT_MUST_WORK") == "1" else 77)
        disk.write_bytes(_image())
        run(globals(), files={DISK_INITRD: packed, DISK: disk})
