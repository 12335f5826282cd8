# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""A death by the filter explains itself. Not beside other tests, as the kernel writes down
only some ten such deaths in five seconds."""

import json
import os
import time

from kit import SecurityCase

PAUSE = 6  # seconds, after which the kernel writes again
TRIES = 4


class Death(SecurityCase):
    def setUp(self):
        super().setUp()
        if not os.access("/dev/kmsg", os.R_OK):
            self.skip("/dev/kmsg cannot be read")

    def kill(self, thread, *options):
        """What is said of the death; tried again where the kernel did not write it down."""
        for _ in range(TRIES):
            run = self.run_words(self.words(self.probe(thread, "execve 0 0 0"), options=options))
            self.check_killed(run)
            said = [line for line in run.log() if "killed by its filter" in line]
            if said:
                return run, said
            time.sleep(PAUSE)
        self.fail(f"no line was logged in {TRIES} tries{run.story()}")

    # HOLDS(security)
    def test_call_thread_and_plugin_are_named(self):
        for thread, name in (("vcpu", "vcpu0"), ("loop", "loop")):
            with self.subTest(thread=thread):
                run, said = self.kill(thread, "--seccomp-report")
                self.assertEqual(len(said), 1, run.story())
                for word in (f"thread {name},", "in probe,", "execve (59)"):
                    self.assertIn(word, said[0])

    def test_the_record_of_the_end_has_them(self):
        path = self.folder() / "end"
        run, _ = self.kill("vcpu", "--end-file", str(path))
        end = json.loads(path.read_text().splitlines()[-1])
        self.assertEqual((end["cause"], end["signal"], end["code"]), ("filter", 31, 159),
                         run.story())
        self.assertEqual((end["thread"], end["plugin"], end["syscall"], end["syscall-number"]),
                         ("vcpu0", "probe", "execve", 59))

    def test_call_and_thread_of_a_worker_are_named(self):
        run, said = self.kill("worker", "--seccomp-report")
        for word in ("thread prober,", "in probe,", "execve (59)"):
            self.assertIn(word, said[0])

    def test_log_mode_names_thread_and_plugin_too(self):
        for thread, name in (("vcpu", "vcpu0"), ("loop", "loop"), ("worker", "prober")):
            with self.subTest(thread=thread):
                for _ in range(TRIES):
                    run = self.run_words(self.words(
                        self.probe(thread, "getppid"), options=("--seccomp-log",)))
                    said = [line for line in run.log() if "would have been killed" in line
                            and "getppid (110)" in line]
                    if said:
                        break
                    time.sleep(PAUSE)
                self.assertTrue(said, run.story())
                self.assertIn(f"thread {name}, ", said[0])
                self.assertIn("in probe,", said[0])

    def test_filter_is_no_weaker_for_it(self):
        """The same verdict, and the page is not changed but for the helper."""
        plain = self.explain(self.words("serial"))
        watched = self.explain(self.words("serial", options=("--seccomp-report",)))
        def calls(page):
            return {(thread.name, rule.call, rule.reason) for thread in page.threads.values()
                    for rule in thread.rules if "the helper" not in rule.reason}
        self.assertEqual(calls(plain), calls(watched))
