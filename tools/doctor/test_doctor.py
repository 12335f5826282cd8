#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""volt doctor on this very host: test_doctor.py VOLT VOLT-DOCTOR

Whatever the host is, the page is whole, its status agrees with it, and what it says of KVM
agrees with what can be seen from here.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

VOLT, DOCTOR = (pathlib.Path(word).resolve() for word in sys.argv[1:3])
LINE = re.compile(r"^(ok|warning|fail) +([a-z0-9-]+) +\S")
PVM = os.path.exists("/sys/module/kvm_pvm")


def run(*words, **kwargs):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True,
                          timeout=120, check=False, stdin=subprocess.DEVNULL, **kwargs)


def page(*words):
    done = run(*words)
    *lines, verdict = done.stdout.splitlines()
    return done, [LINE.match(line).groups() + (line,) for line in lines], verdict


def has_kvm():
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC))
    except OSError:
        return False
    return True


class Doctor(unittest.TestCase):
    def test_the_status_and_the_verdict_agree_with_the_lines(self):
        done, lines, verdict = page(VOLT, "doctor")
        fails = [name for level, name, _ in lines if level == "fail"]
        self.assertEqual(done.stderr, "")
        self.assertEqual(done.returncode, 1 if fails else 0, done.stdout)
        self.assertIn("cannot run" if fails else "runs Linux guests", verdict)
        for name in fails:
            self.assertIn(name, verdict)

    def test_each_complaint_says_why_and_what_mends_it(self):
        _, lines, _ = page(VOLT, "doctor")
        for level, name, line in lines:
            if level != "ok":
                self.assertIn(": ", line, name)
                self.assertIn("| mend: ", line, name)

    def test_json_says_the_same_as_the_lines(self):
        _, lines, _ = page(VOLT, "doctor", "--no-trial")
        done = run(VOLT, "doctor", "--json", "--no-trial")
        told = json.loads(done.stdout)
        # Free memory may pass a limit between the two.
        def but_memory(pairs):
            return [pair for pair in pairs if pair[1] != "memory"]
        self.assertEqual(
            but_memory([(f["level"], f["id"]) for f in told["findings"]]),
            but_memory([(level, name) for level, name, _ in lines]))
        self.assertEqual(told["runs_linux"], done.returncode == 0)
        self.assertEqual(told["fails"], sum(f["level"] == "fail" for f in told["findings"]))

    @unittest.skipUnless(has_kvm(), "no /dev/kvm")
    def test_guests_are_tried_and_measured(self):
        told = json.loads(run(VOLT, "doctor", "--json").stdout)
        levels = {f["id"]: f["level"] for f in told["findings"]}
        self.assertEqual(levels["trial-kvm"], "ok")
        self.assertEqual(levels["trial-volt"], "ok", told)
        self.assertGreater(told["figures"]["exit_ns"], 100)
        self.assertGreater(told["figures"]["volt_ns"], 100000)

    @unittest.skipUnless(PVM and has_kvm(), "this host's KVM is not kvm_pvm")
    def test_kvm_pvm_is_explained_in_words(self):
        done, lines, _ = page(VOLT, "doctor")
        text = {name: (level, line) for level, name, line in lines}
        self.assertEqual(done.returncode, 1)
        self.assertEqual(text["kvm-backend"][0], "fail")
        self.assertIn("unmodified Linux", text["kvm-backend"][1])
        self.assertEqual(text["guest-cpu"][0], "fail")

    def test_without_trial_no_guest_runs(self):
        _, lines, _ = page(VOLT, "doctor", "--no-trial")
        self.assertFalse([name for _, name, _ in lines if name.startswith("trial")])

    @unittest.skipUnless(has_kvm(), "no /dev/kvm")
    def test_a_volt_that_fails_is_told_from_kvm(self):
        done, lines, _ = page(DOCTOR, "--volt", "/bin/false")
        text = {name: (level, line) for level, name, line in lines}
        self.assertEqual(done.returncode, 1)
        self.assertEqual(text["trial-kvm"][0], "ok")
        self.assertEqual(text["trial-volt"][0], "fail")
        self.assertIn("status 1", text["trial-volt"][1])
        self.assertIn("the fault lies with volt", text["trial-volt"][1])

    def test_a_user_without_rights_gets_the_command(self):
        if os.geteuid() != 0 or not has_kvm() or os.stat("/dev/kvm").st_mode & 6:
            self.skipTest("needs root, and a /dev/kvm that is not for all")
        with tempfile.TemporaryDirectory() as folder: # a build folder may be closed to others
            os.chmod(folder, 0o755)
            copy = shutil.copy(DOCTOR, folder)
            done = subprocess.run([copy, "--json", "--no-trial"], capture_output=True, text=True,
                                  check=False, timeout=60, user=65534, group=65534,
                                  extra_groups=[])
        kvm = [f for f in json.loads(done.stdout)["findings"] if f["id"] == "kvm-device"]
        self.assertEqual(kvm[0]["level"], "fail")
        self.assertIn("usermod -aG", kvm[0]["mend"])

    @unittest.skipUnless(has_kvm(), "/dev/kvm cannot be opened")
    def test_cpu_files_of_hosts_are_intersected(self):
        mine = run(VOLT, "doctor", "--cpu")
        self.assertEqual((mine.returncode, mine.stderr), (0, ""))
        rows = re.findall(r"^cpuid (0x[0-9a-f]+) ([0-9a-f]+) (E[A-D]X) 0x([0-9a-f]{8})$", mine.stdout,
                          re.MULTILINE)
        self.assertIn(("0x1", "0", "EDX"), [row[:3] for row in rows])
        with tempfile.TemporaryDirectory() as folder:
            one, other, bad = (pathlib.Path(folder) / name for name in ("one", "other", "bad"))
            one.write_text(mine.stdout)
            other.write_text("# a small one\ncpuid 0x1 0 EDX 0x00000010\ncpuid 0x7 0 EBX 0xffffffff\n")
            bad.write_text("cpuid 0x1 0 EDX 0x10\nEDX\n")
            both = run(VOLT, "doctor", "--cpu", one, other)
            self.assertEqual(both.returncode, 0, both.stderr)
            edx = int(dict((row[:3], row[3]) for row in rows)[("0x1", "0", "EDX")], 16) & 0x10
            self.assertIn(f"cpuid 0x1 0 EDX 0x{edx:08x}\n", both.stdout)
            self.assertIn("cpuid 0x1 0 ECX 0x00000000\n", both.stdout)
            wrong = run(VOLT, "doctor", "--cpu", one, bad)
            self.assertEqual(wrong.returncode, 1)
            self.assertIn("line 2 is not as volt doctor --cpu writes it", wrong.stderr)
            self.assertEqual(run(VOLT, "doctor", "--cpu", one, folder + "/none").returncode, 1)

    def test_wrong_options_are_refused_with_status_2(self):
        for words, said in ((["--frob=1"], "unknown option --frob; see volt-doctor --help"),
                            (["-vx"], "unknown option -v; see volt-doctor --help"),
                            (["word"], '"word" is not an option; see volt-doctor --help'),
                            (["--json=x"], "--json takes no value"),
                            (["--volt"], "--volt needs a value")):
            done = run(VOLT, "doctor", *words)
            self.assertEqual((done.returncode, done.stderr), (2, f"volt-doctor: {said}\n"), words)

    def test_help_names_every_option_of_the_manual(self):
        helped = run(VOLT, "doctor", "--help")
        self.assertEqual(helped.returncode, 0)
        manual = (pathlib.Path(__file__).parent / "volt-doctor.1").read_text(encoding="utf-8")
        said = set(re.findall(r"--([a-z][a-z-]+)", helped.stdout))
        self.assertEqual(said, set(re.findall(r"^\.It Fl -([a-z-]+)", manual, re.MULTILINE)))

    @unittest.skipUnless(has_kvm(), "no /dev/kvm")
    def test_streams_that_are_closed_change_nothing(self):
        for closed in ("<&-", "2>&-", "<&- 2>&-"):
            done = run("sh", "-c", f'exec "$0" --json {closed}', DOCTOR)
            levels = {f["id"]: f["level"] for f in json.loads(done.stdout)["findings"]}
            self.assertEqual((levels["trial-kvm"], levels["trial-volt"]), ("ok", "ok"), closed)

    @unittest.skipUnless(has_kvm(), "no /dev/kvm")
    def test_signals_that_were_ignored_or_blocked_change_nothing(self):
        def leave_behind():
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))

        done = run(DOCTOR, "--json", "--volt", "/bin/false", preexec_fn=leave_behind)
        found = {f["id"]: f["found"] for f in json.loads(done.stdout)["findings"]}
        self.assertIn("status 1", found["trial-volt"])

    def test_without_standard_output_the_findings_are_lost(self):
        for closed in (">&-", "<&- >&-"):
            done = run("sh", "-c", f'exec "$0" --no-trial {closed}', DOCTOR)
            self.assertEqual(done.returncode, 3, closed)
            self.assertIn("cannot be written", done.stderr)

    def test_a_full_disk_is_an_error(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([DOCTOR, "--no-trial"], stdout=full, check=False, timeout=60)
        self.assertEqual(done.returncode, 3)


if __name__ == "__main__":
    if os.environ.get("VOLT_MUST_WORK") == "1" and not has_kvm():
        sys.exit("/dev/kvm cannot be used, and VOLT_MUST_WORK=1")
    unittest.main(argv=[sys.argv[0], "-v"])
