# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Kernels that are none, and hosts that lack something."""

import os
import re
import shutil
import struct

from vm import Refusals, Setup

INPUT, HOST, RESOURCES = 101, 103, 104


class Kernels(Refusals):
    """Needs KVM: the kernel is read when memory is there."""

    def refuse_kernel(self, content, *said, options=()):
        path = self.file(content, "kernel")
        return self.refused([*Setup.options, "--kernel", path, "--plugin", "exitport", *options],
                            INPUT, *said)

    def test_what_is_no_kernel_is_refused(self):
        self.refuse_kernel(b"", "empty")
        self.refuse_kernel(b"hello, I am text\n" * 100, "not a kernel")
        self.refuse_kernel(b"\0" * 100000, "not a kernel")
        self.refuse_kernel(b"\x7f")

    def test_other_kinds_of_elf_are_refused_by_name(self):
        image = bytearray(self.kernel.read_bytes())

        def changed(offset, form, value):
            copy = bytearray(image)
            struct.pack_into(form, copy, offset, value)
            return bytes(copy)

        self.refuse_kernel(changed(4, "B", 1), "64-bit")
        self.refuse_kernel(changed(5, "B", 2), "little-endian")
        self.refuse_kernel(changed(16, "<H", 3), "e_type")
        self.refuse_kernel(changed(18, "<H", 0xB7), "x86-64")
        self.refuse_kernel(changed(24, "<Q", 0x5000), "e_entry")
        self.refuse_kernel(changed(32, "<Q", 1 << 40), "e_phoff")
        self.refuse_kernel(changed(56, "<H", 0), "e_phnum")

    def test_every_cut_of_a_kernel_is_refused_or_harmless(self):
        """Cut between sections nothing may be missing, so a guest may run to its end."""
        image = self.kernel.read_bytes()
        for size in (1, 4, 16, 63, 64, 65, 119, 120, 1000, 0x1000, 0x1100, 0x1400):
            with self.subTest(size=size):
                self.refuse_kernel(image[:size])

    def test_kernel_that_does_not_fit_names_the_address(self):
        """The end of what is to be loaded, and the --memory that has room for it."""
        image = self.kernel.read_bytes()
        first, count = struct.unpack_from("<Q", image, 32)[0], struct.unpack_from("<H", image, 56)[0]
        headers = [struct.unpack_from("<IIQQQQQQ", image, first + 56 * i) for i in range(count)]
        end = max(h[4] + h[6] for h in headers if h[0] == 1 and h[6] > 0)
        self.refuse_kernel(image, f"needs memory up to {end:#x}", f"--memory {-(-end >> 20)}M",
                           options=("--memory", "8M"))

    def test_initrd_that_does_not_fit_is_named(self):
        initrd = self.file(b"", "initrd")
        os.truncate(initrd, 200 << 20)
        self.refuse_kernel(self.kernel.read_bytes(), "initrd", "memory",
                           options=("--initrd", initrd))
        empty = self.file(b"", "empty")
        self.refuse_kernel(self.kernel.read_bytes(), str(empty), options=("--initrd", empty))

    def test_command_line_is_checked(self):
        self.refuse_kernel(self.kernel.read_bytes(), "command line",
                           options=("--cmdline", "x" * 3000))
        self.refuse_kernel(self.kernel.read_bytes(), "command line",
                           options=("--cmdline", "x", "--append", "y" * 20000))

    def test_longest_command_line_arrives(self):
        words = "status 2a " + "x" * (2047 - 10 - len(" volt.exit=0xf4 volt.mark=0xf6"))
        self.run_guest("ending", words, status=42)


