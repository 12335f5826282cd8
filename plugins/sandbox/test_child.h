/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#ifndef SANDBOX_TEST_CHILD_H
#define SANDBOX_TEST_CHILD_H

#include <errno.h>
#include <sys/types.h>

#include <volt/fake_host.h>

/* A wired host, made anew by test_setup(). */
extern struct fake_host *test_host;
extern const struct volt_plugin volt_plugin_sandbox;

int test_setup(void **state);
int test_teardown(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, test_setup, test_teardown)

const struct volt_sandbox *table(void);

/* The policy that enter_all() enters: write (fd pair[1], below 8 bytes), read (the
 * same fd), ioctl (the same fd, 0xae80) and exit_group for thread 0, the loop;
 * exit_group and getppid for thread 1, a vCPU. */
extern struct volt_policy policy;
extern struct volt_rule loop_rules[4];
extern const struct volt_thread threads[2];
extern int pair[2];
void open_pair(void);
void close_pair(void);

/* Layers off that a test does not want. */
#define ONLY_CAPS (VOLT_POLICY_NO_SECCOMP | VOLT_POLICY_NO_LANDLOCK)

/* In a child: the steps up to enter_process(); what the failing one returned. */
int enter_process(uint32_t flags);
/* In a child: all steps for thread 0, or exit code 99. */
void enter_all(uint32_t flags);
/* In a child: user and group 65534, or exit code 98. */
#define NOBODY 65534
void become_nobody(void);

/* System calls without libc. leave() does not return, but is not declared so: before
 * such a call AddressSanitizer makes system calls of its own. */
long raw(long nr, long a, long b, long c);
void leave(long code);

/* Runs `body` in a child, which leaves with 0 if it returns. */
pid_t start_child(void (*body)(void));
int wait_for(pid_t pid);
/* Both, with a pair open. The wait status. */
int run(void (*body)(void));
void assert_died(int status); /* by SIGSYS */
void assert_left(int status, int code);

/* Skips the test, or fails it under VOLT_MUST_WORK. */
void skip_for(const char *why);
void need_landlock(long abi);
void need_root(void);
long landlock_abi(void); /* of the kernel; negative if it has none */

/* One group each. */
int calls_tests(void);
int compilers_tests(void); /* of a build with libseccomp */
int early_tests(void);
int filter_tests(void);
int privileges_tests(void);
int seccomp_tests(void);
int landlock_tests(void);

#endif
