/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Records of the kernel's audit, as they stand in its log (Linux, kernel/auditsc.c). */
#include "core/event/reporter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <string.h>

#define RECORD(pid, comm, call) \
	"5,1234,5678,-;audit: type=1326 audit(1700000000.123:45): auid=0 uid=1000 gid=1000 ses=1 " \
	"pid=" pid " comm=" comm " exe=\"/usr/bin/volt\" sig=31 arch=c000003e syscall=" call \
	" compat=0 ip=0x7f code=0x80000000\n"

static struct reporter_record record;

static void a_record_is_taken_apart(void **state)
{
	assert_true(reporter_parse(RECORD("77", "\"vcpu3\"", "257"), 77, &record));
	assert_string_equal(record.comm, "vcpu3");
	assert_int_equal(record.syscall, 257);
}

static void records_of_other_processes_are_passed_over(void **state)
{
	assert_false(reporter_parse(RECORD("77", "\"vcpu3\"", "257"), 7, &record));
	assert_false(reporter_parse(RECORD("77", "\"vcpu3\"", "257"), 777, &record));
	assert_false(reporter_parse(RECORD("", "\"vcpu3\"", "257"), 77, &record));
}

static void other_lines_are_passed_over(void **state)
{
	assert_false(reporter_parse("", 77, &record));
	assert_false(reporter_parse("6,1,2,-;usb 1-1: pid=77 comm=\"x\" syscall=1", 77, &record));
	assert_false(reporter_parse("audit: type=1400 pid=77 comm=\"x\" syscall=1", 77, &record));
}

static void cut_records_are_passed_over(void **state)
{
	static const char whole[] = RECORD("77", "\"vcpu3\"", "257");
	const size_t needed = (size_t)(strstr(whole, "syscall=") - whole);
	char line[sizeof(whole)];

	for (size_t n = 0; n < needed; n++) {
		memcpy(line, whole, n);
		line[n] = '\0';
		assert_false(reporter_parse(line, 77, &record));
	}
}

static void a_long_name_is_cut(void **state)
{
	assert_true(reporter_parse(
	    RECORD("77", "\"a name longer than any thread can have\"", "1"), 77, &record));
	assert_int_equal(strlen(record.comm), sizeof(record.comm) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_record_is_taken_apart),
	    cmocka_unit_test(records_of_other_processes_are_passed_over),
	    cmocka_unit_test(other_lines_are_passed_over),
	    cmocka_unit_test(cut_records_are_passed_over),
	    cmocka_unit_test(a_long_name_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
