# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""A volt that has plugins linked in: scripts/check runs this on the builds of part minimal."""

import subprocess

from vm import Case, Refusals, Setup


class LinkedIn(Case):
    def test_no_plugin_file_is_opened(self):
        trace = self.folder() / "trace"
        try:
            run = self.launch(["strace", "-f", "-qq", "-e", "trace=open,openat,openat2",
                               "-o", trace, *self.command("ending", "status 7")])
        except FileNotFoundError:
            self.skip("there is no strace")
        self.assertEqual(run.wait(), 7, run.story())
        self.assertIn("/dev/kvm", trace.read_text())
        self.assertNotIn("/plugins/", trace.read_text())

    def test_two_instances_of_one_are_possible(self):
        self.run_guest("ending", "status 7", status=7,
                       plugins=["serial,id=a", "serial,id=b,base=0x2f8,irq=3,console=null"])

    def test_the_help_comes_from_its_table(self):
        run = self.launch([Setup.volt, "--plugin", "serial,help"])
        self.assertEqual(run.wait(), 0, run.story())
        self.assertIn("base=", run.text())

    def test_explain_names_it(self):
        run = self.launch([Setup.volt, "explain", *Setup.options, "--plugin", "serial"])
        self.assertEqual(run.wait(), 0, run.story())
        self.assertRegex(run.text(), r"(?m)^  port 0x0*3f8-0x0*3ff +serial ")


class Refused(Refusals):
    def test_a_wrong_parameter(self):
        self.refuse_plugins(["serial,bse=1"], "bse", "base")

    def test_a_name_that_is_nearly_one_that_is_linked_in(self):
        self.refuse_plugins(["seria"], "did you mean serial?")

    def test_the_id_of_another(self):
        self.refuse_plugins(["serial", "exitport,id=serial"], "id=serial is already used")


class Weigh(Case):
    needs_kvm = False

    def test_what_is_linked_in_is_said_after_the_build(self):
        weight = (Setup.volt.parent.parent / "scripts/weight.txt").read_text()
        linked_in = [line for line in weight.splitlines() if line.startswith("linked in ")]
        self.assertEqual(len(linked_in), 1, weight)
        self.assertIn("serial", linked_in[0])
        self.assertRegex(weight, r"(?m)^system calls +\d+; ")
        self.assertRegex(weight, r"(?m)^address ranges +\d+ \(")
        size = subprocess.run(["stat", "-c", "%s", Setup.volt], capture_output=True, text=True,
                              check=True).stdout
        said = int(weight.split()[1].replace(",", ""))
        self.assertTrue(20000 < said <= int(size), weight)
