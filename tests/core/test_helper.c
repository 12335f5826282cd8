/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* The process that tidies up: volt, here a child, ends in every way, SIGKILL among them. */
#include "tests/core/kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "core/event/helper.h"

static int master, slave, words[2];
static struct termios before;
static const char *path;
static pid_t volt;

static int setup(void **state)
{
	int err = openpty(&master, &slave, NULL, NULL, NULL) | pipe2(words, O_CLOEXEC);

	signal(SIGPIPE, SIG_IGN);
	tcgetattr(slave, &before);
	path = kit_path("socket");
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	return err;
}

static int teardown(void **state)
{
	close(master);
	close(slave);
	close(words[0]);
	close(words[1]);
	kit_remove_dir();
	return 0;
}

/* As a volt with a terminal and a socket does before and after the seal. */
static void run_volt(void)
{
	struct termios raw = before;

	dup2(slave, STDIN_FILENO);
	helper_restore_terminal(&before);
	if (helper_unlink_at_end(path) != 0 || helper_start() != 0 || helper_fd() < 0)
		_exit(1);
	cfmakeraw(&raw);
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) != 0)
		_exit(2);
}

static void start(void (*after)(void))
{
	char word;

	volt = fork();
	if (volt == 0) {
		alarm(20);
		run_volt();
		(void)!write(words[1], "r", 1);
		after();
		_exit(0);
	}
	assert_int_equal(read(words[0], &word, 1), 1);
}

static void wait_for_ever(void)
{
	for (;;)
		pause();
}

static int end_status(void)
{
	int status;

	assert_int_equal(waitpid(volt, &status, 0), volt);
	return status;
}

static bool is_tidy(void)
{
	struct termios now;

	return access(path, F_OK) != 0 && tcgetattr(slave, &now) == 0 &&
	       now.c_lflag == before.c_lflag && now.c_iflag == before.c_iflag &&
	       now.c_oflag == before.c_oflag;
}

static void becomes_tidy(void)
{
	while (!is_tidy()) /* or the test's own limit ends it */
		usleep(1000);
}

/* The child of `parent` that is called volt-helper, or 0. */
static pid_t find_helper(pid_t parent)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	pid_t found = 0;

	while (found == 0 && (e = readdir(d))) {
		char file[300];

		snprintf(file, sizeof(file), "/proc/%s/stat", e->d_name);
		/* pid (name) state parent ... */
		const char *name = strstr(kit_file(file, NULL), "(volt-helper) ");
		if (name && strtol(name + 16, NULL, 10) == parent)
			found = (pid_t)strtol(e->d_name, NULL, 10);
	}
	closedir(d);
	return found;
}

/* ------------------------------------------------------------------------ ends */

static void a_killed_volt_leaves_no_socket_and_a_sane_terminal(void **state)
{
	start(wait_for_ever);
	assert_false(is_tidy());
	kill(volt, SIGKILL);
	assert_int_equal(WTERMSIG(end_status()), SIGKILL);
	becomes_tidy();
}

static void leave(void)
{
	_exit(0);
}

static void an_exit_without_a_word_is_tidied_too(void **state)
{
	start(leave);
	end_status();
	becomes_tidy();
}

static void finish(void)
{
	helper_finish(NULL);
}

static void finish_returns_when_all_is_tidy(void **state)
{
	start(finish);
	assert_int_equal(end_status(), 0);
	assert_true(is_tidy());
}

static void a_group_wide_interrupt_does_not_end_the_helper(void **state)
{
	pid_t helper = 0;

	start(wait_for_ever);
	while ((helper = find_helper(volt)) == 0)
		usleep(1000);
	kill(helper, SIGINT);
	kill(helper, SIGHUP);
	kill(helper, SIGTERM);
	assert_false(is_tidy());
	kill(volt, SIGKILL);
	end_status();
	becomes_tidy();
}

