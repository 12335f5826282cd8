/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/kvm/cpuid.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>

#include "core/base/log.h"

/* Registers of a leaf, in the order of struct kvm_cpuid_entry2. */
enum reg { EAX, EBX, ECX, EDX };

#define BIT(n) (1u << (n))

/*
 * The filter: feature bits that KVM offers and the guest must not see, or must.
 * Bit names and numbers: Intel SDM vol. 2A, CPUID; AMD APM vol. 3, appendix E.
 */
static const struct {
	uint32_t leaf;
	uint8_t subleaf, reg;
	uint32_t clear, set;
} filter[] = {
    {0x1, 0, ECX, BIT(2), 0}, /* DTES64: no debug store */
    {0x1, 0, ECX, BIT(3), 0}, /* MONITOR: an idle vCPU must halt, so that the host can run others */
    {0x1, 0, ECX, BIT(4), 0}, /* DS_CPL: no debug store */
    {0x1, 0, ECX, BIT(5), 0}, /* VMX: no nested guests */
    {0x1, 0, ECX, BIT(6), 0}, /* SMX: no measured launch */
    {0x1, 0, ECX, BIT(7), 0}, /* EIST: frequency is the host's business */
    {0x1, 0, ECX, BIT(8), 0}, /* TM2: temperature is the host's business */
    {0x1, 0, ECX, BIT(15), 0}, /* PDCM: no performance counters */
    {0x1, 0, ECX, 0, BIT(31)}, /* HYPERVISOR: without it Linux calibrates against a PIT */
    {0x1, 0, EDX, BIT(22), 0}, /* ACPI: no thermal control MSRs */
    /* ARAT alone stays of leaf 6: a KVM local APIC never stops, and without the bit
     * Linux falls back to a periodic tick that wakes an idle guest all the time. */
    {0x6, 0, EAX, ~BIT(2), 0}, /* power management; ARAT stays */
    {0x6, 0, EBX, ~0u, 0},     /* power management */
    {0x6, 0, ECX, ~0u, 0},     /* power management */
    {0x6, 0, EDX, ~0u, 0},     /* power management */
    {0x7, 0, EBX, BIT(4), 0},  /* HLE: transactions are broken or off on most hosts */
    {0x7, 0, EBX, BIT(11), 0}, /* RTM: as HLE */
    {0x7, 0, EBX, BIT(12), 0}, /* RDT_M: no resource monitoring */
    {0x7, 0, EBX, BIT(14), 0}, /* MPX: gone from newer hosts, so a guest could not move */
    {0x7, 0, EBX, BIT(15), 0}, /* RDT_A: no resource allocation */
    {0x7, 0, ECX, BIT(3), 0},  /* PKU: larger state for each switch, hardly used */
    {0x7, 0, ECX, BIT(4), 0},  /* OSPKE: follows PKU */
    {0x7, 0, ECX, BIT(16), 0}, /* LA57: four page table levels are enough */
    {0xd, 0, EAX, BIT(3) | BIT(4) | BIT(9), 0}, /* state of MPX and PKU, which are gone */
    {0xd, 3, EAX, ~0u, 0},                      /* state of MPX */
    {0xd, 3, EBX, ~0u, 0},                      /* state of MPX */
    {0xd, 4, EAX, ~0u, 0},                      /* state of MPX */
    {0xd, 4, EBX, ~0u, 0},                      /* state of MPX */
    {0xd, 9, EAX, ~0u, 0},                      /* state of PKU */
    {0xd, 9, EBX, ~0u, 0},                      /* state of PKU */
    {0xa, 0, EAX, ~0u, 0},                      /* no performance counters */
    {0xa, 0, EBX, ~0u, 0},                      /* no performance counters */
    {0xa, 0, ECX, ~0u, 0},                      /* no performance counters */
    {0xa, 0, EDX, ~0u, 0},                      /* no performance counters */
    {0x80000001, 0, ECX, BIT(2), 0},            /* SVM: no nested guests */
};

static uint32_t *reg_of(struct kvm_cpuid_entry2 *e, enum reg reg)
{
	switch (reg) {
	case EAX:
		return &e->eax;
	case EBX:
		return &e->ebx;
	case ECX:
		return &e->ecx;
	default:
		return &e->edx;
	}
}

static void set_bits(struct cpuid *c, uint32_t leaf, enum reg reg, uint32_t mask, bool on)
{
	for (uint32_t i = 0; i < c->head.nent; i++) {
		if (c->entries[i].function != leaf || c->entries[i].index != 0)
			continue;
		uint32_t *r = reg_of(&c->entries[i], reg);
		*r = on ? *r | mask : *r & ~mask;
	}
}

/* KVM may offer one empty level of a topology leaf, or none; a guest needs both levels of
 * leaf 0xb to find the x2APIC ids (Intel SDM vol. 3, 9.9.4). Leaf 0x1f, which a guest
 * would prefer, says nothing more here and is left out. */
