# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""What lab.py and cases.py make of an outer machine that hangs, for which a script stands in."""

import contextlib
import io
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import cases  # noqa: E402
import lab as labs  # noqa: E402

# Called with the folder of its sockets and what it does: silent never comes up, stops comes up
# and then does nothing, slow answers all but one request that says "sleep", works does all.
MACHINE = """
import socket, sys
folder, mode = sys.argv[1:]
ends = {}
for name in ("terminal", "requests", "answers"):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{folder}/{name}")
        listening.listen()
        ends[name] = listening.accept()[0]
if mode != "silent":
    ends["answers"].sendall(b"@@boot 0\\n")
asleep = None
for line in ends["requests"].makefile():
    verb, token, *data = line.split(" ")
    if verb == "poweroff":
        break
    if mode in ("silent", "stops"):
        continue
    if verb == "run" and data[0].startswith("c2xlZXA"):  # base64 of "sleep"
        continue
    ends["answers"].sendall(f"said\\n@@{token} 0\\n".encode())
"""


class Played(labs.Lab):
    """Machines do in turns what `modes` says."""

    modes = ()

    def __init__(self, **how):
        super().__init__(**how)
        self.left = list(self.modes)

    def command(self, kernel):
        return [sys.executable, "-c", MACHINE, str(self.folder), self.left.pop(0)]


class Still(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.said = io.StringIO()
        tools = mock.patch.object(labs.shutil, "which", lambda tool: tool)
        for patch in (tools, mock.patch.object(labs, "fetch", lambda: {}),
                      mock.patch.object(labs, "write_initramfs", lambda *_: None),
                      mock.patch.object(labs, "BOOT_LIMIT_S", 2),
                      mock.patch.object(labs, "STILL_LIMIT_S", 1),
                      mock.patch.object(tempfile, "tempdir", place.name),
                      contextlib.redirect_stderr(self.said)):
            patch.__enter__()
            self.addCleanup(patch.__exit__, None, None, None)
        self.place = pathlib.Path(place.name)

    def lab(self, *modes):
        lab = type("Turns", (Played,), {"modes": modes})()
        self.addCleanup(lab.shutdown)
        return lab

    def cases(self, *modes):
        """(exit status, what was printed) of two cases."""
        def first(lab):
            lab.check("true", 1)

        def second(lab):
            lab.check("true", 1)

        printed, module = io.StringIO(), {"first": first, "second": second}
        first.__module__ = second.__module__ = "__main__"
        with contextlib.redirect_stdout(printed), mock.patch.object(sys, "argv", ["", "build"]), \
                self.assertRaises(SystemExit) as ended:
            cases.run(module, kind=type("Turns", (Played,), {"modes": modes}))
        return ended.exception.code, printed.getvalue()

    def test_one_that_works_is_started_once(self):
        lab = self.lab("works")
        lab.boot()
        self.assertEqual(lab.run("true"), (0, "said"))
        self.assertEqual((lab.restarts, self.said.getvalue()), (0, ""))

    def test_one_that_does_not_come_up_is_started_once_more(self):
        lab = self.lab("silent", "works")
        lab.boot(timeout=1)
        self.assertEqual(lab.run("true"), (0, "said"))
        self.assertEqual(lab.restarts, 1)
        self.assertRegex(self.said.getvalue(),
                         "^lab: the outer machine stood still: it was not up within 1 s; its log "
                         r"is .*; starting another \(restart 1 of 1\)\n$")

    def test_two_that_do_not_come_up_are_a_failure(self):
        with self.assertRaisesRegex(labs.LabStill, "not up within 1 s"):
            self.lab("silent", "silent", "works").boot(timeout=1)

    def test_a_command_that_takes_too_long_is_no_standstill(self):
        lab = self.lab("works")
        lab.boot()
        with self.assertRaisesRegex(labs.LabTimeout, "within 1 s; the outer machine answers") as at:
            lab.run("sleep 9", 1)
        self.assertNotIsInstance(at.exception, labs.LabStill)

    def test_a_case_gets_another_machine_once_and_it_is_counted(self):
        status, printed = self.cases("stops", "works")
        self.assertEqual(status, 0, printed)
        self.assertIn("2 passed, 0 failed, 1 lab that stood still", printed)
        self.assertIn("no end of 'true' within 1 s, and no answer", self.said.getvalue())

    def test_a_second_standstill_fails_and_ends_the_file(self):
        status, printed = self.cases("stops", "stops", "works")
        self.assertEqual(status, 1, printed)
        self.assertIn("FAILED first, and what comes after it", printed)
        self.assertIn("0 passed, 2 failed, 1 lab that stood still", printed)


if __name__ == "__main__":
    unittest.main()
