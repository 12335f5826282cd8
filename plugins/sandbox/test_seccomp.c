/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * The filters in force: what the rules allow lives, anything else dies.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "layers.h"
#include "test_child.h"

/* After volt/plugin.h, whose member `fail` is a macro here. */
#include <cmocka.h>

static long raw_int80_getpid(void)
{
	long ret;

	__asm__ volatile("int $0x80" : "=a"(ret) : "a"(20L) : "memory");
	return ret;
}

static void do_allowed(void)
{
	enter_all(VOLT_POLICY_NO_LANDLOCK);
	leave(raw(SYS_write, pair[1], (long)"1234567", 7) == 7 ? 7 : 8);
}

static void do_wrong_fd(void)
{
	enter_all(VOLT_POLICY_NO_LANDLOCK);
	raw(SYS_write, pair[0], (long)"1", 1);
}

static void do_wrong_upper_half(void)
{
	enter_all(VOLT_POLICY_NO_LANDLOCK);
	raw(SYS_write, pair[1] | 1L << 32, (long)"1", 1);
}

static void do_long_write(void)
{
	enter_all(VOLT_POLICY_NO_LANDLOCK);
	raw(SYS_write, pair[1], (long)"12345678", 8);
}

static void do_right_request(void)
{
	enter_all(VOLT_POLICY_NO_LANDLOCK);
	leave(raw(SYS_ioctl, pair[1], (long)0xffffffff0000ae80, 0) == -ENOTTY ? 7 : 8);
}

static void do_wrong_request(void)
{
	enter_all(VOLT_POLICY_NO_LANDLOCK);
	raw(SYS_ioctl, pair[1], 0xae81, 0);
}

static void do_unlisted(void)
{
	enter_all(VOLT_POLICY_NO_LANDLOCK);
	raw(SYS_getpid, 0, 0, 0);
}

static void do_x32(void)
{
	enter_all(VOLT_POLICY_NO_LANDLOCK);
	raw(0x40000000 | SYS_exit_group, 0, 0, 0);
}

static void do_int80(void)
{
	enter_all(VOLT_POLICY_NO_LANDLOCK);
	raw_int80_getpid();
}

static void allowed_call_lives(void **state)
{
	assert_left(run(do_allowed), 7);
}

static void call_on_another_fd_dies(void **state)
{
	assert_died(run(do_wrong_fd));
}

static void fd_with_bits_above_32_dies(void **state)
{
	assert_died(run(do_wrong_upper_half));
}

/* HOLDS(security) */
static void argument_above_its_limit_dies(void **state)
{
	assert_died(run(do_long_write));
}

static void sign_extended_ioctl_request_is_the_same_request(void **state)
{
	assert_left(run(do_right_request), 7);
}

/* HOLDS(security) */
static void other_ioctl_request_dies(void **state)
{
	assert_died(run(do_wrong_request));
}

/* HOLDS(security) */
static void call_that_nobody_asked_for_dies(void **state)
{
	assert_died(run(do_unlisted));
}

/* HOLDS(security) */
static void x32_call_dies(void **state)
{
	assert_died(run(do_x32));
}

/* HOLDS(security) */
static void int80_call_dies(void **state)
{
	assert_died(run(do_int80));
}

static void do_unlisted_logged(void)
{
	enter_all(VOLT_POLICY_NO_LANDLOCK | VOLT_POLICY_LOG);
	leave(raw(SYS_getpid, 0, 0, 0) > 0 ? 7 : 8);
}

static void do_int80_logged(void)
{
	enter_all(VOLT_POLICY_NO_LANDLOCK | VOLT_POLICY_LOG);
	raw_int80_getpid();
}

static void log_mode_survives_what_enforcing_kills(void **state)
{
	assert_left(run(do_unlisted_logged), 7);
}

/* HOLDS(security) */
static void log_mode_still_kills_other_architectures(void **state)
{
	assert_died(run(do_int80_logged));
}

static void do_unlisted_unfiltered(void)
{
	enter_all(ONLY_CAPS);
	leave(raw(SYS_getpid, 0, 0, 0) > 0 ? 7 : 8);
}

static void without_seccomp_the_same_call_lives(void **state)
{
	assert_left(run(do_unlisted_unfiltered), 7);
}

/* A vCPU thread made after enter_process, sealed by its own rules. */
static void *vcpu_thread(void *arg)
{
	if (table()->enter_thread(fake_host_self(test_host), 1))
		leave(97);
	raw(SYS_getppid, 0, 0, 0);
	if (arg)
		raw(SYS_write, pair[1], (long)"1", 1); /* the loop's, not a vCPU's */
	leave(7);
	return NULL;
}

static void run_vcpu(void *arg)
{
	pthread_t thread;

	if (enter_process(VOLT_POLICY_NO_LANDLOCK))
		leave(95);
	if (pthread_create(&thread, NULL, vcpu_thread, arg))
		leave(96);
	pthread_join(thread, NULL);
}

static void do_vcpu(void)
{
	run_vcpu(NULL);
}

static void do_vcpu_as_loop(void)
{
	run_vcpu(pair);
}

/* HOLDS(security) */
static void thread_made_after_enter_process_has_its_own_rules(void **state)
{
	assert_left(run(do_vcpu), 7);
}

/* HOLDS(security) */
static void thread_using_another_roles_rule_dies(void **state)
{
	assert_died(run(do_vcpu_as_loop));
}

int seccomp_tests(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(allowed_call_lives),
	    TEST(call_on_another_fd_dies),
	    TEST(fd_with_bits_above_32_dies),
	    TEST(argument_above_its_limit_dies),
	    TEST(sign_extended_ioctl_request_is_the_same_request),
	    TEST(other_ioctl_request_dies),
	    TEST(call_that_nobody_asked_for_dies),
	    TEST(x32_call_dies),
	    TEST(int80_call_dies),
	    TEST(log_mode_survives_what_enforcing_kills),
	    TEST(log_mode_still_kills_other_architectures),
	    TEST(without_seccomp_the_same_call_lives),
	    TEST(thread_made_after_enter_process_has_its_own_rules),
	    TEST(thread_using_another_roles_rule_dies),
	};

	return cmocka_run_group_tests_name("sandbox seccomp", tests, NULL, NULL);
}