static void replace_topology(struct cpuid *c)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < c->head.nent; i++)
		if (c->entries[i].function != 0xb && c->entries[i].function != 0x1f)
			c->entries[kept++] = c->entries[i];
	for (uint32_t level = 0; level < 2 && kept < CPUID_MAX; level++)
		c->entries[kept++] = (struct kvm_cpuid_entry2){
		    .function = 0xb, .index = level, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX};
	c->head.nent = kept;
}

void cpuid_filter(struct cpuid *c, uint32_t cpus, bool tsc_deadline)
{
	for (uint32_t i = 0; i < c->head.nent; i++) {
		struct kvm_cpuid_entry2 *e = &c->entries[i];

		for (uint32_t row = 0; row < sizeof(filter) / sizeof(filter[0]); row++) {
			if (filter[row].leaf != e->function || filter[row].subleaf != e->index)
				continue;
			uint32_t *r = reg_of(e, filter[row].reg);
			*r = (*r & ~filter[row].clear) | filter[row].set;
		}
	}
	/* TSC_DEADLINE is KVM's to give but not in its list (KVM API, 4.46). */
	set_bits(c, 0x1, ECX, BIT(24), tsc_deadline);
	set_bits(c, 0x1, EDX, BIT(28), cpus > 1); /* HTT: more than one logical CPU */
	replace_topology(c);
}

int cpuid_init(struct cpuid *c, const struct kvm *k, uint32_t cpus)
{
	memset(&c->head, 0, sizeof(c->head));
	c->head.nent = CPUID_MAX - 5; /* two levels of topology, three leaves of frequencies */
	if (ioctl(k->fd, KVM_GET_SUPPORTED_CPUID, c) != 0)
		return log_error(errno, "KVM_GET_SUPPORTED_CPUID: %s", strerror(errno));
	cpuid_filter(c, cpus, k->tsc_deadline);
	return 0;
}

/* --------------------------------------------------------------------- frequencies */

/* KVM's local APIC counts nanoseconds (APIC_BUS_CYCLE_NS), and Linux takes the crystal clock of
 * leaf 0x15 for what feeds it. */
#define CRYSTAL_HZ  1000000000u
#define CRYSTAL_KHZ (CRYSTAL_HZ / 1000)

/* Linux multiplies the crystal's kHz and the numerator in 32 bits. */
#define NUMERATOR_MAX (UINT32_MAX / CRYSTAL_KHZ)

#define TIMING_LEAF 0x40000010u /* of VMware; others ask KVM for it too */

struct ratio {
	uint64_t numerator, denominator;
};

/* How far a ratio's rate is from khz, times its denominator: compared by multiplication. */
static uint64_t distance(struct ratio r, uint32_t khz)
{
	const uint64_t is = r.numerator * CRYSTAL_KHZ, must = r.denominator * khz;

	return is > must ? is - must : must - is;
}

/* The fraction nearest to khz / CRYSTAL_KHZ with a numerator in range: 116 ppm off at worst, by
 * rule less than one. It is a convergent of the continued fraction, or lies between the last that
 * is in range and the one before: Knuth, The Art of Computer Programming 2, 4.5.3. */
static struct ratio find_ratio(uint32_t khz)
{
	struct ratio before = {0, 1}, last = {1, 0};

	for (uint64_t high = khz, low = CRYSTAL_KHZ; low > 0;) {
		const uint64_t room = last.numerator > 0
					  ? (NUMERATOR_MAX - before.numerator) / last.numerator
					  : UINT64_MAX;
		const uint64_t step = high / low < room ? high / low : room;
		const struct ratio next = {before.numerator + step * last.numerator,
		    before.denominator + step * last.denominator};
		const uint64_t rest = high % low;

		if (step < high / low)
			return last.denominator > 0 && distance(last, khz) * next.denominator <=
							   distance(next, khz) * last.denominator
				   ? last
				   : next;
		before = last;
		last = next;
		high = low;
		low = rest;
	}
	return last;
}

static struct kvm_cpuid_entry2 *find_leaf(struct cpuid *c, uint32_t leaf)
{
	for (uint32_t i = 0; i < c->head.nent; i++)
		if (c->entries[i].function == leaf)
			return &c->entries[i];
	return NULL;
}

static void put_leaf(struct cpuid *c, struct kvm_cpuid_entry2 e)
{
	struct kvm_cpuid_entry2 *at = find_leaf(c, e.function);

	if (!at && c->head.nent < CPUID_MAX)
		at = &c->entries[c->head.nent++];
	if (at)
		*at = e;
}

/* The highest leaf of a range is EAX of its first. */
static void reach_leaf(struct cpuid *c, uint32_t first, uint32_t leaf)
{
	struct kvm_cpuid_entry2 *e = find_leaf(c, first);

	if (e && e->eax < leaf)
		e->eax = leaf;
}

