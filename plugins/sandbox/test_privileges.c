/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * What /proc says of a sealed process, and that nothing of it can be undone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "layers.h"
#include "test_child.h"

/* After volt/plugin.h, whose member `fail` is a macro here. */
#include <cmocka.h>

static void status_line(pid_t pid, const char *key, char *value, size_t size)
{
	char path[64], line[256];
	FILE *f;

	value[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ':')
			snprintf(value, size, "%s", line + strlen(key) + 2);
	fclose(f);
	value[strcspn(value, "\n")] = '\0';
}

static void assert_status(pid_t pid, const char *key, const char *want)
{
	char value[64];

	status_line(pid, key, value, sizeof(value));
	if (strcmp(value, want) != 0)
		fail_msg("%s is %s, not %s", key, value, want);
}

#define NO_CAPS "0000000000000000"

/* Says that it is sealed and waits to be let go. */
static void report_and_wait(void)
{
	char byte = 's';

	raw(SYS_write, pair[1], (long)&byte, 1);
	raw(SYS_read, pair[1], (long)&byte, 1);
}

static pid_t start_and_await_seal(void (*body)(void))
{
	char byte = 0;
	pid_t pid;

	open_pair();
	pid = start_child(body);
	if (recv(pair[0], &byte, 1, 0) != 1 || byte != 's')
		fail_msg("the child did not report");
	return pid;
}

static void let_go(pid_t pid)
{
	assert_int_equal(write(pair[0], "g", 1), 1);
	assert_left(wait_for(pid), 0);
	close_pair();
}

static void seal_and_report(void)
{
	enter_all(0);
	report_and_wait();
}

/* HOLDS(security) */
static void status_of_a_root_process_shows_every_layer(void **state)
{
	pid_t pid;

	need_root();
	need_landlock(1);
	pid = start_and_await_seal(seal_and_report);

	assert_status(pid, "CapInh", NO_CAPS);
	assert_status(pid, "CapPrm", NO_CAPS);
	assert_status(pid, "CapEff", NO_CAPS);
	assert_status(pid, "CapBnd", NO_CAPS);
	assert_status(pid, "CapAmb", NO_CAPS);
	assert_status(pid, "NoNewPrivs", "1");
	assert_status(pid, "Seccomp", "2");
	let_go(pid);
}

static void seal_as_nobody_and_report(void)
{
	become_nobody();
	enter_all(0);
	report_and_wait();
}

static void status_of_an_unprivileged_process_keeps_only_bounding(void **state)
{
	char bounding[64];
	pid_t pid;

	need_root();
	need_landlock(1);
	pid = start_and_await_seal(seal_as_nobody_and_report);

	status_line(pid, "CapBnd", bounding, sizeof(bounding));
	assert_string_not_equal(bounding, NO_CAPS);
	assert_status(pid, "CapInh", NO_CAPS);
	assert_status(pid, "CapPrm", NO_CAPS);
	assert_status(pid, "CapEff", NO_CAPS);
	assert_status(pid, "CapAmb", NO_CAPS);
	assert_status(pid, "NoNewPrivs", "1");
	assert_status(pid, "Seccomp", "2");
	let_go(pid);
}

static void check_words_as_root(void)
{
	struct volt_sandbox_report r = {.size = sizeof(r)};

	enter_process(ONLY_CAPS);
	table()->report(fake_host_self(test_host), &r);
	leave(strcmp(r.capabilities, "all sets empty") != 0);
}

static void check_words_as_nobody(void)
{
	struct volt_sandbox_report r = {.size = sizeof(r)};

	become_nobody();
	enter_process(ONLY_CAPS);
	table()->report(fake_host_self(test_host), &r);
	leave(strstr(r.capabilities, "but bounding") == NULL);
}

static void report_says_which_capability_sets_are_empty(void **state)
{
	need_root();
	assert_left(run(check_words_as_root), 0);
	assert_left(run(check_words_as_nobody), 0);
}

static void try_to_regain_power(void)
{
	enter_all(ONLY_CAPS);
	if (raw(SYS_prctl, PR_CAPBSET_READ, 0, 0) != 0)
		leave(1);
	if (raw(SYS_prctl, PR_SET_SECUREBITS, 0, 0) != -EPERM)
		leave(2);
	if (raw(SYS_prctl, PR_SET_KEEPCAPS, 1, 0) != -EPERM)
		leave(3);
	if (raw(SYS_setuid, NOBODY, 0, 0) != -EPERM)
		leave(4);
}

static void root_without_capabilities_cannot_regain_them(void **state)
{
	need_root();
	assert_left(run(try_to_regain_power), 0);
}

int privileges_tests(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(status_of_a_root_process_shows_every_layer),
	    TEST(status_of_an_unprivileged_process_keeps_only_bounding),
	    TEST(report_says_which_capability_sets_are_empty),
	    TEST(root_without_capabilities_cannot_regain_them),
	};

	return cmocka_run_group_tests_name("sandbox privileges", tests, NULL, NULL);
}
