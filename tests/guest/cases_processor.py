# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""What the guest's CPUID instruction says agrees with the MSRs, and with itself."""

from vm import Case


class Processor(Case):
    def test_msrs_are_what_cpuid_says(self):
        self.run_guest("processor", "msrs")

    def test_frequencies_agree(self):
        """For kernels without kvm-clock, which ask leaf 0x15, 0x16 or 0x40000010."""
        self.run_guest("processor", "frequencies")
