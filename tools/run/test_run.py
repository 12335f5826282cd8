# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""volt run, with a volt whose guest is this machine (fake_volt.c): all but the boot.

usage: test_run.py VOLT_RUN FAKE_VOLT
"""

import fcntl
import hashlib
import os
import pathlib
import pty
import re
import select
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

RUN, FAKE = (str(pathlib.Path(word).resolve()) for word in sys.argv[1:3])
LIMIT = 120  # seconds, to end what hangs
BULK = 100 << 20
FAILED = 125
HAS_KVM = os.access("/dev/kvm", os.R_OK | os.W_OK)


class Case(unittest.TestCase):
    def setUp(self):
        if not HAS_KVM:
            if os.environ.get("VOLT_MUST_WORK") == "1":
                self.fail("cannot run: /dev/kvm cannot be opened")
            self.skipTest("/dev/kvm cannot be opened")
        folder = tempfile.TemporaryDirectory(prefix="volt-test-run-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.tmp = self.folder / "tmp"
        self.tmp.mkdir()
        (self.folder / "kernel").write_text("a kernel")
        self.env = {"PATH": os.environ["PATH"], "TMPDIR": str(self.tmp), "HOME": folder.name,
                    "TERM": "vt100"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                self.env[name] = os.environ[name]

    def line(self, *words, options=("--no-share",)):
        return [RUN, "--any-kvm", "--volt", FAKE, "--kernel", self.folder / "kernel", "--initrd",
                self.folder / "kernel", *options, "--", *words]

    def run_it(self, *words, options=("--no-share",), status=0, stdin=b"", **env):
        done = subprocess.run(self.line(*words, options=options), input=stdin, capture_output=True,
                              env={**self.env, **env}, timeout=LIMIT, check=False)
        self.assertEqual(done.returncode, status, done.stdout[-2000:] + done.stderr[-2000:])
        return done

    def sh(self, script, **how):
        return self.run_it("sh", "-c", script, **how)

    def start(self, script, **how):
        run = subprocess.Popen(self.line("sh", "-c", script), env=self.env, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how)
        self.addCleanup(self.end, run)
        return run

    @staticmethod
    def end(run):
        run.kill()
        run.communicate()

    def until(self, fact, what):
        end = time.monotonic() + LIMIT
        while not fact():
            self.assertLess(time.monotonic(), end, f"still not: {what}")
            time.sleep(0.02)

    def processes(self):
        """Those with this test's folder on their command line or in their environment."""
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if str(self.tmp).encode() in (path / "environ").read_bytes():
                    found.append((path.name, (path / "comm").read_text().strip()))
            except OSError:
                pass
        return found

    def find_helper(self):
        def find():
            return [int(pid) for pid, name in self.processes() if name == "volt-run-helper"]
        self.until(find, "the helper has its name")
        return find()[0]

    def is_clean(self):
        return not list(self.tmp.iterdir()) and not self.processes()


