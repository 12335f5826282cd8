# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""A volt without loader: scripts/check runs this on its builds with -Ddlopen=disabled."""

import subprocess

from vm import Case, Refusals, Setup


class Files(Refusals):
    def test_a_plugin_file_is_refused(self):
        self.refuse_plugins(["./no-such.so"], "./no-such.so", "loads none", "-Ddlopen=disabled")

    def test_a_plugin_folder_is_refused(self):
        self.refused(["--plugin-dir", "/", "--kernel", self.kernel], 100, "--plugin-dir",
                     "loads none")

    def test_an_unknown_name_is_not_looked_for_in_files(self):
        self.refuse_plugins(["nosuchthing"],
                            "no such plugin in this volt, which loads no files")


class Program(Case):
    needs_kvm = False

    def test_the_loader_is_not_in_it(self):
        text = Setup.volt.read_bytes()
        self.assertNotIn(b"volt-plugin\0", text)
        self.assertNotIn(b"is mounted noexec", text)

    def test_relocated_constants_are_read_only_when_it_runs(self):
        """A static program has no loader that would protect them."""
        volt = self.launch([*self.command("ending", "spin")])
        volt.expect_ready()
        with open(f"/proc/{volt.pid}/maps", encoding="ascii") as maps:
            mine = [line.split()[:2] for line in maps if line.rstrip().endswith("/core/volt")]
        relro = self.segment("GNU_RELRO")
        base = min(int(area.split("-")[0], 16) for area, _ in mine)
        if self.program_type() == "EXEC":
            base = 0
        pages = range((base + relro[0]) & ~0xfff, (base + relro[0] + relro[1]) & ~0xfff, 0x1000)
        self.assertTrue(pages, relro)
        for page in pages:
            flags = [flags for area, flags in mine
                     if int(area.split("-")[0], 16) <= page < int(area.split("-")[1], 16)]
            self.assertEqual(flags, ["r--p"], f"page {page:#x} of {mine}")

    def headers(self):
        return subprocess.run(["readelf", "-hlW", Setup.volt], capture_output=True, text=True,
                              check=True).stdout

    def program_type(self):
        return "EXEC" if "EXEC (" in self.headers() else "DYN"

    def segment(self, name):
        line = next(line.split() for line in self.headers().splitlines() if name in line)
        return int(line[2], 16), int(line[5], 16)
