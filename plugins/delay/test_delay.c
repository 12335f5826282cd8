/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <setjmp.h>
#include <string.h>

#include <volt/fake_host.h>

/* After Volt's headers: it has a macro called fail. */
#include <cmocka.h>
#include <filter_bench.h>

extern const struct volt_plugin volt_plugin_delay;

static void an_access_waits_before_it_reaches_the_device(void **state)
{
	struct bench b;

	open_bench(&b, &volt_plugin_delay, "ns=500");
	fake_now_step(b.f, 10);
	uint64_t since = fake_now(b.f);
	assert_int_equal(get(&b, 0, 1), 0x10);
	assert_in_range(fake_now(b.f) - since, 500, 530);
	assert_int_equal(fake_counter(b.f, "delayed"), 1);
	fake_host_destroy(b.f);
}

static void what_is_not_meant_does_not_wait(void **state)
{
	struct bench b;

	open_bench(&b, &volt_plugin_delay, "ns=500,what=reads");
	fake_now_step(b.f, 10);
	uint64_t since = fake_now(b.f);
	put(&b, 0, 1, 0x42);
	assert_int_equal(fake_now(b.f), since);
	assert_int_equal(b.device.registers[0], 0x42);
	assert_int_equal(fake_counter(b.f, "delayed"), 0);
	fake_host_destroy(b.f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_access_waits_before_it_reaches_the_device),
	    cmocka_unit_test(what_is_not_meant_does_not_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
