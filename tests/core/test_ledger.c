/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* The list of open files and of calls that all else is made from. */
#include "core/base/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static struct ledger l;
static bool no_memory;

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size)
{
	return no_memory ? NULL : __real_realloc(old, size);
}

static int teardown(void **state)
{
	no_memory = false;
	ledger_finish(&l);
	return 0;
}

/* Does some rule let a thread of `role` and `index` make `call` with these arguments? */
static bool may(uint32_t role, uint32_t index, const char *call, uint64_t fd, uint64_t n)
{
	for (uint32_t i = 0; i < l.call_count; i++) {
		const struct volt_rule *r = &l.calls[i].rule;
		bool all = ledger_is_for(&l.calls[i], role, index) && strcmp(r->syscall, call) == 0;

		for (uint32_t t = 0; t < r->test_count; t++) {
			const uint64_t arg = r->tests[t].arg == 0 ? fd : n;
			const uint64_t mask =
			    r->tests[t].op == VOLT_TEST_EQ ? UINT64_MAX : r->tests[t].mask;

			all = all && (arg & mask) == r->tests[t].value;
		}
		if (all)
			return true;
	}
	return false;
}

/* However the numbers lie, the masks cover them all and not one more. */
static void a_call_is_allowed_on_its_files_and_no_other(void **state)
{
	static const uint32_t rows[][2] = {
	    {700, 1}, {701, 5}, {704, 64}, {767, 96}, {5, 3}, {0, 7}, {0, 1}};
	const struct volt_arg_test eight = ledger_is(2, 8);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const uint32_t from = rows[i][0], past = from + rows[i][1];

		ledger_finish(&l);
		ledger_allow(&l, ledger_files(&l, (int)from, rows[i][1], "core", "some"),
		    LEDGER_ALL, "read", &eight, "reads");
		for (uint32_t fd = 0; fd < 900; fd++) {
			assert_int_equal(
			    may(VOLT_ROLE_LOOP, 0, "read", fd, 8), fd >= from && fd < past);
			assert_false(may(VOLT_ROLE_LOOP, 0, "read", fd, 4096));
			assert_false(may(VOLT_ROLE_LOOP, 0, "read", fd | 1ull << 32, 8));
			assert_false(may(VOLT_ROLE_LOOP, 0, "write", fd, 8));
		}
	}
}

static void few_rules_cover_many_files(void **state)
{
	ledger_allow(
	    &l, ledger_files(&l, 704, 64, "core", "some"), LEDGER_LOOP, "read", NULL, "reads");
	assert_int_equal(l.call_count, 1);
}

static void a_call_is_for_its_threads_alone(void **state)
{
	const struct ledger_block f = ledger_file(&l, 7, "core", "file");

	ledger_allow(&l, f, LEDGER_LOOP, "read", NULL, "reads");
	ledger_allow(&l, f, LEDGER_VCPUS, "write", NULL, "writes");
	ledger_allow(&l, f, LEDGER_VCPU(0), "ioctl", NULL, "asks");
	ledger_allow(&l, f, LEDGER_WORKER(63), "fsync", NULL, "waits");
	assert_true(may(VOLT_ROLE_LOOP, 0, "read", 7, 0));
	assert_false(may(VOLT_ROLE_VCPU, 0, "read", 7, 0));
	assert_true(may(VOLT_ROLE_VCPU, 0, "write", 7, 0));
	assert_true(may(VOLT_ROLE_VCPU, 63, "write", 7, 0));
	assert_true(may(VOLT_ROLE_VCPU, 0, "ioctl", 7, 0));
	assert_false(may(VOLT_ROLE_VCPU, 1, "ioctl", 7, 0));
	assert_false(may(VOLT_ROLE_WORKER, 0, "ioctl", 7, 0));
	assert_true(may(VOLT_ROLE_WORKER, 63, "fsync", 7, 0));
	assert_false(may(VOLT_ROLE_WORKER, 0, "fsync", 7, 0));
}

static void a_file_that_is_not_there_has_no_row(void **state)
{
	const struct ledger_block none = ledger_file(&l, -1, "core", "nothing");

	ledger_allow(&l, none, LEDGER_ALL, "read", NULL, "reads");
	ledger_files(&l, 7, 0, "core", "nothing");
	assert_int_equal(l.file_count, 0);
	assert_int_equal(l.call_count, 0);
	assert_int_equal(l.highest, 0);
}

static void a_file_that_comes_later_counts_and_is_not_listed(void **state)
{
	ledger_files(&l, 10, 3, "core", "some");
	assert_int_equal(l.highest, 12);
	ledger_allow(&l, ledger_on(40, "device"), LEDGER_LOOP, "close", NULL, "drops a client");
	assert_int_equal(l.highest, 40);
	assert_int_equal(l.file_count, 1);
	assert_string_equal(l.calls[0].rule.asked_by, "device");
}

static void files_are_sorted_by_number(void **state)
{
	for (int i = 0; i < 100; i++)
		ledger_file(&l, 37 * i % 100, "core", "file");
	ledger_sort(&l);
	assert_int_equal(l.file_count, 100);
	for (int i = 0; i < 100; i++)
		assert_int_equal(l.files[i].fd, i);
}

/* A row that is missing must not look like one that nobody wanted. */
static void lack_of_memory_is_an_error(void **state)
{
	assert_int_equal(ledger_check(&l), 0);
	no_memory = true;
	ledger_allow(&l, ledger_on(40, "device"), LEDGER_LOOP, "close", NULL, "drops a client");
	no_memory = false;
	assert_int_equal(ledger_check(&l), -ENOMEM);
	ledger_finish(&l);
	no_memory = true;
	ledger_file(&l, 7, "core", "file");
	assert_int_equal(ledger_check(&l), -ENOMEM);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

/* Above the highest open number all are free, and nobody asks for each. */
static void files_that_come_later_get_the_free_numbers(void **state)
{
	const int low = fcntl(2, F_DUPFD_CLOEXEC, 300), high = fcntl(2, F_DUPFD_CLOEXEC, 310);
	struct ledger_later later = {.count = 600, .closing = {high, -1}, .next = 290};
	struct ledger_block b;

	assert_int_equal(low, 300);
	assert_int_equal(high, 310);
	later.highest = high;
	assert_true(ledger_next_free(&later, &b));
	assert_int_equal(b.fd, 290);
	assert_int_equal(b.count, 10);
	assert_true(ledger_next_free(&later, &b));
	assert_int_equal(b.fd, 301);
	assert_int_equal(b.count, 590);
	assert_false(ledger_next_free(&later, &b));
	close(low);
	close(high);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_call_is_allowed_on_its_files_and_no_other),
	    TEST(few_rules_cover_many_files),
	    TEST(a_call_is_for_its_threads_alone),
	    TEST(a_file_that_is_not_there_has_no_row),
	    TEST(a_file_that_comes_later_counts_and_is_not_listed),
	    TEST(files_that_come_later_get_the_free_numbers),
	    TEST(files_are_sorted_by_number),
	    TEST(lack_of_memory_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
