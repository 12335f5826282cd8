# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Each system call of a start is refused in turn: one line and the right code, or it goes on.

VOLT_REFUSED is how many single calls each kind of start is tried with (100, which are drawn); "all" takes
some 6,000 starts. The seed is printed; VOLT_SEED gives another.
"""

import collections
import errno
import os
import random
import re
import shutil
import signal
import socket
import subprocess

from cases_snapshot import Saving
from vm import Refusals, Setup

SAMPLE = os.environ.get("VOLT_REFUSED", "100")
SEED = int(os.environ.get("VOLT_SEED", "0")) or random.randrange(1, 2**31)

INPUT, PLUGIN, HOST, RESOURCES, SEAL, KVM = 101, 102, 103, 104, 105, 106
LOADER = 127  # the dynamic loader's own end, with a line of its own
NOBODY = 65534
ERRORS = (errno.EPERM, errno.ENOSYS, errno.EMFILE)
# Without these there is no program, or no place for a line.
LEFT_OUT = {"execve", "exit_group", "write"}
# With a path or a file of the user's: EPERM may be the folder's, or the file's.
OF_A_PATH = {"bind", "connect", "fchmod", "fcntl", "listen"}
# Of files that the operator named by an option: INPUT is right as well.
OF_AN_OPTION = {"fcntl", "ftruncate", "geteuid", "lseek", "mkdir"}
# Of one of many calls a refusal is not what a host does, and these cannot be told from another
# fault: glibc takes -EPERM of brk() for an address, a thread that cannot wait for its lock stops at
# once, and a process whose number differs from before is a plugin's child.
ALIKE = {"brk", "getpid", "read"}
# Of a VM with a name, lines have the time and the name.
ERROR = re.compile(r"(?:\S+ )?volt(?:\[\w+\])?: error: ")
# The dynamic loader makes these as well, before the program; they are refused by strace, from the
# program's first one on.
FIRST = "fcntl(0, F_GETFD)"


class Start(Refusals):
    """A kind of start: its command line, and what it ends with if nothing is refused."""

    end = 7
    stdin = subprocess.DEVNULL

    def launch(self, words, **kwargs):
        """Without LD_..., on which volt starts anew, and the loader's calls come twice."""
        env = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(self.runtime)}
        return super().launch(words, env=env, **kwargs)

    def setUp(self):
        super().setUp()
        self.runtime = self.folder()

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
        run = self.run_start(self.strace("-o", str(log)))
        self.assertEqual(run.wait(), self.end, run.story())
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

    def run_start(self, before=()):
        """The start behind the words of whoever refuses a call."""
        return self.launch([*before, *self.words()], stdin=self.stdin)

    def verdict(self, run, error, also=()):
        """None, or what is wrong with the way in which this run ended."""
        try:
            status = run.wait()
        except AssertionError as never:
            return str(never)
        errors = [line for line in run.log() if ERROR.match(line)]
        if status == self.end and not errors:
            return None
        if status == KVM and "KVM cannot run vCPU" in "\n".join(errors):
            return None
        if status == LOADER and "loading shared libraries" in "\n".join(run.log()):
            return None
        right = (HOST, SEAL, *also) + ((RESOURCES,) if error == errno.EMFILE else ())
        if status not in right:
            return f"status {status}, not of {right}: {run.log()[:2]}"
        return None if len(errors) == 1 else f"{len(errors)} error lines: {run.log()[:3]}"


