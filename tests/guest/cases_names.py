# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""--name: the entry of a VM in the runtime directory, its locks, and the record of its end."""

import json
import os
import pathlib
import re
import signal

from cases_control import Client
from vm import Case, Refusals, Setup

USAGE, INPUT, HOST = 100, 101, 103
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


class Named(Case):
    def setUp(self):
        super().setUp()
        self.runtime = self.folder()
        self.volt_dir = self.runtime / "volt"

    def env(self):
        return {"XDG_RUNTIME_DIR": str(self.runtime), "PATH": os.environ["PATH"]}

    def path(self, name, suffix="vm"):
        return self.volt_dir / f"{name}.{suffix}"

    def lines(self, name):
        """The entry, and the record of the end if it is there."""
        return [json.loads(line) for line in self.path(name).read_text().splitlines()]

    def start_named(self, name, *options, guest="serial", case="echo"):
        run = self.launch(self.command(
            guest, case, plugins=["serial,console=null"], options=["--name", name, *options]),
            env=self.env())
        run.until(self.path(name, "sock").exists, "the socket is there")
        return run

    def run_named(self, name, guest, case, status, *options, plugins=()):
        run = self.launch(self.command(guest, case, plugins=["serial,console=null", *plugins],
                                       options=["--name", name, *options]), env=self.env())
        self.assertEqual(run.wait(), status, run.story())
        return run


class Entry(Named):
    def test_the_entry_tells_of_the_vm(self):
        run = self.start_named("web-1", "--memory", "64M")
        run.expect_ready()
        entry, = self.lines("web-1")
        self.assertEqual(entry["pid"], run.pid)
        self.assertEqual((entry["name"], entry["memory"], entry["vcpus"]), ("web-1", 64 << 20, 1))
        self.assertEqual(entry["kernel"], str(Setup.guests / "serial"))
        self.assertEqual(entry["socket"], str(self.path("web-1", "sock")))

    def test_nobody_else_may_look(self):
        self.addCleanup(os.umask, os.umask(0))
        self.start_named("web")
        for path, mode in ((self.volt_dir, 0o700), (self.path("web"), 0o600),
                           (self.path("web", "log"), 0o600), (self.path("web", "sock"), 0o600)):
            self.assertEqual(path.stat().st_mode & 0o777, mode, path)

    def test_the_socket_takes_commands(self):
        run = self.start_named("web")
        client = Client(self.path("web", "sock"))
        self.addCleanup(client.close)
        self.assertEqual(client.call("vm.status")["pid"], run.pid)
        info = [row for row in client.call("vm.metrics") if row["name"] == "volt_info"]
        self.assertIn('name="web"', info[0]["labels"])

    def test_the_default_plugins_stay(self):
        run = self.launch([Setup.volt, "explain", "--json", "--name", "web"], env=self.env())
        self.assertEqual(run.wait(), 0, run.story())
        machine = json.loads(run.text())
        self.assertIn("serial", json.dumps(machine["addresses"]))
        self.assertFalse(self.path("web").exists())

    def test_a_sealed_vm_with_a_name_has_at_most_ten_system_calls(self):
        run = self.launch([Setup.volt, "explain", "--json", "--name", "web"], env=self.env())
        self.assertEqual(run.wait(), 0, run.story())
        calls = {rule["syscall"] for thread in json.loads(run.text())["threads"]
                 for rule in thread["rules"]}
        self.assertLessEqual(len(calls), 10, calls)

    def test_volt_itself_cannot_write_the_entry(self):
        run = self.start_named("web")
        run.expect_ready()
        fds = pathlib.Path(f"/proc/{run.pid}/fd")
        for fd in fds.iterdir():
            if os.readlink(fd) == str(self.path("web")):
                flags = int(re.search(r"flags:\s+(\d+)", pathlib.Path(
                    f"/proc/{run.pid}/fdinfo/{fd.name}").read_text())[1], 8)
                self.assertEqual(flags & os.O_ACCMODE, os.O_RDONLY)
                return
        self.fail(f"volt has no lock on its entry{run.story()}")

    def test_the_log_has_name_and_time_and_a_copy(self):
        run = self.start_named("web")
        run.expect_ready()
        run.signal(signal.SIGTERM)
        run.wait()
        for line in run.log():
            self.assertRegex(line, f"^{STAMP} volt\\[web\\]: ")
        self.assertEqual(self.path("web", "log").read_text().splitlines(), run.log())

    def test_times_by_option(self):
        run = self.run_named("web", "ending", "power_off", 0, "--log-time", "off",
                             plugins=["acpipower"])
        self.assertTrue(run.log()[-1].startswith("volt[web]: "), run.story())
        run = self.run_guest("ending", "power_off", plugins=["acpipower"],
                             options=["--log-time", "on"])
        self.assertRegex(run.log()[-1], f"^{STAMP} volt: ")

    def test_the_title_has_the_name(self):
        run = self.start_named("web")
        title = pathlib.Path(f"/proc/{run.pid}/comm").read_text()
        self.assertEqual(title, "volt:web\n")


