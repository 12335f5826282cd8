/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Inherited descriptors made non-blocking without the parent noticing, and the log on one. */
#include "tests/core/kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/event/helper.h"
#include "core/event/reopen.h"
#include "core/vm/inherit.h"

static struct machine *m;

static int setup(void **state)
{
	kit_log_start();
	m = kit_machine();
	kit_path(""); /* the parent removes what children make */
	return 0;
}

static int teardown(void **state)
{
	kit_machine_finish(m);
	kit_remove_dir();
	return 0;
}

/* Each case runs in a child, whose descriptors 0 to 2 are its own to change and whose
 * helper has no charge yet. It returns the number of the step that went wrong, or 0. */
static void works(int (*body)(void *arg))
{
	assert_int_equal(kit_child(body, NULL), 0);
}

static bool blocks(int fd)
{
	return (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
}

static bool is_private(int fd)
{
	return fd > 2 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

static int pipe_case(void *arg)
{
	int fds[2];
	char byte;

	if (pipe(fds) != 0 || dup2(fds[0], STDIN_FILENO) != 0)
		return 1;
	int own = reopen_nonblocking(STDIN_FILENO, O_RDONLY);
	if (!is_private(own) || blocks(own) || !blocks(STDIN_FILENO))
		return 2;
	if (write(fds[1], "x", 1) != 1 || read(own, &byte, 1) != 1 || byte != 'x')
		return 3;
	return (fcntl(own, F_GETFL) & O_ACCMODE) == O_RDONLY ? 0 : 4;
}

static void a_pipe_is_opened_anew(void **state)
{
	works(pipe_case);
}

static int file_case(void *arg)
{
	int file = open(kit_path("file"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (dup2(file, STDOUT_FILENO) != STDOUT_FILENO || write(STDOUT_FILENO, "ab", 2) != 2)
		return 1;
	int own = reopen_nonblocking(STDOUT_FILENO, O_WRONLY);
	if (!is_private(own) || write(own, "cd", 2) != 2 || write(STDOUT_FILENO, "ef", 2) != 2)
		return 2;
	return strcmp(kit_file(kit_path("file"), NULL), "abcdef") == 0 ? 0 : 3;
}

static void where_a_regular_file_stands_is_shared(void **state)
{
	works(file_case);
}

static int socket_case(void *arg)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 ||
	    dup2(pair[0], STDERR_FILENO) != STDERR_FILENO)
		return 1;
	int own = reopen_nonblocking(STDERR_FILENO, O_WRONLY);
	if (!is_private(own) || blocks(own))
		return 2; /* one description: it cannot be otherwise */
	helper_finish(NULL);
	return blocks(STDERR_FILENO) ? 0 : 3;
}

static void a_socket_is_shared_and_blocks_again_at_the_end(void **state)
{
	works(socket_case);
}

static int shared_socket_case(void *arg)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		return 1;
	for (int fd = 0; fd < 3; fd++)
		if (dup2(pair[0], fd) != fd || reopen_nonblocking(fd, O_WRONLY) < 0)
			return 2;
	helper_finish(NULL);
	return blocks(0) && blocks(1) && blocks(2) ? 0 : 3;
}

static void a_socket_as_all_three_blocks_again_at_the_end(void **state)
{
	works(shared_socket_case);
}

static int nonblocking_socket_case(void *arg)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0 ||
	    dup2(pair[0], STDIN_FILENO) != 0)
		return 1;
	if (reopen_nonblocking(STDIN_FILENO, O_RDONLY) < 0)
		return 2;
	helper_finish(NULL);
	return blocks(STDIN_FILENO) ? 3 : 0;
}

static void a_socket_that_did_not_block_is_left_so(void **state)
{
	works(nonblocking_socket_case);
}

static int closed_case(void *arg)
{
	close(STDIN_FILENO);
	return reopen_nonblocking(STDIN_FILENO, O_RDONLY) == -1 ? 0 : 1;
}

static void what_is_not_open_is_refused(void **state)
{
	works(closed_case);
}

/* ----------------------------------------------------------------- the log on it */

static int stuck_reader_case(void *arg)
{
	char block[4096] = {0};
	int fds[2];

	if (pipe(fds) != 0)
		return 1;
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	while (write(fds[1], block, sizeof(block)) > 0)
		continue;
	fcntl(fds[1], F_SETFL, 0); /* full, and blocking as a shell's are */
	dup2(fds[1], STDERR_FILENO);
	log_init();
	if (inherit_open_outputs(m) != 0)
		return 2;
	log_info("nobody reads this");
	return blocks(STDERR_FILENO) ? 0 : 3;
}

static void a_reader_of_the_log_that_is_stuck_stops_nobody(void **state)
{
	works(stuck_reader_case);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_pipe_is_opened_anew),
	    TEST(where_a_regular_file_stands_is_shared),
	    TEST(a_socket_is_shared_and_blocks_again_at_the_end),
	    TEST(a_socket_as_all_three_blocks_again_at_the_end),
	    TEST(a_socket_that_did_not_block_is_left_so),
	    TEST(what_is_not_open_is_refused),
	    TEST(a_reader_of_the_log_that_is_stuck_stops_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
