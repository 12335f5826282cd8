/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * The children in which tests enter the sandbox for good.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "layers.h"
#include "test_child.h"

/* After volt/plugin.h, whose member `fail` is a macro here. */
#include <cmocka.h>

struct fake_host *test_host;

int test_setup(void **state)
{
	test_host = fake_host_create(&volt_plugin_sandbox);
	return fake_host_wire(test_host, NULL);
}

int test_teardown(void **state)
{
	fake_host_destroy(test_host);
	return 0;
}

const struct volt_sandbox *table(void)
{
	return volt_plugin_sandbox.get_ext(VOLT_EXT_SANDBOX);
}

long raw(long nr, long a, long b, long c)
{
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return ret;
}

void leave(long code)
{
	for (;;)
		raw(SYS_exit_group, code, 0, 0);
}

int pair[2]; /* a socket pair that the rules below name */

struct volt_rule loop_rules[4] = {
    {"write", "core", "the peer", 2, 0,
	{{0, VOLT_TEST_EQ, 0, 0, 0, 0}, {2, VOLT_TEST_MASKED_EQ, 0, 0, 0, ~(uint64_t)7}}},
    {"read", "core", "the peer", 1, 0, {{0, VOLT_TEST_EQ, 0, 0, 0, 0}}},
    {"ioctl", "core", "a request", 2, 0,
	{{0, VOLT_TEST_EQ, 0, 0, 0, 0}, {1, VOLT_TEST_EQ, 0, 0, 0xae80, 0}}},
    {"exit_group", "core", "the end", 0, 0, {{0}}},
};
static struct volt_rule vcpu_rules[] = {
    {"exit_group", "core", "the end", 0, 0, {{0}}},
    {"getppid", "core", "a call of this role only", 0, 0, {{0}}},
};
const struct volt_thread threads[] = {
    {VOLT_ROLE_LOOP, 0, "loop", loop_rules, sizeof(loop_rules[0]), 0, 4},
    {VOLT_ROLE_VCPU, 0, "vcpu0", vcpu_rules, sizeof(vcpu_rules[0]), 0,
	sizeof(vcpu_rules) / sizeof(vcpu_rules[0])},
};
struct volt_policy policy = {
    .size = sizeof(policy),
    .thread_stride = sizeof(threads[0]),
    .thread_count = 2,
    .threads = threads,
};

void open_pair(void)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		abort();
	for (int i = 0; i < 3; i++)
		loop_rules[i].tests[0].value = (uint64_t)pair[1];
	policy.max_fd = (uint32_t)(pair[0] > pair[1] ? pair[0] : pair[1]);
}

void close_pair(void)
{
	close(pair[0]);
	close(pair[1]);
}

int enter_process(uint32_t flags)
{
	void *self = fake_host_self(test_host);
	int err = table()->enter_early(self, flags);

	policy.flags = flags;
	if (err)
		return err;
	err = table()->prepare(self, &policy);
	return err ? err : table()->enter_process(self);
}

void enter_all(uint32_t flags)
{
	if (enter_process(flags) || table()->enter_thread(fake_host_self(test_host), 0)) {
		fprintf(stderr, "not entered: %s\n", fake_host_message(test_host));
		_exit(99);
	}
}

pid_t start_child(void (*body)(void))
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		body();
		leave(0);
	}
	return pid;
}

int wait_for(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

int run(void (*body)(void))
{
	int status;

	open_pair();
	status = wait_for(start_child(body));
	close_pair();
	return status;
}

void assert_died(int status)
{
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
		fail_msg("wait status 0x%x, not killed by SIGSYS", status);
}

void assert_left(int status, int code)
{
	if (!WIFEXITED(status) || WEXITSTATUS(status) != code)
		fail_msg("wait status 0x%x, not exit code %d", status, code);
}

void skip_for(const char *why)
{
	print_message("skipped: %s\n", why);
	if (getenv("VOLT_MUST_WORK"))
		fail_msg("%s, and VOLT_MUST_WORK is set", why);
	skip();
}

long landlock_abi(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
}

void need_landlock(long abi)
{
	if (landlock_abi() < abi)
		skip_for("the kernel's Landlock is too old");
}

void need_root(void)
{
	if (geteuid() != 0)
		skip_for("needs root");
}

void become_nobody(void)
{
	if (setgid(NOBODY) || setuid(NOBODY))
		leave(98);
}
