/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#define BENCHED volt_plugin_bootmark

#include <port_bench.h>

#define PORT 0xf6

static void assert_logged(struct fake_host *f, const char *text)
{
	assert_string_equal(fake_host_logged(f, NULL), text);
}

static void a_mark_is_logged_with_the_time_since_start(void **state)
{
	fake_advance(*state, 12345678);
	fake_out(*state, PORT, 'A');
	assert_logged(*state, "boot mark 0x41 ('A') after 12.345 ms");
	assert_int_equal(fake_counter(*state, "marks"), 1);
}

static void times_have_three_decimals(void **state)
{
	fake_out(*state, PORT, '0');
	assert_logged(*state, "boot mark 0x30 ('0') after 0.000 ms");
	fake_advance(*state, 1999);
	fake_out(*state, PORT, '1');
	assert_logged(*state, "boot mark 0x31 ('1') after 0.001 ms");
	fake_advance(*state, UINT64_C(3600000000000));
	fake_out(*state, PORT, '2');
	assert_logged(*state, "boot mark 0x32 ('2') after 3600000.001 ms");
}

static void what_cannot_be_printed_is_a_number_only(void **state)
{
	static const uint8_t marks[] = {0x00, 0x0a, 0x1b, 0x20, 0x7f, 0x80, 0xff};

	for (unsigned i = 0; i < sizeof(marks); i++) {
		char text[64];

		fake_out(*state, PORT, marks[i]);
		snprintf(text, sizeof(text), "boot mark 0x%02x after 0.000 ms", marks[i]);
		assert_logged(*state, text);
	}
	assert_int_equal(fake_counter(*state, "marks"), sizeof(marks));
}

static void reads_return_the_newest_mark(void **state)
{
	assert_int_equal(fake_in(*state, PORT), 0);
	fake_out(*state, PORT, 0x12);
	fake_out(*state, PORT, 0x34);
	assert_int_equal(fake_in(*state, PORT), 0x34);
}

static void reset_forgets_the_mark_and_keeps_the_clock(void **state)
{
	fake_out(*state, PORT, 0x12);
	fake_advance(*state, 5000000);
	fake_host_reset(*state);
	assert_int_equal(fake_in(*state, PORT), 0);
	fake_out(*state, PORT, 'B');
	assert_logged(*state, "boot mark 0x42 ('B') after 5.000 ms");
}

static void a_wide_write_gives_its_lowest_byte(void **state)
{
	fake_write(*state, VOLT_SPACE_PIO, PORT, 2, 0x4243);
	assert_int_equal(fake_read(*state, VOLT_SPACE_PIO, PORT, 2), 0xff43);
	assert_int_equal(fake_counter(*state, "marks"), 1);
}

static void the_command_line_names_the_port(void **state)
{
	assert_string_equal(fake_cmdline(*state), "volt.mark=0xf6");
}

static void two_instances_live_apart(void **state)
{
	struct fake_host *other = boot("base=0x80");

	assert_string_equal(fake_cmdline(other), "volt.mark=0x80");
	fake_out(other, 0x80, 5);
	assert_int_equal(fake_in(other, 0x80), 5);
	assert_int_equal(fake_in(*state, PORT), 0);
	assert_int_equal(fake_counter(*state, "marks"), 0);
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
	assert_int_equal(init_with_only(VOLT_EXT_LOOP), -ENOTSUP);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(a_mark_is_logged_with_the_time_since_start),
	    T(times_have_three_decimals),
	    T(what_cannot_be_printed_is_a_number_only),
	    T(reads_return_the_newest_mark),
	    T(reset_forgets_the_mark_and_keeps_the_clock),
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
