# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""A sealed volt as /proc shows it: every task, every descriptor, every mapping. What the
guest tests look at for one VM is held here against `volt explain`, for many."""

import os
import pathlib
import pty
import re
import signal
import socket
import tty

import vm
from kit import SecurityCase

CAPABILITY_SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
DEFAULT = ("serial", "i8042", "ioapic", "acpipower", "pvpanic")

# What a descriptor is, by what explain says it is for.
KINDS = {"VM": "anon_inode:kvm-vm", "vCPU": r"anon_inode:kvm-vcpu(:\d+)?",
         "lock": r"anon_inode:\[eventfd\]", "wakes the event loop": r"anon_inode:\[eventfd\]",
         "interrupt": r"anon_inode:\[eventfd\]",
         "event loop": r"anon_inode:\[eventpoll\]", "signals": r"anon_inode:\[signalfd\]",
         "helper": r"socket:\[\d+\]", "stream, listening": r"socket:\[\d+\]"}


TAKES_MEMORY_OR_MAKES_THREADS = {
    "brk", "clone", "clone3", "fork", "memfd_create", "mmap", "mremap", "remap_file_pages", "shmat",
    "shmget", "userfaultfd", "vfork"}
BESIDES_GUEST = 64 << 20  # stacks of threads and arenas of malloc are address space above all


def status_of(path):
    return dict(line.split(":\t", 1) for line in path.read_text().splitlines() if ":\t" in line)


class Process(SecurityCase):
    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skip("only root may read what a sealed process shows of itself")

    def both(self, plugins=DEFAULT, options=(), guest="ending", case="spin", stdin=None,
             **kwargs):
        """A VM whose guest runs, and its page."""
        words = self.command(guest, case, plugins, options)
        page = self.explain(words[1:], stdin=stdin)
        run = self.launch(words, **kwargs, **({"stdin": stdin} if stdin else {}))
        run.expect_ready()
        return run, page

    def proc(self, run, name):
        return pathlib.Path(f"/proc/{run.pid}/{name}")

    def each_machine(self):
        folder = self.folder()
        yield "default", {}
        yield "serial", {"plugins": ("serial",)}
        yield "vcpus", {"options": ("--cpus", "4")}
        yield "unix", {"plugins": (f"serial,console=unix:{folder}/socket", "ioapic")}
        yield "pty", {"plugins": ("serial,console=pty", "ioapic")}
        yield "files", {"plugins": (f"serial,console=file:{folder}/out",), "options": (
            "--log-file", "/dev/stderr", "--trace-file", folder / "trace")}
        yield "worker", {"plugins": ("serial", self.probe("worker"))}
        yield "level", {"plugins": ("serial", str(vm.Setup.guests / "leveldev.so"))}
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        self.addCleanup(os.close, slave)
        tty.setraw(slave)
        yield "terminal", {"stdin": slave}

    def on_each_machine(self, check):
        for name, how in self.each_machine():
            with self.subTest(machine=name):
                run, page = self.both(**how)
                check(run, page)
                run.signal(signal.SIGTERM)
                self.assertEqual(run.wait(), 143, run.story())


class Tasks(Process):
    # HOLDS(security)
    def test_threads_are_those_explained_and_all_are_sealed(self):
        def check(run, page):
            found = vm.tasks(run.pid)
            names = [name if task != run.pid else "loop" for name, task in found]
            kvms = [name for name in names if name.startswith("kvm-")]
            self.assertIn(kvms, ([], ["kvm-nx-lpage-re"]))
            self.assertEqual(sorted(names), sorted([*page.threads, *kvms]))
            for (name, task), fields in found.items():
                self.assertEqual(fields["NoNewPrivs"], "1", name)
                self.assertEqual(fields["Seccomp"], "2", name)
                self.assertGreaterEqual(int(fields["Seccomp_filters"]), 1, name)
                for which in CAPABILITY_SETS:
                    self.assertEqual(fields[which], "0" * 16, (name, which))

        self.on_each_machine(check)

    # HOLDS(security)
    def test_threads_have_two_filters(self):
        """Of the early filter, and their own."""
        run, page = self.both()
        for (name, _), fields in vm.tasks(run.pid).items():
            if not name.startswith("kvm-"):
                self.assertEqual(fields["Seccomp_filters"], "2", name)

    # HOLDS(security)
    def test_helper_has_no_power_and_few_files(self):
        path = self.folder() / "socket"
        run, _ = self.both((f"serial,console=unix:{path}",))
        helper, = vm.children(run.pid)
        status = pathlib.Path(f"/proc/{helper}/status")
        # It is forked early, and where the machine is busy it comes late.
        run.until(lambda: status_of(status)["Name"] == "volt-helper", "a clean-up helper by its name")
        run.until(lambda: status_of(status)["Seccomp"] == "2", "a clean-up helper in its filter")
        fields = status_of(status)
        self.assertEqual(fields["NoNewPrivs"], "1")
        self.assertEqual(fields["Seccomp"], "2")
        for which in CAPABILITY_SETS:
            self.assertEqual(fields[which], "0" * 16, which)
        files = {int(f.name): os.readlink(f) for f in
                 pathlib.Path(f"/proc/{helper}/fd").iterdir()}
        self.assertLessEqual(set(files), set(range(6)), files)
        for target in files.values():
            self.assertNotIn("kvm", target)


class Files(Process):
    # HOLDS(security)
    def test_descriptors_are_those_explained_and_no_other(self):
        def check(run, page):
            found = {int(f.name): os.readlink(f) for f in self.proc(run, "fd").iterdir()}
            said = {f["fd"]: f["use"] for f in page.page["files"]}
            self.assertEqual(sorted(found), sorted(said), f"{found}\n{said}")
            for fd, use in said.items():
                if use in KINDS:
                    self.assertRegex(found[fd], f"^{KINDS[use]}$", use)
            for fd, target in found.items():
                self.assertFalse(target.startswith("/dev/kvm"), fd)

        self.on_each_machine(check)

    # HOLDS(security)
    def test_nothing_is_inherited(self):
        for fd in (3, 17, 57, 250):
            with self.subTest(fd=fd):
                extra = os.open("/etc", os.O_RDONLY | os.O_DIRECTORY)
                self.addCleanup(os.close, extra)
                command = [str(word) for word in self.command("ending", "spin", ("ioapic",))]
                run = self.launch(["sh", "-c", f'exec {fd}<&{extra}; exec "$@"', "sh",
                                   *command], pass_fds=[extra]) if fd < 10 else \
                    self.launch(["python3", "-c", "import os,sys;os.dup2(%d,%d);"
                                 "os.execv(sys.argv[1],sys.argv[1:])" % (extra, fd), *command],
                                pass_fds=[extra])
                run.expect_ready()
                for f in self.proc(run, "fd").iterdir():
                    self.assertNotEqual(os.readlink(f), "/etc")

    # HOLDS(security)
    def test_no_library_of_whoever_starts_it_is_there(self):
        library = str(self.own_plugin("good"))
        run, _ = self.both(env={**os.environ, "LD_PRELOAD": library})
        self.assertNotIn(library, self.proc(run, "maps").read_text())
        self.assertNotIn(b"LD_", self.proc(run, "environ").read_bytes())

    def test_missing_standard_files_are_the_null_device(self):
        command = [str(word) for word in self.command(
            "ending", "spin", ("serial,console=null",), ("--log-file", self.folder() / "log"))]
        run = self.launch(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command])
        end = self.proc(run, "fd")
        run.until(lambda: len(list(end.iterdir())) > 8, "the VM's files")
        for fd in range(3):
            self.assertEqual(os.readlink(end / str(fd)), "/dev/null")


class Memory(Process):
    def test_no_mapping_is_writable_and_executable(self):
        def check(run, page):
            for line in self.proc(run, "maps").read_text().splitlines():
                where, mode, *rest = line.split()
                self.assertFalse("w" in mode and "x" in mode, line)
                if "x" in mode:
                    self.assertRegex(line, r"/|\[vdso\]|\[vsyscall\]", "code without a file")

        self.on_each_machine(check)

    # HOLDS(security)
    def test_tables_are_read_only(self):
        """Those of addresses and callbacks; the probe tells where its own table is."""
        run, _ = self.both(("serial", self.probe()), ("--log-level", "debug"))
        at = next(int(m[1], 16) for line in run.log()
                  if (m := re.search(r"probe: table at 0x(\w+)", line)))
        for line in self.proc(run, "maps").read_text().splitlines():
            low, high = (int(n, 16) for n in line.split()[0].split("-"))
            if low <= at < high:
                self.assertEqual(line.split()[1], "r--p", line)
                return
        self.fail("not mapped")

    # HOLDS(security)
    def test_each_read_only_table_is_final(self):
        """What has no file behind it and is read-only was made so by the seal: mseal, VmFlags sl."""
        if tuple(int(n) for n in os.uname().release.split(".")[:2]) < (6, 10):
            self.skip("the kernel has no mseal")
        run, _ = self.both()
        tables = re.findall(r"^(\w+-\w+) r--p \S+ \S+ 0 *\n(?:.*\n)*?VmFlags: (.*)$",
                            self.proc(run, "smaps").read_text(), re.M)
        self.assertGreaterEqual(len(tables), 2, "the addresses and the callbacks")
        for where, flags in tables:
            self.assertIn("sl", flags.split(), where)

    # HOLDS(security)
    def test_process_belongs_to_root_in_proc(self):
        """Which the kernel does for a process that is not dumpable."""
        run, _ = self.both()
        self.assertEqual(self.proc(run, "mem").stat().st_uid, 0)
        self.assertEqual(self.proc(run, "coredump_filter").stat().st_uid, 0)


class Limits(Process):
    # HOLDS(security)
    def test_limits_leave_no_room(self):
        def check(run, page):
            limits = {line[:26].strip(): line[26:].split()[:2] for line in
                      self.proc(run, "limits").read_text().splitlines()[1:]}
            for name in ("Max core file size", "Max processes", "Max locked memory",
                         "Max msgqueue size"):
                self.assertEqual(limits[name], ["0", "0"], name)
            highest = max(f["fd"] for f in page.page["files"])
            self.assertEqual(limits["Max open files"], [str(highest + 1)] * 2)

        self.on_each_machine(check)

    # HOLDS(security)
    def test_memory_to_spend_is_the_guest_s_and_little_more(self):
        """No call is left that maps more; the guest's is its own, and what else is writable is
        bounded whatever it does with it."""
        def check(run, page):
            writable = 0
            for line in self.proc(run, "maps").read_text().splitlines():
                span, rights = line.split()[:2]
                low, high = (int(end, 16) for end in span.split("-"))
                if rights[1] == "w":
                    writable += high - low
            guest = 128 << 20
            self.assertGreater(writable, guest)
            self.assertLess(writable - guest, BESIDES_GUEST, "bytes beside the guest's memory")
            self.assertFalse(page.syscalls() & TAKES_MEMORY_OR_MAKES_THREADS)

        self.on_each_machine(check)

    def test_client_of_a_socket_finds_room(self):
        path = self.folder() / "socket"
        run, page = self.both((f"serial,console=unix:{path}",), guest="serial", case="echo")
        for _ in range(3):
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(vm.LIMIT)
                client.connect(str(path))
                client.sendall(b"x")
                self.assertEqual(client.recv(1), b"x", run.story())
