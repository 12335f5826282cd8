/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Limits, order of the steps, reports; and main() for all tests of the sandbox.
 *
 * The sandbox is entered for good in a child per test. What runs under the seal makes
 * raw system calls only, as the sanitizers' own code needs calls that no policy has.
 * Each layer is tested with the others off; a negative control shows that the same act
 * succeeds without it.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "layers.h"
#include "test_child.h"

/* After volt/plugin.h, whose member `fail` is a macro here. */
#include <cmocka.h>

#define GET_MDWE 66 /* PR_GET_MDWE, Linux 6.3 */

static void use_up_fds(void)
{
	enter_all(ONLY_CAPS);
	leave(raw(SYS_dup, 0, 0, 0) == -EMFILE ? 7 : 8);
}

static void no_file_descriptor_is_left_above_the_highest(void **state)
{
	bool full = true;

	open_pair();
	for (uint32_t fd = 0; fd <= policy.max_fd; fd++)
		full &= fcntl((int)fd, F_GETFD) >= 0 || dup2(pair[0], (int)fd) >= 0;
	assert_true(full);
	assert_left(wait_for(start_child(use_up_fds)), 7);
	close_pair();
}

static void fork_as_nobody(void)
{
	become_nobody();
	enter_all(ONLY_CAPS);
	leave(raw(SYS_fork, 0, 0, 0) == -EAGAIN ? 7 : 8);
}

/* HOLDS(security) */
static void no_process_can_be_made_after_the_loop_has_entered(void **state)
{
	need_root();
	assert_left(run(fork_as_nobody), 7);
}

static void make_memory_executable(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	enter_all(ONLY_CAPS);
	leave(raw(SYS_mprotect, (long)page, 4096, PROT_READ | PROT_EXEC) == -EACCES ? 7 : 8);
}

static void no_memory_becomes_executable(void **state)
{
	if (prctl(GET_MDWE, 0, 0, 0, 0) < 0)
		skip_for("the kernel has no PR_SET_MDWE");
	assert_left(run(make_memory_executable), 7);
}

static void ask_for_dumpable_and_core(void)
{
	struct rlimit core = {1, 1};

	enter_all(ONLY_CAPS);
	raw(SYS_getrlimit, RLIMIT_CORE, (long)&core, 0);
	leave(raw(SYS_prctl, PR_GET_DUMPABLE, 0, 0) == 0 && core.rlim_max == 0 ? 7 : 8);
}

static void process_leaves_no_core_and_is_not_dumpable(void **state)
{
	assert_left(run(ask_for_dumpable_and_core), 7);
}

/* The core loads plugins from a memfd after enter_early. */
static void reopen_a_memfd(void)
{
	char path[64];
	int fd;

	become_nobody();
	fd = memfd_create("plugin", 0);
	if (table()->enter_early(fake_host_self(test_host), 0))
		leave(1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	leave(open(path, O_RDONLY | O_CLOEXEC) >= 0 ? 7 : 8);
}

/* HOLDS(security) */
static void own_memfd_can_be_reopened_after_the_early_filter(void **state)
{
	need_root();
	assert_left(run(reopen_a_memfd), 7);
}

/* ---------------------------------------------------- order and reports */

/* HOLDS(security) */
static void steps_out_of_order_are_refused(void **state)
{
	void *self = fake_host_self(test_host);

	assert_int_equal(table()->prepare(self, &policy), -EINVAL);
	assert_int_equal(table()->enter_process(self), -EINVAL);
	assert_int_equal(table()->enter_thread(self, 0), -EINVAL);
	assert_non_null(strstr(fake_host_message(test_host), "enter_thread"));
}

static void enter_unknown_thread(void)
{
	if (enter_process(ONLY_CAPS))
		leave(1);
	leave(table()->enter_thread(fake_host_self(test_host), 2) == -EINVAL ? 7 : 8);
}

static void thread_outside_the_policy_is_refused(void **state)
{
	assert_left(run(enter_unknown_thread), 7);
}

static void count_what_was_built(void)
{
	struct volt_sandbox_report r = {.size = sizeof(r)};
	void *self = fake_host_self(test_host);

	policy.flags = 0;
	if (table()->enter_early(self, 0) || table()->prepare(self, &policy))
		leave(1);
	table()->report(self, &r);
	leave(r.syscalls == 5 && r.instructions > 20 && r.landlock_abi == 0 ? 7 : 8);
}

static void report_counts_calls_and_instructions(void **state)
{
	assert_left(run(count_what_was_built), 7);
}

static void report_to_an_older_host(void)
{
	struct volt_sandbox_report r = {.size = offsetof(struct volt_sandbox_report, instructions)};

	r.instructions = 0x5a5a5a5a;
	if (enter_process(ONLY_CAPS))
		leave(1);
	table()->report(fake_host_self(test_host), &r);
	leave(r.instructions == 0x5a5a5a5a ? 7 : 8);
}

static void report_never_passes_the_hosts_size(void **state)
{
	assert_left(run(report_to_an_older_host), 7);
}

/* 64 vCPUs with eight rules each, which differ in the fd of the first. */
static void prepare_64_vcpus(void)
{
	static struct volt_rule of[64][8];
	static struct volt_thread many[64];
	void *self = fake_host_self(test_host);
	struct volt_sandbox_report r = {.size = sizeof(r)};

	for (unsigned i = 0; i < 64; i++) {
		for (unsigned j = 0; j < 8; j++)
			of[i][j] = loop_rules[j % 3];
		of[i][0].tests[0].value = 100 + i;
		many[i] = threads[1];
		many[i].rules = of[i];
		many[i].rule_count = 8;
	}
	policy.threads = many;
	policy.thread_count = 64;
	if (table()->enter_early(self, 0))
		leave(1);
	if (table()->prepare(self, &policy))
		leave(2);
	table()->report(self, &r);
	fprintf(stderr, "64 vCPUs have %u instructions\n", (unsigned)r.instructions);
	leave(r.instructions > 64 * 8 && r.instructions < 64 * 80 ? 7 : 8);
}

/* HOLDS(security) */
static void filters_of_64_vcpus_are_compiled(void **state)
{
	assert_left(run(prepare_64_vcpus), 7);
}

static void other_extensions_are_not_offered(void **state)
{
	assert_null(volt_plugin_sandbox.get_ext("volt.irqchip/1"));
	assert_non_null(table());
}

static int limits_tests(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(no_file_descriptor_is_left_above_the_highest),
	    TEST(no_process_can_be_made_after_the_loop_has_entered),
	    TEST(no_memory_becomes_executable),
	    TEST(process_leaves_no_core_and_is_not_dumpable),
	    TEST(own_memfd_can_be_reopened_after_the_early_filter),
	    TEST(steps_out_of_order_are_refused),
	    TEST(thread_outside_the_policy_is_refused),
	    TEST(report_counts_calls_and_instructions),
	    TEST(report_never_passes_the_hosts_size),
	    TEST(filters_of_64_vcpus_are_compiled),
	    TEST(other_extensions_are_not_offered),
	};

	return cmocka_run_group_tests_name("sandbox", tests, NULL, NULL);
}

int main(void)
{
	int failed = 0;

#ifdef SANDBOX_LIBSECCOMP
	failed += compilers_tests();
#endif
	return failed + calls_tests() + early_tests() + filter_tests() + privileges_tests() +
	       seccomp_tests() + landlock_tests() + limits_tests();
}
