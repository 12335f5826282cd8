/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "small.h"

static char folder[] = "/tmp/test-small-XXXXXX";

static int make_folder(void **state)
{
	return !mkdtemp(folder) || chdir(folder);
}

static int remove_folder(void **state)
{
	return chdir("/") || rmdir(folder);
}

static bool is_ours(const char *name)
{
	return name[0] != '.';
}

static void release(char **names, int count)
{
	for (int i = 0; i < count; i++) {
		assert_int_equal(unlink(names[i]), 0);
		free(names[i]);
	}
	free(names);
}

static void make(const char *name)
{
	close(open(name, O_CREAT | O_WRONLY, 0600));
}

static void a_folder_is_read_in_the_order_of_bytes(void **state)
{
	char **names;

	make("b");
	make("B");
	make("a10");
	make("a9");
	int count = names_read(".", is_ours, strcmp, &names);
	assert_int_equal(count, 4);
	assert_string_equal(names[0], "B");
	assert_string_equal(names[1], "a10");
	assert_string_equal(names[2], "a9");
	assert_string_equal(names[3], "b");
	release(names, count);
}

static void numbers_are_ordered_by_value(void **state)
{
	char name[16], **names;
	enum { COUNT = 300 };

	for (int i = 0; i < COUNT; i++) {
		snprintf(name, sizeof(name), "%d", (i * 7 + 5) % COUNT);
		make(name);
	}
	int count = names_read(".", is_ours, names_by_number, &names);
	assert_int_equal(count, COUNT);
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(atoi(names[i]), i);
	release(names, count);
}

static void an_empty_folder_has_no_names(void **state)
{
	char **names;

	assert_int_equal(names_read(".", is_ours, strcmp, &names), 0);
	assert_null(names);
}

static void a_folder_that_is_not_there_is_an_error(void **state)
{
	char **names;

	assert_int_equal(names_read("no-such-folder", is_ours, strcmp, &names), -1);
	assert_int_equal(errno, ENOENT);
}

static void uptime_is_that_of_the_clock(void **state)
{
	struct timespec before, after;

	clock_gettime(CLOCK_BOOTTIME, &before);
	const long ms = (long)uptime_ms();
	clock_gettime(CLOCK_BOOTTIME, &after);
	assert_true(ms >= before.tv_sec * 1000 + before.tv_nsec / 1000000);
	assert_true(ms <= after.tv_sec * 1000 + after.tv_nsec / 1000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_folder_is_read_in_the_order_of_bytes),
	    cmocka_unit_test(numbers_are_ordered_by_value),
	    cmocka_unit_test(an_empty_folder_has_no_names),
	    cmocka_unit_test(a_folder_that_is_not_there_is_an_error),
	    cmocka_unit_test(uptime_is_that_of_the_clock),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
