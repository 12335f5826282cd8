/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* volt.peers/1 with a real broker: who comes and who is connected to, how many, and their ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/lock.h"
#include "core/event/peers.h"

#define COUNT   4u
#define WAIT_MS 30000 /* a limit for what hangs, and no measure */

static char folder[64], path[96], why[256];
static struct callee owner = {.id = "toy"};
static struct worker worker;
static struct peers peers;

static void job(void *self, uint32_t number)
{
}

static int confine(void *arg)
{
	return *(int *)arg;
}

static void start(int answer)
{
	peers_init(&peers);
	worker = (struct worker){0};
	worker_init(&worker, &owner, "toy", job, 0);
	assert_int_equal(peers_open(&peers, &owner, path, false, why, sizeof(why)), 0);
	assert_int_equal(peers_attach(&peers, &worker, 0, COUNT), 0);
	assert_int_equal(peers_wire(&peers), 0);
	assert_int_equal(peers_start(&peers, confine, &answer), 0);
}

static int setup(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/volt-peers-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/vm", folder);
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	for (uint32_t i = 0; i < peers.count; i++)
		peers_close(&peers, i);
	close(peers.broker_fd); /* the broker's end */
	close(peers.epoll_fd);
	free(peers.fds);
	peers_init(&peers);
	wait(NULL);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static int connect_to(const char *to)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", to);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -errno;
}

static int listen_on(uint32_t number)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s_%u", path, number);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static struct volt_peer_news next(void)
{
	struct volt_peer_news news = {0};

	for (;;) {
		struct pollfd file = {.fd = peers.epoll_fd, .events = POLLIN};

		if (peers_next(&peers, &news, 1) == 1)
			return news;
		if (poll(&file, 1, WAIT_MS) != 1)
			fail_msg("no news came");
	}
}

/* The next that is not of readiness to write only. */
static struct volt_peer_news next_of(uint32_t what)
{
	struct volt_peer_news news;

	do
		news = next();
	while (news.what != what);
	return news;
}