class Host(Refusals):
    def apart(self, script, prefix=""):
        """volt in a mount namespace of its own, after `script`; its only error line."""
        if os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("setpriv"):
            self.skip("needs root, unshare and setpriv, to be on a poorer host")
        words = [Setup.volt, *Setup.options, "--kernel", self.kernel, "--plugin", "exitport"]
        run = self.launch(["unshare", "-m", "sh", "-c", f'{script} && exec {prefix} "$@"', "sh",
                           *words])
        status = run.wait()
        errors = [line for line in run.log() if line.startswith("volt: error: ")]
        self.assertEqual((status, len(errors)), (HOST, 1), run.story())
        return errors[0]

    def test_no_kvm_at_all(self):
        line = self.apart("mount -t tmpfs none /dev")
        self.assertIn("/dev/kvm does not exist", line)
        self.assertIn("kvm_intel", line)

    def test_device_that_is_not_kvm(self):
        self.assertIn("/dev/kvm", self.apart("mount --bind /dev/null /dev/kvm"))

    def test_no_right_to_open_it(self):
        node = self.folder() / "kvm"
        line = self.apart(
            f"mknod {node} c 10 232 && chmod 600 {node} && mount --bind {node} /dev/kvm",
            "setpriv --reuid=65534 --regid=65534 --clear-groups")
        self.assertIn("no right to open /dev/kvm", line)
        self.assertIn("group", line)

    def questions(self, answer, count):
        """The logs of volts to whose n-th ioctl(2) strace answers `answer`."""
        if not shutil.which("strace"):
            self.skip("strace is not installed")
        for when in range(1, count + 1):
            run = self.launch([
                "strace", "-o", "/dev/null", "-e", "trace=ioctl", "-e",
                f"inject=ioctl:retval={answer}:when={when}", *self.command("ending", "status 0")])
            run.wait()
            if run.log():
                yield run.process.returncode, run.log()[0]

    def test_missing_capability_is_named(self):
        named = set()
        for status, line in self.questions(0, 16):
            found = re.search(r"KVM lacks (KVM_CAP_\w+), needed for .*: use a newer kernel", line)
            if found:
                self.assertEqual(status, HOST, line)
                named.add(found[1])
        self.assertGreaterEqual(len(named), 9, named)

    def test_other_api_version_is_named(self):
        said = [(status, line) for status, line in self.questions(11, 6) if "version 11" in line]
        self.assertEqual([status for status, _ in said], [HOST])

    def test_too_few_file_descriptors_end_cleanly(self):
        """Whatever step the limit strikes, the answer is one line or a VM that runs."""
        wrong, ran = [], 0
        for limit in range(6, 60):
            command = self.command("ending", "status 7", ("ioapic", "i8042"))
            run = self.launch(["prlimit", f"--nofile={limit}", *command])
            status = run.wait()
            errors = [line for line in run.log() if line.startswith("volt: error: ")]
            ran += status == 7
            if status != 7 and (status, len(errors)) != (RESOURCES, 1):
                wrong.append((limit, status, *run.log()))
        self.assertGreater(ran, 0)
        self.assertFalse(wrong, "\n".join(map(str, wrong)))

    def test_too_little_address_space_ends_cleanly(self):
        for limit in (8 << 20, 64 << 20, 128 << 20, 140 << 20, 160 << 20):
            command = self.command("ending", "status 7", ("ioapic",))
            run = self.launch(["prlimit", f"--as={limit}", *command])
            status = run.wait()
            if status == 7:
                continue
            with self.subTest(limit=limit):
                # The dynamic loader itself ends with 127.
                self.assertIn(status, (RESOURCES, 127), run.story())

    def test_nothing_is_written_where_it_was_not_asked_for(self):
        folder = self.folder()
        run = self.launch(self.command("ending", "status 0"), cwd=folder)
        self.check_end(run, 0)
        self.assertEqual(os.listdir(folder), [])

    def test_empty_environment_is_enough(self):
        self.check_end(self.launch(self.command("ending", "status 4"), env={}), 4)

    def test_long_environment_and_strange_umask_do_not_matter(self):
        env = {f"V{i}": "x" * 1000 for i in range(500)}
        self.check_end(self.launch(self.command("ending", "status 4"), env=env, umask=0o777), 4)
