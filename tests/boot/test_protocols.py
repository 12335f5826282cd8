# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""An unmodified Debian kernel boots by each protocol that it offers; see tests/lab/cases.py."""

import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lab"))

from cases import NO_IOAPIC, boot, expect, number_line, run, volt  # noqa: E402


def _by(protocol, *words):
    return ["--boot", protocol, "--log-level", "trace", *words]


def _went_by(output, protocol):
    expect(f"kernel loaded: {protocol}" in output, f"not loaded by {protocol}", output)


def vmlinux_boots_by_the_linux_protocol(lab):
    _went_by(boot(lab, *_by("linux"), run="true"), "linux64 vmlinux")


def vmlinux_boots_by_pvh(lab):
    output = boot(lab, *_by("pvh"), run="dmesg")
    _went_by(output, "pvh")
    expect("Linux version" in output, "no kernel log", output)


def vmlinux_boots_by_pvh_with_the_in_kernel_irqchip(lab):
    boot(lab, NO_IOAPIC, *_by("pvh"), run="true")


def two_cpus_are_online_by_pvh(lab):
    expect(number_line(boot(lab, "--boot pvh --cpus 2", run="cpus")) == 2, "not two CPUs")


def bzimage_boots_by_the_linux_protocol(lab):
    _went_by(boot(lab, *_by("linux"), kernel="/lab/vmlinuz", run="true"), "linux64 bzImage")


def auto_prefers_the_linux_protocol(lab):
    _went_by(boot(lab, *_by("auto"), run="true"), "linux64 vmlinux")


def bzimage_is_refused_by_pvh(lab):
    status, output = lab.run(volt("--boot pvh", kernel="/lab/vmlinuz") + " </dev/null", 60)
    expect(status == 101, f"exit status {status}", output)
    expect("no ELF file, which a PVH kernel is" in output, "another reason", output)


def module_for_linux_is_refused(lab):
    status, output = lab.run(volt("--module /lab/vmlinuz") + " </dev/null", 60)
    expect(status == 101, f"exit status {status}", output)
    expect("an initial RAM disk is given by --initrd" in output, "another reason", output)


if __name__ == "__main__":
    run(globals())
