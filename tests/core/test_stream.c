/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Every kind of peer, and how each is opened: volt/stream.h says what must happen. */
#include "tests/core/stream_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

static char text[256], got[131072];

static const char *spec(const char *kind, const char *path)
{
	snprintf(text, sizeof(text), "%s:%s", kind, path);
	return text;
}

static void refused(const char *what, int err, const char *reason)
{
	assert_int_equal(kit_stream(m, &near.owner, what), -err);
	if (!strstr(kit_why, reason))
		fail_msg("expected \"%s\" in \"%s\"", reason, kit_why);
}

static void far_gets(int fd, const char *want)
{
	size_t n = far_read(fd, got, sizeof(got));

	assert_int_equal(n, strlen(want));
	assert_memory_equal(got, want, n);
}

/* -------------------------------------------------------------------- explain */

static void explaining_makes_no_file_and_no_socket(void **state)
{
	const char *file = kit_path("file"), *path = kit_path("socket");

	m->streams.looks_only = true;
	assert_int_equal(kit_stream(m, &near.owner, spec("file", file)), 0);
	assert_int_equal(kit_stream(m, &near.owner, spec("unix", path)), 0);
	assert_true(m->streams.list[0].out_fd >= 0 && m->streams.list[1].listen_fd >= 0);
	assert_int_equal(access(file, F_OK), -1);
	assert_int_equal(access(path, F_OK), -1);
}

/* ----------------------------------------------------------------------- text */

static void what_is_no_stream_lists_the_kinds(void **state)
{
	static const char *const bad[] = {"", "tcp:1", "Stdio", "files:/x", ":", "std", "stdioo"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(bad[i], EINVAL, "stdio, null, file:PATH, pipe:PATH, pty or unix:PATH");
}

static void paths_are_given_where_they_belong(void **state)
{
	refused("file", EINVAL, "file:PATH");
	refused("file:", EINVAL, "file:PATH");
	refused("unix:", EINVAL, "unix:PATH");
	refused("pipe", EINVAL, "pipe:PATH");
	refused("stdio:x", EINVAL, "takes no path");
	refused("null:x", EINVAL, "takes no path");
	refused("null:", EINVAL, "takes no path");
	refused("pty:", EINVAL, "takes no path");
}

/* ----------------------------------------------------------------------- null */

static void null_takes_everything_and_gives_nothing(void **state)
{
	static uint8_t much[3 * STREAM_RING];

	stream_start("null");
	assert_string_equal(near.events, "c");
	assert_int_equal(stream_tx(near.stream, much, sizeof(much)), sizeof(much));
	assert_int_equal(tx("more"), 4);
	stream_set_room(near.stream, 100);
	kit_run(m, 10);
	assert_int_equal(near.rx_count, 0);
}

/* ----------------------------------------------------------------------- file */

static void a_file_is_appended_to(void **state)
{
	const char *path = kit_path("out");
	FILE *f = fopen(path, "w");

	fputs("before ", f);
	fclose(f);
	stream_start(spec("file", path));
	assert_string_equal(near.events, "c");
	assert_int_equal(tx("after"), 5);
	kit_run(m, 10);
	assert_string_equal(kit_file(path, NULL), "before after");
	stream_set_room(near.stream, 100);
	kit_run(m, 10);
	assert_int_equal(near.rx_count, 0); /* no input */
}

static void a_file_is_made_for_its_owner_to_write(void **state)
{
	const char *path = kit_path("new");
	struct stat st;

	stream_start(spec("file", path));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0133, 0);
}

static void a_file_that_cannot_be_opened_is_said(void **state)
{
	refused(spec("file", kit_path("no/such/folder")), ENOENT, "No such file");
	refused("file:/tmp", EISDIR, "/tmp");
}

static void what_was_sent_before_the_start_arrives(void **state)
{
	const char *path = kit_path("out");

	assert_int_equal(kit_stream(m, &near.owner, spec("file", path)), 0);
	near.stream = &m->streams.list[0];
	assert_int_equal(tx("early "), 6);
	static const struct volt_stream_ops none = {.size = sizeof(none)};
	assert_int_equal(stream_attach(near.stream, &none), 0);
	stream_begin(near.stream);
	tx("late");
	kit_run(m, 10);
	assert_string_equal(kit_file(path, NULL), "early late");
}

/* ----------------------------------------------------------------------- pipe */

