# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Plugins and their parameters: what volt refuses, and how it says so."""

import json
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess

import vm
from vm import Refusals, Setup

USAGE, PLUGIN, RESOURCES = 100, 102, 104



class Plugins(Refusals):
    def test_unknown_plugin_gets_the_nearest_name(self):
        self.refuse_plugins(["serail"], "serail", "did you mean serial?")
        self.refuse_plugins(["ioapci"], "ioapci", "did you mean ioapic?")
        self.refuse_plugins(["nothing-like-it-at-all"], "nothing-like-it-at-all", "no such plugin")
        self.refuse_plugins([""], "--plugin")
        self.refuse_plugins([",base=1"], "--plugin")
        self.refuse_plugins(["./"], "--plugin")
        self.refuse_plugins(["Serial"], "Serial")
        self.refuse_plugins(["../plugins/serial"], "serial")

    def test_missing_folder_is_named(self):
        self.refused(["--kernel", self.kernel, "--plugin-dir", "/nowhere", "--plugin", "serial"],
                     PLUGIN, "/nowhere")

    def test_unknown_parameter_gets_the_nearest_name(self):
        self.refuse_plugins(["serial,bse=0x3f8"], "serial", "bse", "did you mean base?")
        self.refuse_plugins(["serial,cnsole=null"], "cnsole", "did you mean console?")
        self.refuse_plugins(["serial,xyzzy=1"], "xyzzy", "help")

    def test_bad_values_are_named_with_what_would_be_right(self):
        for spec, said in {
            "serial,base=abc": ("base=abc", "number"),
            "serial,base=": ("base=",),
            "serial,base=-1": ("base=-1",),
            "serial,base=0x3f9": ("0x3f9", "multiple of 8"),
            "serial,base=0x10000": ("base=0x10000", "0xfff8"),
            "serial,base=99999999999999999999": ("base=", "64 bits"),
            "serial,irq=24": ("irq=24", "23"),
            "serial,irq=-1": ("irq=-1",),
            "serial,irq=4294967300": ("irq=4294967300",),
            "i8042,aux=maybe": ("aux=maybe", "on or off"),
            "ioapic,version=7": ("version=7", "0x11|0x20"),
            "ioapic,base=0xfec00001": ("0xfec00001",),
            "serial,base": ("base", "base=value"),
            "serial,=5": ("key",),
            "serial,,base=1": ("empty",),
            "serial,base=0x3f8,base=0x2f8": ("base", "twice"),
            "serial,id=": ("id",),
            "serial,id=a/b": ("id=a/b",),
            "serial,id=" + "x" * 33: ("id=", "32"),
        }.items():
            with self.subTest(spec=spec):
                self.refuse_plugins([spec], spec.split(",")[0], *said)

    def test_ids_must_differ(self):
        self.refuse_plugins(["serial,id=a", "exitport,id=a"], "id=a")

    def test_id_of_one_may_be_the_name_of_another(self):
        """Only ids that were typed must differ; the other gets a number."""
        self.run_guest("ending", "status 6", ("serial,id=i8042", "i8042"), status=6)

    def test_interrupt_in_use_names_both(self):
        self.refuse_plugins(["serial,id=one", "serial,id=two,base=0x2f8,console=null"],
                            "two", "one", "4")
        self.refuse_plugins(["i8042", "serial,irq=1"], "serial", "i8042", "1")

    def test_overlapping_ports_name_both_owners_and_addresses(self):
        self.refuse_plugins(["serial,id=one", "serial,id=two,irq=5,console=null"],
                            "one", "two", "0x3f8", "overlaps")
        self.refuse_plugins(["serial,base=0x60,id=com", "i8042"], "com", "i8042", "0x60")
        self.refuse_plugins(["exitport,base=0x3f9", "serial"], "exitport", "serial", "0x3f9")
        self.refuse_plugins(["exitport", "bootmark,base=0xf4"], "exitport", "bootmark", "0xf4")

    def test_overlapping_memory_names_both_owners(self):
        probe = self.own_plugin("probe")
        self.refuse_plugins([f"{probe},id=apart,mmio=0xfec00800,mmio-len=16", "ioapic"],
                            "apart", "ioapic", "0xfec00")

    # HOLDS(D1)
    def test_range_in_guest_memory_names_its_owner(self):
        probe = self.own_plugin("probe")
        for base in (0, 0x1000000, (128 << 20) - 1):
            with self.subTest(base=base):
                self.refuse_plugins([f"{probe},mmio={base},mmio-len=2"], "probe", hex(base),
                                    "memory")

    def test_ranges_that_cannot_be_are_refused(self):
        probe = self.own_plugin("probe")
        for words, said in {
            "pio-len=0": "length is 0",
            "pio=0xffff,pio-len=2": "above port 0xffff",
            "mmio-len=0": "length is 0",
            "mmio=0xffffffffffffffff,mmio-len=2": "wraps",
            "sizes=0": "sizes",
            "sizes=16": "sizes",
        }.items():
            with self.subTest(words=words):
                self.refused_with_cause([f"{probe},{words}"], said)

    def refused_with_cause(self, specs, said):
        """The core says what is wrong with a range and the plugin may add its own line."""
        words = [Setup.volt, *Setup.options, "--kernel", self.kernel]
        for spec in specs:
            words += ["--plugin", spec]
        run = self.launch(words)
        self.assertEqual(run.wait(), PLUGIN, run.story())
        self.assertIn(said, run.err.decode(), run.story())

    def test_irq_that_is_none_is_refused(self):
        leveldev = self.own_plugin("leveldev")
        self.refuse_plugins([f"{leveldev},irq=24"], "leveldev", "24", "23")
        self.refuse_plugins([f"{leveldev},irq=200"], "leveldev", "200", "23")

    def test_two_irqchips_are_refused_by_name(self):
        self.refuse_plugins(["ioapic", "ioapic,id=other,base=0xfec01000"], "ioapic", "other")

    def test_two_sandboxes_are_refused(self):
        if not Setup.sandboxed:
            self.skip("volt runs without a sandbox here")
        self.refuse_plugins(["sandbox", "sandbox,id=b"], "sandbox")

    def test_help_lists_parameters(self):
        for spec in ("serial,help", f"{self.own_plugin('probe')},help"):
            run = self.launch([Setup.volt, *Setup.options, "--plugin", spec])
            self.assertEqual(run.wait(), 0, run.story())
            self.assertIn("id=", run.text())
            self.assertEqual(run.err, b"")
        self.refused([*Setup.options, "--plugin", "serail,help"], PLUGIN, "did you mean serial?")

    def test_help_tells_the_default_of_each_parameter(self):
        for spec, line in (("serial", r"irq=NUMBER +interrupt line \(GSI\) \(default 4\)"),
                           ("deny", r"range=TEXT .* \(default none\)"),
                           ("trace", r"to=STREAM .* \(required\)")):
            with self.subTest(spec=spec):
                run = self.launch([Setup.volt, *Setup.options, "--plugin", f"{spec},help"])
                self.assertEqual(run.wait(), 0, run.story())
                self.assertRegex(run.text(), line)

    def test_hugepages_need_whole_pages_and_a_pool(self):
        self.refused([*Setup.options, "--kernel", self.kernel, "--memory", "3M", "--hugepages"],
                     USAGE, "--hugepages", "2M")
        if "HugePages_Free:        0" in pathlib.Path("/proc/meminfo").read_text():
            self.refused([*Setup.options, "--kernel", self.kernel, "--hugepages"], RESOURCES,
                         "--hugepages", "nr_hugepages")


