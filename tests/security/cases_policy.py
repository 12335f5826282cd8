# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""What plugins may ask for, how the page shows it, and what an operator's allowlist refuses."""

import json
import os
import re
import subprocess

from kit import SecurityCase

DEFAULT = ("serial", "i8042", "ioapic", "acpipower", "pvpanic", "exitport", "bootmark")
EVERYTHING = 26   # the budget's: distinct system calls after the seal
BLOCK_AND_NET = 16
SERIAL = 5
ONE_VCPU = 8
KVM_RUN = 0xAE80
KVM_SIGNAL_MSI = 0x4020AEA5
KVM_SET_GSI_ROUTING = 0x4008AE6A
SCREEN = 50  # lines


class Policy(SecurityCase):
    def needy(self, plugin="needy", more=""):
        folder = self.folder()
        for name in ("disk", "net"):
            (folder / name).write_bytes(bytes(4096))
        return f"{self.own_plugin(plugin)},disk={folder}/disk,net={folder}/net{more}"

    def page(self, *plugins, options=()):
        return self.explain(self.words(*plugins, options=options))

    def asked(self, page, name):
        """{thread: [rule]} of one that asked."""
        return {thread.name: [rule for rule in thread.rules if rule.asked_by == name]
                for thread in page.threads.values()}

    def refuse(self, words, *said):
        """Before the guest runs and when explained alike."""
        for command in (words, ["explain", *words]):
            line = self.refused(command, 105, *said)
        return line


class Needs(Policy):
    # HOLDS(security)
    def test_rows_appear_with_who_asked_and_why(self):
        page = self.page("serial", self.needy(more=",worker=on"))
        found = self.asked(page, "needy")
        self.assertEqual([(r.call, r.reason) for r in found["loop"]], [
            ("preadv", "reads the disk"), ("pwritev", "writes the disk"),
            ("fdatasync", "flushes the disk"), ("readv", "receives"), ("writev", "sends")])
        self.assertEqual([(r.call, r.reason) for r in found["needy"]], [
            ("preadv", "reads the disk"), ("pwritev", "writes the disk"),
            ("fdatasync", "flushes the disk"), ("fallocate", "discards")])
        self.assertEqual(found["vcpu0"], [])

    def test_file_of_a_parameter_becomes_its_descriptor(self):
        page = self.page("serial", self.needy())
        disk, net = page.fds("parameter")
        for rule in self.asked(page, "needy")["loop"]:
            want = net if rule.call in ("readv", "writev") else disk
            self.assertEqual((rule.tests[0]["arg"], rule.tests[0]["op"], rule.tests[0]["value"]),
                             (0, "eq", want), str(rule))

    def test_each_instance_gets_its_own_files_and_no_others(self):
        page = self.page("serial", self.needy(more=",id=a"), self.needy(more=",id=b"))
        fds = {name: {rule.tests[0]["value"] for rule in self.asked(page, name)["loop"]}
               for name in "ab"}
        self.assertEqual([len(fds["a"]), len(fds["b"])], [2, 2])
        self.assertFalse(fds["a"] & fds["b"])

    def test_needs_of_workers_go_to_ones_own_workers_only(self):
        page = self.page("serial", self.probe("worker"), self.needy(more=",worker=on"))
        self.assertEqual(self.asked(page, "needy")["prober"], [])
        self.assertEqual({rule.call for rule in self.asked(page, "needy")["needy"]},
                         {"preadv", "pwritev", "fdatasync", "fallocate"})

    def test_unloaded_plugin_asks_for_nothing(self):
        self.assertEqual(self.asked(self.page("serial"), "needy"), {"loop": [], "vcpu0": []})

    # HOLDS(security)
    def test_row_that_undoes_the_sandbox_is_refused_naming_all(self):
        self.refuse(self.words(self.needy("needy_execve")), "needy", "execve", "a test")

    # HOLDS(security)
    def test_row_for_any_request_of_a_file_is_refused(self):
        for name, call in (("needy_ioctl", "ioctl"), ("needy_command", "fcntl")):
            self.refuse(self.words(self.needy(name)), "needy", call, "a command")

    # HOLDS(security)
    def test_row_for_any_file_is_refused(self):
        for name in ("needy_any_file", "needy_any_file_of_worker"):
            self.refuse(self.words(self.needy(name)), "plugin needy asks for write", "on any file")

    # HOLDS(security)
    def test_row_for_a_file_of_the_cores_is_refused(self):
        self.refuse(self.words(self.needy("needy_core_file")), "plugin needy asks for read",
                    "descriptor 0, which is not its own")

    # HOLDS(D8, security)
    def test_row_for_vcpu_threads_is_refused(self):
        for name in ("needy_vcpu", "needy_everywhere"):
            self.refuse(self.words(self.needy(name)), "needy", "getpid", "vCPU threads")

    def test_row_for_no_thread_is_refused(self):
        for name in ("needy_nowhere", "needy_fourth_role"):
            self.refuse(self.words(self.needy(name)), "needy", "getpid", "unknown kind of thread")

    def test_malformed_rows_are_refused(self):
        for name, said in (
                ("needy_unknown", "frobnicate"), ("needy_no_name", "malformed"),
                ("needy_no_reason", "malformed"), ("needy_five_tests", "malformed"),
                ("needy_no_file", "parameter without a file"),
                ("needy_no_param", "parameter without a file"),
                ("needy_argument_6", "malformed"), ("needy_no_test", "malformed"),
                ("needy_at_most", "at most"), ("needy_never_true", "never holds")):
            with self.subTest(name=name):
                self.refuse(self.words(self.needy(name)), "needy", said)

    def test_malformed_table_is_refused(self):
        self.refused(self.words(self.needy("needy_stride")), 102, "needy_stride", "needs")


