/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* The escape key: Ctrl-A and one more key. */
#include "core/event/terminal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */

#define CTRL_A 0x01

static bool escape;

static int setup(void **state)
{
	escape = false;
	return 0;
}

static enum terminal_action after_escape(uint8_t byte)
{
	escape = false;
	assert_int_equal(terminal_filter(&escape, CTRL_A), TERMINAL_SWALLOW);
	assert_true(escape);
	enum terminal_action action = terminal_filter(&escape, byte);
	assert_false(escape);
	return action;
}

static void every_other_byte_passes(void **state)
{
	for (unsigned byte = 0; byte < 256; byte++) {
		if (byte == CTRL_A)
			continue;
		assert_int_equal(terminal_filter(&escape, (uint8_t)byte), TERMINAL_PASS);
		assert_false(escape);
	}
}

static void the_escape_key_and_a_letter_are_commands(void **state)
{
	assert_int_equal(after_escape('x'), TERMINAL_QUIT);
	assert_int_equal(after_escape('b'), TERMINAL_BREAK);
	assert_int_equal(after_escape('d'), TERMINAL_ATTENTION);
	assert_int_equal(after_escape('h'), TERMINAL_HELP);
	assert_int_equal(after_escape('?'), TERMINAL_HELP);
}

static void escaping_the_escape_key_sends_it(void **state)
{
	assert_int_equal(after_escape('a'), TERMINAL_PASS_ESCAPE);
	assert_int_equal(after_escape(CTRL_A), TERMINAL_PASS_ESCAPE);
	assert_int_equal(terminal_filter(&escape, 'a'), TERMINAL_PASS);
}

static void other_keys_after_the_escape_key_are_swallowed(void **state)
{
	assert_int_equal(after_escape('X'), TERMINAL_SWALLOW);
	assert_int_equal(after_escape(0), TERMINAL_SWALLOW);
	assert_int_equal(after_escape(0xff), TERMINAL_SWALLOW);
	assert_int_equal(terminal_filter(&escape, 'x'), TERMINAL_PASS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(every_other_byte_passes, setup),
	    cmocka_unit_test_setup(the_escape_key_and_a_letter_are_commands, setup),
	    cmocka_unit_test_setup(escaping_the_escape_key_sends_it, setup),
	    cmocka_unit_test_setup(other_keys_after_the_escape_key_are_swallowed, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
