# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Signals to a volt that has not started its guest yet: a test plugin, which is a file, holds it."""

import signal
import time

from vm import Case


class Starting(Case):
    def test_signal_ends_a_start_at_once(self):
        """By the kernel's own effect: no handler runs while a call waits for a slow disk."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with self.subTest(signal=number):
                run = self.start("ending", "spin", (self.own_plugin("slow"),))
                run.expect_log("init takes a minute")
                run.signal(number)
                self.assertEqual(run.wait(), -number, run.story())

    def test_signal_of_attention_does_not_end_a_start(self):
        run = self.start("ending", "spin", (self.own_plugin("slow"),))
        run.expect_log("init takes a minute")
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM):
            run.signal(number)
        time.sleep(0.1)
        self.assertTrue(run.alive(), run.story())
        run.signal(signal.SIGTERM)
        self.assertEqual(run.wait(), -signal.SIGTERM, run.story())
