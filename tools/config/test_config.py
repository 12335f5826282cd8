# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""volt --config and --print-config: every option there and back, and what is refused.

usage: test_config.py VOLT SCHEMA [TEST...]
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

VOLT, SCHEMA = (pathlib.Path(word).resolve() for word in sys.argv[1:3])
PAGE = pathlib.Path(__file__).resolve().parent / "volt.conf.5"
# volt refuses these with --config, and its help lists them.
OUTSIDE = {"config", "print-config", "help", "version", "json"}
USAGE, INPUT, RESOURCES = 100, 101, 104


def volt(*words, **how):
    return subprocess.run([VOLT, *map(str, words)], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL, check=False, **how)


def options():
    """{name: takes a value}"""
    return {name: bool(value) for name, value in
            re.findall(r"^  --([a-z-]+)( [^ ]\S*)?", volt("--help").stdout, re.MULTILINE)}


class Config(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="volt-config-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.schema = json.loads(SCHEMA.read_text(encoding="utf-8"))

    def file(self, content):
        path = self.folder / "vm.json"
        text = content if isinstance(content, (str, bytes)) else json.dumps(content)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def printed(self, *words):
        run = volt(*words)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        return json.loads(run.stdout)

    def refused(self, content, *parts):
        run = volt("--config", self.file(content))
        self.assertEqual(run.returncode, INPUT, run.stderr)
        self.assertEqual(run.stderr.count("\n"), 1, run.stderr)
        self.assertTrue(run.stderr.startswith("volt: error: "), run.stderr)
        for part in parts:
            self.assertIn(part, run.stderr)

    def valid(self, content):
        """By another's validator, of the Debian package python3-jsonschema."""
        run = subprocess.run(
            ["/usr/bin/python3", "-c",
             "import json, sys, jsonschema\n"
             "schema = json.load(open(sys.argv[1]))\n"
             "jsonschema.Draft202012Validator.check_schema(schema)\n"
             "print(jsonschema.Draft202012Validator(schema).is_valid(json.load(open(sys.argv[2]))))",
             SCHEMA, self.file(content)], capture_output=True, text=True, timeout=60, check=False)
        if run.returncode != 0 and not os.environ.get("VOLT_MUST_WORK"):
            self.skipTest("python3-jsonschema is not there")
        self.assertEqual(run.returncode, 0, run.stderr)
        return run.stdout == "True\n"

    def test_each_option_comes_back_as_it_was_typed(self):
        self.assertEqual(set(self.schema["properties"]) - {"$schema"}, set(options()) - OUTSIDE)
        together = {}
        for name, has_value in options().items():
            if name in OUTSIDE:
                continue
            with self.subTest(option=name):
                words = [f"--{name}", "a,b=c,,d"] if has_value else [f"--{name}"]
                found = self.printed("--print-config", *words)
                self.assertEqual(list(found), [name])
                again = self.printed("--config", self.file(found), "--print-config")
                self.assertEqual(again, found)
                together |= found
        self.assertTrue(self.valid(together), together)

    def test_a_plugin_is_an_object_and_a_comma_one_comma(self):
        found = self.printed("--print-config", "--plugin", "serial",
                             "--plugin", "virtio-blk,file=a,,b.img,readonly=on",
                             "--plugin", "virtio-blk,help")
        self.assertEqual(found, {"plugin": [
            "serial",
            {"name": "virtio-blk", "parameters": {"file": "a,b.img", "readonly": "on"}},
            "virtio-blk,help"]})

    def test_numbers_and_truth_are_typed_as_volt_reads_them(self):
        content = {"cpus": 2, "hugepages": False, "no-seccomp": True, "plugin": [
            {"name": "p", "parameters": {"n": 7, "yes": True, "no": False, "text": "a,b"}}]}
        self.assertEqual(self.printed("--config", self.file(content), "--print-config"),
                         {"cpus": "2", "no-seccomp": True, "plugin": [
                             {"name": "p", "parameters": {"n": "7", "yes": "on", "no": "off",
                                                          "text": "a,b"}}]})
        self.assertTrue(self.valid(content))

    def test_the_command_line_goes_before_the_file(self):
        path = self.file({"memory": "1G", "cpus": 2, "plugin": ["serial"]})
        self.assertEqual(
            self.printed("--config", path, "--print-config", "--memory=256M", "--plugin", "i8042"),
            {"cpus": "2", "plugin": ["serial", "i8042"], "memory": "256M"})

    def test_volt_gets_the_options(self):
        path = self.file({"kernel": str(self.folder / "none"), "memory": "64M"})
        run = volt("--config", path)
        self.assertIn("none", run.stderr)
        self.assertEqual(run.returncode, 101, run.stderr)
        run = volt(f"--config={self.file({'cpus': 65})}")
        self.assertEqual(run.returncode, USAGE)
        self.assertIn("--cpus 65", run.stderr)
        run = volt("--config", self.file({"memory": "64M"}), "--kernal", "x")
        self.assertIn("--kernel", run.stderr)
        self.assertEqual(run.returncode, USAGE)

    @unittest.skipIf("VOLT_SANITIZED" in os.environ, "a sanitized volt cannot be sealed")
    def test_explain_reads_a_file_too(self):
        run = volt("explain", "--config", self.file({"plugin": ["serial"]}))
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("serial", run.stdout)
        self.assertNotIn("i8042", run.stdout)

    def test_a_wrong_file_has_one_line(self):
        self.refused({"memary": "1G"}, '"memary": unknown key; did you mean "memory"?')
        self.refused({"xyzzyx": 1}, '"xyzzyx": unknown key', "volt --help")
        self.refused({"help": True}, '"help": this option has no place in a file')
        self.refused({"memory": True}, '"memory": give a text or a whole number')
        self.refused({"memory": 1.5}, "whole number")
        self.refused({"memory": "1\0G"}, "character of value 0")
        self.refused({"hugepages": "yes"}, "give true or false")
        self.refused({"plugin": "serial"}, "give a list")
        self.refused({"plugin": ["serial", 3]}, '"plugin"[2]: give a text or an object')
        self.refused({"module": [{"name": "x"}]}, '"module"[1]: give a text')
        self.refused({"plugin": [{"name": "x", "params": {}}]}, 'unknown key "params"')
        self.refused({"plugin": [{"parameters": {}}]}, 'give the plugin\'s "name"')
        self.refused({"plugin": [{"name": "x", "parameters": []}]}, '"parameters" is not an object')
        self.refused({"plugin": [{"name": "x", "parameters": {"a=b": 1}}]}, '"a=b"')
        self.refused({"plugin": [{"name": "x", "parameters": {"a": None}}]}, "text or a whole")

    def test_wrong_json_is_named_by_its_place(self):
        self.refused('{\n "memory": 1G\n}', "line 2", "cannot parse JSON")
        self.refused('{"memory": "1G"', "the text ends too early")
        self.refused("{} {}", "line 1, column 4", "cannot parse JSON")
        self.refused(b"{}\0 {}", "line 1, column 3", "something follows the object")
        self.refused("[]", "it is not an object")
        self.refused("", "the text ends too early")
        self.refused(b'{"name": "\xff"}', "cannot parse JSON")
        self.refused("[" * 100, "cannot parse JSON")
        self.refused(" " * (1 << 20) + "{}", "more than 1 MiB")

    def test_a_file_that_cannot_be_read(self):
        for path, reason in ((self.folder / "none", "No such file"), (self.folder, "Is a directory")):
            run = volt("--config", path)
            self.assertEqual(run.returncode, INPUT, run.stderr)
            self.assertIn(f"{path}: cannot read: {reason}", run.stderr)

    def test_output_that_is_cut_off_is_told(self):
        with open("/dev/full", "wb") as full:
            run = subprocess.run([VOLT, "--print-config", "--cpus", "2"], stdout=full, timeout=60,
                                 stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(run.returncode, RESOURCES, run.stderr)
        self.assertIn("No space left", run.stderr)

    def test_the_place_of_the_options(self):
        path = self.file({})
        for words, part in (((("--memory", "64M", "--config", path)), "--config is the first option"),
                            (("--cpus", "1", "--print-config"), "--print-config is the first option"),
                            (("--config",), "--config needs the name of a file"),
                            (("--config", path, "--config", path), "--config is given twice"),
                            (("--print-config", "--version"), "--version has no place in a file"),
                            (("--print-config", "--bogus"), '"--bogus"')):
            with self.subTest(words=words):
                run = volt(*words)
                self.assertEqual(run.returncode, USAGE, run.stderr)
                self.assertIn(part, run.stderr)

    def test_the_manual_page_has_a_valid_example(self):
        example = re.search(r"^\{.*?^\}", PAGE.read_text(encoding="utf-8"),
                            re.MULTILINE | re.DOTALL)[0]
        content = json.loads(example)
        self.assertTrue(self.valid(content))
        found = self.printed("--config", self.file(content), "--print-config")
        self.assertEqual(found["plugin"][2], {"name": "virtio-net", "parameters": {"tap": "tap0"}})

    def test_the_schema_refuses_what_volt_refuses(self):
        for content in ({"memary": 1}, {"memory": True}, {"plugin": "serial"}, {"hugepages": 1},
                        {"plugin": [{"name": "x", "params": {}}]}, {"help": True}):
            with self.subTest(content=content):
                self.assertFalse(self.valid(content))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
