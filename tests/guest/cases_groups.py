# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""A volt with some groups of features: scripts/check runs this on a build with each alone."""

from vm import Refusals, Setup

OPTIONS = {
    "audit": ("--allowlist", "--seccomp-report", "--json", "volt explain"),
    "operate": ("--filter", "--trace-file", "--name", "--end-file", "--log-time", "volt ps"),
}


class Groups(Refusals):
    def offered(self):
        run = self.launch([Setup.volt, "--help"])
        self.assertEqual(run.wait(), 0, run.story())
        return {group: [option for option in options if option in run.text()]
                for group, options in OPTIONS.items()}

    def test_options_of_a_group_are_all_there_or_none_is(self):
        for group, options in self.offered().items():
            self.assertIn(len(options), (0, len(OPTIONS[group])), f"{group}: {options}")

    def test_explain_comes_with_audit(self):
        if not self.offered()["audit"]:
            self.refused(["explain"], 100, "needs -Dfeatures=audit")
            return
        run = self.launch([Setup.volt, "explain"])
        self.assertEqual(run.wait(), 0, run.story())
        self.assertIn("SYSTEM CALLS", run.text())

    def test_a_trace_comes_with_operate(self):
        path = self.folder() / "trace"
        words = ["--trace-file", path, "--kernel", "/dev/null"]
        if self.offered()["operate"]:
            self.refused(words, 101, "/dev/null")
            self.assertTrue(path.exists())
        else:
            self.refused(words, 100, "needs -Dfeatures=operate")