class Host(Case):
    """With a /sys/module of its own, where the module is that cannot run Linux."""

    def on_pvm(self, *options):
        flags = "-m" if os.geteuid() == 0 else "-rm"
        script = "mount -t tmpfs none /sys/module && mkdir /sys/module/kvm_pvm && exec \"$@\""
        if subprocess.run(["unshare", flags, "sh", "-c", script, "sh", "true"], check=False,
                          stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest("no mount namespace can be made here")
        words = [word for word in self.line("sh", "-c", "exit 7") if word != "--any-kvm"]
        return subprocess.run(["unshare", flags, "sh", "-c", script, "sh", words[0], *options,
                               *words[1:]], env=self.env, timeout=LIMIT, capture_output=True,
                              check=False)

    def test_a_kvm_that_cannot_run_linux_is_refused_at_once(self):
        run = self.on_pvm()
        self.assertEqual(run.returncode, FAILED, run.stderr)
        self.assertEqual(run.stderr.count(b"\n"), 1, run.stderr)
        self.assertIn(b"(kvm_pvm) cannot run Linux; --any-kvm tries it", run.stderr)

    def test_it_goes_on_if_it_is_asked_to(self):
        run = self.on_pvm("--any-kvm")
        self.assertEqual((run.returncode, run.stderr), (7, b""))


class Status(Case):
    def test_the_status_is_the_commands(self):
        self.sh("exit 7", status=7)
        self.sh("exit 0")
        self.until(self.is_clean, "all is gone")

    def test_a_signal_is_128_and_its_number(self):
        self.sh("kill -9 $$", status=137)
        self.sh("kill -TERM $$", status=143)

    def test_a_command_that_is_not_there(self):
        self.assertIn(b"no-such-command: No such file",
                      self.run_it("no-such-command", status=127).stderr)
        self.run_it("/etc/passwd", status=126)

    def test_without_a_command_there_is_a_shell(self):
        done = self.run_it(stdin=b"echo $((6 * 7)); exit 4", status=4)
        self.assertEqual(done.stdout, b"42\n")

    def test_options_behind_the_command_are_its_own(self):
        self.assertEqual(self.run_it("echo", "--help", "--").stdout[:20],
                         subprocess.run(["/bin/echo", "--help", "--"], capture_output=True,
                                        check=True).stdout[:20])

    def test_a_vm_that_ends_early_tells_why(self):
        said = self.sh("true", status=FAILED, FAKE_VOLT="end 106").stderr.decode()
        self.assertIn("did not come up; volt ended with status 106; volt doctor tells", said)
        self.assertIn("| fake volt: it is over", said)
        self.until(self.is_clean, "all is gone")

    def test_another_agent_is_refused(self):
        self.assertIn(b"another version", self.sh("true", status=FAILED, FAKE_VOLT="odd").stderr)

    def test_a_lost_connection_is_told(self):
        self.assertIn(b"connection to the guest was lost",
                      self.sh("true", status=FAILED, FAKE_VOLT="bye").stderr)

    def test_a_vm_that_dies_under_the_command(self):
        run = self.start("echo $PPID; sleep 1000")
        run.stdout.readline()
        fake = next(int(pid) for pid, name in self.processes() if name == "fake_volt" and
                    f"PPid:\t{run.pid}" in pathlib.Path(f"/proc/{pid}/status").read_text())
        children = [int(pid) for pid, name in self.processes() if name == "fake_volt"]
        os.kill(fake, signal.SIGKILL)
        for pid in children:
            if pid != fake:
                os.kill(pid, signal.SIGKILL)
        _, said = run.communicate(timeout=LIMIT)
        self.assertEqual(run.returncode, FAILED, said)
        self.assertIn(b"the VM ended before the command did; volt ended with signal 9", said)


class Streams(Case):
    def test_a_hundred_megabytes_go_in_and_come_back(self):
        path = self.folder / "bulk"
        block = os.urandom(1 << 20)
        digest = hashlib.sha256()
        with open(path, "wb") as file:
            for number in range(BULK >> 20):
                part = number.to_bytes(4, "little") + block[4:]
                file.write(part)
                digest.update(part)
        with open(path, "rb") as file:
            run = subprocess.Popen(self.line("cat"), env=self.env, stdin=file,
                                   stdout=subprocess.PIPE)
            got = hashlib.sha256()
            while part := run.stdout.read(1 << 20):
                got.update(part)
        run.stdout.close()
        self.assertEqual(run.wait(LIMIT), 0)
        self.assertEqual(got.hexdigest(), digest.hexdigest())

    def test_both_outputs_apart(self):
        done = self.sh("echo out; echo err >&2")
        self.assertEqual((done.stdout, done.stderr), (b"out\n", b"err\n"))

    def test_every_byte(self):
        every = bytes(range(256)) * 100
        self.assertEqual(self.run_it("cat", stdin=every).stdout, every)

    def test_input_may_end_before_the_command(self):
        self.assertEqual(self.sh("cat; sleep 0.1; echo after", stdin=b"in ").stdout, b"in after\n")

    def test_a_command_that_reads_nothing_ends(self):
        self.assertEqual(self.sh("echo done", stdin=bytes(1 << 20)).stdout, b"done\n")

    def test_an_output_that_nobody_reads_ends_the_run(self):
        run = self.start("yes")
        run.stdout.readline()
        run.stdout.close()
        self.assertEqual(run.wait(LIMIT), 128 + signal.SIGPIPE)
        run.stdout = None
        self.until(self.is_clean, "all is gone")

    def test_a_full_disk_is_told(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run(self.line("echo", "text"), env=self.env, stdout=full,
                                  stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=LIMIT,
                                  check=False)
        self.assertEqual(done.returncode, FAILED)
        self.assertIn(b"No space left", done.stderr)

    def test_a_slow_reader_holds_no_signal(self):
        run = self.start("yes")
        run.stdout.readline()
        time.sleep(0.2)  # the pipe is full by then, or soon
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=LIMIT)
        self.assertEqual(run.returncode, 143)

    def test_a_socket_as_output(self):
        here, there = socket.socketpair()
        self.addCleanup(here.close)
        run = subprocess.Popen(self.line("sh", "-c", "head -c 1000000 /dev/zero"), env=self.env,
                               stdin=subprocess.DEVNULL, stdout=there)
        there.close()
        count = 0
        while part := here.recv(65536):
            count += len(part)
        self.assertEqual((run.wait(LIMIT), count), (0, 1000000))

    def test_a_file_as_output_is_appended_to(self):
        path = self.folder / "out"
        path.write_text("before\n")
        with open(path, "ab") as file:
            subprocess.run(self.line("echo", "after"), env=self.env, stdout=file, check=True,
                           stdin=subprocess.DEVNULL, timeout=LIMIT)
        self.assertEqual(path.read_text(), "before\nafter\n")

    def test_closed_streams(self):
        done = subprocess.run(["sh", "-c", 'exec "$@" <&- 2>&-', "sh", *self.line("cat")],
                              env=self.env, capture_output=True, timeout=LIMIT, check=False)
        self.assertEqual(done.returncode, 0)


class Environment(Case):
    def test_variables_by_list(self):
        done = self.sh("echo $A-$B-$C-$D", options=("--no-share", "--env", "A=1", "--env", "B",
                                                   "--env", "C", "--env", "A=2"), B="of here")
        self.assertEqual(done.stdout, b"2-of here--\n")
        self.assertIn(b"has no name", self.sh("true", options=("--env", "=1"), status=FAILED).stderr)

    def test_the_folder(self):
        self.assertEqual(self.run_it("pwd").stdout, b"/\n")
        self.assertEqual(self.run_it("pwd", options=("--no-share", "--workdir", "/usr")).stdout,
                         b"/usr\n")
        self.run_it("pwd", options=("--no-share", "--workdir", "/none"), status=127)

    def test_too_many_words(self):
        self.assertIn(b"512 words", self.run_it(*["x"] * 600, status=FAILED).stderr)
        self.assertIn(b"16 KiB", self.run_it("x" * 20000, status=FAILED).stderr)


class Signals(Case):
    def test_they_reach_the_command(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT,
                       signal.SIGUSR1):
            with self.subTest(number):
                name = signal.Signals(number).name[3:]
                run = self.start(f"trap 'echo got {name}; exit 3' {name}; echo ready; "
                                 "while :; do sleep 0.05; done")
                run.stdout.readline()
                run.send_signal(number)
                out, _ = run.communicate(timeout=LIMIT)
                self.assertEqual((run.returncode, out), (3, f"got {name}\n".encode()))

    def test_one_that_nothing_catches_ends_it(self):
        run = self.start("echo ready; exec sleep 1000")
        run.stdout.readline()
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=LIMIT)
        self.assertEqual(run.returncode, 130)

    def test_the_third_ends_a_deaf_command(self):
        run = self.start("trap '' TERM; echo ready; while :; do sleep 0.1; done")
        run.stdout.readline()
        while run.poll() is None:  # two at once may be one
            run.send_signal(signal.SIGTERM)
            time.sleep(0.05)
        run.communicate(timeout=LIMIT)
        self.assertEqual(run.returncode, 143)
        self.until(self.is_clean, "all is gone")

    def test_one_before_the_guest_is_there(self):
        self.env["FAKE_VOLT"] = "deaf"
        run = self.start("true")
        self.until(lambda: any(self.tmp.glob("*/vsock")), "the VM has its socket")
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=LIMIT)
        self.assertEqual(run.returncode, 143)
        self.until(self.is_clean, "all is gone")

    def test_nothing_is_left_after_sigkill(self):
        run = self.start("echo ready; sleep 1000")
        run.stdout.readline()
        run.kill()
        self.until(self.is_clean, "all is gone")

    def test_nothing_is_left_after_the_helpers_end(self):
        run = self.start("echo ready; cat")
        run.stdout.readline()
        helper = self.find_helper()
        os.kill(helper, signal.SIGKILL)
        run.communicate(b"", timeout=LIMIT)
        self.assertEqual(run.returncode, 0)
        self.until(self.is_clean, "all is gone")

    def test_the_next_run_sweeps(self):
        run = self.start("echo ready; sleep 1000")
        run.stdout.readline()
        helper = self.find_helper()
        run.send_signal(signal.SIGSTOP)
        os.kill(helper, signal.SIGKILL)
        run.kill()
        run.communicate(timeout=LIMIT)
        self.until(lambda: not self.processes(), "the processes are gone")
        self.assertNotEqual(list(self.tmp.iterdir()), [])
        self.sh("true")
        self.until(self.is_clean, "all is gone")


