/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* What a call into a plugin left behind. Plugins that do so are in tests/security/cases_loading.py.
 */
#include "tests/core/kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/open_files.h"
#include "core/plugin/guard.h"

#define HIGH 200
#define FAR  1500

static int files[2];

static int setup(void **state)
{
	for (int i = 0; i < 2; i++)
		files[i] = open(i == 0 ? "/dev/null" : "/dev/zero", O_RDONLY | O_CLOEXEC);
	kit_log_start();
	guard_begin();
	return files[1] < 0;
}

static int teardown(void **state)
{
	guard_finish();
	close(files[0]);
	close(files[1]);
	close(HIGH);
	return 0;
}

/* One call of a plugin, in which `act` happens. */
static int call(void (*act)(void))
{
	guard_enter("probe", "init");
	if (act)
		act();
	return guard_leave();
}

static void open_one(void)
{
	assert_int_equal(dup2(files[0], HIGH), HIGH);
}

static void close_one(void)
{
	close(files[1]);
}

static void close_all(void)
{
	for (int fd = files[1]; fd < HIGH; fd++)
		close(fd);
}

static void a_call_that_leaves_nothing_passes(void **state)
{
	for (int i = 0; i < 3; i++)
		assert_int_equal(call(NULL), 0);
	assert_int_equal(kit_log_lines(), 0);
}

static void refused(void (*act)(void), const char *words)
{
	assert_int_equal(call(NULL), 0);
	assert_int_equal(call(act), -EPERM);
	if (!kit_logged(words))
		fail_msg("no \"%s\" in: %s", words, kit_log());
	assert_true(kit_logged("plugin probe: its init "));
	assert_int_equal(kit_log_lines(), 1);
}

static void a_file_left_open_is_refused(void **state)
{
	refused(open_one, "left a file open; files come as parameters");
}

static void a_file_closed_is_refused(void **state)
{
	refused(close_one, "closed a file that is the core's");
}

/* With them go the files that the guard itself keeps open, and the log: in a child. */
static int close_all_there(void *arg)
{
	int saved = dup2(STDERR_FILENO, HIGH);

	guard_begin(); /* the parent's does not hold for another process */
	return saved == HIGH && call(NULL) == 0 && call(close_all) == -EPERM ? 42 : 1;
}

static void a_plugin_that_closes_all_is_refused(void **state)
{
	int status = kit_child(close_all_there, NULL);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 42);
}

static void open_far(void)
{
	assert_int_equal(dup2(files[0], FAR), FAR);
}

/* Above those that are tried one by one. */
static void a_file_far_above_the_others_is_refused(void **state)
{
	struct rlimit old, more;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	more = old;
	if (more.rlim_max <= FAR)
		skip();
	more.rlim_cur = more.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &more), 0);
	refused(open_far, "left a file open");
	close(FAR);
	setrlimit(RLIMIT_NOFILE, &old);
}

/* A folder without a size, as that of open files was before Linux 6.2. */
static void files_are_counted_as_a_list_has_them(void **state)
{
	const int sizeless = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t listed, told;

	assert_true(sizeless >= 0);
	assert_int_equal(open_files_count(sizeless, &listed), 0);
	assert_int_equal(open_files_count(-1, &told), 0);
	assert_int_equal(listed, told);
	close(sizeless);
	assert_int_equal(open_files_count(-1, &told), 0);
	assert_int_equal(listed - 1, told);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_call_that_leaves_nothing_passes, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_file_left_open_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_file_closed_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_plugin_that_closes_all_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		a_file_far_above_the_others_is_refused, setup, teardown),
	    cmocka_unit_test(files_are_counted_as_a_list_has_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
