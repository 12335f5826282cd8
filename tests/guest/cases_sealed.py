# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""What a running VM's process still is and has, as the kernel tells it."""

import os
import pathlib
import shutil
import signal

import vm
from vm import Case, Setup

CAPABILITY_SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
NO_CAPABILITY = "0000000000000000"

# As a user who may open /dev/kvm and nothing else: another node of it, in a mount
# namespace of its own. $1 is a folder for the node.
AS_USER = ('mknod "$1/kvm" c 10 232 && chmod 666 "$1/kvm" && mount --bind "$1/kvm" /dev/kvm && '
           'shift && exec setpriv --reuid=65534 --regid=65534 --clear-groups '
           '--bounding-set=+all "$@"')

DEFAULT_PLUGINS = ("i8042", "ioapic", "acpipower", "pvpanic")


class Sealed(Case):
    def setUp(self):
        super().setUp()
        if not Setup.sandboxed:
            self.skip("volt runs without a sandbox here")
        if os.geteuid() != 0:
            self.skip("only root may read what a sealed process shows of itself")

    def start_user(self, *options, prefix=(), guest="spin"):
        if not shutil.which("setpriv") or not shutil.which("unshare"):
            self.skip("setpriv and unshare are not installed")
        command = self.command("ending", guest, ("ioapic",), options)
        return self.launch(["unshare", "-m", *prefix, "sh", "-c", AS_USER, "sh", self.folder(),
                            *command])

    def stop(self, run):
        run.signal(signal.SIGTERM)
        self.check_end(run, 143)

    def check_threads(self, pid, vcpus, bounding=True):
        """Every thread, and KVM's helper kvm-nx-lpage-re, a kernel thread that KVM makes in
        the process at the first KVM_RUN. It has the process's credentials but never runs its
        code or calls the kernel; it is born under the early filter."""
        found = vm.tasks(pid)
        names = sorted(name for name, _ in found)
        mine = [name for name in names if not name.startswith("kvm-")]
        self.assertIn(names[:-len(mine)], ([], ["kvm-nx-lpage-re"]))
        self.assertEqual(len(mine), 1 + vcpus, names)
        self.assertEqual([name for name in mine if name.startswith("vcpu")],
                         [f"vcpu{i}" for i in range(vcpus)])
        for (name, _), fields in found.items():
            with self.subTest(thread=name):
                self.assertEqual(fields["NoNewPrivs"], "1")
                self.assertEqual(fields["Seccomp"], "2")
                for which in CAPABILITY_SETS:
                    if which != "CapBnd" or bounding:
                        self.assertEqual((which, fields[which]), (which, NO_CAPABILITY))


class Threads(Sealed):
    def test_every_thread_is_filtered_and_without_capabilities(self):
        for cpus in (1, 4):
            for plugins in ((), DEFAULT_PLUGINS):
                with self.subTest(cpus=cpus, plugins=plugins):
                    run = self.start("ending", "spin", plugins, options=("--cpus", str(cpus)))
                    run.expect_ready()
                    self.check_threads(run.pid, cpus)
                    self.stop(run)

    # HOLDS(security)
    def test_guest_that_runs_from_its_first_instruction_is_sealed(self):
        """The first thing that the guest does is to tell, so no thread may be late."""
        for _ in range(10):
            run = self.start("ending", "spin")
            run.expect_ready()
            self.check_threads(run.pid, 1)
            self.stop(run)

    # HOLDS(security)
    def test_user_keeps_only_a_bounding_set_that_binds_nothing(self):
        run = self.start_user("--cpus", "2")
        run.expect_ready()
        pid = run.pid
        self.check_threads(pid, 2, bounding=False)
        for fields in vm.tasks(pid).values():
            self.assertEqual(fields["Uid"].split()[:1], ["65534"])
        self.stop(run)

    # HOLDS(security)
    def test_user_without_further_processes_can_start(self):
        """KVM makes its helper thread in the first KVM_RUN: RLIMIT_NPROC must not forbid it
        by then, or the guest would never run."""
        run = self.start_user(guest="status 7", prefix=("prlimit", "--nproc=64"))
        self.check_end(run, 7)

    def test_options_leave_out_what_they_say(self):
        run = self.start("ending", "spin", options=("--no-seccomp",))
        run.expect_ready()
        for (name, _), fields in vm.tasks(run.pid).items():
            self.assertEqual(fields["Seccomp"], "0", name)
            self.assertEqual(fields["NoNewPrivs"], "1", name)
            self.assertEqual(fields["CapEff"], NO_CAPABILITY, name)
        self.assertTrue([line for line in run.log() if "warning: --no-seccomp" in line])
        self.stop(run)

    def test_no_sandbox_warns(self):
        run = self.run_guest("ending", "status 0", options=("--no-sandbox",))
        self.assertTrue([line for line in run.log() if "warning: --no-sandbox" in line])


class Process(Sealed):
    def files(self, pid):
        folder = pathlib.Path(f"/proc/{pid}/fd")
        return {int(entry.name): os.readlink(entry) for entry in folder.iterdir()}

    # HOLDS(security)
    def test_no_file_is_open_by_which_more_could_be_had(self):
        folder = self.folder()
        initrd = folder / "initrd"
        initrd.write_bytes(b"x" * 5000)
        run = self.start("ending", "spin", DEFAULT_PLUGINS, options=(
            "--initrd", initrd, "--trace-file", folder / "trace", "--cpus", "2"))
        run.expect_ready()
        found = self.files(run.pid)
        for target in found.values():
            self.assertFalse(target.startswith("/dev/kvm"), found)
            self.assertFalse(target.startswith(str(Setup.guests)), found)
            self.assertNotEqual(target, str(initrd), found)
            self.assertFalse(target.endswith(".so"), found)
            self.assertFalse("memfd" in target, found)
            self.assertFalse(os.path.isdir(target), found)
        self.stop(run)

    def test_no_memory_is_writable_and_executable(self):
        run = self.start("ending", "spin", DEFAULT_PLUGINS)
        run.expect_ready()
        maps = pathlib.Path(f"/proc/{run.pid}/maps").read_text().splitlines()
        self.assertEqual([line for line in maps if "wx" in line.split()[1]], [])
        self.assertEqual([line for line in maps if "[stack]" in line and "x" in line.split()[1]],
                         [])
        self.stop(run)

    def test_limits_forbid_core_files_and_further_files(self):
        run = self.start("ending", "spin", DEFAULT_PLUGINS)
        run.expect_ready()
        limits = {line[:26].strip(): line[26:].split()[:2] for line in
                  pathlib.Path(f"/proc/{run.pid}/limits").read_text().splitlines()[1:]}
        self.assertEqual(limits["Max core file size"], ["0", "0"])
        self.assertEqual(limits["Max open files"],
                         [str(max(self.files(run.pid)) + 1)] * 2, self.files(run.pid))
        self.assertEqual(limits["Max processes"], ["0", "0"])
        self.stop(run)

    def test_no_process_is_left_behind(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            path = self.folder() / "socket"
            run = self.start("ending", "spin", (f"serial,console=unix:{path}",))
            run.expect_ready()
            helpers = vm.children(run.pid)
            self.assertLessEqual(len(helpers), 1)
            run.signal(number)
            run.wait()
            for pid in helpers:
                self.assertTrue(self.gone(pid), f"process {pid} outlives volt")

    def gone(self, pid):
        status = pathlib.Path(f"/proc/{pid}/status")
        for _ in range(300):
            try:
                if "State:\tZ" in status.read_text():
                    return True
            except OSError:
                return True
            signal.sigtimedwait([], 0.01)
        return False