class PluginFiles(Refusals):
    """Before a byte of a plugin has run."""

    def copy(self, name="probe", mode=0o644):
        path = self.folder() / f"{name}.so"
        path.write_bytes(pathlib.Path(self.own_plugin(name)).read_bytes())
        path.chmod(mode)
        return path

    def test_what_is_no_plugin_is_refused_by_name(self):
        for content in (b"", b"text\n", b"#!/bin/sh\nexit 0\n", b"\x7fELF", b"\x7fELF" + b"\0" * 60,
                        self.kernel.read_bytes()):
            with self.subTest(content=content[:20]):
                path = self.file(content, "x.so")
                self.refuse_plugins([path], str(path))

    def test_things_that_are_no_files_are_refused_at_once(self):
        fifo = self.folder() / "fifo.so"
        os.mkfifo(fifo)
        folder = self.folder() / "folder.so"
        folder.mkdir()
        for path in (fifo, folder, pathlib.Path("/dev/zero"), pathlib.Path("/dev/tty")):
            with self.subTest(path=path):
                self.refuse_plugins([path], str(path))

    def test_missing_file_is_named(self):
        self.refuse_plugins(["/nowhere/x.so"], "/nowhere/x.so")
        self.refuse_plugins([self.folder() / "x.so"], "No such file")

    def test_library_that_is_no_plugin_is_refused(self):
        found = subprocess.run(["ldd", str(Setup.volt)], capture_output=True, text=True,
                               check=True).stdout
        path = re.search(r"/\S*libc\.so\.6", found)[0]
        self.refuse_plugins([os.path.realpath(path)], "libc")

    def test_every_cut_of_a_plugin_is_refused(self):
        """Up to the last byte that a segment needs; what follows is for debuggers."""
        whole = self.copy().read_bytes()
        at, size, count = (struct.unpack_from(form, whole, offset)[0]
                           for form, offset in (("<Q", 32), ("<H", 54), ("<H", 56)))
        ends = [sum(struct.unpack_from("<Q", whole, at + i * size + field)[0]
                    for field in (8, 32)) for i in range(count)]
        for size in (1, 16, 63, 64, 200, 500, max(ends) // 2, max(ends) - 1):
            with self.subTest(size=size):
                path = self.file(whole[:size], "probe.so")
                self.refuse_plugins([path], str(path))

    def test_file_that_others_may_write_is_refused(self):
        for mode in (0o664, 0o646, 0o666):
            with self.subTest(mode=oct(mode)):
                path = self.copy(mode=mode)
                self.refuse_plugins([path], str(path))
        path = self.copy()
        path.parent.chmod(0o777)
        self.refuse_plugins([path], str(path), "chmod")

    def test_file_of_another_user_is_refused(self):
        if os.geteuid() != 0:
            self.skip("needs root, to give a file away")
        path = self.copy()
        os.chown(path, 12345, 12345)
        self.refuse_plugins([path], str(path), "12345")

    def test_symbolic_link_is_refused(self):
        path = self.copy()
        link = self.folder() / "link.so"
        link.symlink_to(path)
        self.refuse_plugins([link], str(link), "symbolic link")

    def test_copy_at_another_place_works(self):
        self.run_guest("ending", "status 9", (str(self.copy()),), status=9)


class LinkedInOrFile(Refusals):
    """The default devices are linked into the usual volt, and files too: which of both it takes."""

    def setUp(self):
        super().setUp()
        weight = (Setup.volt.parent.parent / "scripts/weight.txt").read_text()
        if not re.search(r"(?m)^linked in .*\bserial\b", weight) or "serial.so" not in weight:
            self.skip("this build's serial port is not both linked in and a file")

    def files(self, *names):
        """A folder with these of the build's plugin files, and the sandbox."""
        folder = self.folder()
        for name in (*names, "sandbox"):
            shutil.copy(Setup.volt.parent.parent / "plugins" / f"{name}.so", folder)
        return folder

    def origins(self, *words):
        """{id: file, or None if it is linked in}, as `volt explain` tells."""
        run = self.launch([Setup.volt, "explain", "--json", *map(str, words)])
        self.assertEqual(run.wait(), 0, run.story())
        return {row["id"]: row["file"] for row in json.loads(run.text())["plugins"]}

    def first_lines_of_help(self, *words):
        run = self.launch([Setup.volt, *map(str, words)])
        self.assertEqual(run.wait(), 0, run.story())
        return run.text().splitlines()[:2]

    # HOLDS(security)
    def test_a_name_is_what_is_linked_in(self):
        found = self.origins()
        self.assertIsNone(found["serial"], found)
        self.assertTrue(found["sandbox"].endswith("/plugins/sandbox.so"), found)

    def test_a_path_is_that_file(self):
        path = Setup.volt.parent.parent / "plugins/serial.so"
        found = self.origins("--plugin", path, "--plugin", "i8042")
        self.assertEqual((found["serial"], found["i8042"]), (str(path), None))

    def test_a_folder_that_is_asked_for_comes_first(self):
        folder = self.files("serial")
        found = self.origins("--plugin-dir", folder)
        self.assertEqual(found["serial"], f"{folder}/serial.so")
        self.assertEqual(found["sandbox"], f"{folder}/sandbox.so")
        self.assertIsNone(found["i8042"], found)

    def test_the_page_says_it_in_words(self):
        folder = self.files("serial")
        run = self.launch([Setup.volt, "explain", "--plugin-dir", folder])
        self.assertEqual(run.wait(), 0, run.story())
        self.assertRegex(run.text(), rf"(?m)^  serial +{folder}/serial\.so$")
        self.assertRegex(run.text(), r"(?m)^  linked into volt: i8042, .*\bbootmark$")

    def test_help_says_it(self):
        folder = self.files("serial")
        name, linked = self.first_lines_of_help("--plugin", "serial,help")
        self.assertRegex(name, "^serial ")
        self.assertEqual(linked, "  linked into volt")
        _, asked = self.first_lines_of_help("--plugin-dir", folder, "--plugin", "serial,help")
        self.assertEqual(asked, f"  from {folder}/serial.so")
        _, asked = self.first_lines_of_help("--plugin", f"{folder}/serial.so,help")
        self.assertEqual(asked, f"  from {folder}/serial.so")

    def test_list_has_each_name_once(self):
        run = self.launch([Setup.volt, "--plugin", "help"])
        self.assertEqual(run.wait(), 0, run.story())
        names = run.text().splitlines()
        self.assertEqual(names, sorted(set(names)))
        self.assertIn("serial", names)

    # HOLDS(security)
    def test_a_file_that_is_refused_is_not_passed_over(self):
        folder = self.files("serial")
        (folder / "serial.so").write_bytes(b"not a plugin")
        self.refuse_plugins(["serial"], f"{folder}/serial.so", options=("--plugin-dir", folder))

    # HOLDS(security)
    def test_no_file_is_opened_of_what_is_linked_in(self):
        trace = self.folder() / "trace"
        try:
            run = self.launch(["strace", "-f", "-qq", "-e", "trace=open,openat,openat2", "-o", trace,
                               *self.command("ending", "status 7")])
        except FileNotFoundError:
            self.skip("there is no strace")
        self.assertEqual(run.wait(), 7, run.story())
        self.assertIn("sandbox.so", trace.read_text())
        self.assertNotIn("serial.so", trace.read_text())

    def test_both_serve_one_guest(self):
        path = Setup.volt.parent.parent / "plugins/serial.so"
        self.run_guest("ending", "status 7", status=7, plugins=[
            "serial", f"{path},id=b,base=0x2f8,irq=3,console=null"])


class Streams(Refusals):
    def refuse_console(self, console, *said):
        self.refuse_plugins([f"serial,console={console}"], "console=", *said)

    def test_bad_kinds_are_listed_right(self):
        for console in ("nothing", "foo:bar", ":", "stdio:x", "null:x", "pty:/x"):
            with self.subTest(console=console):
                self.refuse_console(console, console)
        for console in ("file", "file:", "pipe:", "unix:", "unix"):
            with self.subTest(console=console):
                self.refuse_console(console, "path")
        self.refuse_console("")

    def test_bad_paths_are_named(self):
        folder = self.folder()
        plain = self.file(b"precious")
        self.refuse_console(f"file:{folder}", str(folder))
        self.refuse_console(f"file:{folder}/no/file", f"{folder}/no/file", "No such file")
        self.refuse_console(f"pipe:{folder}/no", f"{folder}/no", "No such file")
        self.refuse_console(f"pipe:{plain}", str(plain), "FIFO")
        self.refuse_console(f"unix:{folder}/" + "x" * 108, "107")
        self.refuse_console(f"unix:{folder}/no/s", f"{folder}/no/s")
        self.assertEqual(plain.read_bytes(), b"precious")

    def test_file_in_the_place_of_a_socket_is_left_alone(self):
        """Only a socket that nobody listens on may be taken for a stale one."""
        plain = self.file(b"precious")
        link = self.folder() / "link"
        link.symlink_to(plain)
        for path in (plain, link):
            with self.subTest(path=path):
                try:
                    self.refuse_console(f"unix:{path}", str(path))
                finally:
                    self.assertTrue(path.exists(), "volt removed a file that is not a socket")
                    self.assertEqual(plain.read_bytes(), b"precious")

    def test_socket_in_use_is_not_taken(self):
        path = self.folder() / "s"
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(str(path))
        listener.listen()
        self.refuse_console(f"unix:{path}", str(path), "use")
        self.assertTrue(path.exists())

    def test_standard_streams_serve_one(self):
        self.refuse_plugins(["serial", "serial,id=b,base=0x2f8,irq=3"], "already used", "serial")

    def test_failed_start_leaves_no_socket(self):
        path = self.folder() / "s"
        self.refuse_plugins([f"serial,console=unix:{path}", "exitport,base=0x10000"], "base")
        self.assertFalse(path.exists())


class DefaultSet(Refusals):
    def explained(self, *words):
        run = self.launch([Setup.volt, "explain", *Setup.options, *words])
        self.assertEqual(run.wait(), 0, run.story())
        return run.text()

    def test_default_stands_for_the_set(self):
        text = self.explained("--plugin", "default", "--plugin", self.own_plugin("leveldev"))
        for name in ("i8042", "acpipower", "leveldev"):
            self.assertIn(name, text)

    def test_one_that_is_named_as_well_comes_once(self):
        text = self.explained("--plugin", "default", "--plugin", "serial,console=null,id=mine")
        self.assertIn("mine", text)
        self.assertEqual(text.count("0x000003f8-"), 1, text)

    def test_console_that_nobody_serves_is_told(self):
        run = self.start("ending", "status 3 console=ttyS0", ("serial",))
        run.wait()
        self.assertNotIn("console goes nowhere", "\n".join(run.log()))
        words = [Setup.volt, *Setup.options, "--kernel", self.kernel, "--plugin", "exitport",
                 "--cmdline", "status 3 console=ttyS0,115200"]
        run = self.launch(words)
        run.wait()
        self.assertIn("console=ttyS0", "\n".join(run.log()))
        self.assertIn("--plugin default", "\n".join(run.log()))

    def test_hvc0_that_nobody_serves_is_told(self):
        for plugins, told in ((("serial",), 1), (("serial", "virtio-console,console=null"), 0)):
            run = self.start("ending", "status 3 console=hvc0", plugins)
            run.wait()
            self.assertEqual("\n".join(run.log()).count("console=hvc0, but no plugin"), told)

    def test_host_that_cannot_boot_linux_is_told_at_the_start(self):
        """Of a kernel that is linked as only Linux is, and of no other."""
        elf = bytearray(self.kernel.read_bytes())
        header = struct.unpack_from("<Q", elf, 32)[0]
        address = struct.unpack_from("<Q", elf, header + 24)[0]
        struct.pack_into("<Q", elf, header + 16, address + 0xffffffff80000000)
        linux = self.file(bytes(elf), "vmlinux")
        for kernel, told in ((linux, vm.PVM), (self.kernel, False)):
            run = self.launch([Setup.volt, *Setup.options, "--kernel", kernel, "--plugin",
                               "serial", "--plugin", "exitport", "--cmdline", "status 3"])
            self.assertEqual(run.wait(), 3, run.story())
            lines = [line for line in run.log() if "volt doctor" in line]
            self.assertEqual(len(lines), told, run.story())

    def test_memory_that_the_host_does_not_have_is_told(self):
        """As guests use it, the kernel ends the VM, or the host is slow; some mean that."""
        words = ["--plugin", "serial", "--plugin", "exitport", "--cmdline", "status 3"]
        for size, told in (("1024G", True), ("64M", False)):
            run = self.launch([Setup.volt, *Setup.options, "--kernel", self.kernel, "--memory",
                               size, *words])
            self.assertEqual(run.wait(), 3, run.story())
            lines = [line for line in run.log() if line.startswith("volt: warning: --memory")]
            self.assertEqual(len(lines), told, run.story())
