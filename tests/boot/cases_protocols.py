# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Bare-metal kernels that tell what they were given, by PVH and by Multiboot 1.

The guest is one program, guests/tell.c, in several files: `both` carries a PVH note and a
Multiboot header, `multiboot` only the latter, `both64` and `multiboot64` are the same as ELF64,
`flat` is no ELF file at all.
"""

import re

from vm import Case, Setup

MIB = 1 << 20
RANGES = [(0, 0x9f000, 1), (0x9f000, 0x1000, 2), (0xe0000, 0x20000, 2)]


def fields(line):
    return {name: int(value, 16) for name, value in re.findall(r"(\w+)=0x([0-9a-f]+)", line)}


class Told:
    """What a guest said, line by line."""

    def __init__(self, text):
        self.text = text
        self.lines = text.replace("\r", "").splitlines()

    def fields(self, first):
        return fields(self.line(first))

    def line(self, first):
        return next(line for line in self.lines if line.split(" ")[0] == first)

    def texts(self, first):
        return re.search(rf"^{first} \[(.*)\]$", self.text.replace("\r", ""), re.MULTILINE)[1]

    def ranges(self):
        return [(f["start"], f["size"], f["type"])
                for f in map(fields, self.lines) if "type" in f]

    def modules(self):
        found = []
        for line in self.lines:
            if line.startswith("module "):
                f = fields(line)
                words = re.search(r"words \[(.*)\]$", line)[1]
                found.append((f["start"], f["size"], f["sum"], words))
        return found


class Protocols(Case):
    def tell(self, guest, *options, cmdline="one two=3"):
        """Runs a guest; its facts once it has said all and ended well."""
        vm = self.run_guest(guest, cmdline, options=options)
        told = Told(vm.text())
        self.assertEqual(told.lines[-1], "end", vm.story())
        self.assertEqual(told.fields("image"), {"data": 0x600dda7a, "bss": 0}, vm.story())
        cpu = told.fields("cpu")
        self.assertEqual((cpu["cr0"], cpu["cr4"], cpu["eflags"] & 0x20300), (0x11, 0, 0),
                         "not in protected mode without paging and interrupts")
        return told

    def tell_multiboot(self, *words, **how):
        told = self.tell(*words, **how)
        self.assertEqual(told.fields("cpu")["eax"], 0x2badb002)
        self.assertEqual(told.fields("multiboot")["flags"], 0x24d)
        self.assertEqual(told.texts("loader"), "volt")
        return told

    def tell_pvh(self, *words, **how):
        told = self.tell(*words, **how)
        self.assertEqual(told.fields("pvh"), {"magic": 0x336ec578, "version": 1, "flags": 0})
        self.assertTrue(told.texts("rsdp").startswith("RSD PTR "))
        return told

    def test_multiboot_kernel_gets_memory_map_and_command_line(self):
        told = self.tell_multiboot("multiboot", "--memory", "32M")
        self.assertEqual(told.ranges(), [*RANGES, (MIB, 31 * MIB, 1)])
        self.assertEqual(told.fields("multiboot")["lower"], 636)
        self.assertEqual(told.fields("multiboot")["upper"], 31 * 1024)
        self.assertEqual(told.texts("cmdline").split()[:2], ["one", "two=3"])
        self.assertEqual(told.modules(), [])

    def test_words_of_devices_go_before_those_for_the_first_program(self):
        """Linux takes what follows a lone -- for init's arguments; quotes hide blanks."""
        words = "volt.exit=0xf4 volt.mark=0xf6"
        for typed, got in (
                ("a -- b", f"a {words} -- b"),
                ("-- b", f"{words} -- b"),
                ("a --", f"a {words} --"),
                ('a="b -- c" --d', f'a="b -- c" --d {words}'),
                ('a="b c" -- d -- e', f'a="b c" {words} -- d -- e')):
            with self.subTest(typed=typed):
                self.assertEqual(self.tell_multiboot("multiboot", cmdline=typed).texts("cmdline"),
                                 got)

    def test_multiboot_kernel_gets_modules_with_strings_in_order(self):
        first, second = self.file(b"hello"), self.file(b"x" * 5000)
        told = self.tell_multiboot("multiboot", "--module", f"{first},a string, with = and ,,",
                                   "--module", second, "--initrd", first)
        (at0, *initrd), (at1, *one), (at2, *two) = told.modules()
        self.assertEqual(initrd, [5, sum(b"hello"), ""])
        self.assertEqual(one, [5, sum(b"hello"), "a string, with = and ,,"])
        self.assertEqual(two, [5000, 5000 * ord("x"), ""])
        self.assertEqual([at % 4096 for at in (at0, at1, at2)], [0, 0, 0])
        self.assertTrue(MIB < at0 < at1 < at2 < 2 * MIB, "not right above the kernel")

    def test_comma_in_the_name_of_a_module_is_typed_twice(self):
        odd = self.file(b"abc", name="a,b")
        told = self.tell_multiboot(
            "multiboot", "--module", str(odd).replace(",", ",,") + ",words")
        self.assertEqual([m[1:] for m in told.modules()], [(3, sum(b"abc"), "words")])

    def test_flat_file_is_loaded_by_the_addresses_of_its_header(self):
        self.assertEqual(self.tell_multiboot("flat", "--memory", "3M").ranges()[3:],
                         [(MIB, 2 * MIB, 1)])

    def test_elf64_with_a_multiboot_header_enters_in_32_bits(self):
        self.tell_multiboot("multiboot64")

    def test_pvh_kernel_gets_memory_map_and_command_line(self):
        told = self.tell_pvh("both", "--memory", "32M")
        self.assertEqual(told.ranges(), [*RANGES, (MIB, 31 * MIB, 1)])
        self.assertEqual(told.texts("cmdline").split()[:2], ["one", "two=3"])
        self.assertEqual(told.modules(), [])

    def test_pvh_kernel_gets_the_initrd_first_and_modules_after(self):
        first, second = self.file(b"hello"), self.file(b"x" * 5000)
        told = self.tell_pvh("both", "--memory", "32M", "--module", f"{second},words",
                             "--initrd", first)
        self.assertEqual(told.modules(), [
            (32 * MIB - 0x1000, 5, sum(b"hello"), ""),
            (32 * MIB - 0x3000, 5000, 5000 * ord("x"), "words")])

    def test_pvh_note_in_an_elf64_is_followed(self):
        self.tell_pvh("both64")

    def test_memory_above_4_gib_is_in_the_map(self):
        for tell, option in ((self.tell_pvh, "pvh"), (self.tell_multiboot, "multiboot")):
            told = tell("both", "--memory", "4G", "--boot", option)
            self.assertEqual(told.ranges()[3:], [(MIB, (3 << 30) - MIB, 1), (4 << 30, 1 << 30, 1)])

    def test_boot_option_picks_among_what_a_file_offers(self):
        self.tell_pvh("both", "--boot", "pvh")
        self.tell_multiboot("both", "--boot", "multiboot")

    def test_other_vcpus_wait_beside_a_32_bit_kernel(self):
        self.tell_pvh("both", "--cpus", "4")


