/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* --cpu: a guest that sees a level or a file's features on every host that has them. */
#include "core/kvm/cpuid_mask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <string.h>

#include "core/kvm/state.h"

enum { EAX, EBX, ECX, EDX };

static struct cpuid host, guest;
static struct cpuid_mask mask;
static char why[512];

static void put(uint32_t leaf, uint32_t subleaf, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	host.entries[host.head.nent++] = (struct kvm_cpuid_entry2){
	    .function = leaf, .index = subleaf, .eax = a, .ebx = b, .ecx = c, .edx = d};
}

/* A CPU that has all there is; Intel SDM vol. 1, 13.5, for where the components of XSAVE lie. */
static int setup(void **state)
{
	memset(&host, 0, sizeof(host));
	put(0x0, 0, 0x1c, 0x68747541, 0x444d4163, 0x69746e65);
	put(0x1, 0, 0x00a10f11, 0, UINT32_MAX, UINT32_MAX);
	put(0x6, 0, 0x4, 0, 0, 0);
	put(0x7, 0, 1, UINT32_MAX, UINT32_MAX, UINT32_MAX);
	put(0xd, 0, 0xe7, 0x980, 0x980, 0);
	put(0xd, 1, 0xf, 0, 0, 0);
	put(0xd, 2, 0x100, 0x240, 0, 0);
	put(0xd, 5, 0x40, 0x340, 0, 0);
	put(0xd, 6, 0x200, 0x380, 0, 0);
	put(0xd, 7, 0x400, 0x580, 0, 0);
	put(0x80000001, 0, 0, 0, UINT32_MAX, UINT32_MAX);
	put(0x80000008, 0, 0x3030, UINT32_MAX, 0, 0);
	put(0x40000001, 0, 0x01007efb, 0, 0, 0);
	return 0;
}

static const struct kvm_cpuid_entry2 *leaf(const struct cpuid *c, uint32_t function, uint32_t index)
{
	for (uint32_t i = 0; i < c->head.nent; i++)
		if (c->entries[i].function == function && c->entries[i].index == index)
			return &c->entries[i];
	return NULL;
}

static struct kvm_cpuid_entry2 *host_leaf(uint32_t function)
{
	return (struct kvm_cpuid_entry2 *)(uintptr_t)leaf(&host, function, 0);
}

static bool apply(const char *level)
{
	assert_true(cpuid_mask_level(&mask, level));
	cpuid_copy(&guest, &host);
	return cpuid_mask_apply(&mask, &guest, 1, true, why, sizeof(why));
}

/* x86-64 psABI, 3.1.1. */
static void level_3_has_avx2_and_nothing_of_avx512(void **state)
{
	assert_true(apply("v3"));
	assert_true(leaf(&guest, 1, 0)->ecx & 1u << 28);  /* AVX */
	assert_true(leaf(&guest, 1, 0)->ecx & 1u << 24);  /* TSC_DEADLINE, of KVM */
	assert_true(leaf(&guest, 1, 0)->ecx & 1u << 31);  /* HYPERVISOR */
	assert_false(leaf(&guest, 1, 0)->ecx & 1u << 5);  /* VMX */
	assert_true(leaf(&guest, 7, 0)->ebx & 1u << 5);   /* AVX2 */
	assert_false(leaf(&guest, 7, 0)->ebx & 1u << 16); /* AVX512F */
	assert_true(leaf(&guest, 7, 0)->edx & 1u << 26);  /* SPEC_CTRL: it protects the guest */
	assert_true(leaf(&guest, 0x80000001, 0)->ecx & 1 << 5); /* LZCNT */
	assert_int_equal(leaf(&guest, 0x40000001, 0)->eax, 0x01007efb);
}

static void components_of_xsave_follow_the_level(void **state)
{
	assert_true(apply("v3"));
	assert_int_equal(leaf(&guest, 0xd, 0)->eax, 7);
	assert_int_equal(leaf(&guest, 0xd, 0)->ecx, 0x340);
	assert_non_null(leaf(&guest, 0xd, 2));
	assert_null(leaf(&guest, 0xd, 5));
	assert_true(apply("v4"));
	assert_int_equal(leaf(&guest, 0xd, 0)->eax, 0xe7);
	assert_int_equal(leaf(&guest, 0xd, 0)->ecx, 0x980);
	assert_true(apply("v2"));
	assert_false(leaf(&guest, 1, 0)->ecx & 1u << 26); /* XSAVE */
	assert_null(leaf(&guest, 0xd, 0));
	assert_null(leaf(&guest, 0xd, 2));
}

