# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""volt-share, with a virtiofsd and a volt that are scripts: what both are given, and what is refused.

usage: test_share.py VOLT_SHARE VOLT_SHARE_WITHOUT_PLACES VOLT
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

SHARE, BARE, VOLT = (pathlib.Path(word).resolve() for word in sys.argv[1:4])
LIMIT = 60  # seconds, to end what hangs
PYTHON = shutil.which("python3", path="/usr/bin:/bin") or sys.executable  # one that every user may run
USAGE, INPUT, HOST = 100, 101, 103
NOBODY = 65534
HELP = {"c": "    -o source=PATH             shared directory tree\n    --fd=FDNUM  number\n",
        "rust": "      --shared-dir <SHARED_DIR>\n      --fd <FD>\n      --readonly\n",
        "old": "      --shared-dir <SHARED_DIR>\n      --fd <FD>\n", "other": "usage: virtiofsd\n",
        "path": "    -o source=PATH\n    --socket-path=PATH\n"}

# It notes what it was given, then does what it was told: in the file `does` beside it.
VIRTIOFSD = """#!{python}
import ctypes, json, os, signal, socket, sys, time
here = {here!r}
if "--help" in sys.argv:
    sys.exit(print({help!r}))
kept = ctypes.CDLL(None).setgroups(0, None)
def can_write():
    try:
        open("/sys/written", "w").close()
        return True
    except OSError:
        return False
files = [int(name) for name in os.listdir("/proc/self/fd")]
note = dict(words=sys.argv[1:], uid=os.getuid(), setgroups=kept, pid=os.getpid(), env=sorted(os.environ),
            seen=sorted(os.listdir("/sys")), writable=can_write(), files=[n for n in files if n < 250],
            deaf=[signal.getsignal(n) == signal.SIG_IGN for n in (1, 2, 15)],
            interfaces=os.listdir("/proc/self/net/dev_snmp6") if os.path.isdir("/proc/self/net/dev_snmp6") else [])
listener = socket.socket(fileno=3)
peer, _ = listener.accept()
with open(here + "/note.part", "a") as file:
    file.write(json.dumps(note) + "\\n")
os.rename(here + "/note.part", here + "/note")
peer.sendall(b"served\\n")
does = open(here + "/does").read()
print("some words\\nthe last line", flush=True)
exec(does)
"""

# The connection's first line, then its words; `stay` keeps it until it is killed.
FAKE = """#!{python}
import os, re, socket, sys, time
for n in re.findall("fd:([0-9]+)", " ".join(sys.argv[1:])):
    if sys.argv[1:2] != ["explain"]:
        print(socket.socket(fileno=int(n)).recv(100).decode().strip())
print(*sys.argv[1:], sep="|", flush=True)
print(os.getpid(), flush=True)
{stay}
"""


