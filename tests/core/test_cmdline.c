/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* The kernel's command line: whose words stand where, and how many fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/vm/cmdline.h"

static void makes(const char *words, const char *append, const char *devices, const char *line)
{
	char text[256], exact[256];
	size_t need = strlen(line) + 1;

	assert_true(cmdline_make(text, sizeof(text), words, append, devices));
	assert_string_equal(text, line);
	memset(exact, 'x', sizeof(exact));
	assert_true(cmdline_make(exact, need, words, append, devices));
	assert_string_equal(exact, line);
	assert_int_equal(exact[need], 'x');
	assert_false(cmdline_make(exact, need - 1, words, append, devices));
	assert_int_equal(exact[need], 'x');
}

static void words_follow_each_other(void **state)
{
	makes("a", NULL, "", "a");
	makes("a", "b c", "", "a b c");
	makes("a", "b", " d=1 e", "a b d=1 e");
	makes("a", "", " d", "a  d");
	makes("", NULL, " d", " d");
	makes("", NULL, "", "");
}

static void those_of_devices_go_before_a_lone_pair_of_dashes(void **state)
{
	makes("a -- b", NULL, " d e", "a d e -- b");
	makes("a", "-- b", " d", "a d -- b");
	makes("a -- b", "c", " d", "a d -- b c");
	makes("-- b", NULL, " d", "d -- b");
	makes("--", NULL, " d", "d --");
	makes("a --", NULL, " d", "a d --");
	makes("a -- b -- c", NULL, " d", "a d -- b -- c");
	makes("a -- b", NULL, "", "a -- b");
}

static void other_dashes_are_words_like_any(void **state)
{
	makes("a --b", NULL, " d", "a --b d");
	makes("a b-- ---", NULL, " d", "a b-- --- d");
	makes("a=\"b -- c\" e", NULL, " d", "a=\"b -- c\" e d");
	makes("a=\"b -- c\" -- e", NULL, " d", "a=\"b -- c\" d -- e");
}

static void a_word_is_found_among_the_kernels_alone(void **state)
{
	assert_true(cmdline_has("acpi=off", "acpi=off"));
	assert_true(cmdline_has("a acpi=off b", "acpi=off"));
	assert_true(cmdline_has("a  acpi=off -- b", "acpi=off"));
	assert_false(cmdline_has("", "acpi=off"));
	assert_false(cmdline_has("a -- acpi=off", "acpi=off"));
	assert_false(cmdline_has("acpi=offset xacpi=off acpi=of", "acpi=off"));
	assert_false(cmdline_has("a=\"b acpi=off c\"", "acpi=off"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(words_follow_each_other),
	    cmocka_unit_test(those_of_devices_go_before_a_lone_pair_of_dashes),
	    cmocka_unit_test(other_dashes_are_words_like_any),
	    cmocka_unit_test(a_word_is_found_among_the_kernels_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
