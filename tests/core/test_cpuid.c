/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * What a guest's CPUID says. Bits: Intel SDM vol. 2A, CPUID; AMD APM vol. 3, appendix E.
 * The tables are written anew here, so that a slip in core/kvm/cpuid.c shows.
 */
#include "tests/core/kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <errno.h>
#include <string.h>

#include "core/kvm/cpuid.h"

#define INTEL    0x756e6547u /* "Genu" */
#define AMD      0x68747541u /* "Auth" */
#define HYGON    0x6f677948u /* "Hygo" */
#define BIT(n)   (1u << (n))
#define ALL_ONES 0xffffffffu

static struct cpuid cpuid;
static const uint32_t cpu_counts[] = {1, 2, 3, 64};

/* ------------------------------------------------- KVM_GET_SUPPORTED_CPUID */

static uint32_t nent_asked;
static int ioctl_error;

int __wrap_ioctl(int fd, unsigned long request, void *arg);

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	struct kvm_cpuid2 *head = arg;

	assert_int_equal(request, KVM_GET_SUPPORTED_CPUID);
	nent_asked = head->nent;
	if (ioctl_error != 0) {
		errno = ioctl_error;
		return -1;
	}
	/* As many as were asked for; none is a topology leaf. */
	for (uint32_t i = 0; i < head->nent; i++)
		head->entries[i] = (struct kvm_cpuid_entry2){.function = 0x40000000 + i};
	return 0;
}

/* --------------------------------------------------------------------- tables */

static struct kvm_cpuid_entry2 *put(uint32_t leaf, uint32_t index, uint32_t value)
{
	struct kvm_cpuid_entry2 *e = &cpuid.entries[cpuid.head.nent++];

	*e = (struct kvm_cpuid_entry2){.function = leaf,
	    .index = index,
	    .eax = value,
	    .ebx = value,
	    .ecx = value,
	    .edx = value};
	return e;
}

/* Deterministic cache parameters: level 1 data and code, 2, 3, end. */
static void put_caches(uint32_t leaf)
{
	static const uint32_t types[] = {1 | 1 << 5, 2 | 1 << 5, 3 | 2 << 5, 3 | 3 << 5, 0};

	for (uint32_t i = 0; i < 5; i++)
		put(leaf, i, 0)->eax = types[i] | (types[i] != 0 ? 0xfffff00u & ~0xe0u : 0);
}

static void make(uint32_t vendor)
{
	memset(&cpuid, 0, sizeof(cpuid));
	put(0, 0, 0x1f)->ebx = vendor;
	put(0x1, 0, ALL_ONES);
	put(0x6, 0, ALL_ONES);
	put(0x7, 0, ALL_ONES);
	put(0x7, 1, ALL_ONES);
	put(0xa, 0, ALL_ONES);
	put(0xd, 0, ALL_ONES);
	put(0x80000001, 0, ALL_ONES);
	put(0x80000008, 0, ALL_ONES);
	if (vendor == INTEL) {
		put_caches(0x4);
		put(0x1f, 0, 0); /* what newer kernels give: level 0, empty */
		put(0xd, 1, ALL_ONES);
		for (uint32_t i = 2; i < 10; i++)
			put(0xd, i, ALL_ONES);
	} else {
		put_caches(0x8000001d);
		put(0x8000001e, 0, ALL_ONES);
	}
}

static const struct kvm_cpuid_entry2 *get(uint32_t leaf, uint32_t index)
{
	const struct kvm_cpuid_entry2 *found = NULL;

	for (uint32_t i = 0; i < cpuid.head.nent; i++) {
		if (cpuid.entries[i].function != leaf || cpuid.entries[i].index != index)
			continue;
		assert_null(found); /* in the table once */
		found = &cpuid.entries[i];
	}
	if (!found)
		fail_msg("no leaf 0x%x, index %u", leaf, index);
	return found ? found : &cpuid.entries[0];
}

static uint32_t field(uint32_t value, unsigned high, unsigned low)
{
	return value << (31 - high) >> (31 - high + low);
}

/* Smallest w with 2^w >= n. */
static uint32_t width(uint32_t n)
{
	return n == 1 ? 0 : 32 - (uint32_t)__builtin_clz(n - 1);
}

