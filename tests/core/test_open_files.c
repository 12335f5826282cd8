/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Closing what was inherited, with close_range(2) and where a filter of the host's refuses it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

#include "core/base/open_files.h"

static bool refused;

int __real_close_range(unsigned first, unsigned last, int flags);
int __wrap_close_range(unsigned first, unsigned last, int flags);

int __wrap_close_range(unsigned first, unsigned last, int flags)
{
	if (!refused)
		return __real_close_range(first, last, flags);
	errno = EPERM;
	return -1;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void open_at(int fd)
{
	assert_int_equal(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, fd), fd);
}

static void check_close(void)
{
	const int base = (int)open_files_highest() + 5;

	for (int i = 0; i < 6; i++)
		open_at(base + 2 * i); /* with gaps */
	assert_int_equal(open_files_close((uint32_t)base + 2, (uint32_t)base + 6), 0);
	assert_true(is_open(base));
	assert_false(is_open(base + 2) || is_open(base + 4) || is_open(base + 6));
	assert_true(is_open(base + 8) && is_open(base + 10));
	assert_int_equal(open_files_close((uint32_t)base, UINT32_MAX), 0);
	assert_false(is_open(base) || is_open(base + 8) || is_open(base + 10));
	assert_true(is_open(STDERR_FILENO));
}

static void files_between_two_numbers_are_closed(void **state)
{
	refused = false;
	check_close();
}

/* HOLDS(security) */
static void files_are_closed_one_by_one_where_close_range_is_refused(void **state)
{
	refused = true;
	check_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(files_between_two_numbers_are_closed),
	    cmocka_unit_test(files_are_closed_one_by_one_where_close_range_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