class Budget(Policy):
    # HOLDS(security)
    def test_serial_port_alone(self):
        self.assertLessEqual(len(self.page("serial").syscalls()), SERIAL)
        self.assertLessEqual(len(self.page(*DEFAULT).syscalls()), SERIAL)

    # HOLDS(security)
    def test_disk_and_network(self):
        page = self.page(*DEFAULT, self.needy(more=",worker=on"))
        self.assertLessEqual(len(page.syscalls()), BLOCK_AND_NET)

    def test_everything(self):
        socket = self.folder() / "socket"
        page = self.page(*DEFAULT[1:], f"serial,console=unix:{socket}",
                         self.needy(more=",worker=on"))
        self.assertLessEqual(len(page.syscalls()), EVERYTHING)

    # HOLDS(security)
    def test_vcpu_runs_itself_and_raises_interrupts_and_no_more(self):
        """The requests are those that its own interrupts need, on the VM's descriptor alone."""
        page = self.page(*DEFAULT, self.needy(more=",worker=on"), options=("--cpus", "4"))
        fds = page.fds("vCPU")
        vm, = page.fds("VM")
        for number in range(4):
            thread = page.threads[f"vcpu{number}"]
            self.assertLessEqual(len({rule.call for rule in thread.rules}), ONE_VCPU)
            ioctls = [[(t["arg"], t["value"]) for t in rule.tests]
                      for rule in thread.rules if rule.call == "ioctl"]
            self.assertEqual(ioctls, [[(0, fds[number]), (1, KVM_RUN)],
                                      [(0, vm), (1, KVM_SIGNAL_MSI)],
                                      [(0, vm), (1, KVM_SET_GSI_ROUTING)]])
            for rule in thread.rules:
                self.assertTrue([t for t in rule.tests if t["arg"] == 0], f"{rule}: any file")

    def test_page_of_the_default_set_fits_a_screen(self):
        run = self.run_words(["explain"])
        self.assertEqual(run.process.returncode, 0, run.story())
        self.assertLessEqual(len(run.text().splitlines()), SCREEN, run.text())
        self.assertLessEqual(max(len(line) for line in run.text().splitlines()), 100)

    def test_json_has_memory_and_sandbox(self):
        for options, low, seccomp, landlock in (
                ((), 128 << 20, "enforce", "enforce"),
                (("--memory", "5G", "--seccomp-log"), None, "log", "enforce"),
                (("--memory", "64M", "--no-seccomp", "--no-landlock"), 64 << 20, "off", "off")):
            with self.subTest(options=options):
                run = self.run_words(["explain", *options, "--json"])
                page = json.loads(run.text())
                self.assertEqual(page["memory"][0]["base"], 0)
                if low is not None:
                    self.assertEqual([block["length"] for block in page["memory"]], [low])
                else:
                    self.assertEqual(sum(b["length"] for b in page["memory"]), 5 << 30)
                    self.assertEqual(page["memory"][1]["base"], 4 << 30)
                self.assertEqual(page["sandbox"]["seccomp"], seccomp)
                self.assertEqual(page["sandbox"]["landlock"], landlock)
                self.assertEqual(page["sandbox"]["syscalls"] > 0, seccomp != "off")
        run = self.run_words(["explain", "--no-sandbox", "--json"])
        self.assertIsNone(json.loads(run.text())["sandbox"])

    def test_page_counts_as_the_budget_does(self):
        run = self.run_words(["explain"])
        said = int(re.search(r"^SYSTEM CALLS: (\d+)", run.text(), re.MULTILINE)[1])
        self.assertEqual(said, len(self.explain([]).syscalls()))


