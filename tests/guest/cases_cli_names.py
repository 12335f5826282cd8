# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""--kernel with a name: kernels of the store that volt-kernel keeps."""

import os
import shutil

from vm import Case, Refusals, Setup

INPUT = 101


class Store:
    """A store with these kernels, each the file of a guest, under a home of its own."""

    def home(self, **kernels):
        home = self.folder()
        for name, guest in kernels.items():
            folder = home / ".local/share/volt/kernels" / name.replace("_", "-")
            folder.mkdir(parents=True)
            if guest:
                shutil.copy(Setup.guests / guest, folder / "vmlinux")
        return home

    @staticmethod
    def env(home, **more):
        return {"HOME": str(home), "PATH": os.environ["PATH"], **more}


class Refused(Store, Refusals):
    needs_kvm = False

    def refuse(self, word, home, *said, **more):
        self.refused(["--kernel", word], INPUT, f"--kernel {word}", *said,
                     env=self.env(home, **more))

    def test_both_places_that_were_looked_at_are_named(self):
        home = self.home(alpha_1="")
        self.refuse("nothing", home, "no such file here",
                    f"no kernel in {home}/.local/share/volt/kernels")
        self.refuse("xlpha", home, "did you mean alpha-1?")
        self.refuse("default", home, "no default kernel is set", "volt-kernel default NAME")

    def test_beginning_of_several_is_refused(self):
        self.refuse("al", self.home(alpha_1="", alpha_2=""), "2 kernels", "alpha-1", "alpha-2")

    def test_store_that_is_not_there_is_named(self):
        self.refuse("x", self.folder(), "the store ", "is not there")
        self.refuse("x", "", "neither XDG_DATA_HOME nor HOME")

    def test_xdg_data_home_comes_first(self):
        data = self.folder()
        self.refuse("x", self.home(x_1=""), f"{data}/volt/kernels", XDG_DATA_HOME=str(data))

    def test_path_is_never_a_name(self):
        self.refuse("./alpha-1", self.home(alpha_1=""), "No such file")

    def test_kernel_without_a_file_is_said_to_be_empty(self):
        self.refuse("alpha", self.home(alpha_1=""), "alpha-1 has no kernel in it")


class Booted(Store, Case):
    def end(self, home, word, cwd=None, status=0x42, **more):
        vm = self.launch([Setup.volt, *Setup.options, "--kernel", word, "--cmdline",
                          "status 42", "--plugin", "serial", "--plugin", "exitport",
                          "--plugin", "bootmark"], cwd=cwd, env=self.env(home, **more))
        self.assertEqual(vm.wait(), status, vm.story())

    def test_name_beginning_and_default_boot(self):
        home = self.home(ending_1="ending", other_1="")
        os.symlink("ending-1", home / ".local/share/volt/kernels/default")
        for word in ("ending-1", "end", "default"):
            with self.subTest(word=word):
                self.end(home, word)

    def test_name_is_found_though_volt_starts_itself_anew(self):
        """A variable for the dynamic linker has volt begin again without the environment."""
        self.end(self.home(ending_1="ending"), "ending", LD_BIND_NOW="1")

    def test_file_comes_before_the_store(self):
        home, here = self.home(kernel_1=""), self.folder()
        shutil.copy(Setup.guests / "ending", here / "kernel")
        self.end(home, "kernel", cwd=here)
