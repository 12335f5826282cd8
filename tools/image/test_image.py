# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""volt image. Debian and OCI images by tools that only note how they were called.

usage: test_image.py VOLT_IMAGE
"""

import fcntl
import os
import pathlib
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

IMAGE = str(pathlib.Path(sys.argv[1]).resolve())
LIMIT = 120  # seconds, to end what hangs
SBIN = ":/usr/sbin:/sbin"

# Notes its words, and has mmdebstrap's archive and umoci's folder made.
STUB = """#!/bin/sh
echo "${0##*/} $*" >>"%(log)s"
for last; do :; done
case ${0##*/} in
mmdebstrap) tar -cf "$last" -C "%(tree)s" . ;;
umoci) mkdir -p "$last/rootfs" && cp -r "%(tree)s/." "$last/rootfs" ;;
esac
"""


class Image(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="volt-test-image-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.store = self.folder / "data/volt/images"
        self.tree = self.folder / "tree"
        (self.tree / "bin").mkdir(parents=True)
        (self.tree / "bin/tool").write_text("a tool\n")
        (self.tree / "bin/tool").chmod(0o755)
        (self.tree / "bin/link").symlink_to("tool")
        self.env = {"PATH": os.environ["PATH"], "XDG_DATA_HOME": str(self.folder / "data"),
                    "TZ": "UTC"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                self.env[name] = os.environ[name]

    def volt(self, *words, status=0):
        done = subprocess.run([IMAGE, *map(str, words)], env=self.env, capture_output=True,
                              text=True, timeout=LIMIT, check=False)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        left = [path.name for path in self.store.iterdir() if path.suffix != ".img"] \
            if self.store.exists() else []
        self.assertEqual(left, [])
        return done

    def tool(self, *words):
        return subprocess.run(words, capture_output=True, text=True, check=True, timeout=LIMIT,
                              env={"PATH": os.environ["PATH"] + SBIN}).stdout

    def check(self, name):
        """A sound ext4 with the tree's files, which are root's."""
        path = str(self.store / f"{name}.img")
        self.tool("e2fsck", "-fn", path)
        self.assertEqual(self.tool("debugfs", "-R", "cat /bin/tool", path), "a tool\n")
        self.assertRegex(self.tool("debugfs", "-R", "stat /bin/tool", path),
                         r"(?s)Mode: +0755 .*User: +0 +Group: +0 ")
        self.assertIn('Fast link dest: "tool"', self.tool("debugfs", "-R", "stat /bin/link", path))
        return path

    def stub(self, *names):
        stubs = self.folder / "stubs"
        stubs.mkdir()
        self.log = self.folder / "log"
        for name in names:
            (stubs / name).write_text(STUB % {"log": self.log, "tree": self.tree})
            (stubs / name).chmod(0o755)
        self.env["PATH"] = f"{stubs}:{self.env['PATH']}"


class Make(Image):
    def test_an_empty_one_takes_no_room(self):
        self.assertEqual(self.volt("create", "--size", "3G", "data").stdout, "data\n")
        found = (self.store / "data.img").stat()
        self.assertEqual((found.st_size, found.st_blocks), (3 << 30, 0))

    def test_a_folder(self):
        self.assertEqual(self.volt("import", self.tree).stdout, "tree\n")
        path = self.check("tree")
        self.assertGreater(os.stat(path).st_size, 1 << 30)

    def test_a_folder_with_a_size(self):
        self.volt("import", "--name", "web", "--size", "64M", f"{self.tree}/")
        self.assertEqual(os.stat(self.check("web")).st_size, 64 << 20)
        self.assertIn("volt image: big: ", self.volt("import", "--name", "big", "--size", "4096",
                                                     self.tree, status=1).stderr)

    def test_an_archive(self):
        for suffix, option in (("tar", ""), ("tar.gz", "z")):
            self.tool("tar", f"-c{option}f", str(self.folder / f"web{option}.{suffix}"),
                      "--owner=0", "--group=0", "-C", str(self.tree), ".")
            self.volt("import", self.folder / f"web{option}.{suffix}")
            self.check(f"web{option}")

    def test_a_raw_image(self):
        raw = self.folder / "raw.img"
        with open(raw, "wb") as file:
            file.write(b"begin")
            file.truncate(8 << 20)
        self.volt("import", raw)
        copy = self.store / "raw.img"
        self.assertEqual(copy.read_bytes(), raw.read_bytes())
        self.assertLess(copy.stat().st_blocks * 512, 1 << 20)
        self.volt("import", "--name", "larger", "--size", "9M", raw)
        self.assertEqual((self.store / "larger.img").stat().st_size, 9 << 20)

    def test_debian(self):
        self.stub("mmdebstrap")
        self.volt("create", "--debian", "bookworm", "--include", "make,gcc", "build")
        self.check("build")
        self.assertRegex(self.log.read_text(), r"^mmdebstrap .*--include=make,gcc,iproute2,\S+ "
                         r".* bookworm \S+/root\.tar\n$")

    def test_oci(self):
        self.stub("skopeo", "umoci")
        for member, kind in (("oci-layout", "oci-archive"), ("manifest.json", "docker-archive")):
            with self.subTest(kind):
                (self.folder / member).write_text("{}")
                archive = self.folder / f"{kind}.tar"
                self.tool("tar", "-cf", str(archive), "-C", str(self.folder), member)
                self.volt("import", archive)
                self.check(kind)
                self.assertIn(f"{kind}:{archive} oci:", self.log.read_text())

    def test_a_tool_that_lacks_is_named(self):
        self.stub("umoci")
        self.env["PATH"] = str(self.folder / "stubs")
        os.symlink("/bin/tar", self.folder / "stubs/tar")
        (self.folder / "oci-layout").write_text("{}")
        self.tool("tar", "-cf", str(self.folder / "a.tar"), "-C", str(self.folder), "oci-layout")
        self.assertIn("needs skopeo, which is not installed",
                      self.volt("import", self.folder / "a.tar", status=1).stderr)
        self.assertFalse((self.store / "a.img").exists())

    def test_a_name_that_is_taken(self):
        self.volt("create", "data")
        self.assertIn("is there already", self.volt("create", "data", status=1).stderr)

    def test_a_killed_one_leaves_nothing(self):
        fifo = self.folder / "fifo"
        self.stub("mmdebstrap")
        (self.folder / "stubs/mmdebstrap").write_text(f"#!/bin/sh\nexec cat {fifo}\n")
        os.mkfifo(fifo)
        run = subprocess.Popen([IMAGE, "create", "--debian", "bookworm", "web"], env=self.env,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(fifo, "wb"):  # it is at work
            run.send_signal(signal.SIGKILL)
            run.wait(LIMIT)
        end = time.monotonic() + LIMIT
        while list(self.store.iterdir()):
            self.assertLess(time.monotonic(), end, list(self.store.iterdir()))
            time.sleep(0.02)


class Manage(Image):
    def test_list(self):
        self.assertEqual(self.volt("list").stdout.split(), ["NAME", "SIZE", "USED", "CHANGED"])
        for name in ("web", "data"):
            self.volt("create", "--size", "2G", name)
        lines = self.volt("list").stdout.splitlines()[1:]
        self.assertEqual([line.split()[0] for line in lines], ["data", "web"])
        self.assertRegex(lines[0], r"^data +2\.0G +0\.0K  \d{4}-\d\d-\d\d \d\d:\d\d$")

    def test_remove(self):
        self.volt("create", "web")
        self.assertIn("none: no such image", self.volt("remove", "none", "web", status=1).stderr)
        self.assertEqual(list(self.store.iterdir()), [])

    def test_resize_takes_the_file_system_along(self):
        self.volt("import", "--size", "64M", self.tree)
        for size, number in (("128M", 128), ("96M", 96)):
            self.volt("resize", "tree", size)
            path = self.check("tree")
            self.assertEqual(os.stat(path).st_size, number << 20)
            found = re.search(r"^Block count: +(\d+)", self.tool("dumpe2fs", "-h", path),
                              re.MULTILINE)
            self.assertEqual(int(found[1]) * 4096, number << 20)
        self.assertIn("volt image: tree: resize2fs", self.volt("resize", "tree", "4096",
                                                               status=1).stderr)
        self.check("tree")

    def test_another_image_only_grows(self):
        self.volt("create", "--size", "1M", "data")
        self.volt("resize", "data", "2M")
        self.assertEqual((self.store / "data.img").stat().st_size, 2 << 20)
        self.assertIn("can only grow", self.volt("resize", "data", "1M", status=1).stderr)

    def test_one_that_a_vm_has_is_left_alone(self):
        self.volt("create", "data")
        with open(self.store / "data.img", "rb") as file:
            # struct flock: type, whence, start, len, pid; F_OFD_SETLK is 37
            fcntl.fcntl(file, 37, struct.pack("hhqqi", fcntl.F_RDLCK, 0, 0, 0, 0))
            self.assertIn("in use by a VM", self.volt("resize", "data", "2G", status=1).stderr)

    def test_what_is_wrong_is_told(self):
        for words, text in ((("create",), "one name"), (("create", "../x"), "is not a name"),
                            (("create", ".x"), "is not a name"), (("what",), "no such verb"),
                            ((), "no verb"), (("create", "--size", "5", "x"), "a multiple of 4096"),
                            (("create", "--size", "99999999999T", "x"), "a multiple of 4096"),
                            (("create", "--include", "a", "x"), "--include goes with --debian"),
                            (("resize", "x"), "a name and a size"), (("list", "x"), "no word"),
                            (("import", "--odd", "x"), "unknown option --odd")):
            with self.subTest(words):
                self.assertIn(text, self.volt(*words, status=2).stderr)
        (self.folder / "text").write_text("text")
        self.assertIn("neither an archive nor a raw image",
                      self.volt("import", self.folder / "text", status=1).stderr)
        self.assertIn("No such file", self.volt("import", "/none", status=1).stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[2:]])
