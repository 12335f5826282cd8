# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""virtio-pmem, driven by guests/pmem.c: a file that guests have as memory, shared, private or only read."""

import json
import os
import re
import signal
import subprocess

from cases_snapshot import Saving
from vm import Case, LIMIT, Setup

MIB = 1 << 20
# The first place that the host gives out, and the highest free line: docs/plugins.md, Places.
MMIO = "d0000000 17"
PAGE = 4096


def total(content):
    """As the guest adds it up."""
    numbers = memoryview(content + bytes(-len(content) % PAGE)).cast("Q")
    return (sum(numbers[::512]) + sum(numbers[511::512])) % 2**64


def mapping(pid, path):
    """What proc_pid_smaps(5) says of a process's mapping of the file, in KiB."""
    found, inside = {}, False
    with open(f"/proc/{pid}/smaps", encoding="ascii", errors="replace") as file:
        for line in file:
            head = re.match(r"[0-9a-f]+-[0-9a-f]+ ", line)
            if head:
                inside = line.rstrip().endswith(str(path))
            elif inside and line.rstrip().endswith(" kB"):
                key, value = line.split(":")
                found[key] = found.get(key, 0) + int(value.split()[0])
    return found


class Pmem(Case):
    def image(self, size, name="memory"):
        return self.file(os.urandom(size), name=name)

    def begin(self, case, path, more="", options=()):
        return self.start("pmem", f"{case} {MMIO}", (f"virtio-pmem,file={path}{more}",),
                          ("--log-level", "debug", *options), stdin=subprocess.PIPE)

    def go_on(self, run):
        run.send(b"x")
        self.check_end(run, 0)

    def stop(self, run):
        run.signal(signal.SIGTERM)
        self.check_end(run, 128 + signal.SIGTERM)

    def test_writes_reach_the_file(self):
        path = self.image(4 * MIB)
        run = self.begin("write", path)
        run.expect("written ")
        content = path.read_bytes()
        for page in range(4 * MIB // PAGE):
            self.assertEqual(int.from_bytes(content[page * PAGE:page * PAGE + 8], "little"), page + 1)
        self.go_on(run)
        self.assertIn(f"sum {total(content):x} ".encode(), run.out, run.story())
        self.assertEqual(self.counters(run)["virtio-pmem: flushes"], 1, run.story())

    def test_private_writes_do_not(self):
        path = self.image(2 * MIB)
        before = path.read_bytes()
        runs = [self.begin("write", path, ",private=on") for _ in range(2)]
        for run in runs:
            run.expect("written ")
            self.go_on(run)
        self.assertEqual(path.read_bytes(), before)

    def test_only_read_writes_are_dropped_and_counted(self):
        path = self.image(2 * MIB)
        path.chmod(0o400)
        run = self.begin("refused", path, ",readonly=on")
        self.check_end(run, 0)
        self.assertEqual(self.counters(run)["virtio-pmem: dropped"], 2, run.story())

    def test_behind_a_file_are_zeros(self):
        path = self.image(2 * MIB + 5 * PAGE + 16)
        run = self.begin("read", path, ",readonly=on")
        run.expect("read ")
        self.stop(run)
        self.assertIn(f"sum {total(path.read_bytes()):x} ".encode(), run.out, run.story())

    def test_twenty_vms_share_one_copy(self):
        """Each has all pages of the file mapped; the file's pages are there once."""
        path, count = self.image(4 * MIB), 20
        runs = [self.begin("read", path, ",readonly=on", ("--memory", "20M")) for _ in range(count)]
        for run in runs:
            run.expect("read ")
        found = [mapping(run.pid, path) for run in runs]
        for one in found:
            # All of it, less what a host that is short of memory may have unmapped.
            self.assertGreater(one["Rss"], 3 * 1024, one)
            self.assertEqual(one["Private_Dirty"] + one["Anonymous"], 0, one)
        self.assertLess(sum(one["Pss"] for one in found), 5 * 1024)
        for run in runs:
            self.stop(run)
            self.assertIn(f"sum {total(path.read_bytes()):x} ".encode(), run.out, run.story())

    # HOLDS(security)
    def test_a_file_that_became_shorter_ends_the_vm_with_a_line(self):
        for more in "", ",readonly=on", ",private=on":
            with self.subTest(more=more):
                path = self.image(2 * MIB)
                run = self.start("pmem", f"lost {MMIO} 100", (f"virtio-pmem,file={path}{more}",),
                                 stdin=subprocess.PIPE)
                run.expect("whole ")
                os.truncate(path, MIB)
                run.send(b"x")
                self.assertEqual(run.wait(LIMIT), 106, run.story())
                self.assertIn("a mapped file that became shorter", "\n".join(run.log()), run.story())

    def test_a_file_has_one_writer_or_many_readers(self):
        path = self.image(2 * MIB)
        first = self.begin("read", path)
        first.expect("read ")
        for more in "", ",readonly=on", ",private=on":
            self.refused(self.command("pmem", f"read {MMIO}", (f"virtio-pmem,file={path}{more}",))[1:],
                         102, "is in use")
        self.stop(first)

    def test_a_size_that_would_lose_bytes_is_refused(self):
        path = self.image(2 * MIB + PAGE)
        self.refused(self.command("pmem", f"read {MMIO}", (f"virtio-pmem,file={path}",))[1:], 102,
                     "truncate -s %2M")

    def explain(self, *words):
        run = subprocess.run([str(word) for word in (
            Setup.volt, "explain", "--json", *Setup.options, "--kernel", Setup.guests / "pmem", *words)],
                             capture_output=True, text=True, timeout=30, check=True)
        return json.loads(run.stdout)

    def test_two_files_lie_above_memory_and_apart(self):
        one, two = self.image(4 * MIB, "one"), self.image(2 * MIB, "two")
        for memory, first in ("256M", 1 << 32), ("3G", 1 << 32), ("3200M", (1 << 32) + 128 * MIB):
            page = self.explain("--memory", memory, "--plugin", f"virtio-pmem,file={one}",
                               "--plugin", f"virtio-pmem,file={two}")
            places = [(row["base"], row["length"]) for row in page["addresses"] if row["name"] == "pmem-file"]
            self.assertEqual(places, [(first, 4 * MIB), (first + 128 * MIB, 2 * MIB)], memory)

    # HOLDS(security)
    def test_its_worker_may_sync_its_file_and_no_more(self):
        path = self.image(2 * MIB)
        page = self.explain("--plugin", f"virtio-pmem,file={path}")
        rules = {thread["name"]: {rule["syscall"] for rule in thread["rules"]}
                 for thread in page["threads"]}
        self.assertEqual({name for name, calls in rules.items() if "fdatasync" in calls}, {"pmem"})
        self.assertEqual(rules["pmem"] - {"read", "write", "ioctl", "exit_group", "epoll_pwait2", "futex"},
                         {"fdatasync"}, rules)


class Saved(Saving):
    def test_a_saved_vm_finds_its_file_again(self):
        path = self.file(bytes(2 * MIB), name="memory")
        plugins = (f"virtio-pmem,file={path}",)
        run = self.boot("pmem", f"write {MMIO}", plugins, stdin=subprocess.PIPE)
        run.expect("written ")
        folder, _ = self.save(run, "--stop")
        self.assertEqual(run.wait(LIMIT), 113, run.story())
        moved = path.rename(path.parent / "moved")
        run = self.restore(folder, (f"virtio-pmem,file={moved}",), stdin=subprocess.PIPE)
        run.send(b"x")
        self.check_end(run, 0)
        os.truncate(moved, 4 * MIB)
        run = self.restore(folder, (f"virtio-pmem,file={moved}",), stdin=subprocess.PIPE)
        self.assertEqual(run.wait(LIMIT), 102, run.story())
        self.assertIn("this is another machine", "\n".join(run.log()), run.story())

    def test_private_memory_cannot_be_saved(self):
        path = self.file(bytes(2 * MIB), name="memory")
        run = self.boot("pmem", f"write {MMIO}", (f"virtio-pmem,file={path},private=on",),
                        stdin=subprocess.PIPE)
        run.expect("written ")
        _, tool = self.save(run, status=None)
        self.assertNotEqual(tool.returncode, 0)
        self.assertIn("private=on", tool.stderr)
        run.send(b"x")
        self.check_end(run, 0)
