# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""A peer that starts no guest on this host falls back to other arguments before it is left out."""

import json
import pathlib
import sys
import tempfile
import types
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))
sys.dont_write_bytecode = True

import peers  # noqa: E402


class Peers(unittest.TestCase):
    def bench(self, works, **keys):
        """One peer, and a host on which only a command line with `works` starts a guest."""
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "peer.json")
            path.write_text(json.dumps({"name": "P", "program": "true",
                                        "arguments": ["-cpu", "host", "-kernel", "{kernel}"]}
                                       | keys))
            self.peer = peers.Peer(path)
        self.runs = []

        def stopwatch(command, mark, limit, options):
            self.runs.append(command[1:])
            return {"mark": int(works in command), "status": 134}

        return types.SimpleNamespace(peers=[self.peer], kernels={"start": "K"},
                                     stopwatch=stopwatch)

    def test_who_runs_keeps_the_arguments(self):
        peers.drop_unfit(self.bench("host", fallback={"host": "other"}))
        self.assertEqual(self.runs, [["-cpu", "host", "-kernel", "K"]])
        self.assertTrue(self.peer.on_host)

    def test_fallback_is_tried_and_stays(self):
        peers.drop_unfit(self.bench("other", fallback={"host": "other"}))
        self.assertEqual(self.runs[1:], [["-cpu", "other", "-kernel", "K"]])
        self.assertTrue(self.peer.on_host)
        self.assertEqual(self.peer.command("K")[1:], ["-cpu", "other", "-kernel", "K"])

    def test_who_does_not_run_either_way_is_left_out(self):
        peers.drop_unfit(self.bench("nothing", fallback={"host": "other"}))
        self.assertEqual(len(self.runs), 2)
        self.assertFalse(self.peer.on_host)

    def test_without_a_fallback_there_is_one_try(self):
        peers.drop_unfit(self.bench("nothing"))
        self.assertEqual(len(self.runs), 1)
        self.assertFalse(self.peer.on_host)

    def test_qemu_has_a_fallback_that_changes_its_arguments(self):
        told = json.loads((ROOT / "bench/peers/qemu-microvm.json").read_text())
        self.assertLessEqual(set(told["fallback"]), set(told["arguments"]))


if __name__ == "__main__":
    unittest.main()