static void test_clients_become_peers_by_number(void **state)
{
	struct stat st;
	char text[8] = "";

	start(0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	const int a = connect_to(path), b = connect_to(path);

	assert_int_equal(next_of(VOLT_PEER_CAME).peer, 0);
	assert_int_equal(next_of(VOLT_PEER_CAME).peer, 1);
	assert_int_equal(write(b, "hi", 2), 2);
	struct volt_peer_news news;

	do
		news = next_of(VOLT_PEER_READY);
	while (!(news.ready & VOLT_PEER_READ));
	assert_int_equal(news.peer, 1);
	const struct iovec in = {text, sizeof(text)}, out = {(char *)"ho", 2};

	assert_int_equal(peers_read(&peers, 1, &in, 1), 2);
	assert_string_equal(text, "hi");
	assert_int_equal(peers_read(&peers, 1, &in, 1), -EAGAIN);
	assert_int_equal(peers_read(&peers, 2, &in, 1), -EINVAL);
	assert_int_equal(peers_read(&peers, UINT32_MAX, &in, 1), -EINVAL);
	assert_int_equal(peers_write(&peers, 0, &out, 1), 2);
	assert_int_equal(read(a, text, sizeof(text)), 2);
	assert_string_equal(text, "ho");
	peers_close(&peers, 0);
	assert_int_equal(read(a, text, 1), 0);
	const int c = connect_to(path);

	assert_int_equal(next_of(VOLT_PEER_CAME).peer, 0);
	close(a);
	close(b);
	close(c);
}

static void test_the_broker_connects_to_the_path_and_the_number(void **state)
{
	start(0);
	const int listener = listen_on(UINT32_MAX);

	assert_int_equal(peers_connect(&peers, UINT32_MAX, 77), 0);
	assert_int_equal(peers_connect(&peers, 80, 78), 0);
	struct volt_peer_news news = next_of(VOLT_PEER_ANSWERED);

	assert_int_equal(news.ticket, 77);
	assert_int_equal(news.err, 0);
	assert_int_equal(news.peer, 0);
	const int fd = accept(listener, NULL, NULL);

	assert_int_equal(peers_shut(&peers, 0, VOLT_PEER_WRITE), 0);
	assert_int_equal(read(fd, why, 1), 0);
	assert_int_equal(write(fd, "x", 1), 1);
	news = next_of(VOLT_PEER_ANSWERED);
	assert_int_equal(news.ticket, 78);
	assert_int_equal(news.err, -ENOENT);
	close(fd);
	close(listener);
}

/* Nobody waits for a listener that does not accept. */
static void test_a_full_backlog_is_an_error_and_no_wait(void **state)
{
	unsigned refused = 0;

	start(0);
	const int listener = listen_on(1);

	for (unsigned i = 0; i < COUNT; i++) {
		assert_int_equal(peers_connect(&peers, 1, i), 0);
		refused += next_of(VOLT_PEER_ANSWERED).err == -EAGAIN;
	}
	assert_true(refused > 0);
	close(listener);
}

static void test_more_than_asked_for_are_turned_away(void **state)
{
	int fds[COUNT + 1];
	char byte;

	start(0);
	for (unsigned i = 0; i < COUNT; i++) {
		fds[i] = connect_to(path);
		assert_int_equal(next_of(VOLT_PEER_CAME).peer, i);
	}
	fds[COUNT] = connect_to(path);
	for (unsigned i = 0; i < 2; i++) { /* the second answer comes behind that client */
		assert_int_equal(peers_connect(&peers, 5, 9), 0);
		assert_int_equal(next_of(VOLT_PEER_ANSWERED).err, -ENOENT);
	}
	assert_int_equal(read(fds[COUNT], &byte, 1), 0);
	const int listener = listen_on(6);

	assert_int_equal(peers_connect(&peers, 6, 9), 0);
	assert_int_equal(next_of(VOLT_PEER_ANSWERED).err, -EMFILE);
	for (unsigned i = 0; i <= COUNT; i++)
		close(fds[i]);
	close(listener);
}

static void test_a_peer_that_closes_is_gone(void **state)
{
	struct volt_peer_news news;
	char text[8];
	const struct iovec in = {text, sizeof(text)};

	start(0);
	const int fd = connect_to(path);

	assert_int_equal(next_of(VOLT_PEER_CAME).peer, 0);
	assert_int_equal(write(fd, "bye", 3), 3);
	close(fd);
	do
		news = next_of(VOLT_PEER_READY);
	while (!(news.ready & VOLT_PEER_GONE));
	assert_int_equal(peers_read(&peers, 0, &in, 1), 3);
	assert_int_equal(peers_read(&peers, 0, &in, 1), 0);
	assert_int_equal(peers_write(&peers, 0, &in, 1), -EPIPE);
}

/* It has no filter: nobody is served by it. */
static void test_a_broker_that_cannot_be_confined_ends(void **state)
{
	struct volt_peer_news news;

	start(-EPERM);
	assert_int_equal(wait(NULL) > 0, 1);
	assert_int_equal(peers_next(&peers, &news, 1), 0);
	assert_int_equal(peers_connect(&peers, 1, 1), -EPIPE);
	assert_int_equal(connect_to(path), -ECONNREFUSED);
}

static void test_a_path_that_does_not_fit_is_refused(void **state)
{
	char longest[108];

	memset(longest, 'x', sizeof(longest));
	longest[107] = '\0';
	peers_init(&peers);
	assert_int_equal(
	    peers_open(&peers, &owner, longest, true, why, sizeof(why)), -ENAMETOOLONG);
	assert_non_null(strstr(why, "_PORT"));
	assert_int_equal(peers_open(&peers, &owner, path, true, why, sizeof(why)), 0);
	assert_int_equal(access(path, F_OK), -1); /* it only looks */
	assert_int_equal(peers_open(&peers, &owner, path, true, why, sizeof(why)), -EBUSY);
	close(peers.broker.listen_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_clients_become_peers_by_number, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_the_broker_connects_to_the_path_and_the_number, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_a_full_backlog_is_an_error_and_no_wait, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_more_than_asked_for_are_turned_away, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_peer_that_closes_is_gone, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_a_broker_that_cannot_be_confined_ends, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_a_path_that_does_not_fit_is_refused, setup, teardown),
	};

	signal(SIGPIPE, SIG_IGN); /* as volt does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