/* So that a snapshot of one of them goes on on the other. */
static void hosts_that_differ_beyond_the_level_give_one_guest(void **state)
{
	struct cpuid first;

	assert_true(apply("v3"));
	cpuid_copy(&first, &guest);
	host_leaf(7)->ebx &= ~(1u << 16 | 1u << 18 | 1u << 29); /* AVX512F RDSEED SHA */
	host_leaf(1)->ecx &= ~(1u << 17);                       /* PCID */
	assert_true(apply("v3"));
	assert_int_equal(first.head.nent, guest.head.nent);
	assert_memory_equal(
	    first.entries, guest.entries, first.head.nent * sizeof(first.entries[0]));
	assert_true(state_compare_cpuid(&host, &first, why, sizeof(why)));
}

static void a_host_without_the_level_is_told_by_name_and_left_alone(void **state)
{
	host_leaf(7)->ebx &= ~(1u << 16);
	assert_false(apply("v4"));
	assert_string_equal(why, "this host lacks AVX512F (CPUID 0x7.0 EBX bit 16)");
	assert_memory_equal(guest.entries, host.entries, host.head.nent * sizeof(host.entries[0]));
}

static void a_file_names_what_there_is(void **state)
{
	static const char text[] = "# of two hosts\n"
				   "\n"
				   "cpuid 0x1 0 ECX 0x00802221\n"
				   "cpuid 0x80000001 0 EDX 0x20100800";

	assert_int_equal(cpuid_mask_parse(&mask, text), 0);
	assert_int_equal(mask.count, 2);
	cpuid_copy(&guest, &host);
	assert_true(cpuid_mask_apply(&mask, &guest, 1, false, why, sizeof(why)));
	/* VMX (bit 5) is filtered by volt, so that a file of KVM's own offer can be used. */
	assert_int_equal(leaf(&guest, 1, 0)->ecx, 0x00802201 | 1u << 31);
	assert_int_equal(leaf(&guest, 7, 0)->ebx, 0x2);
}

static void a_file_that_is_none_is_told_by_its_line(void **state)
{
	assert_int_equal(cpuid_mask_parse(&mask, ""), 1);
	assert_int_equal(cpuid_mask_parse(&mask, "# nothing\n"), 2);
	assert_int_equal(cpuid_mask_parse(&mask, "cpuid 1 0 ECX 1\ncpuid 1 0 EFX 1\n"), 2);
	assert_int_equal(cpuid_mask_parse(&mask, "cpuid 1 0 ECX\n"), 1);
	assert_int_equal(cpuid_mask_parse(&mask, "cpuid 1 0 ECX 1 2\n"), 1);
	assert_int_equal(cpuid_mask_parse(&mask, "vendor AMD\n"), 1);
	assert_int_equal(cpuid_mask_parse(&mask, "cpuid 1 0 ECX -1\n"), 1);
	assert_int_equal(cpuid_mask_parse(&mask, "cpuid 1 0 ECX 100000000\n"), 1);
	assert_int_equal(cpuid_mask_parse(&mask, "cpuid 1 0 ECXX 1\n"), 1);
}

static void only_three_names_are_levels(void **state)
{
	static const char *const none[] = {"", "v", "v1", "v5", "v22", "2", "V2", "/tmp/v2"};

	for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_false(cpuid_mask_level(&mask, none[i]));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
	    T(level_3_has_avx2_and_nothing_of_avx512),
	    T(components_of_xsave_follow_the_level),
	    T(hosts_that_differ_beyond_the_level_give_one_guest),
	    T(a_host_without_the_level_is_told_by_name_and_left_alone),
	    T(a_file_names_what_there_is),
	    T(a_file_that_is_none_is_told_by_its_line),
	    T(only_three_names_are_levels),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
