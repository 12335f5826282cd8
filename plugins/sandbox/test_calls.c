/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Names and numbers of system calls. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>

#include "calls.h"
#include "layers.h"
#include "test_child.h"

/* After volt/plugin.h, whose member `fail` is a macro here. */
#include <cmocka.h>

static void names_have_the_numbers_of_the_header(void **state)
{
	assert_int_equal(call_number("read"), SYS_read);
	assert_int_equal(call_number("ioctl"), SYS_ioctl);
	assert_int_equal(call_number("_sysctl"), SYS__sysctl);
	assert_int_equal(call_number("accept"), SYS_accept);
	assert_int_equal(call_number("accept4"), SYS_accept4);
	assert_int_equal(call_number("writev"), SYS_writev);
	assert_int_equal(call_number("epoll_pwait2"), SYS_epoll_pwait2);
}

static void other_names_have_no_number(void **state)
{
	const char *const names[] = {"", "rea", "read ", "READ", "readx", "__NR_read", "zzz",
	    "socketcall" /* i386 */, "time64", "\xff"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(call_number(names[i]), -1);
}

static void every_number_leads_back_to_itself(void **state)
{
	unsigned found = 0;

	for (int nr = -2; nr < FILTER_CALLS + 100; nr++) {
		const char *name = call_name(nr);

		if (!name)
			continue;
		assert_int_equal(call_number(name), nr);
		found++;
	}
	assert_true(found > 300);
	assert_null(call_name(-1));
	assert_string_equal(call_name(0), "read");
}

int calls_tests(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_have_the_numbers_of_the_header),
	    cmocka_unit_test(other_names_have_no_number),
	    cmocka_unit_test(every_number_leads_back_to_itself),
	};

	return cmocka_run_group_tests_name("calls", tests, NULL, NULL);
}
