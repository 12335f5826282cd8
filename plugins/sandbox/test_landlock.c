/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Landlock alone: seccomp is off, so that what is refused is refused by it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "layers.h"
#include "test_child.h"

/* After volt/plugin.h, whose member `fail` is a macro here. */
#include <cmocka.h>

static long try_open(const char *path, long flags)
{
	return raw(SYS_open, (long)path, flags, 0600);
}

static void open_files(void)
{
	policy.max_fd += 4; /* else the limit would answer first */
	enter_all(VOLT_POLICY_NO_SECCOMP);
	if (try_open("/etc/passwd", O_RDONLY) != -EACCES)
		leave(1);
	if (try_open("/proc/self/mem", O_RDWR) != -EACCES)
		leave(2);
	if (try_open("/dev/null", O_RDWR) != -EACCES)
		leave(3);
	if (try_open("/tmp/volt-test-must-not-exist", O_RDWR | O_CREAT) != -EACCES)
		leave(4);
	if (raw(SYS_mkdir, (long)"/tmp/volt-test-must-not-exist", 0700, 0) != -EACCES)
		leave(5);
}

static void open_without_landlock(void)
{
	enter_all(ONLY_CAPS);
	leave(try_open("/dev/null", O_RDWR) >= 0 ? 7 : 8);
}

static void no_file_can_be_opened_even_without_seccomp(void **state)
{
	need_landlock(1);
	assert_left(run(open_files), 0);
}

static void without_landlock_the_same_open_succeeds(void **state)
{
	open_pair();
	policy.max_fd += 4; /* room for the new one */
	assert_left(wait_for(start_child(open_without_landlock)), 7);
	close_pair();
}

static int tcp_fd, unix_fd;

static long tcp_connect(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = 0x0100};

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return raw(SYS_connect, tcp_fd, (long)&to, sizeof(to));
}

static long tcp_bind(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = 0x3930};

	return raw(SYS_bind, tcp_fd, (long)&to, sizeof(to));
}

static void use_tcp(void)
{
	tcp_fd = socket(AF_INET, SOCK_STREAM, 0);
	policy.max_fd = (uint32_t)tcp_fd;
	enter_all(VOLT_POLICY_NO_SECCOMP);
	leave(tcp_connect() == -EACCES && tcp_bind() == -EACCES ? 7 : 8);
}

static void use_tcp_without_landlock(void)
{
	tcp_fd = socket(AF_INET, SOCK_STREAM, 0);
	policy.max_fd = (uint32_t)tcp_fd;
	enter_all(ONLY_CAPS);
	leave(tcp_connect() == -EACCES ? 8 : 7);
}

static void no_tcp_port_can_be_used(void **state)
{
	need_landlock(4);
	assert_left(run(use_tcp), 7);
	assert_left(run(use_tcp_without_landlock), 7);
}

static void reach_out(void)
{
	static const struct sockaddr_un to = {AF_UNIX, "\0volt-test-abstract"};

	unix_fd = socket(AF_UNIX, SOCK_STREAM, 0);
	policy.max_fd = (uint32_t)unix_fd;
	enter_all(VOLT_POLICY_NO_SECCOMP);
	if (raw(SYS_connect, unix_fd, (long)&to, sizeof(to)) != -EPERM)
		leave(1);
	if (raw(SYS_kill, raw(SYS_getppid, 0, 0, 0), 0, 0) != -EPERM)
		leave(2);
}

static void no_abstract_socket_and_no_foreign_process_can_be_reached(void **state)
{
	static const struct sockaddr_un at = {AF_UNIX, "\0volt-test-abstract"};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	need_landlock(6);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_left(run(reach_out), 0);
	close(fd);
}

/* Makes landlock_create_ruleset() fail with `err`, as a kernel without it does. */
static void hide_landlock(uint16_t err)
{
	struct sock_filter code[] = {
	    {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr)},
	    {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_landlock_create_ruleset},
	    {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | err},
	    {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
	};
	struct sock_fprog prog = {sizeof(code) / sizeof(code[0]), code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		leave(95);
}

static void enter_without(uint16_t err, const char *words)
{
	hide_landlock(err);
	if (enter_process(0) != -(int)err)
		leave(1);
	leave(strstr(fake_host_message(test_host), words) &&
		      strstr(fake_host_message(test_host), "--no-landlock")
		  ? 7
		  : 2);
}

static void enter_on_a_kernel_without(void)
{
	enter_without(ENOSYS, "CONFIG_SECURITY_LANDLOCK");
}

static void enter_where_turned_off(void)
{
	enter_without(EOPNOTSUPP, "lsm=");
}

static void enter_where_forbidden(void)
{
	enter_without(EPERM, "container");
}

static void enter_with_consent(void)
{
	hide_landlock(ENOSYS);
	enter_all(VOLT_POLICY_NO_LANDLOCK);
	leave(7);
}

/* HOLDS(security) */
static void missing_landlock_is_a_failure_that_names_the_way_out(void **state)
{
	assert_left(run(enter_on_a_kernel_without), 7);
	assert_left(run(enter_where_turned_off), 7);
	assert_left(run(enter_where_forbidden), 7);
}

/* HOLDS(security) */
static void missing_landlock_is_accepted_when_asked_for(void **state)
{
	assert_left(run(enter_with_consent), 7);
}

static void rights_of_each_abi_are_those_of_its_kernel(void **state)
{
	assert_int_equal(landlock_rights_of(0).fs, 0);
	assert_int_equal(landlock_rights_of(1).fs, 0x1fff);
	assert_int_equal(landlock_rights_of(2).fs, 0x3fff);
	assert_int_equal(landlock_rights_of(3).fs, 0x7fff);
	assert_int_equal(landlock_rights_of(3).net, 0);
	assert_int_equal(landlock_rights_of(4).net, 3);
	assert_int_equal(landlock_rights_of(5).fs, 0xffff);
	assert_int_equal(landlock_rights_of(5).scoped, 0);
	assert_int_equal(landlock_rights_of(6).scoped, 3);
	assert_int_equal(landlock_rights_of(99).fs, 0xffff);
}

static void probing_finds_at_least_the_rights_of_the_table(void **state)
{
	struct landlock_rights want, got;

	need_landlock(1);
	want = landlock_rights_of((int)landlock_abi());
	got = landlock_rights_probe();

	assert_int_equal(got.fs & want.fs, want.fs);
	assert_int_equal(got.net & want.net, want.net);
	assert_int_equal(got.scoped & want.scoped, want.scoped);
}

int landlock_tests(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(no_file_can_be_opened_even_without_seccomp),
	    TEST(without_landlock_the_same_open_succeeds),
	    TEST(no_tcp_port_can_be_used),
	    TEST(no_abstract_socket_and_no_foreign_process_can_be_reached),
	    TEST(missing_landlock_is_a_failure_that_names_the_way_out),
	    TEST(missing_landlock_is_accepted_when_asked_for),
	    TEST(rights_of_each_abi_are_those_of_its_kernel),
	    TEST(probing_finds_at_least_the_rights_of_the_table),
	};

	return cmocka_run_group_tests_name("sandbox Landlock", tests, NULL, NULL);
}