class Twice(Named):
    def refuse_second(self, pid):
        second = self.launch([Setup.volt, "--name", "web", "--kernel", Setup.guests / "serial"],
                             env=self.env())
        self.assertEqual(second.wait(), INPUT, second.story())
        self.assertIn(f"a VM of that name is running (process {pid})", second.log()[0])

    def test_two_of_one_name_are_refused(self):
        first = self.start_named("web")
        first.expect_ready()
        before = self.path("web").read_bytes()
        self.refuse_second(first.pid)
        self.assertEqual(self.path("web").read_bytes(), before)
        self.assertTrue(first.alive())

    def test_the_name_is_held_without_the_helper(self):
        first = self.start_named("web")
        first.expect_ready()
        for task in pathlib.Path(f"/proc/{first.pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                os.kill(int(child), signal.SIGKILL)
        self.refuse_second(first.pid)

    def test_the_name_of_a_killed_vm_is_free(self):
        first = self.start_named("web")
        first.expect_ready()
        first.signal(signal.SIGKILL)
        first.wait()
        first.until(lambda: len(self.lines("web")) == 2, "its end is recorded")
        second = self.start_named("web")
        second.expect_ready()
        self.assertEqual(self.lines("web")[0]["pid"], second.pid)


class End(Named):
    def end(self, name="web"):
        _, end = self.lines(name)
        self.assertGreater(end["ended-ms"], self.lines(name)[0]["started-ms"] - 1)
        return end

    def check(self, case, status, cause, plugins=()):
        self.run_named("web", "ending", case, status, plugins=plugins)
        end = self.end()
        self.assertEqual((end["cause"], end["code"]), (cause, status))
        self.assertFalse(self.path("web", "sock").exists())

    def test_poweroff(self):
        self.check("power_off", 0, "poweroff", ["acpipower"])

    def test_reset(self):
        self.check("reset_register", 110, "reset", ["acpipower"])

    def test_status(self):
        self.check("status 7", 7, "status")

    def test_a_status_that_looks_like_a_code_of_volt(self):
        self.check("status 6e", 110, "status")

    def test_triple_fault(self):
        self.check("triple_fault", 111, "triple-fault")

    def test_panic(self):
        self.check("panic", 112, "panic", ["pvpanic"])

    def test_by_a_signal_that_volt_hears(self):
        run = self.start_named("web")
        run.expect_ready()
        run.signal(signal.SIGTERM)
        self.assertEqual(run.wait(), 143, run.story())
        end = self.end()
        self.assertEqual((end["cause"], end["signal"], end["code"]), ("signal", 15, 143))

    def test_by_a_signal_that_kills_volt(self):
        path = self.folder() / "end"
        run = self.start_named("web", "--end-file", str(path))
        run.expect_ready()
        run.signal(signal.SIGKILL)
        run.wait()
        run.until(lambda: len(self.lines("web")) == 2, "its end is recorded")
        end = self.end()
        self.assertEqual((end["cause"], end["signal"], end["code"]), ("signal", 9, 137))
        run.until(lambda: path.read_text().endswith("\n"), "the file has it too")
        self.assertEqual(json.loads(path.read_text()), end)

    def test_a_start_that_fails(self):
        self.run_named("web", "ending", "", 102, plugins=["serial,id=x,base=0x3f8"])
        self.assertEqual((self.end()["cause"], self.end()["code"]), ("start", 102))

    def test_a_file_without_a_name(self):
        path = self.folder() / "end"
        path.write_text("before\n")
        self.run_guest("ending", "status 3", options=["--end-file", path], status=3)
        before, line = path.read_text().splitlines()
        self.assertEqual((before, json.loads(line)["code"]), ("before", 3))


class Refused(Refusals, Named):
    def test_names(self):
        for name in ("", ".web", "-web", "a/b", "a b", "x" * 49, "..", "ä"):
            with self.subTest(name=name):
                self.refused(["--name", name, "--kernel", self.kernel], USAGE,
                             "letters, digits, '.', '_' and '-'")

    def test_a_folder_that_others_may_write_to(self):
        self.volt_dir.mkdir(mode=0o777)
        self.volt_dir.chmod(0o777)
        self.refused(["--name", "web", "--kernel", self.kernel], INPUT, "chmod 700",
                     env=self.env())

    def test_a_folder_that_is_a_link(self):
        self.volt_dir.symlink_to(self.folder())
        self.refused(["--name", "web", "--kernel", self.kernel], INPUT,
                     "not a directory of this user", env=self.env())

    def test_log_time(self):
        self.refused(["--log-time", "maybe", "--kernel", self.kernel], USAGE,
                     "give on, off or auto")


class OutOfMemory(Named):
    """A folder in the place of the cgroup's, as a namespace of mounts has it."""

    def go(self, kills):
        folder = self.folder()
        self.events = folder / "memory.events"
        self.events.write_text(f"low 0\nhigh 0\nmax 9\noom 9\noom_kill {kills}\noom_group_kill 0\n")
        groups = pathlib.Path("/proc/self/cgroup").read_text().splitlines()
        own = [line[4:] for line in groups if line.startswith("0::/")]
        if not own:
            self.skip("this process is in no group of cgroup v2")
        inner = folder / own[0]
        inner.mkdir(parents=True, exist_ok=True)
        if inner != folder:
            self.events = self.events.rename(inner / "memory.events")
        words = self.command("serial", "echo", plugins=["serial,console=null"],
                             options=["--name", "web"])
        maps = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        shell = 'mount --bind "$0" /sys/fs/cgroup && exec "$@"'
        run = self.launch(["unshare", *maps, "--mount", "sh", "-c", shell, folder, *words],
                          env=self.env())
        run.until(lambda: run.process.poll() is not None or self.path("web", "sock").exists(),
                  "the socket is there")
        if run.process.poll() is not None and "mount" in "".join(run.log()):
            self.skip(f"a namespace of mounts is refused: {run.log()}")
        run.expect_ready()
        return run

    def check(self, run, cause):
        run.signal(signal.SIGKILL)
        run.wait()
        run.until(lambda: len(self.lines("web")) == 2, "its end is recorded")
        end = self.lines("web")[1]
        self.assertEqual((end["cause"], end["code"], end["signal"]), (cause, 137, 9), run.story())

    def test_a_kill_that_the_counter_tells(self):
        run = self.go(3)
        self.events.write_text(self.events.read_text().replace("oom_kill 3", "oom_kill 4"))
        self.check(run, "out-of-memory")

    def test_kills_before_it_began_are_not_its_own(self):
        self.check(self.go(3), "signal")
