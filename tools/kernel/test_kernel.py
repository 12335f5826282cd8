#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""volt-kernel as it is called: test_kernel.py VOLT_KERNEL VOLT [TEST...]

What of it goes on to volt needs /dev/kvm, and is skipped without; VOLT_MUST_WORK=1 makes that a
failure.
"""

import fcntl
import gzip
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

TOOL, VOLT = (pathlib.Path(name).resolve() for name in sys.argv[1:3])
RELEASE = "6.1.0-7-test"
LOAD = 0x1000000


def vmlinux(release=RELEASE, config=None):
    """An ELF file linked as Linux is, with its banner and a configuration inside."""
    data = f"Linux version {release} (debian-kernel@lists.debian.org) (gcc) #1 SMP\n\0".encode()
    if config:
        data += b"IKCFG_ST" + gzip.compress(config.encode()) + b"IKCFG_ED"
    head = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH", 2, 62, 1, LOAD + 120, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    size = len(head) + 56 + len(data)
    return head + struct.pack("<IIQQQQQQ", 1, 5, 0, 0xffffffff80000000 + LOAD, LOAD, size, size,
                              4096) + data


def bzimage(payload=b""):
    """A file with a bzImage's head (boot.rst) and code, and perhaps something inside."""
    code = b"\xf4" * 0x1000 + payload
    code = code.ljust((len(code) + 15) // 16 * 16, b"\0")
    head = bytearray(1024)
    for offset, form, value in (
            (0x1f1, "<B", 1), (0x1f4, "<I", len(code) // 16), (0x1fe, "<H", 0xaa55),
            (0x200, "<H", 0x66eb), (0x202, "4s", b"HdrS"), (0x206, "<H", 0x020f), (0x211, "<B", 1),
            (0x22c, "<I", 0x7fffffff), (0x230, "<I", 0x200000), (0x234, "<B", 1),
            (0x236, "<H", 1), (0x238, "<I", 2047),
            (0x248, "<I", 0x1000 if payload else 0), (0x24c, "<I", len(payload)),
            (0x258, "<Q", 0x1000000), (0x260, "<I", 0x100000)):
        struct.pack_into(form, head, offset, value)
    return bytes(head) + code

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup(1) ignores it, and children would keep that


class Case(unittest.TestCase):
    def setUp(self):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="volt-kernel-"))
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)
        self.store = self.home / ".local/share/volt/kernels"

    def env(self):
        kept = {name: os.environ[name] for name in os.environ if name.endswith("SAN_OPTIONS")}
        return {"HOME": str(self.home), "PATH": os.environ["PATH"], "TMPDIR": str(self.home), **kept}

    def tool(self, *words, status=0, said=""):
        done = subprocess.run([TOOL, *map(str, words)], env=self.env(), capture_output=True,
                              text=True, timeout=60, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertIn(said, done.stderr)
        if status:
            errors = [line for line in done.stderr.splitlines() if ": error: " in line]
            self.assertEqual(len(errors), 1, done.stderr)
        return done.stdout

    def file(self, content, name="vmlinux"):
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path


class Commands(Case):
    def test_a_bzimage_without_a_kernel_inside_is_taken_as_it_is(self):
        """volt boots it, as it does memory testers."""
        for payload, said in ((b"", ""), (b"no compression of Linux", "stored without a vmlinux")):
            name = self.tool("import", self.file(bzimage(payload), "tester"), said=said).strip()
            self.assertEqual([f.name for f in (self.store / name).iterdir()
                              if f.name in ("vmlinux", "bzImage", "kernel")], ["bzImage"])
            self.assertIn("linux64 bzImage", self.tool("inspect", name, "--json"))

    def test_a_kernel_goes_in_is_listed_and_goes_out(self):
        name = self.tool("import", self.file(vmlinux())).strip()
        self.assertTrue(name.startswith(f"debian-{RELEASE}-"), name)
        self.assertIn(name, self.tool("list"))
        self.assertEqual(self.tool("default", status=1, said="no default kernel is set"), "")
        self.assertEqual(self.tool("default", "debian").strip(), name)
        [row] = json.loads(self.tool("list", "--json"))
        self.assertEqual((row["name"], row["default"], row["version"]), (name, True, RELEASE))
        self.assertIn("is as it was imported", self.tool("verify", "default"))
        self.tool("remove", "deb", said="there is none now")
        self.assertEqual(json.loads(self.tool("list", "--json")), [])
        self.assertEqual(sorted(path.name for path in self.store.iterdir()), [".lock"])

    def test_manifest_is_what_sha256sum_reads(self):
        name = self.tool("import", self.file(vmlinux(config="CONFIG_SMP=y\n"))).strip()
        subprocess.run(["sha256sum", "--quiet", "-c", "manifest"], cwd=self.store / name,
                       check=True)

    def test_inspect_tells_the_same_of_a_file_and_of_its_import(self):
        path = self.file(vmlinux(config="CONFIG_X86_64=y\nCONFIG_VIRTIO_MMIO=y\nCONFIG_VIRTIO_BLK=m\n"))
        of_file = json.loads(self.tool("inspect", "--json", path))
        self.tool("import", path)
        of_store = json.loads(self.tool("inspect", "--json", "debian"))
        for facts in (of_file, of_store):
            facts.pop("name")
        self.assertEqual(of_file, of_store)
        states = {row["feature"]: row for row in of_file["features"]}
        self.assertEqual(of_file["config"], "embedded")
        self.assertEqual(states["64-bit"]["state"], "yes")
        self.assertEqual(states["virtio-blk"]["state"], "module")
        self.assertEqual(states["PVH"]["option"], "CONFIG_PVH")
        self.assertEqual(sorted(path.name for path in self.home.glob("volt-kernel-*")), [])

    def test_inspect_says_what_is_lacking_in_words(self):
        text = self.tool("inspect", self.file(vmlinux(config="CONFIG_SMP=y\n")))
        self.assertIn("needs CONFIG_BLK_DEV_INITRD (needed)", text)
        self.assertIn("no configuration", self.tool("inspect", self.file(vmlinux())))

    def test_a_refusal_is_one_line_with_the_loaders_reason(self):
        self.tool("import", self.file(b"#!/bin/sh\n"), status=1, said="not a kernel")
        self.tool("import", "/nothing", status=1, said="No such file")
        self.tool("import", "/proc/self/fdinfo", status=1, said="no kernel in it")
        broken = bytearray(vmlinux())
        broken[18] = 3
        self.tool("import", self.file(bytes(broken)), status=1, said="e_machine is 3")
        self.tool("inspect", "nothing-like-it", status=1, said="has that name")

    def test_wrong_calls_end_with_2(self):
        for words, said in ((["impart"], "did you mean import?"), ([], "no command"),
                            (["list", "--jsno"], "did you mean --json?"),
                            (["list", "-xy"], "unknown option -x;"), (["-j"], "unknown option -j;"),
                            (["list", "-\x05"], "unknown option -"),
                            (["list", "--config", "x"], "does not go with list"),
                            (["import"], "name a kernel"), (["inspect"], "name one kernel"),
                            (["remove"], "name a kernel"), (["import", "--store"], "needs a value"),
                            (["build", "a", "b"], "one source tree")):
            with self.subTest(words=words):
                self.tool(*words, status=2, said=said)

    def test_a_report_that_is_lost_is_a_failure(self):
        self.tool("import", self.file(vmlinux()))
        for closed in (">&-", "<&- >&-", ">/dev/full"):
            done = subprocess.run(["sh", "-c", f'exec "$0" list {closed}', TOOL], env=self.env(),
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 1, closed)
            self.assertIn("cannot be written", done.stderr)

    def test_store_is_where_it_is_told_to_be(self):
        self.tool("import", "--store", self.home / "other", self.file(vmlinux()))
        self.assertFalse(self.store.exists())
        self.assertEqual(len(json.loads(self.tool("list", "--json", "--store",
                                                  self.home / "other"))), 1)

    def test_a_part_of_a_folder_that_cannot_be_opened_is_not_absent(self):
        for name in ("vmlinux", "bzImage", "config", "System.map"):
            with self.subTest(name):
                folder = self.home / f"of-{name}"
                folder.mkdir()
                if name != "vmlinux":
                    (folder / "vmlinux").write_bytes(vmlinux())
                (folder / name).symlink_to(name)
                self.tool("import", folder, status=1, said=f"of-{name}/{name}: cannot be opened: "
                          "Too many levels of symbolic links")
                self.tool("inspect", folder, status=1, said="cannot be opened")
        self.assertEqual(json.loads(self.tool("list", "--json")), [])

    def test_a_part_of_the_store_that_cannot_be_opened_is_not_absent(self):
        name = self.tool("import", self.file(vmlinux(config="CONFIG_SMP=y\n"))).strip()
        for part in ("config", "vmlinux"):
            (self.store / name / part).unlink()
            (self.store / name / part).symlink_to(part)
            self.tool("inspect", name, status=1, said="Too many levels of symbolic links")

    def test_a_folder_that_was_not_imported_is_told_of(self):
        (self.store / "strange-1").mkdir(parents=True)
        for words in (["list"], ["verify"], ["inspect", "strange"]):
            self.tool(*words, status=1, said="strange-1/meta.json: is not there, so this folder was "
                      "not imported; volt-kernel remove takes it away")
        self.tool("remove", "strange")
        self.tool("verify")

    def test_verify_says_when_it_could_not_look(self):
        name = self.tool("import", self.file(vmlinux())).strip()
        (self.store / name / "a/b/c/d").mkdir(parents=True)
        done = subprocess.run(["sh", "-c", 'ulimit -n 5; exec "$0" verify', TOOL], env=self.env(),
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertRegex(done.stderr, "cannot be looked through .*: Too many open files")

    def test_litter_of_dead_processes_is_swept_away(self):
        name = self.tool("import", self.file(vmlinux())).strip()
        for words in (["default", name], ["import", self.home / "vmlinux"], ["remove", name]):
            (self.store / ".import-removed-1").mkdir()
            (self.store / ".import-removed-1/vmlinux").touch()
            (self.store / ".default-1").symlink_to("nowhere")
            self.tool(*words)
            left = {path.name for path in self.store.iterdir()} - {name, "default"}
            self.assertEqual(left, {".lock"}, words)

    def test_control_characters_do_not_reach_the_terminal(self):
        path = self.file(b"x", "a\x1b[2Jb")
        done = subprocess.run([TOOL, "import", path], env=self.env(), capture_output=True)
        self.assertNotIn(b"\x1b", done.stderr)


def module(*words):
    """As much of a module as is read: its .modinfo."""
    return b"\x7fELF" + b"\0" * 60 + b"".join(b"\0" + word.encode() for word in words) + b"\0"


def members(data):
    """A cpio archive's files by their paths."""
    found, at = {}, 0
    while True:
        fields = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        assert data[at:at + 6] == b"070701"
        name = data[at + 110:at + 109 + fields[11]].decode()
        start = (at + 110 + fields[11] + 3) // 4 * 4
        if name == "TRAILER!!!":
            return found
        found[name] = data[start:start + fields[6]]
        at = (start + fields[6] + 3) // 4 * 4


class Initramfs(Case):
    MODULES = {
        "drivers/virtio/virtio.ko": module("depends="),
        "drivers/virtio/virtio_ring.ko": module("depends=virtio"),
        "drivers/block/virtio_blk.ko": module("license=GPL", "depends=virtio,virtio-ring"),
        "fs/ext4/ext4.ko": module("softdep=pre: crc32c", "depends=jbd2,virtio", "alias=fs-ext4"),
        "fs/jbd2/jbd2.ko.gz": gzip.compress(module("depends=")),
        "crypto/crc32c_generic.ko": module("alias=crypto-crc32c", "alias=crc32c", "depends="),
        "drivers/nvdimm/nd_pmem.ko": module("depends=libnvdimm"),
        "drivers/nvdimm/libnvdimm.ko": module("depends="),
        "drivers/nvdimm/virtio_pmem.ko": module("depends=virtio"),
        "misc/left.ko": module("depends=right"),
        "misc/right.ko": module("depends=left"),
        "misc/odd.ko": module("depends=not_there"),
        "misc/text.ko": b"#!/bin/sh",
    }

    def setUp(self):
        super().setUp()
        self.name = self.tool("import", self.file(vmlinux())).strip()
        for path, data in self.MODULES.items():
            self.file(data, f".local/share/volt/kernels/{self.name}/modules/kernel/{path}")
        self.base = self.file(b"init", "base")

    def archive(self, *words):
        out = self.home / "out"
        self.tool("initramfs", self.name, "--base", self.base, "--output", out, *words)
        data = out.read_bytes()
        self.assertEqual(data[:4], b"init")
        return members(data[4:])

    def test_modules_come_after_those_that_they_need(self):
        found = self.archive()
        self.assertEqual(found["etc/volt/modules"].decode().split(),
                         ["virtio", "virtio_ring", "virtio_blk"])
        self.assertEqual(found["lib/modules/virtio_blk.ko"],
                         self.MODULES["drivers/block/virtio_blk.ko"])

    def test_a_file_system_waits_until_it_is_seen(self):
        found = self.archive()
        self.assertEqual(found["etc/volt/modules-ext4"].decode().split(),
                         ["crc32c_generic", "jbd2", "virtio", "ext4"])
        self.assertEqual(found["lib/modules/jbd2.ko"], module("depends=")) # unpacked

    def test_persistent_memory_waits_until_there_is_some(self):
        found = self.archive()
        self.assertEqual(found["etc/volt/modules-virtio-0x001b"].decode().split(),
                         ["virtio", "virtio_pmem", "libnvdimm", "nd_pmem"])
        self.assertIn("lib/modules/nd_pmem.ko", found)

    def test_more_modules_can_be_named(self):
        found = self.archive("--modules", "left,crc32c-generic")
        self.assertEqual(found["etc/volt/modules"].decode().split()[-3:],
                         ["right", "left", "crc32c_generic"])

    def test_where_it_begins_does_not_matter(self):
        for size in range(1, 5):
            self.base.write_bytes(b"x" * size)
            self.tool("initramfs", self.name, "--base", self.base, "--output", self.home / "out")
            self.assertIn("lib/modules/ext4.ko", members((self.home / "out").read_bytes()[4:]))

    def test_a_refusal_leaves_the_file_as_it_was(self):
        out = self.file(b"as before", "out")
        for names, said in (("nothing", "the kernel has no module nothing"),
                            ("odd", "odd.ko: needs not_there, which is not there"),
                            ("text", "text.ko: begins with none of the compressions")):
            self.tool("initramfs", self.name, "--base", self.base, "--output", out, "--modules",
                      names, status=1, said=said)
        self.tool("initramfs", self.name, "--base", "/nothing", "--output", out, status=1,
                  said="/nothing: cannot be opened: No such file")
        self.tool("initramfs", self.name, status=2, said="--output")
        self.assertEqual(out.read_bytes(), b"as before")
        self.assertEqual(list(self.home.glob("out.*")), [])


class Interrupted(Case):
    """Signals end the program as they do others, once it has cleaned up."""

    def start(self, *words):
        child = subprocess.Popen([TOOL, *map(str, words)], env=self.env(), text=True,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, start_new_session=True)
        self.addCleanup(child.communicate)
        self.addCleanup(child.kill)
        return child

    def wait_for(self, pattern, child):
        while child.poll() is None:
            if list(self.home.glob(pattern)):
                return True
            time.sleep(0.002)
        return False

    @staticmethod
    def waits(child):
        with open("/proc/locks", encoding="ascii") as lines:
            return any("->" in line and f" {child.pid} " in line for line in lines)

    def ended(self, child, number):
        _, said = child.communicate(timeout=60)
        if child.returncode == 0: # it was faster
            return False
        self.assertEqual(child.returncode, -number, said)
        self.assertEqual(said, f"volt-kernel: error: ended by {signal.Signals(number).name}\n")
        return True

    def test_inspect_leaves_nothing(self):
        path = self.file(vmlinux())
        os.truncate(path, 400 << 20)
        for _ in range(10):
            child = self.start("inspect", path)
            if self.wait_for("volt-kernel-*/.import-*/vmlinux", child):
                child.send_signal(signal.SIGINT)
            ended = self.ended(child, signal.SIGINT)
            self.assertEqual(list(self.home.glob("volt-kernel-*")), [])
            if ended:
                return
        self.fail("it always was faster")

    def test_import_leaves_nothing_and_waits_for_no_lock(self):
        self.store.mkdir(parents=True)
        with open(self.store / ".lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            child = self.start("import", self.file(vmlinux()), self.home / "vmlinux")
            while not self.waits(child):
                time.sleep(0.002)
            child.send_signal(signal.SIGTERM)
            self.assertTrue(self.ended(child, signal.SIGTERM))
        self.assertEqual([path.name for path in self.store.iterdir()], [".lock"])

    def test_build_ends_with_its_script_and_leaves_nothing(self):
        script = self.file(b"#!/bin/sh\ntouch $3/at-work\nexec sleep 100\n", "build-it")
        script.chmod(0o755)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            child = self.start("build", "--quiet", "--script", script)
            self.assertTrue(self.wait_for("volt-kernel-*/at-work", child))
            child.send_signal(number)
            self.assertTrue(self.ended(child, number)) # when nobody has its standard error
            self.assertEqual(list(self.home.glob("volt-kernel-*")), [])


class Build(Case):
    def script(self, body):
        path = self.file(f"#!/bin/sh\n{body}\n".encode(), "build-it")
        path.chmod(0o755)
        return path

    def test_what_the_script_leaves_is_imported(self):
        self.file(vmlinux(), "made/vmlinux")
        self.file(b"CONFIG_SMP=y\n", "made/config")
        script = self.script(f'echo "$@" >{self.home}/words; cp {self.home}/made/* "$3"; echo noise')
        name = self.tool("build", "--script", script, "--jobs", "3", "--default", "--name", "mine",
                         "tree").strip()
        self.assertTrue(name.startswith(f"mine-{RELEASE}-"), name)
        words = (self.home / "words").read_text().split()
        self.assertEqual(words[:2], ["--no-import", "--output"])
        self.assertEqual(words[3:], ["--jobs", "3", "--source", "tree"])
        self.assertFalse(pathlib.Path(words[2]).exists())
        self.assertEqual(self.tool("default").strip(), name)
        self.assertTrue((self.store / name / "config").exists())

    def test_a_status_is_had_though_children_were_to_be_ignored(self):
        done = subprocess.run(
            [TOOL, "build", "--script", self.script("exit 7")], env=self.env(), text=True,
            capture_output=True, timeout=60, stdin=subprocess.DEVNULL,
            preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
        self.assertIn("status 7", done.stderr)

    def test_a_given_configuration_goes_before_the_one_that_is_there(self):
        self.file(vmlinux(config="CONFIG_SMP=y\n"), "made/vmlinux")
        self.file(b"CONFIG_SMP=y\n", "made/config")
        given = self.file(b"CONFIG_NUMA=y\n", "given")
        name = self.tool("import", "--config", given, self.home / "made").strip()
        self.assertEqual((self.store / name / "config").read_bytes(), b"CONFIG_NUMA=y\n")
        self.tool("verify", name)

    def test_a_build_that_fails_leaves_nothing(self):
        self.tool("build", "--script", self.script("exit 7"), status=1, said="status 7")
        self.tool("build", "--script", self.script("exit 0"), status=1, said="no kernel in it")
        self.tool("build", "--script", "/nothing", status=1, said="/nothing cannot be run")
        self.assertEqual(json.loads(self.tool("list", "--json")), [])


class Volt(Case):
    def setUp(self):
        super().setUp()
        if not os.access("/dev/kvm", os.R_OK | os.W_OK):
            if os.environ.get("VOLT_MUST_WORK") == "1":
                self.fail("cannot run: no /dev/kvm")
            self.skipTest("no /dev/kvm")

    def test_volt_takes_what_was_imported(self):
        self.tool("import", "--default", self.file(vmlinux()))
        # A leak checker waits for ever for the thread that newer KVMs put into the process.
        env = {**self.env(), "ASAN_OPTIONS":
               f"{os.environ.get('ASAN_OPTIONS', '')}:detect_leaks=0".lstrip(":")}
        for word in ("debian", f"debian-{RELEASE}", "default"):
            done = subprocess.run([VOLT, "explain", "--log-level", "trace", "--kernel", word],
                                  env=env, capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("kernel loaded: linux64 vmlinux", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
