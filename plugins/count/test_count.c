/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <setjmp.h>
#include <string.h>

#include <volt/fake_host.h>

/* After Volt's headers: it has a macro called fail. */
#include <cmocka.h>
#include <filter_bench.h>

extern const struct volt_plugin volt_plugin_count;

static void accesses_and_their_bytes_are_counted(void **state)
{
	struct bench b;

	open_bench(&b, &volt_plugin_count, NULL);
	assert_int_equal(get(&b, 0, 1), 0x10);
	get(&b, 4, 4);
	put(&b, 8, 2, 0xabcd);
	assert_int_equal(b.device.registers[9], 0xab);
	assert_int_equal(fake_counter(b.f, "reads"), 2);
	assert_int_equal(fake_counter(b.f, "bytes_read"), 5);
	assert_int_equal(fake_counter(b.f, "writes"), 1);
	assert_int_equal(fake_counter(b.f, "bytes_written"), 2);
	fake_host_destroy(b.f);
}

static void reading_the_same_again_is_a_poll(void **state)
{
	struct bench b;

	open_bench(&b, &volt_plugin_count, NULL);
	get(&b, 5, 1);
	get(&b, 5, 1);
	get(&b, 5, 1);
	assert_int_equal(fake_counter(b.f, "polls"), 2);
	fake_host_destroy(b.f);
}

static void a_changed_value_another_register_or_a_write_is_no_poll(void **state)
{
	struct bench b;

	open_bench(&b, &volt_plugin_count, NULL);
	get(&b, 5, 1);
	b.device.registers[5] = 0;
	get(&b, 5, 1);
	get(&b, 6, 1);
	put(&b, 6, 1, 0x16);
	get(&b, 6, 1);
	assert_int_equal(fake_counter(b.f, "polls"), 0);
	fake_host_destroy(b.f);
}

static void all_ones_are_counted_at_every_size(void **state)
{
	struct bench b;

	open_bench(&b, &volt_plugin_count, NULL);
	memset(b.device.registers, 0xff, sizeof(b.device.registers));
	for (uint32_t n = 1; n <= 8; n *= 2)
		get(&b, 0, n);
	b.device.registers[7] = 0x7f;
	get(&b, 0, 8);
	assert_int_equal(fake_counter(b.f, "ones"), 4);
	fake_host_destroy(b.f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(accesses_and_their_bytes_are_counted),
	    cmocka_unit_test(reading_the_same_again_is_a_poll),
	    cmocka_unit_test(a_changed_value_another_register_or_a_write_is_no_poll),
	    cmocka_unit_test(all_ones_are_counted_at_every_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