void cpuid_set_frequencies(struct cpuid *c, uint32_t tsc_khz)
{
	struct kvm_cpuid_entry2 tsc = {.function = 0x15, .ecx = CRYSTAL_HZ};
	const uint32_t mhz = (tsc_khz + 500) / 1000;

	if (tsc_khz == 0)
		return;
	const struct ratio ratio = find_ratio(tsc_khz);

	tsc.ebx = (uint32_t)ratio.numerator;
	tsc.eax = (uint32_t)ratio.denominator;
	put_leaf(c, tsc);
	/* Base and maximum; the bus is left out, as there is none. */
	put_leaf(c, (struct kvm_cpuid_entry2){.function = 0x16, .eax = mhz, .ebx = mhz});
	put_leaf(c,
	    (struct kvm_cpuid_entry2){.function = TIMING_LEAF, .eax = tsc_khz, .ebx = CRYSTAL_KHZ});
	reach_leaf(c, 0, 0x16);
	reach_leaf(c, 0x40000000, TIMING_LEAF);
}

void cpuid_cap_address(struct cpuid *c, uint32_t bits)
{
	struct kvm_cpuid_entry2 *e = find_leaf(c, 0x80000008);

	for (unsigned low = 0; e && low <= 16; low += 16) {
		const uint32_t is = e->eax >> low & 0xff;

		if (is > bits)
			e->eax = (e->eax & ~(0xffu << low)) | bits << low;
	}
}

bool cpuid_has_mca(const struct cpuid *c)
{
	for (uint32_t i = 0; i < c->head.nent; i++)
		if (c->entries[i].function == 0x1)
			return (c->entries[i].edx & BIT(14)) != 0;
	return false;
}

/* Bits needed to number `n` things. */
static uint32_t width_of(uint32_t n)
{
	uint32_t bits = 0;

	while ((1u << bits) < n)
		bits++;
	return bits;
}

static void set_field(uint32_t *reg, unsigned high, unsigned low, uint32_t value)
{
	uint32_t mask = (uint32_t)((2ull << (high - low)) - 1) << low;

	*reg = (*reg & ~mask) | ((value << low) & mask);
}

/* Caches of levels 1 and 2 belong to one core, the last level to all (Intel leaf 4 and
 * AMD leaf 0x8000001d have the same layout in EAX). */
static void set_cache(struct kvm_cpuid_entry2 *e, uint32_t cpus)
{
	uint32_t level = (e->eax >> 5) & 7;

	if ((e->eax & 0x1f) == 0)
		return;
	set_field(&e->eax, 25, 14, level >= 3 ? cpus - 1 : 0);
}

/* One package, `cpus` cores of one thread: a flat numbering whose APIC ids are 0..n-1. */
static void set_topology_level(struct kvm_cpuid_entry2 *e, uint32_t id, uint32_t cpus)
{
	enum { LEVEL_THREAD = 1, LEVEL_CORE = 2 };

	e->edx = id;
	e->ecx = e->index;
	e->eax = e->ebx = 0;
	if (e->index == 0) {
		e->ebx = 1;
		e->ecx |= LEVEL_THREAD << 8;
	} else if (e->index == 1) {
		e->eax = width_of(cpus);
		e->ebx = cpus;
		e->ecx |= LEVEL_CORE << 8;
	}
}

static bool is_amd(const struct cpuid *c)
{
	const uint32_t auth = 0x68747541, hygo = 0x6f677948; /* EBX of the vendor string */

	for (uint32_t i = 0; i < c->head.nent; i++)
		if (c->entries[i].function == 0)
			return c->entries[i].ebx == auth || c->entries[i].ebx == hygo;
	return false;
}

/* Intel SDM vol. 3, 18.17.1, and AMD APM vol. 3: leaf 0x80000007, EDX bit 8. KVM passes
 * on what the host has, so that volt need not execute CPUID, a trap where it is a guest. */
bool cpuid_tsc_is_invariant(const struct cpuid *c)
{
	for (uint32_t i = 0; i < c->head.nent; i++)
		if (c->entries[i].function == 0x80000007)
			return (c->entries[i].edx & BIT(8)) != 0;
	return false;
}

void cpuid_set_vcpu(struct cpuid *c, uint32_t id, uint32_t cpus)
{
	bool amd = is_amd(c);

	for (uint32_t i = 0; i < c->head.nent; i++) {
		struct kvm_cpuid_entry2 *e = &c->entries[i];

		switch (e->function) {
		case 0x1:
			set_field(&e->ebx, 31, 24, id);
			set_field(&e->ebx, 23, 16, cpus > 1 ? 1u << width_of(cpus) : 0);
			break;
		case 0x4:
			set_cache(e, cpus);
			if ((e->eax & 0x1f) != 0)
				set_field(&e->eax, 31, 26, (1u << width_of(cpus)) - 1);
			break;
		case 0xb:
			set_topology_level(e, id, cpus);
			break;
		case 0x80000001: /* CmpLegacy: the cores of leaf 0x80000008 are cores */
			set_field(&e->ecx, 1, 1, amd && cpus > 1);
			break;
		case 0x80000008: /* ApicIdCoreIdSize and NC; reserved on Intel */
			set_field(&e->ecx, 15, 12, amd ? width_of(cpus) : 0);
			set_field(&e->ecx, 7, 0, amd ? cpus - 1 : 0);
			break;
		case 0x8000001d:
			set_cache(e, cpus);
			break;
		case 0x8000001e: /* one thread per core, one node */
			e->eax = id;
			e->ebx = id & 0xff;
			e->ecx = 0;
			break;
		}
	}
}