/* --------------------------------------------------------------------- filter */

static void the_filter_clears_exactly_its_bits(void **state)
{
	make(INTEL);
	cpuid_filter(&cpuid, 2, true);

	/* DTES64 MONITOR DS_CPL VMX SMX EIST TM2 PDCM */
	assert_int_equal(get(0x1, 0)->ecx,
	    ~(BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(15)));
	/* ACPI; MCE and MCA stay, as MCG_CAP always has a bank */
	assert_int_equal(get(0x1, 0)->edx, ~BIT(22));
	assert_int_equal(get(0x1, 0)->eax, ALL_ONES);
	/* HLE RTM RDT_M MPX RDT_A */
	assert_int_equal(get(0x7, 0)->ebx, ~(BIT(4) | BIT(11) | BIT(12) | BIT(14) | BIT(15)));
	/* PKU OSPKE LA57 */
	assert_int_equal(get(0x7, 0)->ecx, ~(BIT(3) | BIT(4) | BIT(16)));
	assert_int_equal(get(0x7, 0)->edx, ALL_ONES);
	/* SVM */
	assert_int_equal(get(0x80000001, 0)->ecx, ~BIT(2));
	assert_int_equal(get(0x80000001, 0)->edx, ALL_ONES);
}

static void other_subleaves_and_leaves_stay(void **state)
{
	make(INTEL);
	cpuid_filter(&cpuid, 2, true);
	assert_int_equal(get(0x7, 1)->ebx & get(0x7, 1)->ecx & get(0x7, 1)->eax, ALL_ONES);
	assert_int_equal(get(0xd, 0)->ebx & get(0xd, 0)->ecx & get(0xd, 0)->edx, ALL_ONES);
	assert_int_equal(get(0xd, 1)->eax & get(0xd, 1)->ebx, ALL_ONES);
}

/* Intel SDM vol. 1, 13.1: bits of XCR0 are the sub-leaves of leaf 0xd. */
static void state_of_what_is_hidden_has_no_room_in_xsave(void **state)
{
	enum { BNDREGS = 3, BNDCSR = 4, PKRU = 9 };

	make(INTEL);
	cpuid_filter(&cpuid, 2, true);
	assert_int_equal(get(0xd, 0)->eax, ~(BIT(BNDREGS) | BIT(BNDCSR) | BIT(PKRU)));
	for (uint32_t i = 2; i < 10; i++) {
		bool gone = i == BNDREGS || i == BNDCSR || i == PKRU;

		assert_int_equal(get(0xd, i)->eax, gone ? 0 : ALL_ONES); /* size */
		assert_int_equal(get(0xd, i)->ebx, gone ? 0 : ALL_ONES); /* offset */
	}
}

static bool has(uint32_t leaf)
{
	for (uint32_t i = 0; i < cpuid.head.nent; i++)
		if (cpuid.entries[i].function == leaf)
			return true;
	return false;
}

/* Linux believes leaf 0x1f before 0xb: with its core level missing, each vCPU would be a
 * package. */
static void leaf_1f_is_gone_however_many_levels_the_host_has(void **state)
{
	for (uint32_t levels = 0; levels < 5; levels++) {
		make(AMD);
		for (uint32_t i = 0; i < levels; i++)
			put(0x1f, i, 0x77);
		cpuid_filter(&cpuid, 4, true);
		cpuid_set_vcpu(&cpuid, 1, 4);
		assert_false(has(0x1f));
		assert_int_equal(get(0xb, 1)->ebx, 4);
	}
}

static void performance_counters_are_gone(void **state)
{
	make(INTEL);
	cpuid_filter(&cpuid, 1, true);
	const struct kvm_cpuid_entry2 *e = get(0xa, 0);

	assert_int_equal(e->eax | e->ebx | e->ecx | e->edx, 0);
}

static void power_management_is_gone_but_for_arat(void **state)
{
	make(INTEL);
	cpuid_filter(&cpuid, 1, true);
	const struct kvm_cpuid_entry2 *e = get(0x6, 0);

	assert_int_equal(e->eax, BIT(2));
	assert_int_equal(e->ebx | e->ecx | e->edx, 0);
}

