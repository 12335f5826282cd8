/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* The agent on a socket pair: the test is the host, and reads docs/agent.md literally. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"

#define LIMIT_S 60 /* for what hangs, and no measure */

static int agent = -1;
static pid_t server;
static uint8_t payload[AGENT_FRAME_MAX + 1];
static uint32_t length;
static char out[200000], err[4096];
static size_t out_used, err_used;
static uint32_t room;

static int setup(void **state)
{
	const struct timeval limit = {.tv_sec = LIMIT_S};
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -1;
	server = fork();
	if (server == 0) {
		close(pair[0]);
		agent_serve(pair[1]);
		_exit(99);
	}
	close(pair[1]);
	agent = pair[0];
	out_used = err_used = 0;
	room = AGENT_WINDOW;
	return setsockopt(agent, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
}

static int teardown(void **state)
{
	int status;

	close(agent);
	return waitpid(server, &status, 0) == server && status == 0 ? 0 : -1;
}

static void put(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static uint32_t get(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static void tell(uint32_t kind, const void *bytes, uint32_t n)
{
	uint8_t head[8];

	put(head, n);
	put(head + 4, kind);
	assert_int_equal(send(agent, head, 8, MSG_NOSIGNAL), 8);
	if (n)
		assert_int_equal(send(agent, bytes, n, MSG_NOSIGNAL), (ssize_t)n);
}

static void tell_number(uint32_t kind, uint32_t number)
{
	uint8_t bytes[4];

	put(bytes, number);
	tell(kind, bytes, 4);
}

static uint32_t receive(void)
{
	uint8_t head[8];

	assert_int_equal(recv(agent, head, 8, MSG_WAITALL), 8);
	length = get(head);
	assert_true(length <= AGENT_FRAME_MAX);
	if (length)
		assert_int_equal(recv(agent, payload, length, MSG_WAITALL), (ssize_t)length);
	payload[length] = 0;
	return get(head + 4);
}

static void hello(void)
{
	assert_int_equal(receive(), AGENT_HELLO);
	assert_int_equal(get(payload), AGENT_VERSION);
}

/* Words are given to the shell's -c; `vars` is one variable or NULL. */
static void run(uint32_t flags, const char *folder, const char *const *words, const char *var)
{
	uint8_t request[4096] = {0};
	size_t n = 12;
	unsigned count = 0;

	put(request, flags);
	request[4] = 24;
	request[6] = 80;
	n += (size_t)sprintf((char *)request + n, "%s", folder) + 1;
	for (; words[count]; count++)
		n += (size_t)sprintf((char *)request + n, "%s", words[count]) + 1;
	request[8] = (uint8_t)count;
	if (var) {
		request[10] = 1;
		n += (size_t)sprintf((char *)request + n, "%s", var) + 1;
	}
	tell(AGENT_RUN, request, (uint32_t)n);
}

static void run_line(uint32_t flags, const char *line)
{
	const char *const words[] = {"sh", "-c", line, NULL};

	run(flags, "/", words, NULL);
}

/* One frame of a command; true: it was its last, and *status tells it. */
static bool take(uint32_t *status)
{
	switch (receive()) {
	case AGENT_OUTPUT:
		assert_true(out_used + length < sizeof(out));
		memcpy(out + out_used, payload, length);
		out_used += length;
		out[out_used] = 0;
		return false;
	case AGENT_ERRORS:
		memcpy(err + err_used, payload, length);
		err_used += length;
		err[err_used] = 0;
		return false;
	case AGENT_MORE:
		room += get(payload);
		return false;
	case AGENT_EXIT:
		*status = get(payload);
		return true;
	}
	fail_msg("another frame: %s", (const char *)payload);
	return true;
}

static uint32_t finish(void)
{
	uint32_t status = 0;

	while (!take(&status))
		continue;
	assert_int_equal(recv(agent, payload, 1, 0), 0); /* the connection ends with it */
	return status;
}

static void output_holds(const char *text)
{
	uint32_t status;

	while (!strstr(out, text))
		assert_false(take(&status));
}

/* ---------------------------------------------------------------------- tests */

static void test_status_and_both_outputs_come_back(void **state)
{
	hello();
	run_line(0, "echo out; echo err >&2; exit 7");
	assert_int_equal(finish(), 7);
	assert_string_equal(out, "out\n");
	assert_string_equal(err, "err\n");
}

static void test_folder_and_environment_are_the_command_s(void **state)
{
	static const char *const words[] = {"sh", "-c", "pwd; echo $COLOUR", NULL};

	hello();
	run(0, "/proc", words, "COLOUR=green");
	assert_int_equal(finish(), 0);
	assert_string_equal(out, "/proc\ngreen\n");
}

static void test_what_cannot_run_says_so(void **state)
{
	static const char *const words[] = {"/no/such/program", NULL};

	hello();
	run(0, "", words, NULL);
	assert_int_equal(finish(), 127);
	assert_non_null(strstr(err, "/no/such/program: No such file"));
}

static void test_a_signal_reaches_the_command(void **state)
{
	hello();
	run_line(0, "trap 'echo got it; exit 3' INT; echo ready; while :; do sleep 0.01; done");
	output_holds("ready");
	tell_number(AGENT_SIGNAL, SIGINT);
	assert_int_equal(finish(), 3);
	assert_non_null(strstr(out, "got it"));
}

static void test_a_command_that_is_killed_has_128_and_the_signal(void **state)
{
	hello();
	run_line(0, "kill -9 $$");
	assert_int_equal(finish(), 128 + SIGKILL);
}

static void test_input_goes_through_with_its_room(void **state)
{
	static char sent[150000];
	size_t at = 0;
	uint32_t status = 99;

	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (char)('a' + i * 7 % 26);
	hello();
	run_line(0, "cat");
	while (at < sizeof(sent)) {
		size_t n = sizeof(sent) - at < 10000 ? sizeof(sent) - at : 10000;

		n = n < room ? n : room;
		if (n == 0) {
			assert_false(take(&status));
			continue;
		}
		tell(AGENT_INPUT, sent + at, (uint32_t)n);
		room -= (uint32_t)n;
		at += n;
	}
	tell(AGENT_INPUT, NULL, 0);
	assert_int_equal(finish(), 0);
	assert_int_equal(out_used, sizeof(sent));
	assert_memory_equal(out, sent, sizeof(sent));
}

/* A signal is not behind the input that the command does not read. */
static void test_a_signal_passes_input_that_waits(void **state)
{
	static const uint8_t bytes[10000];

	hello();
	run_line(0, "echo ready; exec sleep 1000");
	output_holds("ready");
	for (unsigned i = 0; i < AGENT_WINDOW / sizeof(bytes); i++)
		tell(AGENT_INPUT, bytes, sizeof(bytes));
	tell_number(AGENT_SIGNAL, SIGTERM);
	assert_int_equal(finish(), 128 + SIGTERM);
}

static void test_more_input_than_the_room_is_refused(void **state)
{
	static const uint8_t bytes[AGENT_FRAME_MAX];
	uint32_t kind;

	hello();
	run_line(0, "echo ready; kill -STOP $$");
	output_holds("ready");
	/* The pipe takes 64 KiB of it, which is told as room that a host may not count yet. */
	for (unsigned i = 0; i < 3 * AGENT_WINDOW / AGENT_FRAME_MAX; i++)
		tell(AGENT_INPUT, bytes, sizeof(bytes));
	do
		kind = receive();
	while (kind == AGENT_MORE);
	assert_int_equal(kind, AGENT_REFUSED);
	assert_non_null(strstr((char *)payload, "room"));
}

static void test_a_terminal_has_its_size_and_its_end(void **state)
{
	hello();
	run_line(
	    AGENT_PTY, "test -t 0 && test -t 2 && stty size; read line; echo =$line; stty size");
	output_holds("24 80");
	tell_number(AGENT_SIZE, 50 | 132 << 16);
	tell(AGENT_INPUT, "word\n", 5);
	assert_int_equal(finish(), 0);
	assert_non_null(strstr(out, "=word"));
	assert_non_null(strstr(out, "50 132"));
}

static void test_a_terminal_s_key_interrupts(void **state)
{
	hello();
	run_line(AGENT_PTY, "trap 'exit 5' INT; echo ready; while :; do sleep 0.01; done");
	output_holds("ready");
	tell(AGENT_INPUT, "\003", 1);
	assert_int_equal(finish(), 5);
}

static void test_files_go_in_and_out(void **state)
{
	char path[] = "/tmp/volt-agent-XXXXXX";
	const int fd = mkstemp(path);
	const char *const in[] = {path, "640", NULL}, *const away[] = {path, NULL};

	assert_true(fd >= 0);
	hello();
	run(AGENT_FILE_IN, "", in, NULL);
	tell(AGENT_INPUT, "some bytes", 10);
	tell(AGENT_INPUT, NULL, 0);
	assert_int_equal(finish(), 0);
	assert_int_equal(teardown(state), 0);
	assert_int_equal(setup(state), 0);
	hello();
	run(AGENT_FILE_OUT, "", away, NULL);
	assert_int_equal(finish(), 0);
	assert_string_equal(out, "some bytes");
	unlink(path);
	close(fd);
}

static void test_requests_that_do_not_fit_are_refused(void **state)
{
	static const struct {
		uint32_t kind, n;
		const char *bytes;
	} bad[] = {
	    {0, 0, ""}, {AGENT_INPUT, 1, "x"}, {99, 4, "abcd"}, {AGENT_CLOCK, 7, "1234567"},
	    {AGENT_RUN, 0, ""}, {AGENT_RUN, 11, "\0\0\0\0\0\0\0\0\1\0\0"},
	    {AGENT_RUN, 13, "\0\0\0\0\0\0\0\0\1\0\0\0\0"},            /* no argument */
	    {AGENT_RUN, 14, "\0\0\0\0\0\0\0\0\1\0\0\0\0x"},           /* without its end */
	    {AGENT_RUN, 13, "\0\0\0\0\0\0\0\0\0\0\0\0\0"},            /* none at all */
	    {AGENT_RUN, 15, "\0\0\0\0\0\0\0\0\377\377\377\377\0x\0"}, /* thousands */
	    {AGENT_RUN, 16, "\0\0\0\0\0\0\0\0\1\0\0\0\0x\0y"},        /* and a rest */
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		hello();
		tell(bad[i].kind, bad[i].bytes, bad[i].n);
		assert_int_equal(receive(), AGENT_REFUSED);
		assert_int_equal(teardown(state), 0);
		assert_int_equal(setup(state), 0);
	}
	hello();
	uint8_t head[8];

	put(head, AGENT_FRAME_MAX + 1);
	put(head + 4, AGENT_RUN);
	assert_int_equal(send(agent, head, 8, 0), 8);
	assert_int_equal(receive(), AGENT_REFUSED);
}

static void test_the_command_ends_with_its_connection(void **state)
{
	hello();
	run_line(0, "trap '' HUP; echo $$; while :; do sleep 0.01; done");
	output_holds("\n");
	const pid_t pid = (pid_t)atoi(out);

	shutdown(agent, SHUT_RDWR);
	int status;

	assert_int_equal(waitpid(server, &status, 0), server);
	assert_int_equal(waitpid(pid, &status, 0), pid); /* its end is this process's to take */
	assert_true(WIFSIGNALED(status));
	server = fork(); /* for teardown */
	if (server == 0)
		_exit(0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_status_and_both_outputs_come_back),
	    T(test_folder_and_environment_are_the_command_s),
	    T(test_what_cannot_run_says_so),
	    T(test_a_signal_reaches_the_command),
	    T(test_a_command_that_is_killed_has_128_and_the_signal),
	    T(test_input_goes_through_with_its_room),
	    T(test_a_signal_passes_input_that_waits),
	    T(test_more_input_than_the_room_is_refused),
	    T(test_a_terminal_has_its_size_and_its_end),
	    T(test_a_terminal_s_key_interrupts),
	    T(test_files_go_in_and_out),
	    T(test_requests_that_do_not_fit_are_refused),
	    T(test_the_command_ends_with_its_connection),
	};

	sigset_t ends;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	sigemptyset(&ends);
	sigaddset(&ends, SIGCHLD); /* a child's end must not interrupt recv() */
	sigprocmask(SIG_BLOCK, &ends, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
