/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <setjmp.h>
#include <string.h>

#include <volt/fake_host.h>

/* After Volt's headers: it has a macro called fail. */
#include <cmocka.h>
#include <filter_bench.h>

extern const struct volt_plugin volt_plugin_deny;

static void everything_is_denied_by_default(void **state)
{
	struct bench b;

	open_bench(&b, &volt_plugin_deny, NULL);
	assert_int_equal(get(&b, 3, 1), 0xff);
	assert_int_equal(get(&b, 0, 8), UINT64_MAX);
	put(&b, 3, 1, 0x55);
	assert_int_equal(b.device.reads + b.device.writes, 0);
	assert_int_equal(fake_counter(b.f, "reads"), 2);
	assert_int_equal(fake_counter(b.f, "writes"), 1);
	fake_host_destroy(b.f);
}

static void reads_pass_where_only_writes_are_denied(void **state)
{
	struct bench b;

	open_bench(&b, &volt_plugin_deny, "what=writes");
	put(&b, 3, 1, 0x55);
	assert_int_equal(get(&b, 3, 1), 0x13);
	assert_int_equal(b.device.writes, 0);
	fake_host_destroy(b.f);
}

static void writes_pass_where_only_reads_are_denied(void **state)
{
	struct bench b;

	open_bench(&b, &volt_plugin_deny, "what=reads");
	put(&b, 3, 1, 0x55);
	assert_int_equal(b.device.registers[3], 0x55);
	assert_int_equal(get(&b, 3, 1), 0xff);
	fake_host_destroy(b.f);
}

static void only_what_touches_the_bytes_is_denied(void **state)
{
	struct bench b;

	open_bench(&b, &volt_plugin_deny, "from=4,length=2");
	assert_int_equal(get(&b, 3, 1), 0x13);
	assert_int_equal(get(&b, 4, 1), 0xff);
	assert_int_equal(get(&b, 5, 1), 0xff);
	assert_int_equal(get(&b, 6, 1), 0x16);
	assert_int_equal(get(&b, 3, 2), 0xffff); /* its second byte */
	assert_int_equal(get(&b, 0, 8), UINT64_MAX);
	fake_host_destroy(b.f);
}

static void without_a_length_all_that_follows_is_denied(void **state)
{
	struct bench b;

	open_bench(&b, &volt_plugin_deny, "from=4");
	assert_int_equal(get(&b, 3, 1), 0x13);
	assert_int_equal(get(&b, 15, 1), 0xff);
	fake_host_destroy(b.f);
}

static void a_denied_read_reads_the_value_cut_to_its_size(void **state)
{
	struct bench b;

	open_bench(&b, &volt_plugin_deny, "value=0x1234");
	assert_int_equal(get(&b, 0, 1), 0x34);
	assert_int_equal(get(&b, 0, 4), 0x1234);
	fake_host_destroy(b.f);
}

static void another_range_is_left_alone(void **state)
{
	struct bench b = {.f = fake_host_create(&volt_plugin_deny)};
	struct volt_range other = device_range;

	other.name = "other";
	assert_int_equal(fake_host_wire(b.f, "range=other"), 0);
	b.layer = fake_filter_put(b.f, &device_range, &b.device);
	assert_non_null(fake_filter_put(b.f, &other, &b.device));
	assert_int_equal(fake_host_run(b.f), 0);
	get(&b, 3, 1);
	assert_int_equal(b.device.reads, 1);
	fake_host_destroy(b.f);
}

/* A name or an offset that was mistyped would deny nothing, and nobody be told. */
static void what_can_deny_nothing_does_not_start(void **state)
{
	static const struct {
		const char *params, *message;
	} cases[] = {
	    {"range=register", "range=register: the device has no such range"},
	    {"from=16", "from=0x10: no range is that long"},
	    {"range=registers,from=16", "from=0x10: no range is that long"},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bench b = {.f = fake_host_create(&volt_plugin_deny)};

		assert_int_equal(fake_host_wire(b.f, cases[i].params), 0);
		assert_non_null(fake_filter_put(b.f, &device_range, &b.device));
		assert_int_equal(fake_host_run(b.f), -EINVAL);
		assert_string_equal(fake_host_logged(b.f, NULL), cases[i].message);
		fake_host_destroy(b.f);
	}
}

static void the_named_range_is_denied(void **state)
{
	struct bench b;

	open_bench(&b, &volt_plugin_deny, "range=registers");
	assert_int_equal(get(&b, 3, 1), 0xff);
	fake_host_destroy(b.f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(everything_is_denied_by_default),
	    cmocka_unit_test(reads_pass_where_only_writes_are_denied),
	    cmocka_unit_test(writes_pass_where_only_reads_are_denied),
	    cmocka_unit_test(only_what_touches_the_bytes_is_denied),
	    cmocka_unit_test(without_a_length_all_that_follows_is_denied),
	    cmocka_unit_test(a_denied_read_reads_the_value_cut_to_its_size),
	    cmocka_unit_test(another_range_is_left_alone),
	    cmocka_unit_test(what_can_deny_nothing_does_not_start),
	    cmocka_unit_test(the_named_range_is_denied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
