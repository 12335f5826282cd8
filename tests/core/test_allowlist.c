/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* The administrator's file of system calls. Its rows stay for good, so the order counts. */
#include "tests/core/kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/vm/allowlist.h"

static int setup(void **state)
{
	kit_log_start();
	kit_path(""); /* children put their files there, and the parent removes them */
	return 0;
}

static int teardown(void **state)
{
	kit_remove_dir();
	return 0;
}

static int load(const char *text)
{
	const char *path = kit_path("allowlist");
	FILE *f = fopen(path, "w");

	fputs(text, f);
	fclose(f);
	return allowlist_load(path);
}

/* In a child, which forgets it again. */
static int load_in_child(void *text)
{
	kit_log_clear(); /* it shares the parent's */
	int err = load(text);

	if (err == -EINVAL && kit_log_lines() == 1 && kit_logged("line 2"))
		return 0;
	return 1;
}

static void refused_in_line_2(const char *text)
{
	if (kit_child(load_in_child, (void *)(uintptr_t)text) != 0)
		fail_msg("not refused in line 2: %s", text);
}

static void without_a_file_all_is_allowed(void **state)
{
	assert_true(allowlist_has("anything", VOLT_ROLE_VCPU));
}

static void roles_have_names(void **state)
{
	assert_string_equal(allowlist_role_name(VOLT_ROLE_LOOP), "loop");
	assert_string_equal(allowlist_role_name(VOLT_ROLE_VCPU), "vcpu");
	assert_string_equal(allowlist_role_name(VOLT_ROLE_WORKER), "worker");
	assert_string_equal(allowlist_role_name(77), "unknown");
}

static void malformed_lines_are_refused_with_their_number(void **state)
{
	refused_in_line_2("read\nread loops\n");
	refused_in_line_2("read\nread loop, vcpu\n");
	refused_in_line_2("# x\nREAD\n");
	refused_in_line_2("\nread/write\n");
	refused_in_line_2("\na_name_that_is_longer_than_any_call_has\n");
	refused_in_line_2("\nread\tloop\x1b[2J\n");
}

/* What is cut off of a comment must not become a row. */
static void a_line_has_at_most_255_bytes(void **state)
{
	char text[600] = "read\n#";

	memset(text + 6, 'x', 254);
	strcpy(text + 260, "ptrace\nread\n");
	refused_in_line_2(text);
	strcpy(text + 260, "p");
	refused_in_line_2(text); /* at the end of the file too */
	strcpy(text + 260, "\nwrite loops\n");
	if (kit_child(load_in_child, text) == 0)
		fail_msg("255 bytes are too many");
}

static int load_fifo(void *path)
{
	kit_log_clear();
	return allowlist_load(path) == -EINVAL && kit_logged("not a regular file") ? 0 : 1;
}

static void only_a_regular_file_is_read(void **state)
{
	const char *path = kit_path("fifo");

	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(kit_child(load_fifo, (void *)(uintptr_t)path), 0); /* nor waited for */
	assert_int_equal(kit_child(load_fifo, (void *)(uintptr_t) "/tmp"), 0);
}

static void a_missing_file_is_said(void **state)
{
	assert_int_equal(allowlist_load("/no/such/file"), -ENOENT);
	assert_true(kit_logged("--allowlist /no/such/file"));
}

static void a_file_allows_what_it_lists_and_no_more(void **state)
{
	assert_int_equal(load("# the most that a VM may have\n"
			      "\n"
			      "read\n"
			      "  ioctl\tvcpu loop   # both\n"
			      "write#all\n"
			      "preadv worker\n"
			      "close worker\nclose loop"),
	    0);
	for (uint32_t role = 0; role < VOLT_ROLE_COUNT; role++) {
		assert_true(allowlist_has("read", role));
		assert_true(allowlist_has("write", role));
		assert_int_equal(allowlist_has("ioctl", role), role != VOLT_ROLE_WORKER);
		assert_int_equal(allowlist_has("preadv", role), role == VOLT_ROLE_WORKER);
		assert_int_equal(allowlist_has("close", role), role != VOLT_ROLE_VCPU);
		assert_false(allowlist_has("execve", role));
		assert_false(allowlist_has("rea", role));
		assert_false(allowlist_has("reads", role));
		assert_false(allowlist_has("", role));
		assert_false(allowlist_has("most", role));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(without_a_file_all_is_allowed),
	    TEST(roles_have_names),
	    TEST(malformed_lines_are_refused_with_their_number),
	    TEST(a_line_has_at_most_255_bytes),
	    TEST(only_a_regular_file_is_read),
	    TEST(a_missing_file_is_said),
	    TEST(a_file_allows_what_it_lists_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
