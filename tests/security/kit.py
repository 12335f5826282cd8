# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""What the security tests share: the probe plugin, `volt explain`, and what its rules mean.

Run by tests/guest/run.py, whose cases these are: --test-plugins names the folder where
tests/security was built.
"""

import functools
import json
import pathlib
import re
import subprocess

from vm import Case, Setup

KILLED = -31  # by SIGSYS
THREADS = ("vcpu", "loop", "worker")
IOCTL_REQUEST = 0xFFFFFFFF  # the kernel looks at no more of it


@functools.lru_cache(maxsize=None)
def calls():
    """{name: number}, as the compiler's headers have it."""
    text = (Setup.test_plugins / "calls.h").read_text()
    return {match[1]: int(match[2]) for match in
            re.finditer(r"^#define __NR_(\w+) (\d+)$", text, re.MULTILINE)}


def numbered(steps):
    """Steps of the probe with names of calls for numbers."""
    def number(step):
        first, _, rest = step.strip().partition(" ")
        return f"{calls().get(first, first)} {rest}".strip()
    return ";".join(number(step) for step in steps.split(";"))


class Rules:
    """What one thread may do, from the JSON of `volt explain`."""

    def __init__(self, thread):
        self.name, self.role = thread["name"], thread["role"]
        self.rules = [Rule(rule) for rule in thread["rules"]]

    def which(self, name, args):
        """The rules that allow a call."""
        return [rule for rule in self.rules if rule.allows(name, args)]


class Rule:
    def __init__(self, rule):
        self.call, self.asked_by, self.reason = rule["syscall"], rule["asked_by"], rule["reason"]
        self.tests = rule["tests"]

    def __str__(self):
        tests = ", ".join(f"arg {t['arg']} {t['op']} {t['value']}" for t in self.tests)
        return f"{self.call}({tests}), asked by {self.asked_by}: {self.reason}"

    def holds(self, test, value):
        want, mask = test["value"], 2**64 - 1
        if test["op"] == "masked_eq":
            mask = test["mask"] % 2**64
        if self.call == "ioctl" and test["arg"] == 1:
            mask &= IOCTL_REQUEST
        return value & mask == want & mask

    def allows(self, name, args):
        return name == self.call and all(self.holds(t, args[t["arg"]]) for t in self.tests)

    def example(self):
        """Six arguments that it allows; 0 where it does not look."""
        args = [0] * 6
        for test in self.tests:
            args[test["arg"]] = test["value"] % 2**64
        return args


class Explained:
    def __init__(self, text):
        self.page = json.loads(text)
        self.threads = {thread["name"]: Rules(thread) for thread in self.page["threads"]}

    def fds(self, use):
        return [f["fd"] for f in self.page["files"] if f["use"] == use]

    def syscalls(self):
        return {rule.call for thread in self.threads.values() for rule in thread.rules}


class SecurityCase(Case):
    def setUp(self):
        super().setUp()
        if not Setup.sandboxed:
            self.skip("volt runs without a sandbox here")

    def probe(self, thread="vcpu", action="", before=""):
        return (f"{self.own_plugin('probe')},thread={thread},before={numbered(before)},"
                f"action={numbered(action)}")

    def words(self, *plugins, options=(), kernel=None):
        words = ["--kernel", kernel or Setup.test_plugins / "poke"]
        for plugin in plugins:
            words += ["--plugin", plugin]
        return [*Setup.options, *words, *options]

    def explain(self, words, stdin=None):
        """For these words behind `volt`."""
        command = [str(word) for word in (Setup.volt, "explain", *words, "--json")]
        run = subprocess.run(command, stdin=stdin or subprocess.DEVNULL, capture_output=True,
                             timeout=30)
        self.assertEqual(run.returncode, 0, f"{' '.join(command)}: {run.stderr.decode()}")
        return Explained(run.stdout)

    def run_words(self, words, **kwargs):
        vm = self.launch([Setup.volt, *words], **kwargs)
        vm.wait()
        return vm

    def returned(self, run):
        """The results of the probe's steps; None if it did not get that far."""
        for line in run.log():
            if match := re.fullmatch(r"volt: probe: returned((?: -?\d+)+)", line):
                return [int(word) for word in match[1].split()]
        return None

    def check_killed(self, run):
        self.assertEqual(run.process.returncode, KILLED, run.story())
        self.assertIsNone(self.returned(run), run.story())


def snapshot(folder):
    """What is in it, for comparison."""
    return {str(path.relative_to(folder)): (path.lstat().st_mode, path.lstat().st_nlink,
                                            path.lstat().st_uid, path.lstat().st_mtime_ns,
                                            path.is_file() and path.read_bytes())
            for path in pathlib.Path(folder).rglob("*")}


def tcp_address(name):
    """A struct sockaddr_in of ("127.0.0.1", port), in hex."""
    return (b"\2\0" + name[1].to_bytes(2, "big") + bytes([127, 0, 0, 1]) + bytes(8)).hex()
