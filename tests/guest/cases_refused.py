# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Each system call of a start is refused in turn: one line and the right code, or it goes on."""

import collections
import errno
import os
import random
import re
import shutil
import signal
import subprocess

from vm import Refusals, Setup

INPUT, PLUGIN, HOST, RESOURCES, SEAL = 101, 102, 103, 104, 105
LOADER = 127  # the dynamic loader's own end, with a line of its own
NOBODY = 65534
ERRORS = (errno.EPERM, errno.ENOSYS, errno.EMFILE)
# Without these there is no program, or no place for a line.
LEFT_OUT = {"execve", "exit_group", "write"}
# With a path of the user's: EPERM may be the folder's.
OF_A_PATH = {"bind", "fchmod", "listen"}
# Of one of many calls a refusal is not what a host does, and these cannot be told from another
# fault: glibc takes -EPERM of brk() for an address, a thread that cannot wait for its lock stops at
# once, and a process whose number differs from before is a plugin's child.
ALIKE = {"brk", "getpid", "read"}
# The dynamic loader makes these as well, before the program; they are refused by strace, from the
# program's first one on.
FIRST = "fcntl(0, F_GETFD)"


class Calls(Refusals):
    def launch(self, words, **kwargs):
        """Without LD_..., on which volt starts anew, and the loader's calls come twice."""
        return super().launch(words, env={"PATH": os.environ["PATH"]}, **kwargs)

    def strace(self, *words):
        if not shutil.which("strace"):
            self.skip("strace is not installed")
        return ["strace", "-f", "-qq", *words]

    def words(self):
        """A start that opens files of every kind: a disk, a socket to listen on, guest memory."""
        folder = self.folder()
        (folder / "disk").write_bytes(bytes(1 << 20))
        return self.command("ending", "status 7", (
            "ioapic", "i8042", "virtio-rng", f"virtio-blk,disk={folder / 'disk'}",
            f"control,socket=unix:{folder / 'socket'}"))

    def calls(self):
        """{name: (made by the loader, made by volt)}"""
        log = self.folder() / "calls"
        self.launch(self.strace("-o", str(log), *self.words())).wait()
        counts = collections.defaultdict(lambda: [0, 0])
        ours = 0
        for line in log.read_text(errors="replace").splitlines():
            ours |= FIRST in line
            found = re.match(r"\d+ +([a-z]\w+)\(", line)
            if found and not found[1].startswith("syscall_"):
                counts[found[1]][ours] += 1
        self.assertGreater(len(counts), 30)
        self.assertTrue(ours, f"no {FIRST}")
        return counts

    def numbers(self):
        text = subprocess.run(["cc", "-E", "-dM", "-include", "sys/syscall.h", "-x", "c",
                               "/dev/null"], capture_output=True, text=True, check=True).stdout
        return {name: int(number) for name, number in
                re.findall(r"#define __NR_(\w+) (\d+)", text)}

    def verdict(self, run, error, also=()):
        """None, or what is wrong with the way in which this run ended."""
        try:
            status = run.wait()
        except AssertionError as never:
            return str(never)
        errors = [line for line in run.log() if line.startswith("volt: error: ")]
        if status == 7 and not errors:
            return None
        if status == LOADER and "loading shared libraries" in "\n".join(run.log()):
            return None
        right = (HOST, SEAL, *also) + ((RESOURCES,) if error == errno.EMFILE else ())
        if status not in right:
            return f"status {status}, not of {right}: {run.log()[:2]}"
        return None if len(errors) == 1 else f"{len(errors)} error lines: {run.log()[:3]}"

    def test_every_call_of_the_start_may_be_refused(self):
        numbers, wrong, tried = self.numbers(), [], 0
        for name, (loader, _) in sorted(self.calls().items()):
            if loader or name in LEFT_OUT or name not in numbers:
                continue
            for error in ERRORS:
                run = self.launch([str(Setup.test_plugins / "refuse"), str(error),
                                   str(numbers[name]), *self.words()])
                fault = self.verdict(run, error, (PLUGIN,) if name in OF_A_PATH else ())
                tried += 1
                if fault:
                    wrong.append(f"{name} {errno.errorcode[error]}: {fault}")
        self.assertGreater(tried, 60)
        self.assertFalse(wrong, "\n".join(wrong))

    def test_calls_that_the_loader_makes_too_may_be_refused_to_volt(self):
        """They open, read and map files, so that a kernel or a plugin may be to blame as well, and
        memory may be short. A confined volt dies by SIGSYS, for strace puts call -1 in the place of
        what it refuses."""
        wrong = []
        for name, (loader, ours) in sorted(self.calls().items()):
            if not loader or not ours or name in LEFT_OUT:
                continue
            for error in ERRORS:
                run = self.launch(self.strace(
                    "-o", "/dev/null", "-e", f"trace={name}", "-e",
                    f"inject={name}:error={errno.errorcode[error]}:when={loader + 1}+",
                    *self.words()))
                fault = self.verdict(run, error, (INPUT, PLUGIN, RESOURCES))
                if fault and run.process.returncode != -signal.SIGSYS:
                    wrong.append(f"{name} {errno.errorcode[error]}: {fault}")
        self.assertFalse(wrong, "\n".join(wrong))

    def test_each_single_call_may_be_refused(self):
        """The first to the last call of each name, each with one of the errors; which one begins is
        drawn. Threads count by themselves, so a sealed one may die of strace's call -1."""
        begin = random.randrange(len(ERRORS))
        wrong, tried = [], 0
        for name, (loader, ours) in sorted(self.calls().items()):
            for number in range(loader + 1, loader + ours + 1):
                if name in LEFT_OUT | ALIKE:
                    break
                tried += 1
                error = ERRORS[(begin + tried) % len(ERRORS)]
                run = self.launch(self.strace(
                    "--seccomp-bpf", "-o", "/dev/null", "-e", f"trace={name}", "-e",
                    f"inject={name}:error={errno.errorcode[error]}:when={number}",
                    *self.words()))
                fault = self.verdict(run, error, (INPUT, PLUGIN, RESOURCES))
                if fault and run.process.returncode != -signal.SIGSYS:
                    wrong.append(f"{name} {number} {errno.errorcode[error]}: {fault}")
        self.assertGreater(tried, 300)
        self.assertFalse(wrong, f"first error {begin}:\n" + "\n".join(wrong))

    def refuse(self, name, error, status, *said):
        run = self.launch([str(Setup.test_plugins / "refuse"), str(error),
                           str(self.numbers()[name]), *self.words()])
        self.assertEqual(run.wait(), status, run.story())
        for text in said:
            self.assertIn(text, "\n".join(run.log()))

    def test_cause_is_named(self):
        self.refuse("epoll_ctl", errno.ENOSPC, RESOURCES, "max_user_watches")
        self.refuse("epoll_pwait2", errno.ENOSYS, HOST, "Linux 5.11")
        self.refuse("epoll_pwait2", errno.EPERM, HOST, "epoll_pwait2", "container's filter")
        self.refuse("eventfd2", errno.EPERM, HOST, "eventfd")
        self.refuse("seccomp", errno.EPERM, SEAL, "seccomp")
        self.refuse("readlink", errno.EACCES, HOST, "/proc/self/exe", "--plugin-dir")

    def of_own_plugins(self, *before):
        """A volt that copies its plugins: they are its user's, who is not root. `before` stands
        before volt's own words. Help needs no /dev/kvm."""
        folder = self.folder()
        for path in Setup.volt.resolve().parent.parent.glob("plugins/*.so"):
            shutil.copy(path, folder)
        words = [*before, Setup.volt, "--plugin-dir", folder, "--plugin", "serial,help"]
        if os.geteuid() == 0:
            for path in (folder, *folder.iterdir()):
                os.chown(path, NOBODY, NOBODY)
            words = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *words]
        return self.launch([str(word) for word in words])

    def test_copy_of_a_plugin_that_cannot_be_made_is_named(self):
        refuse = Setup.test_plugins / "refuse"
        for error, said in ((errno.EACCES, "vm.memfd_noexec"), (errno.EPERM, "container's filter")):
            run = self.of_own_plugins(refuse, error, self.numbers()["memfd_create"])
            self.assertEqual(run.wait(), HOST, run.story())
            self.assertIn(said, "\n".join(run.log()))

    def test_limit_of_file_sizes_is_named(self):
        run = self.of_own_plugins("prlimit", "--fsize=512")
        self.assertEqual(run.wait(), RESOURCES, run.story())
        self.assertIn("ulimit -f", "\n".join(run.log()))

    def test_closed_standard_file_without_dev_null(self):
        if os.geteuid() != 0 or not shutil.which("unshare"):
            self.skip("needs root and unshare, for an empty /dev")
        run = self.launch(["unshare", "-m", "sh", "-c",
                           'mount -t tmpfs none /dev && exec "$0" --version <&-', str(Setup.volt)])
        self.assertEqual(run.wait(), HOST, run.story())
        self.assertEqual([line for line in run.log() if "/dev/null" in line], run.log())
