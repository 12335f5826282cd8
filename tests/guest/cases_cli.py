# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Options and files: one clear line, a documented exit code. Needs no KVM."""

import os
import pathlib
import re
import shutil
import socket

from vm import Refusals, Setup

USAGE, INPUT, PLUGIN = 100, 101, 102


class WithoutKvm(Refusals):
    needs_kvm = False


class Options(WithoutKvm):
    """None of these gets as far as opening anything."""

    def test_unknown_option_gets_the_nearest_name(self):
        self.try_each(USAGE, {
            "--memroy 128M": ("--memroy", "did you mean --memory?"),
            "--kernle=/x": ("--kernle", "did you mean --kernel?"),
            "--plugins serial": ("--plugins", "--plugin"),
            "--no-seccmp": ("--no-seccmp", "--no-seccomp"),
            "--cpu-count 2": "--cpu-count",
            "--xyzzy": ("--xyzzy", "--help"),
            "-k /x": "-k",
            "-": '"-"',
        })

    def test_option_without_its_value_is_named(self):
        self.try_each(USAGE, {
            "--kernel": ("--kernel", "needs a value"),
            "--memory 128M --cpus": ("--cpus", "needs a value"),
            "--plugin": ("--plugin", "needs a value"),
            "--hugepages=1": ("--hugepages", "no value"),
            "--no-sandbox=yes": ("--no-sandbox", "no value"),
        })

    def test_word_that_is_no_option_is_named(self):
        self.try_each(USAGE, {"vmlinux": ('"vmlinux"', "--kernel"),
                              "--cpus 1 vmlinux": '"vmlinux"'})

    def test_abbreviated_option_is_not_guessed(self):
        """A script's --no-s must not turn off the sandbox of a later volt."""
        self.try_each(USAGE, {"--no-s": "--no-s", "--no-sec": "--no-sec", "--mem 64M": "--mem"})

    def test_memory_size_is_checked(self):
        for size in ("0", "1", "1M", "-1", "-128M", "abc", "", "128X", "128MB", "1.5G", "4097",
                     "2M1", "0x", " 128M", "1025G", "18446744073709551615",
                     "18446744073709551616", "99999999999999999999999G", "17179869184G"):
            with self.subTest(size=size):
                self.refused(["--memory", size], USAGE, "--memory")

    def test_number_of_vcpus_is_checked(self):
        for cpus in ("0", "65", "-1", "1.5", "abc", "", "4294967296", "4294967297", "2x",
                     "18446744073709551617"):
            with self.subTest(cpus=cpus):
                self.refused(["--cpus", cpus], USAGE, "--cpus")

    def test_log_level_is_checked(self):
        self.try_each(USAGE, {"--log-level loud": ("loud", "error, warn, info, debug or trace"),
                              "--log-level INFO": "INFO", "--log-level 3": "3"})

    def test_option_given_twice_is_refused(self):
        self.try_each(USAGE, {
            "--kernel a --kernel b": ("--kernel", "a", "b", "twice"),
            "--initrd a --initrd b": ("--initrd", "twice"),
            "--plugin-dir a --plugin-dir b": ("--plugin-dir", "twice"),
        })

    def test_empty_name_is_refused(self):
        for option in ("--kernel", "--initrd", "--log-file", "--trace-file", "--plugin-dir"):
            with self.subTest(option=option):
                self.refused([option, ""], USAGE, option)

    def test_too_many_plugins_are_refused(self):
        self.refused(["--plugin", "serial"] * 65, USAGE, "64")

    def test_control_characters_do_not_reach_the_terminal(self):
        line = self.refused(["--x\x1b[31m\n\ty"], USAGE)
        self.assertNotIn("\x1b", line)

    def test_help_and_version_print_and_end(self):
        for option, word in (("--help", "--kernel"), ("--version", "volt ")):
            run = self.launch([Setup.volt, option])
            self.assertEqual(run.wait(), 0, run.story())
            self.assertIn(word, run.text())
            self.assertEqual(run.err, b"")

    def test_help_names_every_exit_code(self):
        run = self.launch([Setup.volt, "--help"])
        run.wait()
        header = pathlib.Path(__file__).resolve().parents[2] / "core/base/exitcode.h"
        codes = re.findall(r"#define EXIT_\w+ +(\d+)", header.read_text())
        self.assertGreater(len(codes), 10)
        for code in codes:
            self.assertRegex(run.text(), rf"\n +{code}  ?(\S|\+)")

    def test_each_option_that_names_a_file_refuses_a_missing_one_with_the_code_of_the_manual(self):
        run = self.launch([Setup.volt, "--help"])
        run.wait()
        options = re.findall(r"^  --([a-z-]+) \S*(?:FILE|DIR|PATH)\b", run.text(), re.MULTILINE)
        self.assertTrue({"kernel", "initrd", "log-file", "trace-file"} <= set(options), options)
        where = self.folder() / "missing" / "file"
        for option in options:
            kernel = [] if option in ("kernel", "restore") else ["--kernel", self.kernel]
            code = PLUGIN if option in ("plugin", "plugin-dir", "filter") else INPUT
            value = f"{where},on=exitport" if option == "filter" else where
            with self.subTest(option=option):
                self.refused([f"--{option}", value, *kernel], code, "file", "No such file")


class Output(WithoutKvm):
    def test_output_that_is_cut_off_is_told(self):
        for words in (["--help"], ["--version"], ["--plugin", "exitport,help"],
                      ["--plugin", "help"]):
            with self.subTest(words=words), open("/dev/full", "wb") as full:
                run = self.launch([Setup.volt, *Setup.options, *words], stdout=full)
                self.assertEqual(run.wait(), 104, run.story())
                self.assertEqual(len(run.log()), 1, run.story())
                self.assertIn("No space left", run.log()[0])


class Files(WithoutKvm):
    def test_no_kernel_is_told(self):
        run = self.launch([Setup.volt])
        self.assertIn(run.wait(), (USAGE, INPUT), run.story())
        self.assertIn("--kernel", run.err.decode())

    def test_missing_file_is_named(self):
        missing = self.folder() / "nothing"
        self.refused(["--kernel", missing], INPUT, "--kernel", str(missing), "No such file")
        self.refused(["--kernel", self.kernel, "--initrd", missing], INPUT, "--initrd",
                     str(missing), "No such file")

    def test_things_that_are_no_files_are_refused_at_once(self):
        fifo = self.folder() / "fifo"
        os.mkfifo(fifo)
        sock = self.folder() / "socket"
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(str(sock))
        for path in (fifo, sock, self.folder(), "/dev/zero", "/dev/null", "/dev/tty", "/"):
            for option in ("--kernel", "--initrd"):
                with self.subTest(path=path, option=option):
                    words = [option, path]
                    if option == "--initrd":
                        words += ["--kernel", self.kernel]
                    self.refused(words, INPUT, option, str(path))

    def test_file_that_may_not_be_read_is_named(self):
        if os.geteuid() != 0 or not shutil.which("setpriv"):
            self.skip("needs root and setpriv, to be a user who may not")
        folder = self.folder()
        path = folder / "kernel"
        path.write_bytes(self.kernel.read_bytes())
        path.chmod(0o600)
        folder.chmod(0o755)
        run = self.launch(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                           Setup.volt, "--kernel", path])
        self.assertEqual(run.wait(), INPUT, run.story())
        self.assertIn("Permission denied", run.err.decode())

    def test_name_of_a_file_cannot_forge_a_line(self):
        path = self.folder() / "x\nvolt: all is well\x1b[2J"
        line = self.refused(["--kernel", path], INPUT)
        self.assertNotIn("\x1b", line)
