/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* What CPUID says must agree with itself and with the MSRs that it speaks of. Sources: Intel SDM
 * vol. 2A, CPUID; vol. 4. */
#include "guest.h"

#define MCG_CAP     0x179
#define MISC_ENABLE 0x1a0

#define BIT(n) (1u << (n))

struct leaf {
	uint32_t eax, ebx, ecx, edx;
};

static struct leaf cpuid(uint32_t number)
{
	struct leaf l;

	__asm__ volatile("cpuid"
			 : "=a"(l.eax), "=b"(l.ebx), "=c"(l.ecx), "=d"(l.edx)
			 : "a"(number), "c"(0));
	return l;
}

static uint32_t rdmsr(uint32_t number)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
	return low;
}

static void msrs(void)
{
	const struct leaf one = cpuid(1);
	const uint32_t banks = rdmsr(MCG_CAP) & 0xff, misc = rdmsr(MISC_ENABLE);

	check((banks > 0) == ((one.edx & BIT(14)) != 0), "MCG_CAP has banks and CPUID no MCA");
	check((one.edx & BIT(7)) != 0 || banks == 0, "MCG_CAP has banks and CPUID no MCE");
	check(((misc & BIT(18)) != 0) == ((one.ecx & BIT(3)) != 0), "MONITOR");
	check(((misc & BIT(16)) != 0) == ((one.ecx & BIT(7)) != 0), "EIST");
	check((misc & BIT(11)) != 0 || (one.edx & BIT(21)) != 0, "branch trace without DS");
	check((misc & BIT(12)) != 0 || (one.edx & BIT(21)) != 0, "PEBS without DS");
	check(!(misc & BIT(7)) || (cpuid(0xa).eax & 0xff) != 0, "performance monitoring");
}

static void frequencies(void)
{
	const struct leaf timing = cpuid(0x40000010), crystal = cpuid(0x15), core = cpuid(0x16);

	check(cpuid(0).eax >= 0x16, "leaf 0x16 is beyond the highest");
	check(cpuid(0x40000000).eax >= 0x40000010, "leaf 0x40000010 is beyond the highest");
	check(timing.ebx == crystal.ecx / 1000, "two clocks of the local APIC");
	check(crystal.eax != 0 && crystal.ebx != 0, "no ratio");

	const uint64_t khz = (uint64_t)crystal.ecx / 1000 * crystal.ebx / crystal.eax;
	const uint64_t slack = timing.eax / 8000; /* 125 ppm */
	check(khz + slack >= timing.eax && khz <= timing.eax + slack, "two rates of the TSC");
	check(core.eax == (timing.eax + 500) / 1000, "another base frequency");
}

const struct guest_case guest_cases[] = {
    {"msrs", msrs},
    {"frequencies", frequencies},
    {NULL, NULL},
};