static int start_fifo(const char **path)
{
	*path = kit_path("fifo");
	assert_int_equal(mkfifo(*path, 0600), 0);
	stream_start(spec("pipe", *path));
	return open(*path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

static void a_fifo_carries_output(void **state)
{
	const char *path;
	int reader = start_fifo(&path);

	tx("hello");
	kit_run(m, 10);
	far_gets(reader, "hello");
	close(reader);
}

static void readers_of_a_fifo_come_and_go(void **state)
{
	const char *path;
	int reader = start_fifo(&path);

	close(reader);
	assert_int_equal(tx("held "), 5);
	kit_run(m, 10);
	reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	tx("and new");
	kit_run(m, 10);
	far_gets(reader, "held and new");
	assert_string_equal(near.events, "c");
	close(reader);
}

static void a_full_fifo_holds_nobody_and_loses_nothing_taken(void **state)
{
	static uint8_t block[1000];
	const char *path;
	int reader = start_fifo(&path);
	size_t taken = 0, read_back = 0, n;

	for (unsigned i = 0; i < 400; i++) {
		for (size_t k = 0; k < sizeof(block); k++)
			block[k] = (uint8_t)((taken + k) % 251);
		taken += stream_tx(near.stream, block, sizeof(block));
		kit_run(m, 0);
	}
	assert_true(taken < 400 * sizeof(block)); /* bounded: the pipe and the ring */
	assert_true(taken >= STREAM_RING);
	for (unsigned i = 0; i < 100 && read_back < taken; i++) {
		n = far_read(reader, got, sizeof(got));
		for (size_t k = 0; k < n; k++)
			assert_int_equal((uint8_t)got[k], (read_back + k) % 251);
		read_back += n;
		kit_run(m, 2);
	}
	assert_int_equal(read_back, taken);
	close(reader);
}

static void only_a_fifo_is_a_pipe(void **state)
{
	const char *path = kit_path("file");

	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	refused(spec("pipe", path), EINVAL, "mkfifo");
	refused(spec("pipe", kit_path("missing")), ENOENT, "No such file");
}

/* ------------------------------------------------------------------------ pty */

/* Opens what the log announced. */
static int open_pty(void)
{
	char name[64];
	const char *start = strstr(kit_log(), "near: /dev/pts/");

	if (!start) {
		fail_msg("no pty in \"%s\"", kit_log());
		return -1;
	}
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(start + 6, "\n"), start + 6);
	return open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

static int start_pty(void)
{
	stream_start("pty");
	int fd = open_pty();
	assert_true(fd >= 0);
	return fd;
}

static void a_pty_carries_bytes_both_ways_unchanged(void **state)
{
	static const char all[] = "\r\n\x03\x04\x11\x13\x1a\x7f\xff ok\n";
	int fd = start_pty();

	assert_string_equal(near.events, "c");
	tx(all);
	kit_run(m, 20);
	far_gets(fd, all);
	stream_set_room(near.stream, 100);
	assert_int_equal(write(fd, all, sizeof(all) - 1), sizeof(all) - 1);
	assert_true(wait_rx(sizeof(all) - 1));
	assert_memory_equal(near.rx, all, sizeof(all) - 1);
	close(fd);
}

/* Its id may still change while its parameters are opened. */
static void a_pty_is_announced_at_the_start_under_the_owners_id(void **state)
{
	assert_int_equal(kit_stream(m, &near.owner, "pty"), 0);
	assert_int_equal(kit_log_lines(), 0);
	strcpy(near.owner.id, "console");
	stream_begin(&m->streams.list[0]);
	assert_int_equal(kit_log_lines(), 1);
	assert_true(kit_logged("volt: console: /dev/pts/"));
}

static void users_of_a_pty_come_and_go(void **state)
{
	int fd = start_pty();

	close(fd);
	kit_run(m, 20);
	assert_string_equal(near.events, "c");
	tx("for the next");
	kit_run(m, 20);
	fd = open_pty();
	far_gets(fd, "for the next");
	close(fd);
}

/* ----------------------------------------------------------------------- unix */

static int start_unix(const char **path)
{
	*path = kit_path("socket");
	stream_start(spec("unix", *path));
	assert_string_equal(near.events, "");
	int fd = far_connect(*path);
	assert_true(fd >= 0);
	assert_true(wait_events(1));
	assert_string_equal(near.events, "c");
	return fd;
}

static void a_socket_carries_bytes_both_ways(void **state)
{
	const char *path;
	int fd = start_unix(&path);

	tx("out");
	kit_run(m, 10);
	far_gets(fd, "out");
	stream_set_room(near.stream, 100);
	assert_int_equal(write(fd, "in", 2), 2);
	assert_true(wait_rx(2));
	assert_memory_equal(near.rx, "in", 2);
	close(fd);
}

static void with_no_client_output_is_taken_and_lost(void **state)
{
	const char *path = kit_path("socket");
	static uint8_t much[2 * STREAM_RING];

	stream_start(spec("unix", path));
	assert_int_equal(stream_tx(near.stream, much, sizeof(much)), sizeof(much));
	int fd = far_connect(path);
	assert_true(wait_events(1));
	tx("fresh");
	kit_run(m, 10);
	far_gets(fd, "fresh");
	close(fd);
}

static void a_client_that_leaves_is_told_and_the_next_one_gets_in(void **state)
{
	const char *path;
	int fd = start_unix(&path);

	stream_set_room(near.stream, 100);
	close(fd);
	assert_true(wait_events(2));
	assert_string_equal(near.events, "cd");
	assert_int_equal(tx("lost"), 4);
	fd = far_connect(path);
	assert_true(wait_events(3));
	assert_string_equal(near.events, "cdc");
	tx("second");
	kit_run(m, 10);
	far_gets(fd, "second");
	close(fd);
}

/* The policy names that number before the seal. */
static void every_client_gets_the_same_descriptor(void **state)
{
	const char *path;
	int fd = start_unix(&path), number = near.stream->in_fd;

	stream_set_room(near.stream, 100);
	for (unsigned i = 2; i <= 6; i += 2) {
		close(fd);
		assert_true(wait_events(i));
		assert_int_equal(near.stream->in_fd, -1);
		assert_int_equal(fcntl(number, F_GETFD), -1);
		/* The test's own end shall not take it. */
		int low = dup(0), holder = fcntl(0, F_DUPFD_CLOEXEC, number);
		close(low);
		fd = far_connect(path);
		close(holder);
		assert_true(wait_events(i + 1));
		assert_int_equal(near.stream->in_fd, number);
	}
	close(fd);
}

static void a_second_client_gets_nothing_meanwhile(void **state)
{
	const char *path;
	int first = start_unix(&path), second = far_connect(path);

	assert_true(second >= 0);
	tx("for the first");
	kit_run(m, 20);
	far_gets(first, "for the first");
	assert_int_equal(far_read(second, got, sizeof(got)), 0);
	assert_string_equal(near.events, "c");
	close(first);
	close(second);
}

static void a_write_to_a_client_that_is_gone_is_a_disconnect(void **state)
{
	const char *path;
	int fd = start_unix(&path);

	close(fd);
	tx("into the void");
	assert_true(wait_events(2));
	assert_string_equal(near.events, "cd");
}

static void a_client_that_does_not_read_fills_only_the_ring(void **state)
{
	static uint8_t block[STREAM_RING];
	const char *path;
	int fd = start_unix(&path);
	size_t taken = 0;

	for (unsigned i = 0; i < 20; i++) {
		taken += stream_tx(near.stream, block, sizeof(block));
		kit_run(m, 0);
	}
	assert_true(taken < 20 * sizeof(block));
	assert_int_equal(tx("x"), 0);
	close(fd);
}

static void who_is_sent_away_gets_all_that_was_sent(void **state)
{
	const char *path;
	int fd = start_unix(&path);

	tx("goodbye");
	stream_hang_up(near.stream);
	assert_true(wait_events(2));
	assert_string_equal(near.events, "cd");
	far_gets(fd, "goodbye");
	close(fd);
}

static void what_is_sent_by_who_is_sent_away_is_lost(void **state)
{
	static uint8_t block[STREAM_RING];
	const char *path;
	int fd = start_unix(&path);

	for (unsigned i = 0; i < 20; i++) {
		stream_tx(near.stream, block, sizeof(block));
		kit_run(m, 0);
	}
	stream_set_room(near.stream, 100);
	stream_hang_up(near.stream);
	assert_int_equal(write(fd, "late", 4), 4);
	kit_run(m, 20);
	assert_int_equal(near.rx_count, 0);
	assert_string_equal(near.events, "c");
	close(fd);
	assert_true(wait_events(2));
}

/* A socket that is closed with input unread is reset, and the peer sees an error. */
static void who_is_sent_away_unheard_sees_an_end_and_no_error(void **state)
{
	const char *path;
	int fd = start_unix(&path);

	assert_int_equal(write(fd, "unread", 6), 6); /* there is no room for it */
	kit_run(m, 20);
	tx("goodbye");
	stream_hang_up(near.stream);
	assert_true(wait_events(2));
	assert_int_equal(recv(fd, got, sizeof(got), 0), 7);
	assert_int_equal(recv(fd, got, sizeof(got), 0), 0);
	close(fd);
}

static void nor_does_one_that_sent_all_that_the_socket_takes(void **state)
{
	static const uint8_t block[4096];
	const char *path;
	int fd = start_unix(&path);
	size_t unread = 0;

	for (ssize_t n; (n = send(fd, block, sizeof(block), MSG_DONTWAIT)) > 0;)
		unread += (size_t)n;
	assert_true(unread > 100000);
	kit_run(m, 20);
	tx("goodbye");
	stream_hang_up(near.stream);
	assert_true(wait_events(2));
	assert_int_equal(recv(fd, got, sizeof(got), 0), 7);
	assert_int_equal(recv(fd, got, sizeof(got), 0), 0);
	close(fd);
}

/* Whoever asks again does not wait for a client that never reads; nor does the next one. */
static void who_does_not_read_is_sent_away_at_the_second_word(void **state)
{
	static uint8_t block[STREAM_RING];
	const char *path;
	int fd = start_unix(&path);

	for (unsigned i = 0; i < 20; i++) {
		stream_tx(near.stream, block, sizeof(block));
		kit_run(m, 0);
	}
	stream_hang_up(near.stream);
	kit_run(m, 20);
	assert_string_equal(near.events, "c");
	stream_hang_up(near.stream);
	assert_true(wait_events(2));
	close(fd);
	fd = far_connect(path);
	assert_true(wait_events(3));
	tx("fresh");
	kit_run(m, 10);
	far_gets(fd, "fresh");
	stream_hang_up(near.stream); /* the first word to this one */
	assert_true(wait_events(4));
	assert_string_equal(near.events, "cdcd");
	close(fd);
}

static void a_socket_in_use_is_not_taken_over(void **state)
{
	const char *path;
	int fd = start_unix(&path);

	refused(spec("unix", path), EADDRINUSE, "in use");
	tx("still here");
	kit_run(m, 10);
	far_gets(fd, "still here");
	close(fd);
}

static void a_file_that_is_no_socket_is_never_removed(void **state)
{
	const char *path = kit_path("precious");
	FILE *f = fopen(path, "w");

	fputs("years of work", f);
	fclose(f);
	refused(spec("unix", path), EADDRINUSE, "is not a socket");
	assert_string_equal(kit_file(path, NULL), "years of work");
}

static void the_client_that_waits_gets_in_when_the_first_leaves(void **state)
{
	const char *path;
	int first = start_unix(&path), second = far_connect(path);

	stream_set_room(near.stream, 100);
	kit_run(m, 20);
	close(first);
	assert_true(wait_events(3)); /* though nothing else happens */
	assert_string_equal(near.events, "cdc");
	close(second);
}

/* DISCONNECTED says that input has ended, so it comes behind the input. */
static void what_a_client_sent_before_it_left_is_the_guests(void **state)
{
	const char *path;
	int fd = start_unix(&path);

	assert_int_equal(write(fd, "root\nsecret\n", 12), 12);
	close(fd);
	kit_run(m, 20);
	tx("the guest speaks meanwhile");
	kit_run(m, 20);
	assert_string_equal(near.events, "c");
	stream_set_room(near.stream, 5);
	assert_true(wait_rx(5));
	assert_string_equal(near.events, "c");
	stream_set_room(near.stream, 100);
	assert_true(wait_events(2));
	assert_string_equal(near.events, "cd");
	assert_int_equal(near.rx_count, 12);
	assert_memory_equal(near.rx, "root\nsecret\n", 12);
}

static void a_client_that_left_unread_gives_way_to_the_next(void **state)
{
	const char *path;
	int fd = start_unix(&path);

	assert_int_equal(write(fd, "unread", 6), 6);
	close(fd);
	kit_run(m, 20);
	fd = far_connect(path);
	assert_true(wait_events(3)); /* or the operator could not come again */
	assert_string_equal(near.events, "cdc");
	assert_int_equal(near.rx_count, 0);
	assert_true(kit_logged("6 bytes or more are lost"));
	stream_set_room(near.stream, 100);
	assert_int_equal(write(fd, "new", 3), 3);
	assert_true(wait_rx(3));
	assert_memory_equal(near.rx, "new", 3);
	close(fd);
}

static void a_client_that_leaves_with_nothing_to_say_is_noticed_without_room(void **state)
{
	const char *path;
	int fd = start_unix(&path);

	close(fd);
	assert_true(wait_events(2));
	assert_string_equal(near.events, "cd");
}

static void a_client_that_leaves_a_device_without_input_is_noticed(void **state)
{
	const char *path;
	int fd = start_unix(&path);
	struct volt_stream_ops output_only = *near.stream->ops;

	output_only.rx = NULL;
	near.stream->ops = &output_only;
	assert_int_equal(write(fd, "unread", 6), 6);
	close(fd);
	assert_true(wait_events(2));
	assert_string_equal(near.events, "cd");
}

static void a_socket_that_a_dead_process_left_is_replaced(void **state)
{
	const char *path = kit_path("socket");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int old = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(old, (struct sockaddr *)&address, sizeof(address)), 0);
	close(old);
	stream_start(spec("unix", path));
	int fd = far_connect(path);
	assert_true(fd >= 0);
	assert_true(wait_events(1));
	close(fd);
}

static void a_socket_path_has_at_most_107_bytes(void **state)
{
	char path[200] = "unix:";

	memset(path + 5, 'x', 108);
	refused(path, ENAMETOOLONG, "107");
	refused("unix:/no/such/folder/socket", ENOENT, "No such file");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stream_setup, stream_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(explaining_makes_no_file_and_no_socket),
	    TEST(what_is_no_stream_lists_the_kinds),
	    TEST(paths_are_given_where_they_belong),
	    TEST(null_takes_everything_and_gives_nothing),
	    TEST(a_file_is_appended_to),
	    TEST(a_file_is_made_for_its_owner_to_write),
	    TEST(a_file_that_cannot_be_opened_is_said),
	    TEST(what_was_sent_before_the_start_arrives),
	    TEST(a_fifo_carries_output),
	    TEST(readers_of_a_fifo_come_and_go),
	    TEST(a_full_fifo_holds_nobody_and_loses_nothing_taken),
	    TEST(only_a_fifo_is_a_pipe),
	    TEST(a_pty_carries_bytes_both_ways_unchanged),
	    TEST(a_pty_is_announced_at_the_start_under_the_owners_id),
	    TEST(users_of_a_pty_come_and_go),
	    TEST(a_socket_carries_bytes_both_ways),
	    TEST(with_no_client_output_is_taken_and_lost),
	    TEST(a_client_that_leaves_is_told_and_the_next_one_gets_in),
	    TEST(every_client_gets_the_same_descriptor),
	    TEST(a_second_client_gets_nothing_meanwhile),
	    TEST(a_write_to_a_client_that_is_gone_is_a_disconnect),
	    TEST(a_client_that_does_not_read_fills_only_the_ring),
	    TEST(who_is_sent_away_gets_all_that_was_sent),
	    TEST(what_is_sent_by_who_is_sent_away_is_lost),
	    TEST(who_is_sent_away_unheard_sees_an_end_and_no_error),
	    TEST(nor_does_one_that_sent_all_that_the_socket_takes),
	    TEST(who_does_not_read_is_sent_away_at_the_second_word),
	    TEST(a_socket_in_use_is_not_taken_over),
	    TEST(a_file_that_is_no_socket_is_never_removed),
	    TEST(the_client_that_waits_gets_in_when_the_first_leaves),
	    TEST(what_a_client_sent_before_it_left_is_the_guests),
	    TEST(a_client_that_left_unread_gives_way_to_the_next),
	    TEST(a_client_that_leaves_with_nothing_to_say_is_noticed_without_room),
	    TEST(a_client_that_leaves_a_device_without_input_is_noticed),
	    TEST(a_socket_that_a_dead_process_left_is_replaced),
	    TEST(a_socket_path_has_at_most_107_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
