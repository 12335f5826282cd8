/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * A sandbox is entered in processes of its own, with a policy that allows one thread to
 * end and little else: what is allowed must work, what is not must kill.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cases.h"

#define COULD_NOT 77

static const struct volt_rule rules[] = {
    {.syscall = "exit_group", .asked_by = "the check", .reason = "ends the process"},
    {.syscall = "getppid", .asked_by = "the check", .reason = "shows that it works"},
};
static const struct volt_thread threads[] = {
    {
	.role = VOLT_ROLE_LOOP,
	.name = "loop",
	.rules = rules,
	.rule_stride = sizeof(rules[0]),
	.rule_count = sizeof(rules) / sizeof(rules[0]),
    },
};
static const struct volt_policy policy = {
    .size = sizeof(policy),
    .thread_stride = sizeof(threads[0]),
    .thread_count = 1,
    .threads = threads,
    .max_fd = 255,
};

/* No libc between the filter and the end: its own calls are not the question. */
static long call(long nr)
{
	long value;

	__asm__ volatile("syscall"
			 : "=a"(value)
			 : "a"(nr), "D"(0L), "S"(0L), "d"(0L)
			 : "rcx", "r11", "memory");
	return value;
}

static void enter(struct check *c, struct fake_host *f, long nr)
{
	const struct volt_sandbox *s = c->plugin->get_ext(VOLT_EXT_SANDBOX);
	void *self = fake_host_self(f);

	if (s->enter_early(self, 0) || s->prepare(self, &policy) || s->enter_process(self) ||
	    s->enter_thread(self, 0)) {
		snprintf(c->shared->result.why, sizeof(c->shared->result.why), "%s",
		    fake_host_message(f));
		_exit(COULD_NOT);
	}
	call(nr);
	call(SYS_exit_group);
}

static int run(struct check *c, long nr)
{
	pid_t pid;
	int status = 0;

	check_step(c, "system call %ld under it", nr);
	pid = fork();
	if (pid == 0)
		enter(c, check_wired(c), nr);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		check_fail(c, "no process to enter it in: %s", strerror(errno));
	if (WIFEXITED(status) && WEXITSTATUS(status) == COULD_NOT)
		check_fail(c, "it cannot be entered: %s", c->shared->result.why);
	return status;
}

void case_sandbox(struct check *c)
{
	static const struct {
		long nr;
		const char *name;
	} forbidden[] = {{SYS_getpid, "getpid"}, {SYS_execve, "execve"}, {SYS_openat, "openat"},
	    {SYS_socket, "socket"}, {SYS_mmap, "mmap"}, {SYS_clone, "clone"}};
	int status = run(c, SYS_getppid);

	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		check_fail(c, "getppid, which the policy allows, does not work under it");
	for (unsigned i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
		status = run(c, forbidden[i].nr);
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			check_fail(c, "%s, which no rule allows, does not kill under it",
			    forbidden[i].name);
	}
}
