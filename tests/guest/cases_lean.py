# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""A volt without features: scripts/check runs this on its build with -Dfeatures=[]."""

from vm import Refusals, Setup


class LeftOut(Refusals):
    def refuse(self, words, feature, status=100):
        self.refused([*words, "--kernel", self.kernel], status, "built without it",
                     f"(needs -D{feature})")

    def test_an_allowlist_is_refused(self):
        self.refuse(["--allowlist", "/dev/null"], "features=audit")

    def test_explain_is_refused(self):
        self.refuse(["explain"], "features=audit")

    def test_a_filter_is_refused(self):
        self.refuse(["--filter", "trace,on=serial"], "features=operate")

    def test_a_trace_is_refused(self):
        self.refuse(["--trace-file", "/dev/null"], "features=operate")

    def test_a_seccomp_report_is_refused(self):
        self.refuse(["--seccomp-report"], "features=audit")

    def test_snapshots_are_refused(self):
        """Nothing can ask such a VM to be saved: no group of features adds it."""
        self.refuse(["--snapshot"], "plugins=control")
        self.refuse(["--restore", "/tmp"], "plugins=control")

    def test_pvh_is_refused(self):
        self.refuse(["--boot", "pvh", "--plugin", "serial"], "features=kernels", 101)

    def test_a_kernel_by_name_is_a_file_that_is_not_there(self):
        self.refused(["--kernel", "nosuchkernel"], 101, "nosuchkernel", "cannot be opened")

    def test_the_help_names_none_of_their_options(self):
        run = self.launch([Setup.volt, "--help"])
        self.assertEqual(run.wait(), 0, run.story())
        self.assertIn("--kernel", run.text())
        for option in ("--allowlist", "--filter", "--trace-file", "--seccomp-report", "--json",
                       "--snapshot", "--restore", "volt explain", "volt doctor", "volt ps"):
            self.assertNotIn(option, run.text())
