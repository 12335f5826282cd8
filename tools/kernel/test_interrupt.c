/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Signals while a child is made: they end both, at whatever moment they come. Each test runs in a
 * process of its own, as handlers stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/kernel/commands.h"
#include "tools/kernel/interrupt.h"
#include "tools/kernel/say.h"

/* The signal that ended the child; 0: it ended by itself. */
static int wait_for(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		continue; /* EINTR */
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* What runs before a program is one, for so long that a busy machine's parent comes first. */
static _Noreturn void wait_to_be_ended(void)
{
	poll(NULL, 0, 20000);
	_exit(0);
}

static _Noreturn void come_late(void)
{
	poll(NULL, 0, 200);
	_exit(0);
}

static void in_a_process(bool (*is_good)(void))
{
	pid_t child = fork();

	if (child == 0) {
		/* A shell's background job was started to ignore them. */
		signal(SIGINT, SIG_DFL);
		signal(SIGQUIT, SIG_DFL);
		_exit(is_good() ? 42 : 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 42);
}

static bool earlier(void)
{
	interrupt_catch();
	raise(SIGTERM);
	pid_t child = interrupt_fork();
	if (child == 0)
		wait_to_be_ended();
	return wait_for(child) == SIGTERM && interrupt_came() == SIGTERM;
}

static void one_that_came_before_ends_the_child(void **state)
{
	in_a_process(earlier);
}

static bool at_once(void)
{
	interrupt_catch();
	pid_t child = interrupt_fork();
	if (child == 0)
		wait_to_be_ended();
	raise(SIGQUIT);
	return wait_for(child) == SIGQUIT && interrupt_came() == SIGQUIT;
}

static void one_that_comes_before_the_child_is_a_program_ends_it(void **state)
{
	in_a_process(at_once);
}

static bool ignored(void)
{
	signal(SIGHUP, SIG_IGN);
	interrupt_catch();
	pid_t child = interrupt_fork();
	if (child == 0) {
		raise(SIGHUP);
		_exit(0);
	}
	raise(SIGHUP);
	return wait_for(child) == 0 && interrupt_came() == 0;
}

static void one_that_is_ignored_is_so_in_the_child(void **state)
{
	in_a_process(ignored);
}

static bool alone(void)
{
	interrupt_catch();
	pid_t child = interrupt_fork();
	if (child == 0)
		come_late();
	interrupt_child_is_gone(); /* so it is said */
	raise(SIGINT);
	return wait_for(child) == 0 && interrupt_came() == SIGINT;
}

static void a_child_that_is_gone_gets_none(void **state)
{
	in_a_process(alone);
}

static bool between(void)
{
	static char word[] = "/nowhere", *words[] = {word, NULL};
	static struct request request = {.args = words, .count = 1};

	interrupt_catch();
	raise(SIGTERM);
	return command_import(&request) == SAY_FAILED;
}

/* It came when one kernel was done and the next not begun. */
static void what_is_not_begun_any_more_is_not_done(void **state)
{
	in_a_process(between);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_that_came_before_ends_the_child),
	    cmocka_unit_test(one_that_comes_before_the_child_is_a_program_ends_it),
	    cmocka_unit_test(one_that_is_ignored_is_so_in_the_child),
	    cmocka_unit_test(a_child_that_is_gone_gets_none),
	    cmocka_unit_test(what_is_not_begun_any_more_is_not_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