class Terminal(Case):
    def setUp(self):
        super().setUp()
        self.outer, self.inner = pty.openpty()
        self.addCleanup(os.close, self.outer)
        self.addCleanup(os.close, self.inner)
        self.resize(30, 90)
        self.before = termios.tcgetattr(self.inner)
        self.got = b""

    def resize(self, rows, columns):
        fcntl.ioctl(self.inner, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type_at(self, *words):
        def own_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        run = subprocess.Popen(self.line(*words), env=self.env, stdin=self.inner, stdout=self.inner,
                               stderr=self.inner, preexec_fn=own_terminal)
        self.addCleanup(run.wait)
        self.addCleanup(run.kill)
        return run

    def expect(self, text):
        end = time.monotonic() + LIMIT
        while text not in self.got:
            ready, _, _ = select.select([self.outer], [], [], max(0, end - time.monotonic()))
            self.assertTrue(ready, (text, self.got[-2000:]))
            self.got += os.read(self.outer, 4096)
        self.got = self.got[self.got.index(text) + len(text):]

    def finish(self, run, status):
        """Reads on, so that nobody waits for room."""
        end = time.monotonic() + LIMIT
        while run.poll() is None:
            self.assertLess(time.monotonic(), end, self.got[-2000:])
            if select.select([self.outer], [], [], 0.02)[0]:
                self.got += os.read(self.outer, 4096)
        self.assertEqual(run.returncode, status)

    def test_size_and_its_change(self):
        run = self.type_at("sh", "-c", "trap 'stty size' WINCH; stty size; echo $TERM; "
                           "while :; do sleep 0.05; done")
        self.expect(b"30 90\r\n")
        self.expect(b"vt100")
        self.resize(41, 101)
        self.expect(b"41 101\r\n")
        self.resize(10, 20)
        self.expect(b"10 20\r\n")
        os.write(self.outer, b"\x03")
        self.finish(run, 130)

    def test_ctrl_c_reaches_the_command(self):
        run = self.type_at("sh", "-c", "trap 'echo caught; exit 5' INT; echo ready; "
                           "while :; do sleep 0.05; done")
        self.expect(b"ready")
        os.write(self.outer, b"\x03")
        self.expect(b"caught")
        self.finish(run, 5)

    def test_the_terminal_is_as_it_was(self):
        run = self.type_at("sh", "-c", "echo ready; read line; exit 6")
        self.expect(b"ready")
        self.assertNotEqual(termios.tcgetattr(self.inner), self.before)
        os.write(self.outer, b"line\r")
        self.finish(run, 6)
        self.assertEqual(termios.tcgetattr(self.inner), self.before)

    def test_the_terminal_is_as_it_was_after_sigkill(self):
        run = self.type_at("sh", "-c", "echo ready; sleep 1000")
        self.expect(b"ready")
        run.kill()
        self.until(lambda: termios.tcgetattr(self.inner) == self.before, "the terminal is back")
        self.until(self.is_clean, "all is gone")

    def test_three_escapes_leave(self):
        run = self.type_at("sh", "-c", "stty raw; echo ready; while :; do sleep 1; done")
        self.expect(b"ready")
        os.write(self.outer, b"\x1d\x1d\x1d")
        self.finish(run, 130)

    def test_a_pipe_as_output_gets_no_terminal(self):
        run = subprocess.Popen(self.line("sh", "-c", "test -t 1 || echo pipe"), env=self.env,
                               stdin=self.inner, stdout=subprocess.PIPE)
        self.assertEqual(run.communicate(timeout=LIMIT)[0], b"pipe\n")


class Disks(Case):
    def words(self, *options, cwd=None):
        """What volt is started with."""
        done = subprocess.run(self.line("pwd", options=options), env={
            **self.env, "FAKE_VOLT": "end 1"}, stdin=subprocess.DEVNULL, capture_output=True,
            timeout=LIMIT, check=False, cwd=cwd)
        self.assertEqual(done.returncode, FAILED)
        said = done.stderr.decode().splitlines()
        return [line.split("fake volt: ", 1)[1] for line in said if "fake volt: " in line], said

    def tree(self):
        tree = self.folder / "tree, with a comma"
        (tree / "sub").mkdir(parents=True)
        (tree / "sub/file").write_text("of the tree\n")
        return tree

    def test_the_current_folder_is_a_read_only_disk(self):
        words, _ = self.words(cwd=self.tree())
        self.assertRegex(" ".join(words), r"virtio-blk,disk=\S+/share,readonly=on")
        self.assertIn("volt.share=LABEL=volt-share,/mnt", words[words.index("--append") + 1])

    def test_a_large_one_is_left_out_and_said_so(self):
        tree = self.tree()
        with open(tree / "large", "wb") as file:
            file.truncate(300 << 20)
        words, said = self.words(cwd=tree)
        self.assertNotIn("share", " ".join(words))
        self.assertIn("more than 256 MiB", said[0])
        words, _ = self.words("--share", str(tree), cwd=tree)
        self.assertIn("/share,readonly=on", " ".join(words))

    def live(self, state="yes"):
        """A virtiofsd, and a kernel of which volt-kernel tells this of virtio-fs."""
        tools = self.folder / "tools"
        tools.mkdir(exist_ok=True)
        told = f'{{ "feature": "tmpfs", "state": "no" }}, {{ "feature": "virtio-fs", "state": "{state}" }}'
        for name, text in (("virtiofsd", "exit 1"), ("volt-kernel", f"echo '{told}'")):
            (tools / name).write_text(f"#!/bin/sh\n{text}\n")
            (tools / name).chmod(0o755)
        self.env["PATH"] = f"{tools}:{self.env['PATH']}"

    def test_a_share_is_the_folder_itself(self):
        self.live()
        tree = self.tree()
        words, said = self.words("--share", str(tree))
        self.assertEqual(words[words.index("--share") + 1], str(tree).replace(",", ",,") + ",ro,at=/mnt")
        self.assertNotIn("virtio-blk", " ".join(words))
        self.assertNotIn("copied", " ".join(said))
        words, _ = self.words("--writable", cwd=tree)
        self.assertEqual(words[words.index("--share") + 1], "./.,at=/mnt")
        self.assertNotIn("--share", self.words("--no-share")[0])

    def test_a_large_folder_needs_no_copy(self):
        self.live()
        tree = self.tree()
        with open(tree / "large", "wb") as file:
            file.truncate(300 << 20)
        words, said = self.words(cwd=tree)
        self.assertEqual(words[words.index("--share") + 1], "./.,ro,at=/mnt")
        self.assertNotIn("not shared", " ".join(said))

    def test_a_copy_is_told(self):
        """Where nothing tells that the kernel, of which this initramfs has no module, can."""
        tree = self.tree()
        for state in ("no", "module"):
            with self.subTest(state):
                self.live(state)
                words, said = self.words("--share", str(tree))
                self.assertNotIn("--share", words)
                self.assertEqual(said[0], f"volt run: --share {tree}: is copied: nothing tells that the kernel has virtio-fs")

    def test_the_share_has_the_files(self):
        """Read from the image while the VM is there."""
        image = self.folder / "image"
        tool = self.folder / "mke2fs"
        tool.write_text(f"#!/bin/sh\n{shutil.which('mke2fs', path='/sbin:/usr/sbin')} \"$@\" && "
                        f"for word; do case $word in */share) cp $word {image};; esac; done\n")
        tool.chmod(0o755)
        self.env["PATH"] = f"{self.folder}:{self.env['PATH']}"
        self.words("--share", str(self.tree()))
        done = subprocess.run(["/sbin/debugfs", "-R", "cat /sub/file", image], capture_output=True,
                              check=True, text=True, timeout=LIMIT)
        self.assertEqual(done.stdout, "of the tree\n")
        subprocess.run(["/sbin/e2fsck", "-fn", image], check=True, timeout=LIMIT,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def test_a_root_from_an_image_is_a_clone(self):
        image = self.folder / "root,1.img"
        image.write_bytes(bytes(1 << 20))
        words, _ = self.words("--image", str(image), "--no-share")
        self.assertIn("root,,1.img", " ".join(words))
        self.assertRegex(" ".join(words), r"virtio-blk,disk=\S+/root,base=\S+")
        self.assertIn("root=/dev/vda rw", words[words.index("--append") + 1])

    def test_a_root_from_a_folder(self):
        words, _ = self.words("--root", str(self.tree()), "--no-share")
        self.assertRegex(" ".join(words), r"virtio-blk,disk=\S+/root( |$)")

    def test_an_image_by_name(self):
        store = self.folder / ".local/share/volt/images"
        store.mkdir(parents=True)
        (store / "web.img").write_bytes(bytes(1 << 20))
        self.assertIn(f"base={store}/web.img", " ".join(self.words("--image", "web", "--no-share")[0]))
        self.assertIn("neither a file nor the name of an image",
                      self.words("--image", "none", "--no-share")[1][0])
        self.assertNotIn("virtio-blk", " ".join(self.words("--no-share")[0]))
        (store / "default.img").write_bytes(bytes(1 << 20))
        self.assertIn(f"base={store}/default.img", " ".join(self.words("--no-share")[0]))

    def test_what_is_wrong_is_told(self):
        for options, text in ((("--share", "/none"), "--share /none: No such file"),
                              (("--share", "/etc/passwd"), "is not a folder"),
                              (("--root", "/none"), "--root /none: No such file"),
                              (("--image", "a", "--root", "b"), "give one of them"),
                              (("--memory", "12x"), "--memory 12x: give a size"),
                              (("--cpus", "two"), "--cpus two: give a number"),
                              (("--share", "a", "--no-share"), "give one of them"),
                              (("--writable", "--no-share"), "give one of them"),
                              (("--what",), "unknown option --what")):
            with self.subTest(options):
                self.assertIn(text, " ".join(self.words(*options)[1]))

    def test_what_was_named_is_looked_for_before_a_kernel_is_fetched(self):
        tools = self.folder / "tools"
        tools.mkdir()
        asked = self.folder / "asked"
        (tools / "volt-kernel").write_text(f"#!/bin/sh\n>{asked}\nexit 1\n")
        (tools / "volt-kernel").chmod(0o755)
        self.env["PATH"] = f"{tools}:{self.env['PATH']}"
        for options, text in ((("--image", "none"), "neither a file nor the name of an image"),
                              (("--root", "/none"), "--root /none: No such file"),
                              (("--share", "/none"), "--share /none: No such file")):
            with self.subTest(options):
                run = subprocess.run([RUN, "--any-kvm", "--volt", FAKE, *options, "--", "true"],
                                     env=self.env, capture_output=True, text=True, timeout=LIMIT,
                                     check=False)
                self.assertEqual(run.returncode, FAILED, run.stderr)
                self.assertIn(text, run.stderr)
                self.assertEqual(run.stderr.count("\n"), 1, run.stderr)
                self.assertFalse(asked.exists())

    def test_passt_is_looked_for_before_a_kernel_is_fetched(self):
        if shutil.which("passt", path="/usr/sbin:/sbin"):
            self.skipTest("passt is in a folder that is always looked at")
        self.env["PATH"] = str(self.folder)
        self.assertIn("package passt", self.words("--net", "--no-share")[1][0])

    def test_a_tool_that_lacks_is_named(self):
        self.env["PATH"] = str(self.folder)
        os.symlink(shutil.which("true"), self.folder / "mke2fs")
        self.words("--share", str(self.tree()))  # the one in PATH is taken


class Writable(Case):
    def run_in(self, folder, script, **how):
        return self.sh(script, options=("--writable", "--share", str(folder)), **how)

    def test_new_and_changed_files_come_back(self):
        folder = self.folder / "work"
        (folder / "sub").mkdir(parents=True)
        for name in ("kept", "changed", "removed"):
            (folder / name).write_text("before\n")
            os.utime(folder / name, (1000, 1000))
        self.run_in(folder, "echo after >changed; echo new >sub/new; chmod 755 sub/new; rm removed; "
                    "exit 3", status=3)
        found = {path.name: path.read_text() for path in folder.rglob("*") if path.is_file()}
        self.assertEqual(found, {"kept": "before\n", "changed": "after\n", "removed": "before\n",
                                 "new": "new\n"})
        self.assertEqual((folder / "kept").stat().st_mtime, 1000)
        self.assertTrue(os.access(folder / "sub/new", os.X_OK))
        self.until(self.is_clean, "all is gone")

    def test_nothing_that_comes_back_is_trusted(self):
        folder, outside = self.folder / "work", self.folder / "outside"
        folder.mkdir()
        outside.write_text("outside\n")
        (folder / "link").symlink_to(outside)
        (folder / "dirs").symlink_to(self.folder)
        self.run_in(folder, "rm link; echo evil >link; mkfifo pipe; cp /bin/true su; chmod 6755 su")
        self.assertEqual(outside.read_text(), "outside\n")
        self.assertEqual((folder / "link").read_text(), "evil\n")
        self.assertFalse((folder / "link").is_symlink())
        self.assertFalse((folder / "pipe").exists())
        self.assertEqual((folder / "su").stat().st_mode & 0o7777, 0o755)
        self.assertIn(b"cannot overwrite", self.run_in(
            folder, "rm dirs; mkdir dirs; echo evil >dirs/outside", status=FAILED).stderr)
        self.assertEqual(outside.read_text(), "outside\n")

    def test_a_newer_file_of_the_folder_stays(self):
        folder = self.folder / "work"
        folder.mkdir()
        (folder / "file").write_text("before\n")
        run = subprocess.Popen(
            self.line("sh", "-c", "echo guest >file; touch -d @1000000 file; echo ready; read line",
                      options=("--writable", "--share", str(folder))),
            env=self.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(self.end, run)
        run.stdout.readline()
        (folder / "file").write_text("host\n")
        run.communicate(b"go on\n", timeout=LIMIT)
        self.assertEqual((run.returncode, (folder / "file").read_text()), (0, "host\n"))


class Kernels(Case):
    """As installed: volt, volt-kernel and kernel-fetch; apt and the store only note what is asked."""

    def setUp(self):
        super().setUp()
        folder, self.log = self.folder / "bin", self.folder / "log"
        share = self.folder / "share/volt"
        folder.mkdir()
        share.mkdir(parents=True)
        (share / "kernel-fetch").symlink_to(pathlib.Path(__file__).with_name("kernel-fetch").resolve())
        (folder / "volt").symlink_to(FAKE)
        for name, script in {
                "volt-kernel": "case $1 in\n"
                               f"default) test -e {self.folder}/default ;;\n"
                               f"import) touch {self.folder}/default ;;\n"
                               'initramfs) [ "$5" != absent ] && touch "$4" || '
                               '{ echo "no kernel in the store has that name" >&2; exit 1; } ;;\n'
                               "esac",
                "apt-cache": 'echo "  Depends: linux-image-6.1.0-9-cloud-amd64"',
                "apt-get": "for package; do :; done; touch ${package}_1.deb"}.items():
            (folder / name).write_text(f"#!/bin/sh\necho {name} $* >>{self.log}\n{script}\n")
            (folder / name).chmod(0o755)
        self.env["PATH"] = f"{folder}:{self.env['PATH']}"

    def start_plain(self, *options):
        run = subprocess.Popen([RUN, "--any-kvm", "--volt", self.folder / "bin/volt", "--no-share", *options,
                                "--", "sh", "-c", "exit 7"], env=self.env, text=True,
                               stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(self.end, run)
        return run

    def test_the_first_kernel_is_fetched_once(self):
        runs = [self.start_plain() for _ in range(5)]
        said = "".join(run.communicate(timeout=LIMIT)[1] for run in runs)
        self.assertEqual([run.returncode for run in runs], [7] * 5, said)
        self.assertIn("there is no kernel yet: fetching Debian's, once", said)
        log = self.log.read_text()
        self.assertEqual(log.count("apt-get "), 1, log)
        self.assertEqual(log.count("volt-kernel import --default linux-image-6.1.0-9-cloud-amd64_1.deb"),
                         1, log)
        self.assertEqual(log.count("volt-kernel initramfs --quiet --output"), 5, log)

    def test_a_fetch_that_fails_is_told(self):
        (self.folder / "bin/apt-get").write_text("#!/bin/sh\nexit 100\n")
        run = self.start_plain()
        _, said = run.communicate(timeout=LIMIT)
        self.assertEqual(run.returncode, FAILED)
        self.assertIn("no kernel could be fetched: volt-kernel import --default FILE takes one", said)

    def test_a_kernel_by_name(self):
        run = self.start_plain("--kernel", "own")
        run.communicate(timeout=LIMIT)
        self.assertEqual(run.returncode, 7)
        run = self.start_plain("--kernel", "absent")
        _, said = run.communicate(timeout=LIMIT)
        self.assertEqual(run.returncode, FAILED)
        self.assertIn("--kernel absent: no kernel in the store has that name", said)


class Many(Case):
    def test_fifty_at_once(self):
        runs = [subprocess.Popen(self.line("sh", "-c", "read n; exit $n"), env=self.env,
                                 stdin=subprocess.PIPE) for _ in range(50)]
        for number, run in enumerate(runs):
            run.stdin.write(f"{number}\n".encode())
            run.stdin.close()
        self.assertEqual([run.wait(LIMIT) for run in runs], list(range(50)))
        self.until(self.is_clean, "all is gone")


class Documents(Case):
    """Types what is printed in docs/run.md and README.md."""

    def test_the_examples(self):
        self.type("docs/run.md")

    def test_the_recipes(self):
        self.type("README.md")

    def type(self, path):
        text = (pathlib.Path(__file__).parents[2] / path).read_text(encoding="utf-8")
        blocks = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        self.assertTrue(blocks)
        lines = "".join(blocks).splitlines()
        script = "\n".join(line[2:] for line in lines if line.startswith("$ "))
        printed = [line for line in lines if not line.startswith("$ ")]
        (self.folder / "notes").mkdir()
        (self.folder / "notes/todo").write_text("write the manual\n")
        words = " ".join(shlex.quote(str(word)) for word in self.line(options=())[:-1])
        (self.folder / "volt").write_text(f'#!/bin/sh\nshift\nexec {words} "$@"\n')
        (self.folder / "volt").chmod(0o755)
        self.env["PATH"] = f"{self.folder}:{self.env['PATH']}"
        done = subprocess.run(["sh", "-c", script], env=self.env, capture_output=True, text=True,
                              cwd=self.folder, timeout=LIMIT, check=False)
        said = [line for line in done.stderr.splitlines() if "is copied: " not in line]  # no guest, no virtio-fs
        self.assertEqual((done.stdout.splitlines(), said), (printed, []))


class Words(Case):
    def test_help_and_version(self):
        for option in ("--help", "--version"):
            done = subprocess.run([RUN, option], capture_output=True, check=True, env={})
            self.assertTrue(done.stdout)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[3:]])
