/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <setjmp.h>
#include <string.h>

#include <volt/fake_host.h>

/* After Volt's headers: it has a macro called fail. */
#include <cmocka.h>
#include <filter_bench.h>

extern const struct volt_plugin volt_plugin_fault;

static void the_same_seed_makes_the_same_errors(void **state)
{
	struct bench one, two, other;
	unsigned differ = 0;

	open_bench(&one, &volt_plugin_fault, "chance=300000,seed=7");
	open_bench(&two, &volt_plugin_fault, "chance=300000,seed=7");
	open_bench(&other, &volt_plugin_fault, "chance=300000,seed=8");
	for (unsigned i = 0; i < 500; i++) {
		uint64_t val = get(&one, 0, 8);

		assert_true(val == get(&two, 0, 8));
		differ += val != get(&other, 0, 8);
	}
	assert_true(differ > 100);
	fake_host_destroy(one.f);
	fake_host_destroy(two.f);
	fake_host_destroy(other.f);
}

static void nothing_goes_wrong_unless_asked(void **state)
{
	struct bench b;

	open_bench(&b, &volt_plugin_fault, NULL);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(get(&b, i % 16, 1), 0x10 + i % 16);
	assert_int_equal(fake_counter(b.f, "injected"), 0);
	fake_host_destroy(b.f);
}

static void every_third_access_after_two_goes_wrong(void **state)
{
	struct bench b;

	open_bench(&b, &volt_plugin_fault, "kind=ones,after=2,every=3");
	for (unsigned i = 0; i < 9; i++)
		assert_int_equal(get(&b, 0, 1), i >= 2 && (i - 2) % 3 == 0 ? 0xff : 0x10);
	assert_int_equal(fake_counter(b.f, "injected"), 3);
	fake_host_destroy(b.f);
}

static void a_flip_changes_one_bit_of_the_value(void **state)
{
	struct bench b;

	open_bench(&b, &volt_plugin_fault, "every=1");
	for (unsigned i = 0; i < 200; i++) {
		uint64_t wrong = get(&b, 0, 4) ^ 0x13121110;

		assert_true(wrong != 0 && wrong <= UINT32_MAX && (wrong & (wrong - 1)) == 0);
	}
	fake_host_destroy(b.f);
}

static void a_flip_reaches_the_device_in_a_write(void **state)
{
	struct bench b;

	open_bench(&b, &volt_plugin_fault, "every=1,what=writes");
	put(&b, 0, 2, 0x1234);
	uint64_t wrong = b.device.newest_value ^ 0x1234;
	assert_true(wrong != 0 && wrong <= UINT16_MAX && (wrong & (wrong - 1)) == 0);
	assert_int_equal(get(&b, 8, 1), 0x18);
	fake_host_destroy(b.f);
}

static void zero_replaces_the_value(void **state)
{
	struct bench b;

	open_bench(&b, &volt_plugin_fault, "kind=zero,every=1");
	assert_int_equal(get(&b, 0, 8), 0);
	put(&b, 0, 1, 0xaa);
	assert_int_equal(b.device.registers[0], 0);
	fake_host_destroy(b.f);
}

static void a_dropped_access_never_reaches_the_device(void **state)
{
	struct bench b;

	open_bench(&b, &volt_plugin_fault, "kind=drop,every=1");
	assert_int_equal(get(&b, 0, 2), 0xffff);
	put(&b, 0, 1, 0xaa);
	assert_int_equal(b.device.reads + b.device.writes, 0);
	fake_host_destroy(b.f);
}

static void a_repeated_access_reaches_it_twice(void **state)
{
	struct bench b;

	open_bench(&b, &volt_plugin_fault, "kind=repeat,every=1");
	assert_int_equal(get(&b, 0, 1), 0x10);
	put(&b, 0, 1, 0xaa);
	assert_int_equal(b.device.reads, 2);
	assert_int_equal(b.device.writes, 2);
	assert_int_equal(b.device.registers[0], 0xaa);
	fake_host_destroy(b.f);
}

static void a_chance_of_one_half_hits_about_half(void **state)
{
	struct bench b;

	open_bench(&b, &volt_plugin_fault, "kind=drop,chance=500000");
	for (unsigned i = 0; i < 10000; i++)
		get(&b, 0, 1);
	assert_in_range(fake_counter(b.f, "injected"), 4500, 5500);
	fake_host_destroy(b.f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_same_seed_makes_the_same_errors),
	    cmocka_unit_test(nothing_goes_wrong_unless_asked),
	    cmocka_unit_test(every_third_access_after_two_goes_wrong),
	    cmocka_unit_test(a_flip_changes_one_bit_of_the_value),
	    cmocka_unit_test(a_flip_reaches_the_device_in_a_write),
	    cmocka_unit_test(zero_replaces_the_value),
	    cmocka_unit_test(a_dropped_access_never_reaches_the_device),
	    cmocka_unit_test(a_repeated_access_reaches_it_twice),
	    cmocka_unit_test(a_chance_of_one_half_hits_about_half),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