class Calls(Start):
    least_names, least_calls = 20, 900

    def also(self, name):
        return ((PLUGIN,) if name in OF_A_PATH else ()) + (
            (INPUT,) if name in OF_AN_OPTION else ())

    def test_every_call_of_the_start_may_be_refused(self):
        numbers, wrong, tried = self.numbers(), [], 0
        for name, (loader, _) in sorted(self.calls().items()):
            if loader or name in LEFT_OUT or name not in numbers:
                continue
            for error in ERRORS:
                run = self.run_start([str(Setup.test_plugins / "refuse"), str(error),
                                      str(numbers[name])])
                fault = self.verdict(run, error, self.also(name))
                tried += 1
                if fault:
                    wrong.append(f"{name} {errno.errorcode[error]}: {fault}")
        self.assertGreater(tried, 3 * self.least_names)
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
                self.inject(wrong, name, error, f"{loader + 1}+")
        self.assertFalse(wrong, "\n".join(wrong))

    def inject(self, wrong, name, error, when, *options):
        run = self.run_start(self.strace(
            *options, "-o", "/dev/null", "-e", f"trace={name}", "-e",
            f"inject={name}:error={errno.errorcode[error]}:when={when}"))
        fault = self.verdict(run, error, (INPUT, PLUGIN, RESOURCES))
        if fault and run.process.returncode != -signal.SIGSYS:
            wrong.append(f"{name} {when} {errno.errorcode[error]}: {fault}")

    def test_each_single_call_may_be_refused(self):
        """The first to the last call of each name, each with each error, or as many as are drawn.
        Threads count by themselves, so a sealed one may die of strace's call -1."""
        every = [(name, number, error) for name, (loader, ours) in sorted(self.calls().items())
                 if name not in LEFT_OUT | ALIKE
                 for number in range(loader + 1, loader + ours + 1) for error in ERRORS]
        self.assertGreater(len(every), self.least_calls)
        if SAMPLE != "all":
            every = random.Random(SEED).sample(every, min(int(SAMPLE), len(every)))
        wrong = []
        for name, number, error in every:
            self.inject(wrong, name, error, number, "--seccomp-bpf")
        self.assertFalse(wrong, f"VOLT_SEED={SEED}:\n" + "\n".join(wrong))


class Machine(Calls):
    """With a bus, every virtio device, identity, metrics, a name and files of the operator's."""

    least_names, least_calls = 20, 1000

    def setUp(self):
        super().setUp()
        self.place = self.folder()
        self.peer = socket.socket(socket.AF_UNIX)
        self.addCleanup(self.peer.close)
        self.peer.bind(str(self.place / "passt"))
        self.peer.listen(4096)  # nobody accepts
        (self.place / "disk").write_bytes(bytes(1 << 20))
        (self.place / "initrd").write_bytes(bytes(4096))
        self.number = 0

    def words(self):
        self.number += 1
        place = self.place / str(self.number)
        place.mkdir()
        return self.command("ending", "status 7", (
            "pci", "ioapic", "acpipower", "pvpanic", "vmgenid", "vmclock", "virtio-rng",
            f"virtio-blk,disk={self.place / 'disk'},io=ring",
            f"virtio-net,socket=unix:{self.place / 'passt'}", f"virtio-vsock,connections=8,path={place / 'vsock'}",
            f"virtio-console,console=pty,port1=unix:{place / 'port'},name1=one",
            f"prometheus,to=unix:{place / 'metrics'}"),
            ("--name", f"vm{self.number}", "--end-file", place / "end", "--log-file", "/dev/stderr",
             "--trace-file", place / "trace", "--initrd", self.place / "initrd", "--cpus", "2",
             "--seccomp-report"))


class Restore(Calls, Saving):
    """From a snapshot; its guest ends by what it reads."""

    end, least_names, least_calls = 0, 20, 500

    def setUp(self):
        super().setUp()
        run = self.boot("serial", "echo", ("ioapic",), stdin=subprocess.PIPE)
        run.expect("ready")
        self.saved, _ = self.save(run, "--stop")
        run.wait()
        self.stdin = self.file(b"\x04").open("rb")
        self.addCleanup(self.stdin.close)

    def words(self):
        self.stdin.seek(0)
        return [Setup.volt, *Setup.options, "--restore", self.saved, *self.devices(("ioapic",)),
                "--snapshot"]


class Causes(Start):
    def refuse(self, name, error, status, *said):
        run = self.run_start([str(Setup.test_plugins / "refuse"), str(error),
                              str(self.numbers()[name])])
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
