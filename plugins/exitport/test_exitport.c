/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#define BENCHED volt_plugin_exitport

#include <port_bench.h>

#define PORT 0xf4

static void a_written_byte_is_the_exit_status(void **state)
{
	for (unsigned status = 0; status < 256; status++) {
		uint32_t code = 999;
		const char *why = NULL;

		fake_out(*state, PORT, (uint8_t)status);
		assert_int_equal(
		    fake_requested(*state, VOLT_REQUEST_EXIT, &code, &why), status + 1);
		assert_int_equal(code, status);
		assert_non_null(why);
	}
}

static void reads_return_zero_and_ask_for_nothing(void **state)
{
	assert_int_equal(fake_in(*state, PORT), 0);
	assert_int_equal(requested(*state, VOLT_REQUEST_EXIT), 0);
}

static void a_wide_write_gives_its_lowest_byte(void **state)
{
	uint32_t code = 999;

	fake_write(*state, VOLT_SPACE_PIO, PORT, 4, 0x11223344);
	assert_int_equal(fake_requested(*state, VOLT_REQUEST_EXIT, &code, NULL), 1);
	assert_int_equal(code, 0x44);
	assert_int_equal(fake_read(*state, VOLT_SPACE_PIO, PORT, 2), 0xff00);
}

static void the_command_line_names_the_port(void **state)
{
	assert_string_equal(fake_cmdline(*state), "volt.exit=0xf4");
}

static void two_instances_live_apart(void **state)
{
	struct fake_host *other = boot("base=0x501");
	uint32_t code = 999;

	assert_string_equal(fake_cmdline(other), "volt.exit=0x501");
	fake_out(other, PORT, 1);
	assert_int_equal(requested(other, VOLT_REQUEST_EXIT), 0);
	assert_int_equal(fake_misses(other), 1);
	fake_out(other, 0x501, 7);
	assert_int_equal(fake_requested(other, VOLT_REQUEST_EXIT, &code, NULL), 1);
	assert_int_equal(code, 7);
	assert_int_equal(requested(*state, VOLT_REQUEST_EXIT), 0);
	fake_host_destroy(other);
}

/* -------------------------------------------------------------------- init */

static void init_fails_when_any_call_of_it_does(void **state)
{
	assert_each_call_may_fail(*state, 2);
}

static void a_base_beyond_the_last_port_is_refused(void **state)
{
	assert_last_base("base=0xffff", "base=0x10000");
}

static void init_fails_on_a_host_without_an_extension_it_needs(void **state)
{
	assert_int_equal(init_with_only("none"), -ENOTSUP);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(a_written_byte_is_the_exit_status),
	    T(reads_return_zero_and_ask_for_nothing),
	    T(a_wide_write_gives_its_lowest_byte),
	    T(the_command_line_names_the_port),
	    T(two_instances_live_apart),
	    T(init_fails_when_any_call_of_it_does),
	    T(a_base_beyond_the_last_port_is_refused),
	    T(init_fails_on_a_host_without_an_extension_it_needs),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
