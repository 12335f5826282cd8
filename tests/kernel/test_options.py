# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Every set of fragments configures: each option takes, and one that cannot says why not."""

import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent / "kernel")]
import kconfig  # noqa: E402
import own  # noqa: E402

ALL = ["base", "virtio", "net", "debug"]


def configure(fragments):
    """(exit status, standard error, the configuration made)"""
    status, printed, said = own.run("--configure", "--fragments", fragments,
                                    stderr=subprocess.PIPE)
    path = printed.strip().partition("=")[2]
    return status, said, kconfig.read_options(path) if path else {}


def options_of(*names):
    """What fragments ask for, a later one's word being the last."""
    found = {}
    for name in names:
        found.update(kconfig.read_options(own.BUILD.parent / f"{name}.config"))
    return found


class Fragments(unittest.TestCase):
    maxDiff = None

    def takes(self, *names):
        status, said, made = configure(",".join(names))
        self.assertEqual(status, 0, said)
        self.assertNotIn("not known", said)
        wanted = options_of(*names)
        self.assertEqual({name: made.get(name, "n") for name in wanted}, wanted)
        return made

    def test_base_alone_takes(self):
        made = self.takes("base")
        self.assertEqual(made.get("BLOCK", "n"), "n")
        self.assertEqual(made.get("MODULES", "n"), "n")

    def test_base_with_virtio_takes(self):
        self.takes("base", "virtio")

    def test_base_with_net_takes(self):
        self.takes("base", "net")

    def test_all_fragments_take_together(self):
        self.takes(*ALL)

    def own_fragment(self, text):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = Path(folder.name) / "tried.config"
        path.write_text(text, encoding="utf-8")
        return configure(f"base,{path}")

    def test_a_fragment_of_ones_own_overrides_ours(self):
        status, said, made = self.own_fragment("CONFIG_PREEMPT=y\nCONFIG_PREEMPT_NONE=n\n")
        self.assertEqual(status, 0, said)
        self.assertEqual((made["PREEMPT"], made["PREEMPT_NONE"]), ("y", "n"))

    def test_an_option_without_what_it_needs_is_refused_with_its_name(self):
        status, said, _ = self.own_fragment("CONFIG_BPF_JIT=y\nCONFIG_SND_HDA_INTEL=y\n")
        self.assertEqual(status, 3, said)
        self.assertIn("CONFIG_BPF_JIT=y needs MODULES\n", said)
        self.assertIn("CONFIG_SND_HDA_INTEL=y needs SOUND and SND", said)

    def test_an_option_that_nobody_may_ask_for_is_refused(self):
        status, said, _ = self.own_fragment("CONFIG_HAVE_KVM_MSI=y\nCONFIG_PERF_EVENTS=n\n")
        self.assertEqual(status, 3, said)
        self.assertIn("CONFIG_HAVE_KVM_MSI=y cannot be asked for", said)
        self.assertIn("CONFIG_PERF_EVENTS is y, wanted n: another option selects it", said)

    def test_an_unknown_option_is_named_and_no_failure(self):
        status, said, _ = self.own_fragment("CONFIG_OF_NO_LINUX_EVER=y\n")
        self.assertEqual(status, 0, said)
        self.assertIn("not known to this version of Linux: OF_NO_LINUX_EVER", said)


def at_work(folder):
    """Processes that have this path among their words."""
    found, name = [], re.compile(re.escape(str(folder).encode()) + rb"(?![-\w])")
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:
            continue  # it ended meanwhile
        if name.search(words):
            found.append(words[:100].replace(b"\0", b" ").decode(errors="replace"))
    return found


class Ended(unittest.TestCase):
    """Nothing that a build has started goes on without it."""

    def compiling(self):
        """A build that has begun to compile, and the folder in which it does."""
        status, printed, said = own.run("--configure", "--fragments", "base",
                                        stderr=subprocess.PIPE)
        self.assertEqual(status, 0, said)
        folder = Path(printed.strip().partition("=")[2]).parent
        (folder / "build.log").unlink(missing_ok=True)
        child = own.start("--fragments", "base", stderr=subprocess.PIPE)
        self.addCleanup(child.communicate)
        self.addCleanup(own.end, child)
        while child.poll() is None and not any("/cc1 " in words for words in at_work(folder)):
            time.sleep(0.05)
        self.assertIsNone(child.poll(), "it ended before it compiled")
        return child, folder

    def gone(self, folder):
        for _ in range(200):
            if not at_work(folder):
                return True
            time.sleep(0.05)
        return False

    def test_a_signal_to_the_script_ends_its_compilers(self):
        for number in (signal.SIGTERM, signal.SIGQUIT):
            child, folder = self.compiling()
            child.send_signal(number)
            self.assertIn(child.wait(60), (-number, 128 + number))
            self.assertTrue(self.gone(folder), at_work(folder))

    def test_a_time_out_ends_its_compilers(self):
        child, folder = self.compiling()
        own.end(child)
        self.assertTrue(self.gone(folder), at_work(folder))


class Script(unittest.TestCase):
    def refused(self, *words):
        done = subprocess.run([own.BUILD, *words], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        return done.stderr

    def test_wrong_words_are_refused_with_what_would_be_right(self):
        self.assertIn("--help lists them", self.refused("--nonsense"))
        self.assertIn("a number from 1", self.refused("--jobs", "many"))
        self.assertIn("give base, debug, net, virtio", self.refused("--fragments", "bass"))
        self.assertIn("needs a value", self.refused("--output"))
        self.assertIn("no Linux source tree", self.refused("--source", "/usr"))

    def test_help_says_what_there_is(self):
        done = subprocess.run([own.BUILD, "--help"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0)
        self.assertIn("base, debug, net, virtio", done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
