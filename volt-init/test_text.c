/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "text.h"

static char buf[64];

static void numbers_print_in_each_base(void **state)
{
	text_format(buf, sizeof(buf), "%d %u %x %o %ld", -5, 7u, 0xabu, 8u, LONG_MIN);
	assert_string_equal(buf, "-5 7 ab 10 -9223372036854775808");
}

static void a_width_pads_left_right_or_with_zeros(void **state)
{
	text_format(buf, sizeof(buf), "[%5d][%-5d][%03lu][%4s][%c]", 42, 42, 7ul, "ab", 'x');
	assert_string_equal(buf, "[   42][42   ][007][  ab][x]");
}

static void a_percent_sign_prints_itself(void **state)
{
	assert_int_equal(text_format(buf, sizeof(buf), "100%%"), 4);
	assert_string_equal(buf, "100%");
}

static void a_full_buffer_ends_with_nul(void **state)
{
	assert_int_equal(text_format(buf, 4, "%s", "abcdef"), 3);
	assert_string_equal(buf, "abc");
}

static void a_number_is_read_whole_or_not(void **state)
{
	unsigned long value = 99;

	assert_true(parse_number("0", 10, &value));
	assert_int_equal(value, 0);
	assert_true(parse_number("0x1F", 31, &value));
	assert_int_equal(value, 31);
	assert_true(parse_number("017", 31, &value));
	assert_int_equal(value, 15);
	assert_false(parse_number("32", 31, &value));
	assert_false(parse_number("3x", 31, &value));
	assert_false(parse_number("18446744073709551616", ULONG_MAX, &value));
	assert_int_equal(value, 15);
}

static void text_is_found_where_it_begins(void **state)
{
	static const char text[] = "MemTotal: 1\n";

	assert_ptr_equal(find_text(text, "Total"), text + 3);
	assert_null(find_text(text, "totals"));
}

static void a_missing_file_reads_as_its_error(void **state)
{
	assert_true(read_file("/nonexistent", buf, sizeof(buf)) < 0);
}

static void a_long_file_reads_in_part(void **state)
{
	assert_int_equal(read_file("/proc/self/status", buf, 6), 5);
	assert_string_equal(buf, "Name:");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_print_in_each_base),
	    cmocka_unit_test(a_width_pads_left_right_or_with_zeros),
	    cmocka_unit_test(a_percent_sign_prints_itself),
	    cmocka_unit_test(a_full_buffer_ends_with_nul),
	    cmocka_unit_test(a_number_is_read_whole_or_not),
	    cmocka_unit_test(text_is_found_where_it_begins),
	    cmocka_unit_test(a_missing_file_reads_as_its_error),
	    cmocka_unit_test(a_long_file_reads_in_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