static void bits_that_the_host_lacks_are_not_invented(void **state)
{
	make(INTEL);
	for (uint32_t i = 1; i < cpuid.head.nent; i++)
		cpuid.entries[i].eax = cpuid.entries[i].ebx = cpuid.entries[i].ecx =
		    cpuid.entries[i].edx = 0;
	cpuid_filter(&cpuid, 1, false);
	assert_int_equal(get(0x1, 0)->ecx, BIT(31)); /* HYPERVISOR alone is set */
	assert_int_equal(get(0x1, 0)->edx, 0);
	assert_int_equal(get(0x6, 0)->eax, 0);
	assert_int_equal(get(0x7, 0)->ebx, 0);
}

static void the_tsc_is_invariant_if_bit_8_of_its_leaf_says_so(void **state)
{
	put(0x80000007, 0, 0)->edx = BIT(8);
	assert_true(cpuid_tsc_is_invariant(&cpuid));
	cpuid.entries[cpuid.head.nent - 1].edx = ~BIT(8);
	assert_false(cpuid_tsc_is_invariant(&cpuid));
	cpuid.entries[cpuid.head.nent - 1].function = 0x80000008; /* no such leaf */
	assert_false(cpuid_tsc_is_invariant(&cpuid));
}

static void the_tsc_deadline_timer_is_what_kvm_says(void **state)
{
	make(INTEL);
	cpuid_filter(&cpuid, 1, false);
	assert_int_equal(get(0x1, 0)->ecx & BIT(24), 0);
	cpuid_filter(&cpuid, 1, true);
	assert_int_equal(get(0x1, 0)->ecx & BIT(24), BIT(24));
}

static void htt_is_set_with_more_than_one_cpu(void **state)
{
	make(INTEL);
	cpuid_filter(&cpuid, 1, true);
	assert_int_equal(get(0x1, 0)->edx & BIT(28), 0);
	cpuid_filter(&cpuid, 2, true);
	assert_int_equal(get(0x1, 0)->edx & BIT(28), BIT(28));
}

static void leaf_b_has_two_levels_on_every_host(void **state)
{
	for (uint32_t levels = 0; levels < 4; levels++) {
		make(AMD);
		uint32_t others = cpuid.head.nent;
		for (uint32_t i = 0; i < levels; i++)
			put(0xb, i, 0x77);
		for (unsigned times = 0; times < 2; times++) {
			cpuid_filter(&cpuid, 2, true);
			assert_int_equal(cpuid.head.nent, others + 2);
			assert_int_equal(get(0xb, 0)->flags, KVM_CPUID_FLAG_SIGNIFCANT_INDEX);
			assert_int_equal(get(0xb, 1)->flags, KVM_CPUID_FLAG_SIGNIFCANT_INDEX);
		}
	}
}

/* ---------------------------------------------------------- what KVM supports */

static void no_more_entries_than_fit_are_asked_for(void **state)
{
	const struct kvm kvm = {.fd = 7};

	ioctl_error = 0;
	assert_int_equal(cpuid_init(&cpuid, &kvm, 2), 0);
	assert_in_range(nent_asked, 1, CPUID_MAX - 5);
	assert_in_range(cpuid.head.nent, nent_asked, CPUID_MAX);
	get(0xb, 1);
}

static void a_refusal_of_kvm_is_passed_on(void **state)
{
	const struct kvm kvm = {.fd = 7};

	kit_log_start();
	ioctl_error = E2BIG;
	assert_int_equal(cpuid_init(&cpuid, &kvm, 2), -E2BIG);
	assert_true(kit_logged("KVM_GET_SUPPORTED_CPUID"));
}

/* ------------------------------------------------------------------- topology */

static void check_leaf_1(uint32_t id, uint32_t cpus)
{
	uint32_t ebx = get(0x1, 0)->ebx;

	assert_int_equal(field(ebx, 31, 24), id);
	if (cpus > 1) {
		assert_true(field(ebx, 23, 16) >= cpus);
		assert_int_equal(field(ebx, 23, 16), 1u << width(cpus));
	}
	assert_int_equal(field(ebx, 15, 0), 0xffff);
}