def may_have_namespaces():
    return subprocess.run(["unshare", "-U", "true"], capture_output=True, check=False).returncode == 0


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="volt-test-share-")
        self.addCleanup(folder.cleanup)
        self.top = pathlib.Path(folder.name)
        self.top.chmod(0o777)
        self.shared, self.bin, self.tmp = self.top / "shared", self.top / "bin", self.top / "tmp"
        for path in (self.shared, self.bin, self.tmp):
            path.mkdir()
            path.chmod(0o777)
        (self.shared / "file").write_text("text")
        self.env = {"PATH": f"{self.bin}:{os.environ['PATH']}", "TMPDIR": str(self.tmp), "HOME": folder.name}
        self.program = SHARE

    def write(self, path, text):
        path.write_text(text)
        path.chmod(0o755)
        return path

    def virtiofsd(self, kind="c", does=""):
        (self.bin / "does").write_text(does)
        return self.write(self.bin / "virtiofsd", VIRTIOFSD.format(python=PYTHON, here=str(self.bin), help=HELP[kind]))

    def line(self, *words, shares=None, stay=""):
        fake = self.write(self.top / "volt", FAKE.format(python=PYTHON, stay=stay))
        shares = [str(self.shared)] if shares is None else shares
        return [self.program, "--volt", fake, *(word for share in shares for word in ("--share", share)), "--", *words]

    def run_it(self, *words, code=0, **how):
        done = subprocess.run(self.line(*words, **how), capture_output=True, text=True, env=self.env, timeout=LIMIT,
                              stdin=subprocess.DEVNULL, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def refused(self, code, *parts, **how):
        done = self.run_it(code=code, **how)
        self.assertEqual((done.stdout, done.stderr.count("\n")), ("", 1), done.stderr)
        for part in parts:
            self.assertIn(part, done.stderr)

    def start(self, **how):
        """Until volt is there: (process, number of volt's process)."""
        run = subprocess.Popen(self.line("word", stay="time.sleep(1000)", **how), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env=self.env, stdin=subprocess.DEVNULL)
        self.addCleanup(self.end, run)
        lines = [run.stdout.readline() for _ in range(3)]
        self.assertEqual(lines[0], "served\n", lines)
        return run, int(lines[2])

    @staticmethod
    def end(run):
        run.kill()
        run.stdout.close()
        run.stderr.close()
        run.wait()

    def note(self):
        return [eval(line, {"true": True, "false": False}) for line in (self.bin / "note").read_text().splitlines()]

    def serving(self):
        """Processes of this test's virtiofsd."""
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if str(self.bin / "virtiofsd").encode() in path.read_bytes().split(b"\0"):
                    found.append(int(path.parent.name))
            except OSError:
                pass
        return found

    def until(self, fact, what):
        end = time.monotonic() + LIMIT
        while not fact():
            self.assertLess(time.monotonic(), end, f"still not: {what}")
            time.sleep(0.02)


class Refused(Case):
    def test_a_folder_that_cannot_be_shared(self):
        self.virtiofsd()
        for code, share, reason in (
                (INPUT, self.top / "none", "cannot be opened: No such file or directory"),
                (INPUT, self.shared / "file", "is not a folder"),
                (INPUT, self.shared / "file/below", "cannot be opened: Not a directory"),
                (USAGE, "", "the name is empty"), (USAGE, f"{self.shared},rw", "give DIR, DIR,ro or"),
                (USAGE, f"{self.shared},at=x", "begins with /"), (USAGE, "fd:3", "is not a folder")):
            with self.subTest(share):
                self.refused(code, f"volt: error: --share {share}: ", reason, shares=[str(share)])
        self.refused(USAGE, "at most 8", shares=[str(self.shared)] * 9)

    def test_a_folder_without_the_right_to_read_it(self):
        self.virtiofsd()
        self.shared.chmod(0)
        self.program = self.write(self.top / "volt-share", "")
        shutil.copy(SHARE, self.program)
        line = self.line()
        if os.geteuid() == 0:
            line = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *line]
        done = subprocess.run(line, capture_output=True, text=True, env=self.env, timeout=LIMIT, check=False)
        self.assertEqual(done.returncode, INPUT, done.stderr)
        self.assertEqual(done.stderr, f"volt: error: --share {self.shared}: cannot be read: Permission denied\n")

    def test_virtiofsd_is_not_installed(self):
        self.program, self.env["PATH"] = BARE, str(self.bin)
        self.refused(HOST, f"volt: error: --share {self.shared}: virtiofsd is not installed; Debian 12 has it in")

    def test_a_virtiofsd_that_is_not_known(self):
        for kind, reason in (("other", "names no --fd"), ("path", "names no --fd")):
            with self.subTest(kind):
                self.virtiofsd(kind)
                self.refused(HOST, f"{self.bin}/virtiofsd: is not a virtiofsd that volt knows", reason)

    def test_no_room_for_a_socket(self):
        self.virtiofsd()
        self.env["TMPDIR"] = str(self.top / "none")
        self.refused(HOST, "cannot make a socket in $TMPDIR, or /tmp: No such file")
        self.env["TMPDIR"] = "/" + "x" * 100
        self.refused(HOST, "cannot make a socket in $TMPDIR, or /tmp: File name too long")

    def test_options_of_its_own(self):
        done = subprocess.run([SHARE, "--none"], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr),
                         (USAGE, "volt-share: unknown option --none; see volt-share --help\n"))
        done = subprocess.run([SHARE, "--volt", self.top / "none", "--"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, HOST)
        self.assertIn("cannot be started: No such file", done.stderr)

    def test_volt_says_it_for_its_own_option(self):
        """One line, by way of the program that lies beside it."""
        for words, code, text in (
                (("--share", "/none/at/all"), INPUT, "volt: error: --share /none/at/all: cannot be opened: "),
                (("--share",), USAGE, "--share needs a value"), (("--share", "fd:3,x"), USAGE, "give DIR")):
            done = subprocess.run([VOLT, *words], capture_output=True, text=True, timeout=LIMIT, check=False,
                                  env=self.env, stdin=subprocess.DEVNULL)
            self.assertEqual((done.returncode, done.stderr.count("\n")), (code, 1), done.stderr)
            self.assertIn(text, done.stderr)


class Explained(Case):
    def test_nothing_is_started(self):
        self.virtiofsd()
        done = self.run_it("explain", "--cpus", "2", shares=[f"{self.shared},ro,at=/a", str(self.shared)])
        self.assertRegex(done.stdout, r"^explain\|--share\|fd:\d+,ro,at=/a\|--share\|fd:\d+\|--cpus\|2\n")
        self.assertFalse((self.bin / "note").exists())


@unittest.skipUnless(may_have_namespaces() or os.environ.get("VOLT_MUST_WORK") == "1",
                     "this host lets nobody make user namespaces")
class Served(Case):
    def test_volt_gets_a_connected_socket(self):
        self.virtiofsd()
        done = self.run_it("--kernel", "k", "--", shares=[f"{self.shared},at=/x"])
        self.assertRegex(done.stdout, r"^served\n--share\|fd:\d+,at=/x\|--kernel\|k\|--\n")
        self.assertEqual(list(self.tmp.iterdir()), [], "the socket's path is left")

    def test_volt_keeps_the_process(self):
        self.virtiofsd(does="time.sleep(1000)")
        run, pid = self.start()
        self.assertEqual(run.pid, pid)

    def test_the_virtiofsd_of_qemu(self):
        self.virtiofsd("c")
        self.run_it()
        note = self.note()[0]
        self.assertEqual(note["words"], ["--fd=3", "--rlimit-nofile=0", "-f", "-o",
                                         "source=/sys,sandbox=chroot,log_level=err"])
        self.assertEqual(note["env"], sorted({"PATH"} | {"LC_CTYPE"} & set(note["env"])), "more than PATH")

    def test_the_virtiofsd_in_rust(self):
        for kind, share, more in (("rust", "", []), ("rust", ",ro", ["--readonly"]), ("old", ",ro", [])):
            with self.subTest(kind + share):
                (self.bin / "note").unlink(missing_ok=True)
                self.virtiofsd(kind)
                self.run_it(shares=[f"{self.shared}{share}"])
                self.assertEqual(self.note()[0]["words"], ["--fd=3", "--rlimit-nofile=0", "--shared-dir", "/sys",
                                                           "--sandbox=chroot", "--log-level=error", *more])

    def test_it_has_the_folder_and_little_else(self):
        self.virtiofsd()
        self.run_it()
        note = self.note()[0]
        self.assertEqual((note["seen"], note["uid"], note["setgroups"]), (["file"], 0, 0))
        self.assertEqual(note["deaf"], [True] * 3, "a signal for all of a service's processes ends it before the guest")
        self.assertEqual(note["pid"], 2, "not its own processes alone")
        self.assertEqual([fd for fd in note["files"] if fd > 3 and fd < 5], [4], note)  # the one that lists them
        self.assertNotIn("eth0", note["interfaces"])

    def test_read_only_is_the_mounts(self):
        for share, writable in (("", True), (",ro", False)):
            with self.subTest(share):
                (self.bin / "note").unlink(missing_ok=True)
                self.virtiofsd()
                self.run_it(shares=[f"{self.shared}{share}"])
                self.assertEqual(self.note()[0]["writable"], writable)
        self.assertEqual(sorted(path.name for path in self.shared.iterdir()), ["file", "written"])

    def test_a_name_with_commas_and_blanks(self):
        odd = self.top / "a,b c"
        odd.mkdir()
        (odd / "inside").touch()
        odd.chmod(0o777)
        self.virtiofsd()
        self.run_it(shares=[str(odd).replace(",", ",,") + ",ro"])
        self.assertEqual(self.note()[0]["seen"], ["inside"])

    def test_it_ends_with_volt_whatever_it_is(self):
        self.virtiofsd(does="import signal\nfor n in range(1, 32):\n    try: signal.signal(n, signal.SIG_IGN)\n"
                            "    except OSError: pass\nif os.fork(): time.sleep(1000)\nos.setsid(); time.sleep(1000)")
        run, pid = self.start()
        self.until(lambda: len(self.serving()) == 2, "virtiofsd and its child run")
        os.kill(pid, signal.SIGKILL)
        run.communicate(timeout=LIMIT)
        self.until(lambda: not self.serving(), "all have ended")

    def test_volt_says_how_it_ended(self):
        for does, text in (("sys.exit(3)", "its virtiofsd ended with status 3: the last line"),
                           ("os.kill(os.getpid(), 9)", "its virtiofsd was killed by signal 9: the last line")):
            with self.subTest(does):
                self.virtiofsd(does=does)
                run, _ = self.start()
                self.assertEqual(run.stderr.readline(), f"volt: error: --share {self.shared}: {text}\n")
                self.assertIsNone(run.poll(), "volt ended with it")
                self.end(run)

    def test_a_good_end_is_not_told(self):
        self.virtiofsd(does="")
        run, _ = self.start()
        self.until(lambda: not self.serving(), "virtiofsd has ended")
        run.kill()
        self.assertEqual(run.communicate(timeout=LIMIT)[1], "")

    def test_one_that_cannot_run(self):
        self.write(self.bin / "virtiofsd", f"#!/bin/sh\n[ \"$1\" = --help ] && echo '{HELP['c']}' && exec chmod a-x $0\n")
        self.refused(HOST, f"{self.bin}/virtiofsd: cannot be started: Permission denied")

    def test_an_ordinary_user_with_groups(self):
        if os.geteuid() != 0:
            self.skipTest("only root can become another")
        self.virtiofsd(does="time.sleep(1000)")
        self.program = self.top / "volt-share"
        shutil.copy(SHARE, self.program)
        line = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", f"--groups={NOBODY},24,44", *self.line()]
        done = subprocess.run(line, capture_output=True, text=True, env=self.env, timeout=LIMIT, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        note = self.note()[0]
        self.assertEqual((note["uid"], note["setgroups"], note["writable"]), (0, 0, True))
        self.assertEqual((self.shared / "written").stat().st_uid, NOBODY)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]])
