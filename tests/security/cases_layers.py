# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Each layer of the sandbox with the others off: what it refuses by itself, and that it is
this layer which refuses."""

import errno
import os
import socket

from cases_probe import Attempts
from forbidden import ACTIONS, BEFORE, Action
from kit import THREADS, tcp_address

NO_SECCOMP = ("--no-seccomp",)
NEITHER = ("--no-seccomp", "--no-landlock")

# File actions of forbidden.py that Landlock has a right for.
LANDLOCKED = (
    "open", "openat", "openat2", "open_directory", "creat", "open_create", "open_for_writing",
    "own_memory_file", "own_status", "kvm", "own_plugin", "mkdir", "rmdir", "unlink",
    "unlinkat", "rename", "renameat2", "link", "symlink", "mknod", "truncate", "execve",
    "execveat")
# What root may, with arguments that only those who may are told are wrong.
PRIVILEGED = (
    "chroot", "mount", "umount2", "pivot_root", "setuid", "setresuid", "setgid", "setgroups",
    "capset", "sethostname", "swapon", "acct", "init_module", "delete_module", "kexec_load",
    "reboot", "socket_packet", "open_by_handle_at", "raise_limit")
# A socket in the place of standard input: RLIMIT_NOFILE leaves no other descriptor.
TCP, UNIX = "close 0;socket 2 1 0", "close 0;socket 1 1 0"
NEW_CODE = ("mmap_writable_code", "mprotect_code", "mprotect_writable_code", "pkey_mprotect")


class Layer(Attempts):
    def results(self, name, thread, options, before=BEFORE):
        run = self.attempt(ACTIONS.get(name) or Action("", name, None), thread, *options,
                           before=before)
        self.assertEqual(run.process.returncode, 0, run.story())
        results = self.returned(run)
        self.assertIsNotNone(results, run.story())
        run.result = results[-1]
        return run

    def refuses(self, name, error, thread="vcpu", options=NO_SECCOMP, **kwargs):
        run = self.results(name, thread, options, **kwargs)
        self.assertEqual(run.result, -error, f"{name}: {errno.errorcode[error]}{run.story()}")
        self.assertEqual(run.before, run.after, run.story())
        return run

    def allows(self, name, thread="vcpu", options=NEITHER, **kwargs):
        run = self.results(name, thread, options, **kwargs)
        self.assertGreaterEqual(run.result, 0, f"{name}{run.story()}")
        return run


class Landlock(Layer):
    """Without seccomp."""

    # HOLDS(security)
    def test_no_file_can_be_opened_made_or_removed_from_any_thread(self):
        for name in LANDLOCKED:
            for thread in THREADS:
                with self.subTest(name=name, thread=thread):
                    self.refuses(name, errno.EACCES, thread)

    # HOLDS(security)
    def test_files_can_be_without_it(self):
        """So that it is Landlock that refuses: no capability is needed for these."""
        for name in ("open", "openat2", "open_directory", "creat", "own_status", "mkdir",
                     "unlink", "rename", "truncate"):
            with self.subTest(name=name):
                # RLIMIT_NOFILE may leave no descriptor.
                self.allows("close 0;" + ACTIONS[name].steps)

    def need_abi(self, abi):
        run = self.results("landlock_create_ruleset", "vcpu", NEITHER)
        if run.result < abi:
            self.skip(f"the kernel's Landlock has ABI {run.result}, not {abi}")

    # HOLDS(security)
    def test_no_tcp_port_can_be_used(self):
        self.need_abi(4)
        address = tcp_address(self.server.getsockname())
        for thread in THREADS:
            with self.subTest(thread=thread):
                self.refuses(f"{TCP};connect 0 %{address} 16", errno.EACCES, thread)
                self.refuses(f"{TCP};bind 0 %{tcp_address(('127.0.0.1', 0))} 16", errno.EACCES,
                             thread)
        self.assertFalse(self.connected())
        self.allows(f"{TCP};connect 0 %{address} 16")
        self.assertTrue(self.connected())

    # HOLDS(security)
    def test_no_process_outside_can_be_signalled(self):
        self.need_abi(6)
        for name in ("kill_parent", "tgkill_parent", "tkill_parent"):
            for thread in THREADS:
                with self.subTest(name=name, thread=thread):
                    self.refuses(name, errno.EPERM, thread)
        self.assertEqual(self.signals, 0)
        self.allows("kill_parent")
        self.assertEqual(self.signals, 1)

    # HOLDS(security)
    def test_no_abstract_socket_outside_can_be_reached(self):
        self.need_abi(6)
        name = f"volt-test-{os.getpid()}".encode()
        server = socket.socket(socket.AF_UNIX)
        self.addCleanup(server.close)
        server.bind(b"\0" + name)
        server.listen()
        address = (b"\1\0\0" + name).hex()
        step = f"{UNIX};connect 0 %{address} {len(name) + 3}"
        for thread in THREADS:
            with self.subTest(thread=thread):
                self.refuses(step, errno.EPERM, thread)
        self.allows(step)

    # HOLDS(security)
    def test_no_process_outside_can_be_traced(self):
        for name in ("ptrace 0x4206 {parent} 0 0", "process_vm_readv", "process_vm_writev"):
            for thread in THREADS:
                with self.subTest(name=name, thread=thread):
                    self.refuses(name, errno.EPERM, thread)


class Capabilities(Layer):
    """Without seccomp and Landlock."""

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skip("only root has capabilities to lose")

    # HOLDS(security)
    def test_root_has_none_of_its_powers_on_any_thread(self):
        for name in PRIVILEGED:
            if self.results(name, "vcpu", ("--no-sandbox",)).result == -errno.ENOSYS:
                continue  # a kernel without modules or kexec
            for thread in THREADS:
                with self.subTest(name=name, thread=thread):
                    self.refuses(name, errno.EPERM, thread, NEITHER)

    # HOLDS(security)
    def test_root_has_them_without_the_drop(self):
        for name in ("chroot", "setuid", "setgroups"):
            with self.subTest(name=name):
                self.allows(name, options=("--no-sandbox",))

    def test_they_alone_do_not_close_the_file_system(self):
        self.allows("close 0;open @/etc/passwd 0")

    # HOLDS(security)
    def test_program_that_is_started_has_none_and_gets_none(self):
        """Neither root's own nor those of a set-user-ID file: no_new_privs."""
        folder = self.folder()
        script = folder / "script"
        script.write_text("#!/bin/sh\ncat /proc/self/status\n")
        script.chmod(0o4755)
        run = self.run_words(self.words(self.probe("vcpu", f"execve @{script} 0 0"),
                                        options=NEITHER))
        fields = dict(line.split(":\t", 1) for line in run.text().splitlines() if ":\t" in line)
        self.assertEqual(fields.get("NoNewPrivs"), "1", run.story())
        for which in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertEqual(fields[which], "0" * 16, which)