static void check_levels(uint32_t id, uint32_t cpus)
{
	const struct kvm_cpuid_entry2 *thread = get(0xb, 0), *core = get(0xb, 1);

	assert_int_equal(thread->eax, 0); /* no bit of the id numbers threads */
	assert_int_equal(thread->ebx, 1);
	assert_int_equal(thread->ecx, 0 | 1 << 8);
	assert_int_equal(core->eax, width(cpus));
	assert_int_equal(core->ebx, cpus);
	assert_int_equal(core->ecx, 1 | 2 << 8);
	assert_int_equal(thread->edx, id);
	assert_int_equal(core->edx, id);
}

static void check_caches(uint32_t leaf, uint32_t cpus)
{
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(field(get(leaf, i)->eax, 25, 14), 0);
	assert_int_equal(field(get(leaf, 3)->eax, 25, 14), cpus - 1);
	assert_int_equal(get(leaf, 4)->eax, 0);
}

static void intel_topology_is_cores_of_one_package(void **state)
{
	for (unsigned n = 0; n < 4; n++) {
		uint32_t cpus = cpu_counts[n];

		make(INTEL);
		cpuid_filter(&cpuid, cpus, true);
		for (uint32_t id = 0; id < cpus; id++) {
			cpuid_set_vcpu(&cpuid, id, cpus);
			check_leaf_1(id, cpus);
			check_levels(id, cpus);
			check_caches(0x4, cpus);
			assert_int_equal(field(get(0x4, 0)->eax, 31, 26), (1u << width(cpus)) - 1);
			/* Reserved on Intel. */
			assert_int_equal(field(get(0x80000008, 0)->ecx, 7, 0), 0);
			assert_int_equal(get(0x80000001, 0)->ecx & BIT(1), 0);
		}
	}
}

static void check_amd(uint32_t id, uint32_t cpus)
{
	const struct kvm_cpuid_entry2 *e = get(0x8000001e, 0);

	check_leaf_1(id, cpus);
	check_levels(id, cpus);
	check_caches(0x8000001d, cpus);
	assert_int_equal(field(get(0x80000008, 0)->ecx, 7, 0), cpus - 1);      /* NC */
	assert_int_equal(field(get(0x80000008, 0)->ecx, 15, 12), width(cpus)); /* ApicIdSize */
	assert_int_equal(e->eax, id);
	assert_int_equal(field(e->ebx, 7, 0), id);
	assert_int_equal(field(e->ebx, 15, 8), 0); /* one thread per core */
	assert_int_equal(field(e->ecx, 10, 8), 0); /* one node */
	assert_int_equal(field(e->ecx, 7, 0), 0);
	/* CmpLegacy */
	assert_int_equal(field(get(0x80000001, 0)->ecx, 1, 1), cpus > 1);
}

static void amd_topology_is_cores_of_one_package(void **state)
{
	for (unsigned vendor = 0; vendor < 2; vendor++)
		for (unsigned n = 0; n < 4; n++) {
			uint32_t cpus = cpu_counts[n];

			make(vendor == 0 ? AMD : HYGON);
			cpuid_filter(&cpuid, cpus, true);
			for (uint32_t id = 0; id < cpus; id++) {
				cpuid_set_vcpu(&cpuid, id, cpus);
				check_amd(id, cpus);
			}
		}
}

static void the_order_of_vcpus_does_not_matter(void **state)
{
	static struct cpuid first;

	make(AMD);
	cpuid_filter(&cpuid, 3, true);
	cpuid_set_vcpu(&cpuid, 1, 3);
	first = cpuid;
	cpuid_set_vcpu(&cpuid, 2, 3);
	cpuid_set_vcpu(&cpuid, 0, 3);
	cpuid_set_vcpu(&cpuid, 1, 3);
	assert_memory_equal(&first, &cpuid, sizeof(first));
}

/* ---------------------------------------------------------------- frequencies */