class Allowlist(Policy):
    def allowlist(self, text):
        return ("--allowlist", self.file(text))

    def rows(self, *plugins):
        page = self.page(*plugins)
        return {(rule.call, thread.role) for thread in page.threads.values()
                for rule in thread.rules}

    def test_allowlist_of_just_what_is_needed_is_enough(self):
        rows = self.rows("serial", "exitport")
        text = "# by role\n\n" + "".join(f"{call}\t{role}  # why\n" for call, role in rows)
        run = self.run_words(self.words("serial", self.probe("vcpu"), options=self.allowlist(text)))
        self.assertEqual(run.process.returncode, 0, run.story())

    def test_row_without_a_role_is_for_all(self):
        text = "\n".join({call for call, _ in self.rows("serial")})
        self.page("serial", options=self.allowlist(text))

    # HOLDS(security)
    def test_each_row_left_out_is_missed_by_name(self):
        rows = sorted(self.rows("serial", "ioapic"))
        for missing in rows:
            with self.subTest(missing=missing):
                text = "".join(f"{call} {role}\n" for call, role in rows
                               if (call, role) != missing)
                words = self.words("serial", "ioapic", options=self.allowlist(text))
                self.refuse(words, f"asks for {missing[0]} on {missing[1]} threads", "--allowlist")

    # HOLDS(security)
    def test_who_asked_is_named(self):
        rows = self.rows("serial", self.needy())
        text = "".join(f"{call} {role}\n" for call, role in rows if call != "pwritev")
        self.refuse(self.words("serial", self.needy(), options=self.allowlist(text)),
                    "needy asks for pwritev on loop threads (writes the disk)")

    def test_empty_allowlist_lets_nothing_start(self):
        for text in ("", "\n\n", "# nothing\n"):
            self.refuse(self.words("serial", options=self.allowlist(text)), "--allowlist")

    def test_bad_file_is_refused_with_its_line(self):
        for text, said in (
                ("read\nread anywhere\n", "line 2"), ("Read\n", "line 1"), ("#\n\nre-ad\n", "line 3"),
                ("read loop,vcpu\n", "line 1"), ("a" * 40 + "\n", "line 1"), ("\x7fELF\n", "line 1"),
                ("getpid\n" * 600, "more than")):
            with self.subTest(text=text[:20]):
                words = self.words("serial", options=self.allowlist(text))
                run = self.run_words(words)
                self.assertIn(run.process.returncode, (100, 101), run.story())
                line = self.refused(words, run.process.returncode, "--allowlist", said)
                self.assertLess(len(line), 300)

    def test_file_that_is_no_file_is_refused(self):
        folder = self.folder()
        os.mkfifo(folder / "fifo")
        for path in (folder / "none", folder, folder / "fifo", "/dev/zero"):
            with self.subTest(path=path):
                words = self.words("serial", options=("--allowlist", path))
                run = self.run_words(words, stdin=subprocess.DEVNULL)
                self.assertIn(run.process.returncode, (100, 101), run.story())
                self.refused(words, run.process.returncode, "--allowlist", str(path))

    def test_end_of_a_long_comment_is_no_row(self):
        """A line longer than the reader's buffer must not become two."""
        rows = self.rows("serial")
        text = "".join(f"{call} {role}\n" for call, role in rows if call != "ioctl")
        for length in (249, 250, 254, 255, 256, 510):
            with self.subTest(length=length):
                comment = "#" + "x" * (length - 1) + "ioctl\n"
                run = self.run_words(self.words("serial", options=self.allowlist(text + comment)))
                self.assertIn(run.process.returncode, (101, 105), run.story())

    def test_allowlist_does_not_widen_what_plugins_may_have(self):
        rows = self.rows("serial", self.needy())
        text = "execve\n" + "".join(f"{call} {role}\n" for call, role in rows)
        self.refuse(self.words(self.needy("needy_execve"), options=self.allowlist(text)),
                    "execve", "no plugin may have it")
