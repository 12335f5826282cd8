/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * The plugin of README.md does what the text beside it says: it adds up the bytes
 * that the guest writes to its port.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <volt/fake_host.h>

#include <cmocka.h> /* last: its fail() is a macro */

extern const struct volt_plugin volt_plugin_tally;

static struct fake_host *running(const char *params)
{
	struct fake_host *f = fake_host_create(&volt_plugin_tally);

	assert_int_equal(fake_host_wire(f, params), 0);
	assert_int_equal(fake_host_run(f), 0);
	return f;
}

static void reads_the_sum_of_what_was_written(void **state)
{
	struct fake_host *f = running(NULL);

	fake_out(f, 0x300, 2);
	fake_out(f, 0x300, 40);
	assert_int_equal(fake_in(f, 0x300), 42);
	fake_host_destroy(f);
}

static void says_each_write_to_the_operator(void **state)
{
	struct fake_host *f = running(NULL);
	unsigned count = 0;

	fake_out(f, 0x300, 7);
	assert_string_equal(fake_host_logged(f, &count), "the guest wrote 7, in all 7");
	fake_host_destroy(f);
}

static void answers_at_the_port_of_its_parameter(void **state)
{
	struct fake_host *f = running("base=0x310");

	fake_out(f, 0x310, 5);
	assert_int_equal(fake_in(f, 0x310), 5);
	assert_int_equal(fake_in(f, 0x300), 0xff);
	fake_host_destroy(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_the_sum_of_what_was_written),
	    cmocka_unit_test(says_each_write_to_the_operator),
	    cmocka_unit_test(answers_at_the_port_of_its_parameter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
