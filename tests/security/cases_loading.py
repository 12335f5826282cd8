# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Plugins that are no good, given to volt itself: none may have run when it is refused, and
no guest runs beside one that misbehaves while it is wired. The checks of the file one by one
are in test_vet_*.c."""

import os
import shutil
import signal
import subprocess

from kit import SecurityCase, Setup

# All that tests/security/meson.build makes of bad-plugins, but for the good ones and those that only
# volt-plugin check refuses.
BUILT = ("constructor", "destructor", "init_function", "fini_function", "ifunc", "ifunc_exported",
         "exec_stack", "text_relocation", "writable_code", "rpath", "runpath", "needed",
         "auxiliary", "filter", "audit", "packed_relocations", "global", "init_first", "no_open",
         "lazy", "no_relro", "old_hash", "impostor", "interpreter",
         "no_symbol", "function", "thread_local", "no_note", "two_notes",
         "other_major", "highest_major", "unknown_kind", "kind_zero", "descriptor_too_long",
         "descriptor_too_short")


class Files(SecurityCase):
    def canary(self):
        path = self.folder() / "canary"
        return path, {**os.environ, "VOLT_CANARY": str(path)}

    # HOLDS(security)
    def test_each_bad_plugin_is_refused_before_its_first_instruction(self):
        for name in BUILT:
            with self.subTest(name=name):
                canary, environment = self.canary()
                plugin = self.own_plugin(name)
                line = self.refused(self.words("serial", plugin), 102, plugin, env=environment)
                self.assertLess(len(line), 400)
                self.assertFalse(canary.exists())

    def test_they_are_refused_when_only_asked_for_help_or_explained(self):
        for words in (lambda p: ["--plugin", f"{p},help"],
                      lambda p: ["explain", *self.words(p)]):
            for name in ("constructor", "init_function", "ifunc", "other_major"):
                with self.subTest(name=name):
                    canary, environment = self.canary()
                    plugin = self.own_plugin(name)
                    self.refused(words(plugin), 102, plugin, env=environment)
                    self.assertFalse(canary.exists())

    def test_good_one_is_loaded(self):
        run = self.run_words(self.words(self.own_plugin("good"), self.probe()))
        self.assertEqual(run.process.returncode, 0, run.story())
        self.assertIn("instance at", "\n".join(run.log()))

    def test_canary_sings_where_nothing_is_checked(self):
        canary, environment = self.canary()
        self.launch(["env", f"LD_PRELOAD={self.own_plugin('constructor')}", "true"],
                    env=environment).wait()
        self.assertTrue(canary.exists())

    def copy(self, name="good", mode=0o755):
        folder = self.folder()
        path = folder / f"{name}.so"
        shutil.copy(self.own_plugin(name), path)
        path.chmod(mode)
        return path

    def test_file_that_others_may_write_is_refused(self):
        for mode in (0o775, 0o757, 0o4755, 0o2755):
            path = self.copy(mode=mode)
            self.refused(self.words(path), 102, str(path))

    def test_symbolic_link_is_refused(self):
        path = self.copy()
        link = path.with_name("link.so")
        link.symlink_to(path)
        self.refused(self.words(link), 102, str(link))

    # HOLDS(security)
    def test_file_swapped_while_volt_starts_is_never_run(self):
        """The good one becomes the one with a constructor, again and again."""
        path = self.copy()
        good, bad = path.with_name("g"), path.with_name("b")
        shutil.copy(self.own_plugin("good"), good)
        shutil.copy(self.own_plugin("constructor"), bad)
        canary, environment = self.canary()
        spare = path.with_name("spare")
        outcomes = set()
        for turn in range(100):
            run = self.launch([Setup.volt, *self.words(path, self.probe())], env=environment)
            while run.alive():
                for content in (bad, good):
                    shutil.copy(content, spare)
                    os.rename(spare, path)
            outcomes.add(run.wait())
            self.assertFalse(canary.exists(), f"after {turn} turns{run.story()}")
        self.assertLessEqual(outcomes, {0, 102})


class Wiring(SecurityCase):
    def guest_never_ran(self, run):
        """The probe, loaded too, would have told."""
        self.assertIsNone(self.returned(run), run.story())
        self.assertNotIn("the probe lived", "\n".join(run.log()))

    def start_trouble(self, what):
        return self.run_words(self.words(
            f"{self.own_plugin('trouble')},what={what}", self.probe("vcpu", "")))

    def test_without_trouble_the_guest_runs(self):
        run = self.start_trouble("none")
        self.assertEqual(run.process.returncode, 0, run.story())
        self.assertIn("the probe lived", "\n".join(run.log()))

    # HOLDS(security)
    def test_init_that_fails_is_a_refusal_with_its_reason(self):
        for what, said in (("error", "Input/output error"), ("said", "the flux is low"),
                           ("garbage", "2147483647"), ("lowest", "-2147483648")):
            with self.subTest(what=what):
                self.refused(self.words(f"{self.own_plugin('trouble')},what={what}"), 102,
                             "trouble", said)

    # HOLDS(security)
    def test_start_that_fails_is_a_refusal(self):
        for what in ("late-error", "late-range", "late-irq"):
            with self.subTest(what=what):
                run = self.start_trouble(what)
                self.assertEqual(run.process.returncode, 102, run.story())
                self.guest_never_ran(run)

    # HOLDS(security)
    def test_init_that_crashes_ends_volt_and_no_guest_runs(self):
        """The signal stays what it was; a line says whose fault it is."""
        for what, number in (("abort", signal.SIGABRT), ("crash", signal.SIGILL),
                             ("recursion", signal.SIGSEGV)):
            with self.subTest(what=what):
                run = self.start_trouble(what)
                self.assertEqual(run.process.returncode, -number, run.story())
                self.guest_never_ran(run)

    # What init did: what is said of it. The rest that it may not do, volt-plugin check finds
    # (tests/plugin-check/test_broken.py).
    LEFT_BEHIND = {
        "exit": "called exit()", "quick-exit": "called quick_exit()",
        "exit-at-once": "called _exit()", "c-exit-at-once": "called _Exit()",
        "thread": "left a thread behind", "disguised-thread": "left a thread behind",
        "process": "left a child process", "split": "left a child process",
        "daemon": "left a child process", "open-file": "left a file open",
        "open-high-file": "left a file open", "close-files": "closed a file"}

    # HOLDS(security)
    def test_init_that_leaves_something_behind_is_refused_with_its_fault(self):
        """Also when only explained, also by a host that turned every layer off."""
        for what, said in self.LEFT_BEHIND.items():
            words = self.words(f"{self.own_plugin('trouble')},what={what},id=culprit", "serial")
            for command in (words, ["explain", *words], [*words, "--no-sandbox"]):
                with self.subTest(what=what, command=command):
                    run = self.run_words(command)
                    self.assertEqual(run.process.returncode, 102, run.story())
                    error, = [line for line in run.log() if "error" in line]
                    self.assertIn("plugin culprit: its init ", error)
                    self.assertIn(said, error)

    def test_attach_that_leaves_something_behind_is_refused_with_its_fault(self):
        """What a filter does when it is put on a device is watched as init is."""
        for what in self.SOME_LEFT_BEHIND:
            self.check_left_behind("attach", what, [*self.words("serial", self.probe()), "--filter",
                f"{self.own_plugin('trouble_filter')},what={what},on=serial,id=culprit"])

    def test_set_line_that_leaves_something_behind_is_refused_with_its_fault(self):
        """A line that is up already is told to the controller while wiring."""
        for what in self.SOME_LEFT_BEHIND:
            self.check_left_behind("set_line", what, self.words(
                f"{self.own_plugin('trouble_irqchip')},what={what},id=culprit",
                f"{self.own_plugin('trouble')},what=raise", self.probe()))

    SOME_LEFT_BEHIND = ("exit", "exit-at-once", "thread", "process", "open-file")

    def check_left_behind(self, step, what, words):
        for command in (words, ["explain", *words]):
            with self.subTest(what=what, command=command):
                run = self.run_words(command)
                self.assertEqual(run.process.returncode, 102, run.story())
                error, = [line for line in run.log() if "error" in line]
                self.assertIn(f"plugin culprit: its {step} ", error)
                self.assertIn(self.LEFT_BEHIND[what], error)

    def test_attach_that_fails_is_a_refusal_with_its_reason(self):
        for what, said in (("error", "Input/output error"), ("said", "the flux is low"),
                           ("garbage", "2147483647")):
            with self.subTest(what=what):
                self.refused([*self.words("serial"), "--filter",
                              f"{self.own_plugin('trouble_filter')},what={what},on=serial"], 102,
                             "trouble", said)

    def test_line_that_a_filter_claims_as_it_is_put_on_is_looked_at(self):
        """One on the interrupt controller may have none: it would lock itself."""
        raising = f"{self.own_plugin('trouble_filter')},what=raise"
        words = self.words("serial", "ioapic", self.probe())
        run = self.run_words([*words, "--filter", f"{raising},on=serial"])
        self.assertEqual(run.process.returncode, 0, run.story())
        self.refused([*words, "--filter", f"{raising},on=ioapic"], 102,
                     "ioapic is the interrupt controller, and the filter uses interrupt 5")

    def test_worker_posted_in_init_waits_for_its_rights(self):
        """Before the seal it has no thread, and until the loop is sealed nobody to log to."""
        for _ in range(5):
            run = self.run_words(self.words(f"{self.own_plugin('trouble')},what=post"))
            self.assertEqual(run.process.returncode, 42, run.story())
            self.assertIn("volt: trouble: the worker lived", run.log())

    # HOLDS(security)
    def test_no_process_of_a_refused_plugin_lives_on(self):
        """None holds the log, whose other end would not see its end of file otherwise."""
        for what in ("process", "split", "daemon"):
            with self.subTest(what=what):
                words = self.words(f"{self.own_plugin('trouble')},what={what}", self.probe())
                run = subprocess.run([Setup.volt, *words], stdin=subprocess.DEVNULL,
                                     capture_output=True, timeout=30)
                self.assertEqual(run.returncode, 102)
                self.assertEqual(run.stderr.count(b"\n"), 1, run.stderr)

    def test_children_from_before_volt_are_no_fault(self):
        run = self.launch(["sh", "-c", 'sleep 60 >&- 2>&- & exec "$@"', "sh", Setup.volt,
                           *self.words("serial", self.probe())])
        self.assertEqual(run.wait(), 0, run.story())
        run = self.launch(["sh", "-c", 'sleep 60 >&- 2>&- & exec "$@"', "sh", Setup.volt, *self.words(
            f"{self.own_plugin('trouble')},what=process", "serial")])
        self.assertEqual(run.wait(), 102, run.story())

    # HOLDS(security)
    def test_init_that_does_not_return_is_a_refusal(self):
        runs = [(what, self.launch([Setup.volt, *self.words(
            f"{self.own_plugin('trouble')},what={what}", "serial")])) for what in ("loop", "wait")]
        for what, run in runs:
            with self.subTest(what=what):
                self.assertEqual(run.wait(), 102, run.story())
                self.assertIn("plugin trouble: its init did not return within 10 s",
                              "\n".join(run.log()))

    # HOLDS(security)
    def test_memory_is_never_writable_and_code_not_even_in_init(self):
        for what in ("map-writable-code", "make-code"):
            for options in ((), ("--no-landlock",)):
                with self.subTest(what=what, options=options):
                    self.refused(self.words(f"{self.own_plugin('trouble')},what={what}", "serial",
                                            options=options), 102, "trouble", "Permission denied")

    # HOLDS(security)
    def test_start_that_crashes_ends_volt_under_the_seal(self):
        for what, number in (("late-crash", signal.SIGILL), ("late-recursion", signal.SIGSEGV)):
            with self.subTest(what=what):
                run = self.start_trouble(what)
                self.assertEqual(run.process.returncode, -number, run.story())
                self.guest_never_ran(run)

    # HOLDS(security)
    def test_thread_after_the_seal_kills(self):
        run = self.start_trouble("late-thread")
        self.check_killed(run)
        self.guest_never_ran(run)

    def test_program_started_in_init_kills(self):
        run = self.start_trouble("program")
        self.check_killed(run)

    def test_missing_init_is_refused(self):
        plugin = self.own_plugin("trouble_no_init")
        self.refused(self.words(f"{plugin},what=none"), 102, plugin, "init")

    def test_same_plugin_twice_is_two_instances(self):
        run = self.run_words(self.words(self.own_plugin("good"), self.own_plugin("good"),
                                        self.probe()))
        said = [line for line in run.log() if "instance at" in line]
        self.assertEqual([line.split(":")[1] for line in said], [" plain", " plain.2"])
        self.assertNotEqual(said[0].split()[-1], said[1].split()[-1])

    def test_same_plugin_under_two_paths_is_two_instances(self):
        other = self.folder() / "other.so"
        shutil.copy(self.own_plugin("good"), other)
        other.chmod(0o755)
        run = self.run_words(self.words(self.own_plugin("good"), other, self.probe()))
        self.assertEqual(run.process.returncode, 0, run.story())
        self.assertEqual(len([line for line in run.log() if "instance at" in line]), 2)

    def test_same_id_twice_is_refused(self):
        good = self.own_plugin("good")
        self.refused(self.words(f"{good},id=x", f"{good},id=x"), 102, "id=x")

    def test_two_at_one_address_are_refused_naming_both(self):
        run = self.run_words(self.words(self.probe() + ",id=one", self.probe() + ",id=two"))
        self.assertIn(run.process.returncode, (102, 105), run.story())
        errors = [line for line in run.log() if "error" in line]
        self.assertEqual(len(errors), 1, run.story())
        self.assertIn("one", errors[0])
        self.assertIn("two", errors[0])

    def test_more_plugins_than_there_is_room_for_are_refused(self):
        good = self.own_plugin("good")
        run = self.run_words(self.words(*[good] * 200))
        self.assertIn(run.process.returncode, (100, 102), run.story())
        self.assertEqual(len([line for line in run.log() if "error" in line]), 1, run.story())


class EarlyFilter(SecurityCase):
    """What no plugin may do even while it is wired."""

    CALLS = ("execve @/bin/true 0 0", "execveat -100 @/bin/true 0 0 0", "ptrace 0 0 0 0",
             "process_vm_readv 1 ~8 1 ~8 1 0", "mount @a @/ @c 0 0", "umount2 @/none 0",
             "pivot_root @/ @/", "chroot @/", "setns 0 0", "unshare 0", "open_tree -100 @/ 0",
             "move_mount 0 @ 0 @ 0", "fsopen @none 0", "open_by_handle_at -100 *136 0",
             "init_module *16 16 @", "finit_module 0 @ 0", "delete_module @none 0",
             "kexec_load 0 0 0 0xffff", "bpf 0 *72 72", "perf_event_open *120 0 -1 -1 0",
             "userfaultfd 1", "io_uring_setup 1 *120", "io_uring_enter 0 0 0 0 0 0",
             "io_uring_register 0 0 0 0", "keyctl 0 -3 0 0 0", "add_key @user @x *8 8 -1",
             "request_key @user @x 0 0", "iopl 0", "ioperm 128 1 0", "modify_ldt 0 *16 16",
             "personality 0xffffffff", "reboot 0 0 0 0", "swapon @/none 0", "acct @/none",
             "sethostname *65 65", "settimeofday 0 0", "syslog 10 0 0", "pidfd_getfd 0 0 0",
             "kcmp 1 1 0 0 0", "process_madvise 0 ~8 1 20 0", "shmat -1 0 0x8000",
             "quotactl_fd -1 0 0 0", "int80 20", "0x40000027")

    # HOLDS(security)
    def test_each_kills_in_init(self):
        for call in self.CALLS:
            with self.subTest(call=call):
                self.check_killed(self.run_words(self.words(self.probe("vcpu", "", call))))

    def test_each_lives_without_seccomp(self):
        """An exec that succeeds would end the test; it may fail like all the others."""
        for call in self.CALLS:
            if not call.startswith(("execve", "ptrace")):
                with self.subTest(call=call):
                    run = self.run_words(self.words(self.probe("vcpu", "", call),
                                                    options=("--no-seccomp",)))
                    if run.process.returncode == 102:  # it gave a file, which may not stay
                        self.assertIn("its init left a file open", "\n".join(run.log()))
                    else:
                        self.assertEqual(run.process.returncode, 0, run.story())

    # HOLDS(security)
    def test_capabilities_are_gone_before_a_plugin_is_wired(self):
        if os.geteuid() != 0:
            self.skip("only root has capabilities to lose")
        run = self.run_words(self.words(self.probe("vcpu", "", "setuid 65534;capset "
                                        "%2205082000000000 %" + "ff" * 24)))
        self.assertIn("volt: probe: before -1 -1", run.log(), run.story())
