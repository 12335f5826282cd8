# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""An unmodified Debian kernel boots, from both image formats, through both interrupt paths."""

import re

from cases import NO_IOAPIC, boot, expect, number_line, run


def vmlinux_boots_with_every_plugin(lab):
    output = boot(lab, run="cat /proc/interrupts")
    expect(re.search(r"IO-APIC\s+4-edge\s+ttyS0", output), "the serial port has no interrupt", output)
    expect(re.search(r"IO-APIC\s+1-edge\s+i8042", output), "the keyboard has no interrupt", output)


def bzimage_boots_with_every_plugin(lab):
    boot(lab, kernel="/lab/vmlinuz", run="true")


def vmlinux_boots_with_the_in_kernel_irqchip(lab):
    output = boot(lab, NO_IOAPIC, run="cat /proc/interrupts")
    expect(re.search(r"IO-APIC\s+4-edge\s+ttyS0", output), "the serial port has no interrupt", output)


def bzimage_boots_with_the_in_kernel_irqchip(lab):
    boot(lab, NO_IOAPIC, kernel="/lab/vmlinuz", run="true")


def a_guest_without_acpi_boots_with_the_in_kernel_irqchip(lab):
    boot(lab, NO_IOAPIC, append="quiet acpi=off", run="true")


def one_cpu_is_online(lab):
    expect(number_line(boot(lab, "--cpus 1", run="cpus")) == 1, "not one CPU")


def two_cpus_are_online(lab):
    expect(number_line(boot(lab, "--cpus 2", run="cpus")) == 2, "not two CPUs")


def four_cpus_are_online(lab):
    expect(number_line(boot(lab, "--cpus 4", run="cpus")) == 4, "not four CPUs")


def two_cpus_are_online_with_the_in_kernel_irqchip(lab):
    expect(number_line(boot(lab, NO_IOAPIC, "--cpus 2", run="cpus")) == 2, "not two CPUs")


def cpus_are_cores_of_one_package_with_ids_in_order(lab):
    output = boot(lab, "--cpus 4", run="cat /proc/cpuinfo")
    fields = {key: re.findall(rf"^{key}\s*: (\d+)", output, re.MULTILINE)
              for key in ("apicid", "physical id", "core id", "cpu cores")}
    expect(fields["apicid"] == list("0123"), f"APIC ids {fields['apicid']}", output)
    expect(fields["physical id"] == ["0"] * 4, f"packages {fields['physical id']}", output)
    expect(fields["core id"] == list("0123"), f"cores {fields['core id']}", output)
    expect(fields["cpu cores"] == ["4"] * 4, f"cores per package {fields['cpu cores']}", output)


def the_clock_is_kvm_clock_and_ticks_by_high_resolution(lab):
    output = boot(lab, run="dmesg")
    expect("kvm-clock: Using msrs" in output, "no kvm-clock", output)
    expect("Switched to clocksource kvm-clock" in output, "kvm-clock is not the clock", output)
    expect("TSC deadline timer available" in output, "no TSC deadline timer", output)
    expect("Unable to calibrate" not in output, "something was calibrated by waiting", output)


if __name__ == "__main__":
    run(globals())
