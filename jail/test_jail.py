#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""volt in volt-jail, looked at from the outside: test_jail.py JAIL VOLT CC [TEST...]

Needs root and /dev/kvm; exits 77, a skip for meson, without them, and fails instead under
VOLT_MUST_WORK=1.
"""

import os
import pathlib
import pty
import re
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import termios
import time
import unittest

JAIL = VOLT = CC = None
UID, GID = 54321, 54322
LIMIT = 30  # seconds
NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "uts")

GUEST = """
.code64
.globl _start
_start: mov $0x3f8, %dx
        mov $'R', %al
        out %al, %dx
{end}
"""
ENDS = "        mov $0xf4, %dx\n        mov $42, %al\n        out %al, %dx\n        hlt\n"
STAYS = "1:      hlt\n        jmp 1b\n"


def read(path):
    return pathlib.Path(path).read_text(errors="replace")


def wait_until(fact, what):
    end = time.monotonic() + LIMIT
    while not fact():
        if time.monotonic() > end:
            raise AssertionError(f"after {LIMIT} s still not: {what}")
        time.sleep(0.02)


def children(pid):
    return [int(word) for word in read(f"/proc/{pid}/task/{pid}/children").split()]


def is_gone(pid):
    """True for a zombie, too: here nobody may collect the orphans."""
    try:
        return re.search(r"^State:\s+[ZX]", read(f"/proc/{pid}/status"), re.M) is not None
    except (FileNotFoundError, ProcessLookupError):
        return True


def cgroup_mount():
    for path in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
        if os.path.exists(f"{path}/cgroup.controllers"):
            return pathlib.Path(path)
    return None


def host_state():
    """What a jail could leave behind on the host."""
    mount = cgroup_mount()
    cgroups = sorted(str(path) for path in mount.glob("**/volt-jail-*")) if mount else []
    return read("/proc/self/mountinfo"), cgroups


class Running:
    """A jail whose guest has started; its processes by role."""

    def __init__(self, case, options, volt_options, **kwargs):
        self.err = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            case.command(options, ["--kernel", case.stays, *volt_options]),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.err, **kwargs)
        case.addCleanup(self.finish)
        ready = select.select([self.process.stdout], [], [], LIMIT)[0]
        if not ready or self.process.stdout.read(1) != b"R":
            raise AssertionError(f"the guest did not start: {self.log()}")
        self.init = children(self.process.pid)[0]
        self.volt = next(pid for pid in children(self.init)
                         if os.readlink(f"/proc/{pid}/exe").endswith("volt"))

    def log(self):
        self.err.seek(0)
        return self.err.read().decode(errors="replace")

    def finish(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.err.close()


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="volt-jail-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.folder.chmod(0o755)
        self.ends, self.stays = self.guest("ends", ENDS), self.guest("stays", STAYS)
        before = host_state()
        self.addCleanup(lambda: self.assertEqual(host_state(), before, "left behind"))

    def guest(self, name, end):
        source, program = self.folder / f"{name}.S", self.folder / name
        source.write_text(GUEST.format(end=end))
        subprocess.run([CC, "-nostdlib", "-static", "-no-pie", "-Wl,-Ttext=0x200000",
                        "-Wl,--build-id=none", "-o", program, source], check=True)
        return str(program)

    @staticmethod
    def command(options, volt_options, volt=None):
        return [JAIL, "--uid", str(UID), "--gid", str(GID), *map(str, options), "--",
                volt or VOLT, *map(str, volt_options)]

    def run_jail(self, *options, volt=None, volt_options=None, **kwargs):
        return subprocess.run(
            self.command(options, volt_options or ["--kernel", self.ends], volt),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=LIMIT, check=False, **kwargs)

    def refused(self, code, part, done):
        self.assertEqual(done.returncode, code, done.stderr)
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertTrue(lines[0].startswith("volt-jail: ") and part in lines[0], lines[0])

    def start(self, *options, volt_options=(), **kwargs):
        return Running(self, options, volt_options, **kwargs)


class Guests(Case):
    def test_a_guest_runs_and_its_status_comes_out(self):
        done = self.run_jail()
        self.assertEqual((done.returncode, done.stdout), (42, "R"), done.stderr)

    def test_a_guest_runs_in_a_user_namespace_too(self):
        done = self.run_jail("--user-namespace")
        self.assertEqual((done.returncode, done.stdout), (42, "R"), done.stderr)

    def test_relative_names_work(self):
        done = self.run_jail(volt_options=["--kernel", "ends"], cwd=self.folder)
        self.assertEqual(done.returncode, 42, done.stderr)

    def test_volt_is_found_beside_the_jail(self):
        beside = self.folder / "sbin"
        beside.mkdir()
        shutil.copy(JAIL, beside / "volt-jail")
        shutil.copy(VOLT, beside / "volt")
        plugins = pathlib.Path(VOLT).parent.parent / "plugins"
        done = subprocess.run(
            [beside / "volt-jail", "--uid", str(UID), "--gid", str(GID), "volt", "--kernel",
             self.ends, "--plugin-dir", plugins],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT, check=False)
        self.assertEqual(done.returncode, 42, done.stderr)

    def test_a_log_is_made_for_the_user_and_written(self):
        log = self.folder / "log"
        done = self.run_jail(volt_options=["--kernel", self.ends, "--log-file", log])
        self.assertEqual(done.returncode, 42, done.stderr)
        self.assertIn("exit code 42", log.read_text())
        found = log.stat()
        self.assertEqual((found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)),
                         (UID, GID, 0o600))

    def test_a_socket_in_a_writable_folder_is_there_for_the_host(self):
        folder = self.folder / "sockets"
        folder.mkdir()
        os.chown(folder, UID, GID)
        self.start("--file", f"{folder}=/s:rw", volt_options=[
            "--plugin", "serial", "--plugin", "bootmark", "--plugin",
            "serial,id=two,base=0x2f8,irq=3,console=unix:/s/two"])
        self.assertTrue(stat.S_ISSOCK((folder / "two").stat().st_mode))

    def test_status_of_volts_own_errors_comes_out(self):
        done = self.run_jail(volt_options=["--kernel", self.ends, "--cpus", "0"])
        self.assertEqual(done.returncode, 100)
        self.assertTrue(done.stderr.startswith("volt: "), done.stderr)


class Walls(Case):
    """Each seen from the outside in /proc."""

    def test_namespaces_are_its_own(self):
        vm = self.start()
        for pid in (vm.init, vm.volt):
            for name in NAMESPACES:
                self.assertNotEqual(os.readlink(f"/proc/{pid}/ns/{name}"),
                                    os.readlink(f"/proc/self/ns/{name}"), name)
        vm = self.start("--user-namespace")
        self.assertNotEqual(os.readlink(f"/proc/{vm.volt}/ns/user"),
                            os.readlink("/proc/self/ns/user"))

    def test_no_right_is_left(self):
        for options in ((), ("--user-namespace",)):
            vm = self.start(*options, preexec_fn=lambda: os.setgroups([0, 6, 27]))
            for pid in (vm.init, vm.volt):
                status = dict(line.split(":\t", 1) for line in
                              read(f"/proc/{pid}/status").splitlines() if ":\t" in line)
                self.assertEqual(status["Uid"].split(), [str(UID)] * 4)
                self.assertEqual(status["Gid"].split(), [str(GID)] * 4)
                self.assertEqual(status["Groups"].strip(), "")
                self.assertEqual(status["NoNewPrivs"], "1")
                for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                    self.assertEqual(int(status[name], 16), 0, name)
                # Undumpable: what is in /proc/PID belongs to root (of the namespace).
                self.assertEqual(os.stat(f"/proc/{pid}/mem").st_uid, 0)

    def test_the_root_has_what_was_asked_for_and_nothing_else(self):
        vm = self.start("--file", f"{self.ends}=/data/file")
        root = f"/proc/{vm.volt}/root"
        loaded = {re.split(r"\s+", line, maxsplit=5)[5] for line in
                  read(f"/proc/{vm.volt}/maps").splitlines() if ".so" in line}
        self.assertTrue(loaded)
        expected = {"/dev/kvm", "/dev/null", "/data/file", self.stays, VOLT}
        plugins = str(pathlib.Path(VOLT).parent.parent / "plugins")
        found = set()
        for folder, folders, names in os.walk(root):
            inside = folder[len(root):]
            if inside in ("/proc", plugins):
                folders.clear()
                continue
            found |= {f"{inside}/{name}" for name in names}
        self.assertLessEqual(expected, found)
        for name in found - expected:
            self.assertRegex(name, r"^/(usr/)?lib[^/]*/.*\.so(\.\d+)*$")
        # The folders above what was asked for are there; the ones of the host are not.
        asked = {pathlib.Path(name).parts[1] for name in (*expected, plugins)}
        self.assertEqual({"etc", "home", "root"} & set(os.listdir(root)) - asked, set())

    def test_mounts_are_closed(self):
        os.chown(self.ends, UID, GID)
        vm = self.start("--file", f"{self.ends}=/data/w:rw")
        for line in read(f"/proc/{vm.volt}/mountinfo").splitlines():
            words = line.split()
            place, flags = words[4], set(words[5].split(","))
            self.assertIn("nosuid", flags, line)
            self.assertEqual("nodev" not in flags, place == "/dev", line)
            self.assertEqual("ro" not in flags, place == "/data/w", line)
            executable = place == VOLT or ".so" in place or place.endswith("/plugins")
            self.assertEqual("noexec" not in flags, executable, line)
            self.assertNotIn("shared:", line)

    def test_only_a_loopback_is_in_the_network(self):
        vm = self.start()
        lines = read(f"/proc/{vm.volt}/net/dev").splitlines()[2:]
        self.assertEqual([line.split(":")[0].strip() for line in lines], ["lo"])

    def test_no_file_of_the_callers_comes_in(self):
        secret = os.open("/etc/shadow", os.O_RDONLY)
        self.addCleanup(os.close, secret)
        vm = self.start(pass_fds=(secret,))
        for pid in (vm.init, vm.volt):
            for name in os.listdir(f"/proc/{pid}/fd"):
                self.assertNotEqual(os.readlink(f"/proc/{pid}/fd/{name}"), "/etc/shadow")
        links = {os.readlink(f"/proc/{vm.init}/fd/{name}")
                 for name in os.listdir(f"/proc/{vm.init}/fd") if int(name) > 2}
        self.assertTrue(all(re.match(r"socket:|anon_inode:\[signalfd\]", link)
                            for link in links), links)

    def test_the_environment_is_empty(self):
        vm = self.start(env={"SECRET": "1", "LD_PRELOAD": "/nonexistent.so"})
        names = {word.split("=")[0] for word in read(f"/proc/{vm.volt}/environ").split("\0")}
        self.assertLessEqual(names, {"LD_LIBRARY_PATH", ""})

    def test_limits_are_set(self):
        vm = self.start("--nofile", "100", "--fsize", "1M")
        limits = read(f"/proc/{vm.init}/limits")
        self.assertRegex(limits, r"Max open files +100 +100 ")
        self.assertRegex(limits, r"Max file size +1048576 +1048576 ")
        self.assertRegex(limits, r"Max core file size +0 +0 ")
        self.assertRegex(read(f"/proc/{vm.init}/status"), r"Umask:\s+0077")

    def test_without_a_terminal_the_session_is_its_own(self):
        vm = self.start()
        self.assertNotEqual(os.getsid(vm.volt), os.getsid(0))


class Ends(Case):
    def test_signals_reach_volt(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            vm = self.start()
            vm.process.send_signal(number)
            self.assertEqual(vm.process.wait(LIMIT), 128 + number)
            self.assertEqual(vm.log().count("exit code"), 1, vm.log())

    def test_sigusr1_ends_nothing(self):
        vm = self.start()
        vm.process.send_signal(signal.SIGUSR1)
        time.sleep(0.2)
        self.assertFalse(is_gone(vm.volt))

    def test_volt_dies_with_a_killed_jail(self):
        vm = self.start()
        vm.process.kill()
        vm.process.wait()
        wait_until(lambda: is_gone(vm.volt) and is_gone(vm.init), "volt is gone")

    def test_a_stopped_jail_dies_with_its_launcher(self):
        vm = self.start()
        os.kill(vm.init, signal.SIGSTOP)
        vm.process.kill()
        vm.process.wait()
        wait_until(lambda: is_gone(vm.volt) and is_gone(vm.init), "volt is gone")

    def test_volt_dies_with_a_killed_jail_that_cannot_signal_it(self):
        without = ["setpriv", "--bounding-set", "-kill"]
        self.command = lambda *args: without + Case.command(*args)
        vm = self.start()
        vm.process.kill()
        vm.process.wait()
        wait_until(lambda: is_gone(vm.volt) and is_gone(vm.init), "volt is gone")

    def test_a_killed_volt_is_told(self):
        vm = self.start()
        os.kill(vm.volt, signal.SIGKILL)
        self.assertEqual(vm.process.wait(LIMIT), 137)
        self.assertIn("volt was killed by SIGKILL", vm.log())

    def test_a_killed_process_1_is_told(self):
        vm = self.start()
        os.kill(vm.init, signal.SIGKILL)
        self.assertEqual(vm.process.wait(LIMIT), 137)
        wait_until(lambda: is_gone(vm.volt), "volt is gone")

    def test_the_terminal_works_and_is_restored(self):
        for end in ("key", "killed"):
            pid, terminal = pty.fork()
            if pid == 0:
                os.execv(JAIL, self.command([], ["--kernel", self.stays]))
            wait_until(lambda: not self.is_cooked(terminal), "raw mode")
            self.collect(terminal, b"R")
            if end == "key":
                os.write(terminal, b"\x01x")
            else:
                os.kill(children(children(pid)[0])[0], signal.SIGKILL)
            self.collect(terminal, b"exit code 113" if end == "key" else b"SIGKILL")
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            self.assertEqual(status, 113 if end == "key" else 137)
            self.assertTrue(self.is_cooked(terminal))
            os.close(terminal)

    def test_who_restores_the_terminal_is_waited_for(self):
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(JAIL, self.command([], ["--kernel", self.stays]))
        wait_until(lambda: not self.is_cooked(terminal), "raw mode")
        self.collect(terminal, b"R")
        volt = children(children(pid)[0])[0]
        helper = next(child for child in children(volt)
                      if read(f"/proc/{child}/comm").strip() == "volt-helper")
        os.kill(helper, signal.SIGSTOP)
        os.kill(volt, signal.SIGKILL)
        time.sleep(0.3)
        self.assertFalse(self.is_cooked(terminal))
        os.kill(helper, signal.SIGCONT)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        self.assertEqual(status, 137)
        self.assertTrue(self.is_cooked(terminal))
        os.close(terminal)

    @staticmethod
    def is_cooked(terminal):
        return bool(termios.tcgetattr(terminal)[3] & termios.ICANON)

    @staticmethod
    def collect(terminal, part):
        seen = b""
        while part not in seen:
            if not select.select([terminal], [], [], LIMIT)[0]:
                raise AssertionError(f"no {part} in {seen}")
            seen += os.read(terminal, 4096)


class Attacks(Case):
    def link(self, target, name="link"):
        path = self.folder / name
        path.symlink_to(target)
        return path

    def test_a_link_is_not_followed(self):
        link, folder = self.link("/etc/passwd"), self.link("/etc", "folder")
        for path in (link, folder / "passwd"):
            self.refused(101, "symbolic link", self.run_jail("--file", path))
            self.refused(101, "symbolic link", self.run_jail("--file", f"{path}=/x:rw"))
            self.refused(101, "symbolic link", self.run_jail(volt_options=["--kernel", path]))
            self.refused(101, "symbolic link", self.run_jail(
                volt_options=["--kernel", self.ends, "--log-file", path]))
        self.refused(102, "symbolic link", self.run_jail(volt=self.link(VOLT, "volt")))

    def test_a_dangling_link_creates_no_log(self):
        target = self.folder / "target"
        self.refused(101, "symbolic link", self.run_jail(volt_options=[
            "--kernel", self.ends, "--log-file", self.link(target)]))
        self.assertFalse(target.exists())

    def test_a_link_as_base_is_not_followed(self):
        self.refused(101, "symbolic link", self.run_jail("--chroot-base", self.link("/run")))

    def test_the_base_stays_untouched(self):
        base = self.folder / "base"
        base.mkdir()
        self.assertEqual(self.run_jail("--chroot-base", base).returncode, 42)
        self.assertEqual(list(base.iterdir()), [])

    def test_nothing_is_made_in_a_folder_of_the_host(self):
        shared = self.folder / "shared"
        shared.mkdir()
        self.refused(101, "make it first", self.run_jail(
            "--file", f"{shared}=/s:rw", "--file", f"{self.ends}=/s/new/file"))
        self.assertEqual(list(shared.iterdir()), [])

    def test_a_link_inside_a_shared_folder_leads_nowhere(self):
        shared = self.folder / "shared"
        shared.mkdir()
        (shared / "s").symlink_to("/proc")
        done = self.run_jail("--file", f"{shared}=/s:rw", "--file", f"{self.ends}=/s/s/file")
        self.assertEqual(done.returncode, 101)

    def test_a_file_that_the_user_may_not_read_is_refused(self):
        self.refused(101, "may not read", self.run_jail("--file", "/etc/shadow"))
        secret = self.folder / "secret"
        secret.write_text("x")
        secret.chmod(0o644)
        self.refused(101, "may not read and write", self.run_jail("--file", f"{secret}:rw"))

    def test_nothing_is_put_over_proc(self):
        self.assertEqual(self.run_jail("--file", f"{self.ends}=/proc/x").returncode, 101)

    def test_only_root_can_start_it(self):
        copy = shutil.copy(JAIL, self.folder)  # the build may lie where that user cannot go
        words = [copy, *self.command((), ["--kernel", self.ends])[1:]]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=LIMIT, check=False,
                              preexec_fn=lambda: os.setresuid(UID, UID, UID))
        self.refused(103, "root", done)


class Cgroups(Case):
    CONTROLLERS = {"--memory-max": ("memory", "memory.max", "512M", str(512 << 20)),
                   "--cpu-max": ("cpu", "cpu.max", "50", "50000 100000"),
                   "--pids-max": ("pids", "pids.max", "50", "50")}

    def setUp(self):
        super().setUp()
        mount = cgroup_mount()
        self.parent = mount and mount / f"volt-test-{os.getpid()}"
        if self.parent:
            self.parent.mkdir()
            self.addCleanup(self.parent.rmdir)

    def test_a_cgroup_is_made_and_removed(self):
        if not self.parent:
            self.refused(103, "cgroup v2", self.run_jail("--cgroup", "/x"))
            return
        vm = self.start("--cgroup", f"/{self.parent.name}")
        found = list(self.parent.glob("volt-jail-*"))
        self.assertEqual(len(found), 1)
        self.assertLessEqual({str(vm.init), str(vm.volt)},
                             set((found[0] / "cgroup.procs").read_text().split()))
        vm.process.terminate()
        self.assertEqual(vm.process.wait(LIMIT), 143)
        self.assertEqual(list(self.parent.glob("volt-jail-*")), [])

    def test_a_limit_is_written_or_refused_by_the_name_of_its_file(self):
        have = (self.parent / "cgroup.controllers").read_text().split() if self.parent else []
        where = ["--cgroup", f"/{self.parent.name}"] if self.parent else []
        for option, (controller, name, value, text) in self.CONTROLLERS.items():
            if controller not in have:
                self.refused(103, "/sys/fs/cgroup", self.run_jail(*where, option, value))
                continue
            vm = self.start(*where, option, value)
            made = next(self.parent.glob("volt-jail-*"))
            self.assertEqual((made / name).read_text().strip(), text)
            vm.process.terminate()
            vm.process.wait(LIMIT)

    def test_a_cgroup_outside_the_mount_is_refused(self):
        for name in ("../x", "/../../etc", "/nonexistent"):
            self.refused(103, "--cgroup", self.run_jail("--cgroup", name))


def why_not():
    if os.geteuid() != 0:
        return "root is needed"
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return f"/dev/kvm: {error.strerror}"
    return None


def main():
    global JAIL, VOLT, CC
    JAIL, VOLT = (str(pathlib.Path(name).resolve()) for name in sys.argv[1:3])
    CC = sys.argv[3]
    why = why_not()
    if why:
        print(f"skipped: {why}")
        sys.exit(1 if os.environ.get("VOLT_MUST_WORK") == "1" else 77)
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]], verbosity=2)


if __name__ == "__main__":
    main()