class Limits(Layer):
    """Without seccomp and Landlock."""

    # HOLDS(security)
    def test_no_descriptor_can_be_had_above_the_highest(self):
        for thread in THREADS:
            with self.subTest(thread=thread):
                self.refuses("dup2 0 900", errno.EBADF, thread, NEITHER)
                self.refuses("fcntl 0 0 900", errno.EINVAL, thread, NEITHER)  # F_DUPFD
        self.allows("dup2 0 900", options=("--no-sandbox",))

    # HOLDS(security)
    def test_no_new_code_can_be_made(self):
        for name in NEW_CODE:
            for thread in THREADS:
                with self.subTest(name=name, thread=thread):
                    self.refuses(name, errno.EACCES, thread, NEITHER)
        for name in NEW_CODE:
            with self.subTest(name=name):
                self.allows(name, options=("--no-sandbox",))

    def test_process_is_not_dumpable(self):
        """PR_GET_DUMPABLE."""
        run = self.allows("prctl 3 0 0 0 0")
        self.assertEqual(run.result, 0, run.story())

    # HOLDS(security)
    def test_sealed_tables_cannot_be_made_writable(self):
        """mseal, of Linux 6.10."""
        if tuple(int(n) for n in os.uname().release.split(".")[:2]) < (6, 10):
            self.skip("the kernel has no mseal")
        for name in ("mprotect hostpage 4096 3", "munmap hostpage 4096",
                     "mremap hostpage 4096 8192 1"):
            for thread in THREADS:
                with self.subTest(name=name, thread=thread):
                    self.refuses(name, errno.EPERM, thread, NEITHER)


class Switches(Layer):
    """What they say about themselves, and the two that help to find a missing row."""

    # HOLDS(security)
    def test_each_switch_warns(self):
        for option, said in (("--no-seccomp", "system calls are not filtered"),
                             ("--no-landlock", "the file system is not closed"),
                             ("--no-sandbox", "has all of volt's rights")):
            with self.subTest(option=option):
                run = self.run_words(self.words(self.probe("vcpu", "getpid"), options=(option,)))
                warnings = [line for line in run.log() if line.startswith("volt: warning: --")]
                self.assertEqual(len(warnings), 1, run.story())
                self.assertIn(said, warnings[0])

    def test_log_mode_lets_pass_and_tells(self):
        for name in ("getpid", "open", "socket_unix"):
            with self.subTest(name=name):
                self.results(name, "vcpu", ("--seccomp-log", "--no-landlock"))

    # HOLDS(security)
    def test_log_mode_lets_no_other_entry_pass(self):
        for name in ("int80_getpid", "x32_getpid"):
            run = self.attempt(ACTIONS[name], "vcpu", "--seccomp-log")
            self.assertIsNone(self.returned(run), run.story())
            self.assertLess(run.process.returncode, 0, run.story())
