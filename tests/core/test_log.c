/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Log lines: what they look like, and what happens to them before and after the seal. */
#include "tests/core/kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/log.h"

static unsigned wakes;

static int setup(void **state)
{
	kit_log_start();
	log_level = VOLT_LOG_INFO;
	wakes = 0;
	return 0;
}

/* ------------------------------------------------------------------ one line */

static void each_level_has_its_prefix(void **state)
{
	log_level = VOLT_LOG_TRACE;
	log_line(VOLT_LOG_ERROR, "a %d", 1);
	log_line(VOLT_LOG_WARN, "b");
	log_line(VOLT_LOG_INFO, "c");
	log_line(VOLT_LOG_DEBUG, "d");
	log_line(VOLT_LOG_TRACE, "e");
	assert_string_equal(
	    kit_log(), "volt: error: a 1\nvolt: warning: b\nvolt: c\nvolt: d\nvolt: e\n");
}

static void lines_above_the_level_are_not_written(void **state)
{
	log_level = VOLT_LOG_WARN;
	log_info("no");
	log_debug("no");
	log_line(UINT32_MAX, "no");
	log_warn("yes");
	assert_string_equal(kit_log(), "volt: warning: yes\n");
}

static void an_error_returns_its_number_negative(void **state)
{
	log_level = VOLT_LOG_ERROR;
	assert_int_equal(log_error(ENOENT, "%s is missing", "it"), -ENOENT);
	assert_string_equal(kit_log(), "volt: error: it is missing\n");
}

static void control_bytes_become_question_marks(void **state)
{
	log_info("a%sb", "\x1b[2J\a\n\r\x7f\t");
	assert_string_equal(kit_log(), "volt: a?[2J?????b\n");
}

static void text_beyond_ascii_passes(void **state)
{
	log_info("k\xc3\xa4se \xe2\x82\xac \xf0\x9f\x9a\x80");
	assert_string_equal(kit_log(), "volt: k\xc3\xa4se \xe2\x82\xac \xf0\x9f\x9a\x80\n");
}

static void c1_control_bytes_drive_no_terminal(void **state)
{
	log_info("a\x9b"
		 "2Jb\xc2\x9b"
		 "2Jc\xc2\xa0");
	assert_string_equal(kit_log(), "volt: a?2Jb??2Jc\xc2\xa0\n");
}

/* RFC 3629, 3 and 10: a lax terminal would take some of these for control bytes. */
static void what_is_no_utf_8_becomes_question_marks(void **state)
{
	static const char *const rows[] = {"\xc0\x9b", "\xc1\xbf", "\xe0\x82\x9b", "\xed\xa0\x80",
	    "\xf0\x80\x82\x9b", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xe2\x82", "\xc3"};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char want[32];

		kit_log_clear();
		log_info("%s", rows[i]);
		snprintf(want, sizeof(want), "volt: %.*s\n", (int)strlen(rows[i]), "????");
		assert_string_equal(kit_log(), want);
	}
}

static void a_shortage_is_remembered(void **state)
{
	log_error(EINVAL, "no shortage");
	assert_false(log_saw_shortage());
	log_error(EMFILE, "out of descriptors");
	log_error(EINVAL, "something else");
	assert_true(log_saw_shortage());
}

static void a_refused_call_is_a_lack_or_a_shortage(void **state)
{
	assert_false(log_saw_lack());
	assert_int_equal(log_host_error(ENOSPC, "a limit"), -ENOSPC);
	assert_false(log_saw_lack());
	assert_true(log_saw_shortage());
	assert_int_equal(log_host_error(ENOSYS, "no such call"), -ENOSYS);
	assert_true(log_saw_lack());
	assert_true(kit_logged("volt: error: no such call"));
}

static void a_long_line_is_cut_and_still_ends(void **state)
{
	char text[5000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_error(EINVAL, "%s", text);
	log_info("next");
	const char *end = strchr(kit_log(), '\n');
	assert_non_null(end);
	assert_true(end - kit_log() >= 256);
	assert_string_equal(end, "\nvolt: next\n");
}

static void a_file_that_takes_nothing_stops_nobody(void **state)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	log_set_fd(fd);
	assert_int_equal(log_fd(), fd);
	log_info("lost");
	kit_log_start();
	log_info("kept");
	assert_string_equal(kit_log(), "volt: kept\n");
	close(fd);
}