static unsigned count_files(const char *folder, int *highest)
{
	unsigned count = 0;
	struct dirent *e;
	DIR *d = opendir(folder);

	assert_non_null(d);
	for (*highest = 0; (e = readdir(d));) {
		const int number = (int)strtol(e->d_name, NULL, 10);

		if (e->d_name[0] == '.')
			continue;
		*highest = number > *highest ? number : *highest;
		count++;
	}
	closedir(d);
	return count;
}

static void the_helper_holds_only_its_own_descriptors(void **state)
{
	pid_t helper = 0;
	char folder[32];
	unsigned count = 0;
	int highest = 0;

	start(wait_for_ever);
	while ((helper = find_helper(volt)) == 0)
		usleep(1000);
	snprintf(folder, sizeof(folder), "/proc/%d/fd", helper);
	/* Its name comes before it closes the rest. */
	do
		count = count_files(folder, &highest);
	while (count > 6 || highest > 5);
	/* The standard ones, the pair, and the two logs. */
	assert_in_range(count, 4, 6);
	assert_in_range(highest, 3, 5);
	kill(volt, SIGKILL);
	end_status();
	becomes_tidy();
}

/* ------------------------------------------------------ in a child, to its end */

static int without_a_charge(void *arg)
{
	return helper_start() != 0 || helper_fd() != -1;
}

static void without_a_charge_there_is_no_process(void **state)
{
	assert_int_equal(kit_child(without_a_charge, NULL), 0);
}

static int finish_before_start(void *arg)
{
	int err = helper_unlink_at_end(path);

	helper_finish(NULL);
	return err || access(path, F_OK) == 0;
}

static void a_failed_start_is_tidied_by_the_caller(void **state)
{
	assert_int_equal(kit_child(finish_before_start, NULL), 0);
}

static int change_folder(void *arg)
{
	/* What was named is removed, not what has its name elsewhere. */
	if (chdir(arg) != 0 || helper_unlink_at_end("socket") != 0 || chdir("/") != 0)
		return 1;
	helper_finish(NULL);
	return access(path, F_OK) == 0;
}

static void a_relative_path_is_made_whole(void **state)
{
	char folder[128];

	snprintf(folder, sizeof(folder), "%s", path);
	*strrchr(folder, '/') = '\0';
	assert_int_equal(kit_child(change_folder, folder), 0);
}

static int change_flags(void *arg)
{
	int pair[2], flags;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 || dup2(pair[0], STDOUT_FILENO) < 0)
		return 1;
	flags = fcntl(STDOUT_FILENO, F_GETFL);
	helper_restore_flags(STDOUT_FILENO, flags);
	if (helper_start() != 0 || fcntl(STDOUT_FILENO, F_SETFL, flags | O_NONBLOCK) != 0)
		return 2;
	helper_finish(NULL);
	return fcntl(STDOUT_FILENO, F_GETFL) == flags ? 0 : 3;
}

static void flags_of_standard_output_are_restored(void **state)
{
	assert_int_equal(kit_child(change_flags, NULL), 0);
}

static int too_many_paths(void *arg)
{
	for (unsigned i = 0; i < STREAM_MAX; i++)
		if (helper_unlink_at_end(path) != 0)
			return 1;
	return helper_unlink_at_end(path) < 0 ? 0 : 2;
}

static void as_many_paths_as_streams_are_kept(void **state)
{
	assert_int_equal(kit_child(too_many_paths, NULL), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_killed_volt_leaves_no_socket_and_a_sane_terminal),
	    TEST(an_exit_without_a_word_is_tidied_too),
	    TEST(finish_returns_when_all_is_tidy),
	    TEST(a_group_wide_interrupt_does_not_end_the_helper),
	    TEST(the_helper_holds_only_its_own_descriptors),
	    TEST(without_a_charge_there_is_no_process),
	    TEST(a_failed_start_is_tidied_by_the_caller),
	    TEST(a_relative_path_is_made_whole),
	    TEST(flags_of_standard_output_are_restored),
	    TEST(as_many_paths_as_streams_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
