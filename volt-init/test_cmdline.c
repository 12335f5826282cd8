/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cmdline.h"

static char buf[64];

static void assert_value(const char *cmdline, const char *key, const char *value)
{
	assert_true(cmdline_get(cmdline, key, buf, sizeof(buf)));
	assert_string_equal(buf, value);
}

static void a_plain_value_is_found(void **state)
{
	assert_value("quiet volt.run=ls panic=1\n", "volt.run", "ls");
}

static void a_missing_key_is_not_found(void **state)
{
	assert_false(cmdline_get("quiet panic=1", "volt.run", buf, sizeof(buf)));
	assert_false(cmdline_get("", "volt.run", buf, sizeof(buf)));
}

static void a_key_inside_another_word_does_not_match(void **state)
{
	assert_false(cmdline_get("xvolt.run=a volt.runs=b volt.run", "volt.run", buf, sizeof(buf)));
}

static void a_quoted_value_keeps_its_blanks(void **state)
{
	assert_value("a volt.run=\"ls -l /\" b", "volt.run", "ls -l /");
}

static void quotes_around_the_whole_word_are_dropped(void **state)
{
	assert_value("\"volt.run=ls -l /\" b", "volt.run", "ls -l /");
}

static void quotes_inside_a_value_stay(void **state)
{
	assert_value("volt.run=a\" \"b", "volt.run", "a\" \"b");
}

static void an_unfinished_quote_runs_to_the_end(void **state)
{
	assert_value("volt.run=\"ls -l", "volt.run", "ls -l");
}

static void a_lone_quote_is_an_empty_value(void **state)
{
	assert_value("volt.run=\"", "volt.run", "");
}

static void each_of_several_is_found(void **state)
{
	const char *at = "a=1 b=2 a=\"3 4\" a=toolong c -- a=5";
	char value[6];

	assert_true(cmdline_next(&at, "a", value, sizeof(value)));
	assert_string_equal(value, "1");
	assert_true(cmdline_next(&at, "a", value, sizeof(value)));
	assert_string_equal(value, "3 4");
	assert_false(cmdline_next(&at, "a", value, sizeof(value)));
}

static void an_equals_sign_belongs_to_the_value(void **state)
{
	assert_value("volt.run=A=B", "volt.run", "A=B");
}

static void the_last_of_several_values_counts(void **state)
{
	assert_value("volt.run=a volt.run=b", "volt.run", "b");
}

static void words_after_two_dashes_are_no_parameters(void **state)
{
	assert_false(cmdline_get("quiet -- volt.run=a", "volt.run", buf, sizeof(buf)));
}

static void a_value_that_does_not_fit_is_not_found(void **state)
{
	assert_false(cmdline_get("volt.run=abcdefgh", "volt.run", buf, 8));
	assert_true(cmdline_get("volt.run=abcdefg", "volt.run", buf, 8));
}

static void a_list_yields_its_items_in_order(void **state)
{
	const char *list = "a.ko,,b.ko,";

	assert_true(cmdline_next_item(&list, buf, sizeof(buf)));
	assert_string_equal(buf, "a.ko");
	assert_true(cmdline_next_item(&list, buf, sizeof(buf)));
	assert_string_equal(buf, "b.ko");
	assert_false(cmdline_next_item(&list, buf, sizeof(buf)));
}

static void a_port_takes_any_base(void **state)
{
	struct cmdline_port port = {.value = 7};

	assert_true(cmdline_port("0xf4", &port));
	assert_int_equal(port.port, 0xf4);
	assert_true(cmdline_port("1022", &port));
	assert_int_equal(port.port, 1022);
	assert_int_equal(port.value, 7);
}

static void a_port_may_carry_a_value(void **state)
{
	struct cmdline_port port = {0};

	assert_true(cmdline_port("0xf6,0x2a", &port));
	assert_int_equal(port.port, 0xf6);
	assert_int_equal(port.value, 0x2a);
}

static void a_bad_port_is_refused(void **state)
{
	static const char *const bad[] = {
	    "", "x", "0x", "0x10000", "-1", "1,", "1,256", "1 ", "08"};
	struct cmdline_port port;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(cmdline_port(bad[i], &port));
}

static void the_last_of_two_words_counts(void **state)
{
	assert_true(cmdline_is_last("quiet rw", "rw", "ro"));
	assert_true(cmdline_is_last("ro quiet rw", "rw", "ro"));
	assert_false(cmdline_is_last("rw ro", "rw", "ro"));
	assert_false(cmdline_is_last("quiet", "rw", "ro"));
	assert_false(cmdline_is_last("rwx xrw rw=1", "rw", "ro"));
	assert_false(cmdline_is_last("ro -- rw", "rw", "ro"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_plain_value_is_found),
	    cmocka_unit_test(a_missing_key_is_not_found),
	    cmocka_unit_test(a_key_inside_another_word_does_not_match),
	    cmocka_unit_test(a_quoted_value_keeps_its_blanks),
	    cmocka_unit_test(quotes_around_the_whole_word_are_dropped),
	    cmocka_unit_test(quotes_inside_a_value_stay),
	    cmocka_unit_test(an_unfinished_quote_runs_to_the_end),
	    cmocka_unit_test(a_lone_quote_is_an_empty_value),
	    cmocka_unit_test(each_of_several_is_found),
	    cmocka_unit_test(an_equals_sign_belongs_to_the_value),
	    cmocka_unit_test(the_last_of_several_values_counts),
	    cmocka_unit_test(words_after_two_dashes_are_no_parameters),
	    cmocka_unit_test(a_value_that_does_not_fit_is_not_found),
	    cmocka_unit_test(a_list_yields_its_items_in_order),
	    cmocka_unit_test(a_port_takes_any_base),
	    cmocka_unit_test(a_port_may_carry_a_value),
	    cmocka_unit_test(a_bad_port_is_refused),
	    cmocka_unit_test(the_last_of_two_words_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