static void on_a_raw_terminal_lines_return_the_carriage(void **state)
{
	char text[2000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_set_raw(true);
	log_info("one");
	log_error(EINVAL, "%s", text);
	log_set_raw(false);
	assert_int_equal(strncmp(kit_log(), "volt: one\r\nvolt: error: x", 25), 0);
	assert_string_equal(strrchr(kit_log(), 'x'), "x\r\n");
}

/* --------------------------------------- the queue; nothing leaves it again here */

static void wake(void *arg)
{
	assert_ptr_equal(arg, &wakes);
	__atomic_fetch_add(&wakes, 1, __ATOMIC_SEQ_CST); /* by any thread */
}

static int setup_queue(void **state)
{
	log_queue(wake, &wakes);
	kit_log_start();
	log_flush(); /* what the tests before left */
	return setup(state);
}

static void queued_lines_wait_for_the_loop(void **state)
{
	log_info("one");
	log_info("two");
	assert_string_equal(kit_log(), "");
	assert_true(wakes > 0);
	log_flush();
	assert_string_equal(kit_log(), "volt: one\nvolt: two\n");
	log_flush();
	assert_int_equal(kit_log_lines(), 2);
}

static void the_queue_keeps_the_first_lines_and_counts_the_lost(void **state)
{
	unsigned kept = 0;
	char line[48];

	for (unsigned i = 0; i < 2000; i++)
		log_info("line %06u", i);
	log_flush();
	for (; kept < 2000; kept++) {
		snprintf(line, sizeof(line), "line %06u\n", kept);
		if (!kit_logged(line))
			break;
	}
	assert_true(kept * strlen("volt: line 000000\n") > 8192);
	snprintf(line, sizeof(line), "warning: %u log lines lost\n", 2000 - kept);
	assert_true(kit_logged(line));
	assert_int_equal(kit_log_lines(), kept + 1);

	kit_log_clear();
	log_info("again");
	log_flush();
	assert_string_equal(kit_log(), "volt: again\n");
}

static void *flood(void *arg)
{
	for (unsigned i = 0; i < 500; i++)
		log_info("%s %03u", (const char *)arg, i);
	return NULL;
}

static void lines_of_many_threads_stay_whole(void **state)
{
	static char names[4][2] = {"a", "b", "c", "d"};
	pthread_t threads[4];
	unsigned lines = 0;

	kit_arm_locks();
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, flood, names[i]), 0);
	for (unsigned i = 0; i < 200; i++)
		log_flush();
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	log_flush();
	for (const char *p = kit_log(); *p != '\0'; lines++) {
		/* "volt: a 000", or how many were lost */
		if (strncmp(p, "volt: warning: ", 15) != 0) {
			assert_int_equal(strcspn(p, "\n"), 11);
			assert_non_null(memchr("abcd", p[6], 4));
			for (unsigned digit = 8; digit < 11; digit++)
				assert_in_range(p[digit], '0', '9');
		}
		p += strcspn(p, "\n") + 1;
	}
	assert_true(lines > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(each_level_has_its_prefix, setup),
	    cmocka_unit_test_setup(lines_above_the_level_are_not_written, setup),
	    cmocka_unit_test_setup(an_error_returns_its_number_negative, setup),
	    cmocka_unit_test_setup(control_bytes_become_question_marks, setup),
	    cmocka_unit_test_setup(text_beyond_ascii_passes, setup),
	    cmocka_unit_test_setup(c1_control_bytes_drive_no_terminal, setup),
	    cmocka_unit_test_setup(what_is_no_utf_8_becomes_question_marks, setup),
	    cmocka_unit_test_setup(a_shortage_is_remembered, setup),
	    cmocka_unit_test_setup(a_refused_call_is_a_lack_or_a_shortage, setup),
	    cmocka_unit_test_setup(a_long_line_is_cut_and_still_ends, setup),
	    cmocka_unit_test_setup(a_file_that_takes_nothing_stops_nobody, setup),
	    cmocka_unit_test_setup(on_a_raw_terminal_lines_return_the_carriage, setup),
	    cmocka_unit_test_setup(queued_lines_wait_for_the_loop, setup_queue),
	    cmocka_unit_test_setup(
		the_queue_keeps_the_first_lines_and_counts_the_lost, setup_queue),
	    cmocka_unit_test_setup(lines_of_many_threads_stay_whole, setup_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