/* Linux multiplies in 32 bits (native_calibrate_tsc), others in 64. */
static void frequencies_tell_the_rate_of_the_tsc(void **state)
{
	static const uint32_t rates[] = {
	    500000, 999999, 1000000, 1900001, 2596152, 3000000, 3312345, 4294000, 5100000, 8000001};

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		make(INTEL);
		put(0x40000000, 0, 0)->eax = 0x40000001;
		cpuid_set_frequencies(&cpuid, rates[i]);
		const struct kvm_cpuid_entry2 *e = get(0x15, 0);
		const uint32_t khz = e->ecx / 1000;
		const double exact = (double)e->ecx * e->ebx / e->eax / 1000;

		assert_int_equal(e->ecx, 1000000000); /* KVM's local APIC */
		assert_true((uint64_t)khz * e->ebx <= UINT32_MAX);
		/* Half of the step between two fractions with such numerators, at most. */
		assert_true(exact > rates[i] * 0.99988 && exact < rates[i] * 1.00012);
		assert_int_equal(get(0x16, 0)->eax, (rates[i] + 500) / 1000);
		assert_int_equal(get(0x40000010, 0)->eax, rates[i]);
		assert_int_equal(get(0x40000010, 0)->ebx, 1000000);
		assert_int_equal(get(0, 0)->eax, 0x1f);
		assert_int_equal(get(0x40000000, 0)->eax, 0x40000010);
	}
}

static void frequencies_raise_the_highest_leaf(void **state)
{
	make(AMD);
	cpuid.entries[0].eax = 0x10;
	cpuid_set_frequencies(&cpuid, 2000000);
	assert_int_equal(get(0, 0)->eax, 0x16);
}

static void unknown_frequencies_are_left_out(void **state)
{
	make(INTEL);
	const struct cpuid before = cpuid;
	cpuid_set_frequencies(&cpuid, 0);
	assert_memory_equal(&cpuid, &before, sizeof(cpuid));
}

static void leaves_that_kvm_gives_are_replaced(void **state)
{
	make(INTEL);
	put(0x15, 0, 7);
	put(0x16, 0, 7);
	cpuid_set_frequencies(&cpuid, 2000000);
	assert_int_equal(get(0x15, 0)->edx, 0);
	assert_int_equal(get(0x16, 0)->ecx, 0);
}

static uint32_t capped(uint32_t eax)
{
	memset(&cpuid, 0, sizeof(cpuid));
	put(0x80000008, 0, 0)->eax = eax;
	cpuid_cap_address(&cpuid, 43);
	return get(0x80000008, 0)->eax;
}

/* EAX of leaf 0x80000008: physical, virtual and guest physical bits. */
static void addresses_are_capped_and_never_widened(void **state)
{
	assert_int_equal(capped(0x3030), 0x302b);
	assert_int_equal(capped(0x343934), 0x2b392b);
	assert_int_equal(capped(0x3027), 0x3027);
	assert_int_equal(capped(0x302b), 0x302b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_filter_clears_exactly_its_bits),
	    cmocka_unit_test(other_subleaves_and_leaves_stay),
	    cmocka_unit_test(performance_counters_are_gone),
	    cmocka_unit_test(power_management_is_gone_but_for_arat),
	    cmocka_unit_test(bits_that_the_host_lacks_are_not_invented),
	    cmocka_unit_test(the_tsc_is_invariant_if_bit_8_of_its_leaf_says_so),
	    cmocka_unit_test(the_tsc_deadline_timer_is_what_kvm_says),
	    cmocka_unit_test(htt_is_set_with_more_than_one_cpu),
	    cmocka_unit_test(state_of_what_is_hidden_has_no_room_in_xsave),
	    cmocka_unit_test(leaf_b_has_two_levels_on_every_host),
	    cmocka_unit_test(leaf_1f_is_gone_however_many_levels_the_host_has),
	    cmocka_unit_test(no_more_entries_than_fit_are_asked_for),
	    cmocka_unit_test(a_refusal_of_kvm_is_passed_on),
	    cmocka_unit_test(intel_topology_is_cores_of_one_package),
	    cmocka_unit_test(amd_topology_is_cores_of_one_package),
	    cmocka_unit_test(the_order_of_vcpus_does_not_matter),
	    cmocka_unit_test(frequencies_tell_the_rate_of_the_tsc),
	    cmocka_unit_test(frequencies_raise_the_highest_leaf),
	    cmocka_unit_test(unknown_frequencies_are_left_out),
	    cmocka_unit_test(leaves_that_kvm_gives_are_replaced),
	    cmocka_unit_test(addresses_are_capped_and_never_widened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
