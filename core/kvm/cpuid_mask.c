/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/kvm/cpuid_mask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/kvm/state.h"

enum { EAX, EBX, ECX, EDX };

/*
 * What every CPU of a level has, Intel's and AMD's: x86-64 psABI, 3.1.1, and what came no later
 * than the first CPUs of the level on either side (Nehalem; Haswell and Zen; Skylake server and Zen
 * 4). Each level adds to the one before. Bits: Intel SDM vol. 2A, CPUID; AMD APM vol. 3, appendix
 * E.
 */
static const struct {
	uint8_t level;
	struct cpuid_mask_row row;
} levels[] = {
    /* SSE3 SSSE3 CX16 SSE4.1 SSE4.2 X2APIC POPCNT TSC_DEADLINE HYPERVISOR */
    {2, {0x1, 0, ECX, 0x81b82201}},
    /* FPU VME DE PSE TSC MSR PAE MCE CX8 APIC SEP MTRR PGE MCA CMOV PAT PSE36 CLFSH MMX FXSR SSE
     * SSE2 */
    {2, {0x1, 0, EDX, 0x078bfbff}}, {2, {0x6, 0, EAX, 0x00000004}}, /* ARAT, of KVM's local APIC */
    {2, {0x80000001, 0, ECX, 0x00000001}},                          /* LAHF */
    {2, {0x80000001, 0, EDX, 0x28100800}},                          /* SYSCALL NX RDTSCP LM */
    /* PCLMULQDQ FMA MOVBE AES XSAVE AVX F16C RDRAND */
    {3, {0x1, 0, ECX, 0x76401002}},
    {3, {0x7, 0, EBX, 0x000001a9}},        /* FSGSBASE BMI1 AVX2 SMEP BMI2 */
    {3, {0xd, 0, EAX, 0x00000007}},        /* x87 SSE AVX */
    {3, {0xd, 1, EAX, 0x00000001}},        /* XSAVEOPT */
    {3, {0x80000001, 0, ECX, 0x00000020}}, /* LZCNT */
    /* AVX512F AVX512DQ RDSEED ADX SMAP CLFLUSHOPT CLWB AVX512CD AVX512BW AVX512VL */
    {4, {0x7, 0, EBX, 0xd19f0000}},
    {4, {0xd, 0, EAX, 0x000000e0}}, /* opmask, ZMM_Hi256, Hi16_ZMM */
    {4, {0xd, 1, EAX, 0x00000006}}, /* XSAVEC XGETBV1 */
};

/*
 * Passed on with every level: a guest that is not told of them cannot protect itself, or loses its
 * clock, and a restore compares them.
 */
static const struct cpuid_mask_row passed[] = {
    {0x7, 0, EBX, 0x00000002},        /* TSC_ADJUST, which KVM emulates */
    {0x7, 0, EDX, 0xac000400},        /* MD_CLEAR SPEC_CTRL STIBP ARCH_CAPABILITIES SSBD */
    {0x1, 0, EDX, 0x10000000},        /* HTT: the number of vCPUs decides */
    {0x80000001, 0, EDX, 0x0183f3ff}, /* AMD repeats those of leaf 1 */
    {0x80000001, 0, ECX, 0x00000002}, /* CMP_LEGACY: the number of vCPUs decides */
    {0x80000007, 0, EDX, 0x00000100}, /* INVARIANT_TSC */
    {0x80000008, 0, EBX, 0x1700d200}, /* WBNOINVD IBPB IBRS STIBP SSBD and their kin */
    {0x80000021, 0, EAX, 0x00000144}, /* LFENCE_SERIALIZING and its kin */
    {0x40000001, 0, EAX, UINT32_MAX}, /* what KVM itself offers */
};

bool cpuid_mask_level(struct cpuid_mask *m, const char *name)
{
	if (strlen(name) != 2 || name[0] != 'v' || name[1] < '2' || name[1] > '4')
		return false;
	m->count = 0;
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (levels[i].level <= name[1] - '0')
			cpuid_mask_add(m, &levels[i].row);
	return true;
}

static uint32_t *reg_of(struct cpuid *c, uint32_t leaf, uint32_t subleaf, uint8_t reg)
{
	for (uint32_t i = 0; i < c->head.nent && i < CPUID_MAX; i++) {
		struct kvm_cpuid_entry2 *e = &c->entries[i];

		if (e->function == leaf && e->index == subleaf)
			return reg == EAX   ? &e->eax
			       : reg == EBX ? &e->ebx
			       : reg == ECX ? &e->ecx
					    : &e->edx;
	}
	return NULL;
}

static uint32_t passed_bits(uint32_t leaf, uint32_t subleaf, uint8_t reg)
{
	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
		if (passed[i].leaf == leaf && passed[i].subleaf == subleaf && passed[i].reg == reg)
			return passed[i].bits;
	return 0;
}

/* A guest that has exactly what the mask has, as volt's own filter leaves it, and all else that
 * `c` has. */
static void make_wanted(const struct cpuid_mask *m, const struct cpuid *c, struct cpuid *wanted,
    uint32_t cpus, bool tsc_deadline)
{
	struct state_register r;

	cpuid_copy(wanted, c);
	for (uint32_t i = 0; state_feature_register(i, &r); i++) {
		uint32_t *to = reg_of(wanted, r.leaf, r.subleaf, r.reg);
		const struct cpuid_mask_row *row = cpuid_mask_find(m, r.leaf, r.subleaf, r.reg);
		const uint32_t bits = row ? row->bits : 0;

		if (to)
			*to = (*to & passed_bits(r.leaf, r.subleaf, r.reg)) | bits;
	}
	cpuid_filter(wanted, cpus,
	    tsc_deadline && reg_of(wanted, 1, 0, ECX) && (*reg_of(wanted, 1, 0, ECX) & 1u << 24));
}

/* Components of XSAVE's area that are not offered any more have no place in it. */
static void trim_xsave(struct cpuid *c)
{
	const uint32_t *components = reg_of(c, 0xd, 0, EAX), *features = reg_of(c, 1, 0, ECX);
	const bool xsave = features && (*features & 1u << 26);
	uint32_t kept = 0, size = 576; /* the legacy region and the header */

	for (uint32_t i = 0; i < c->head.nent; i++) {
		struct kvm_cpuid_entry2 *e = &c->entries[i];
		const bool is_component = e->function == 0xd && e->index >= 2 && e->index < 32;

		if (e->function == 0xd &&
		    (!xsave || (is_component && components && !(*components & 1u << e->index))))
			continue;
		if (is_component && e->ebx + e->eax > size)
			size = e->ebx + e->eax;
		c->entries[kept++] = *e;
	}
	c->head.nent = kept;
	uint32_t *largest = reg_of(c, 0xd, 0, ECX);
	if (largest)
		*largest = size;
}

bool cpuid_mask_apply(const struct cpuid_mask *m, struct cpuid *c, uint32_t cpus, bool tsc_deadline,
    char *why, size_t why_size)
{
	struct cpuid *wanted = malloc(sizeof(*wanted));
	bool fits = false;

	snprintf(why, why_size, "there is no memory");
	if (!wanted)
		return false;
	make_wanted(m, c, wanted, cpus, tsc_deadline);
	fits = state_compare_features(c, wanted, why, why_size);
	if (fits) {
		trim_xsave(wanted);
		cpuid_copy(c, wanted);
	}
	free(wanted);
	return fits;
}