class Refusals(Case):
    def kernel(self, name, *words):
        return ["--kernel", Setup.guests / name, *words]

    def test_protocol_that_a_file_does_not_offer_is_refused(self):
        self.refused(self.kernel("multiboot", "--boot", "pvh"), 101, "no PVH note")
        self.refused(self.kernel("multiboot", "--boot", "linux"), 101,
                     "EI_CLASS is 1, must be 2")
        self.refused(self.kernel("flat", "--boot", "pvh"), 101, "no ELF file")

    def test_damaged_header_is_refused_with_what_is_wrong(self):
        data = bytearray((Setup.guests / "flat").read_bytes())
        data[4] ^= 8
        self.refused(["--kernel", self.file(bytes(data))], 101, "has checksum 0x", ", must be 0x")

    def test_module_that_cannot_be_opened_is_refused(self):
        self.refused(self.kernel("multiboot", "--module", "/nowhere,words"), 101,
                     "--module /nowhere: cannot be opened")
        self.refused(self.kernel("multiboot", "--module", "/"), 101, "is not a regular file")

    def test_module_larger_than_memory_is_refused(self):
        big = self.folder() / "big"
        with open(big, "wb") as file:
            file.truncate(64 * MIB)
        self.refused(self.kernel("multiboot", "--memory", "32M", "--module", big), 101,
                     "module 1 needs memory up to 0x4106000", "--memory 66M")

    def test_wrong_values_of_the_options_are_refused(self):
        self.refused(self.kernel("both", "--boot", "uefi"), 100,
                     "--boot uefi: give auto, linux, pvh or multiboot")
        self.refused(self.kernel("both", "--module", ",words"), 100, "the name is empty")
        self.refused(self.kernel("both", *["--module", "/dev/null"] * 33), 100,
                     "--module: at most 32 are possible")
