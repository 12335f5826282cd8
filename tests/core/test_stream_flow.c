/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* How bytes flow: the ring, room, what is typed ahead, and the terminal's escape key. */
#include "tests/core/stream_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/exitcode.h"
#include "core/event/helper.h"

static char got[262144];
static int far_in, far_out; /* the test's ends of standard input and output */

static void start_pipes(void)
{
	int in[2], out[2];

	assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC), 0);
	stream_start_stdio(in[0], out[1]);
	close(in[0]);
	close(out[1]);
	far_in = in[1];
	far_out = out[0];
}

static void start_terminal(void)
{
	struct termios raw;
	int master, slave;

	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	tcgetattr(slave, &raw);
	cfmakeraw(&raw);
	tcsetattr(slave, TCSANOW, &raw);
	stream_start_stdio(slave, slave);
	close(slave);
	far_in = master;
	far_out = dup(master);
	assert_true(near.stream->terminal);
}

static int setup(void **state)
{
	far_in = far_out = -1;
	return stream_setup(state);
}

static int teardown(void **state)
{
	close(far_in);
	close(far_out);
	return stream_teardown(state);
}

static void type(const char *keys)
{
	assert_int_equal(write(far_in, keys, strlen(keys)), strlen(keys));
}

static unsigned unread(void)
{
	int n = 0;

	assert_int_equal(ioctl(near.stream->in_fd, FIONREAD, &n), 0);
	return (unsigned)n;
}

static void device_got(const char *want)
{
	assert_int_equal(near.rx_count, strlen(want));
	assert_memory_equal(near.rx, want, strlen(want));
}

/* ------------------------------------------------------------------- the ring */

static void a_full_ring_takes_what_fits(void **state)
{
	static uint8_t much[STREAM_RING + 10];

	start_pipes();
	assert_int_equal(tx("1234"), 4);
	assert_int_equal(stream_tx(near.stream, much, sizeof(much)), STREAM_RING - 4);
	assert_int_equal(tx("x"), 0);
	/* Once the peer has read some there is room again. */
	for (unsigned i = 0; i < 100 && tx("x") == 0; i++) {
		far_read(far_out, got, sizeof(got));
		kit_run(m, 5);
	}
	assert_int_equal(tx("x"), 1);
}

/* Only of a tx that took less than it was given, and once. */
static void room_after_a_full_ring_is_told_once(void **state)
{
	static uint8_t much[STREAM_RING + 10];

	start_pipes();
	const unsigned before = near.event_count;

	assert_int_equal(stream_tx(near.stream, much, STREAM_RING), STREAM_RING);
	kit_run(m, 5);
	assert_int_equal(near.event_count, before);
	while (stream_tx(near.stream, much, sizeof(much)) == sizeof(much))
		kit_run(m, 1);
	for (unsigned i = 0; i < 1000 && near.event_count == before; i++) {
		far_read(far_out, got, sizeof(got));
		kit_run(m, 5);
	}
	assert_int_equal(near.event_count, before + 1);
	assert_int_equal(near.events[before], 'r');
	assert_true(tx("x") == 1);
	kit_run(m, 5);
	assert_int_equal(near.event_count, before + 1);
}

static void nothing_is_taken_of_nothing(void **state)
{
	start_pipes();
	assert_int_equal(stream_tx(near.stream, NULL, 0), 0);
	assert_in_range(kit_run(m, 5), 1, 4);
}

static void the_ring_wraps_around(void **state)
{
	static uint8_t block[40000];
	size_t sent = 0;

	start_pipes();
	fcntl(far_out, F_SETPIPE_SZ, 1 << 20);
	for (unsigned round = 0; round < 5; round++) {
		for (size_t i = 0; i < sizeof(block); i++)
			block[i] = (uint8_t)((sent + i) % 253);
		assert_int_equal(stream_tx(near.stream, block, sizeof(block)), sizeof(block));
		sent += sizeof(block);
		kit_run(m, 2);
	}
	assert_int_equal(far_read(far_out, got, sizeof(got)), sent);
	for (size_t i = 0; i < sent; i++)
		assert_int_equal((uint8_t)got[i], i % 253);
}

static void the_counters_of_the_ring_may_wrap_too(void **state)
{
	start_pipes();
	near.stream->head = near.stream->tail = UINT32_MAX - 1;
	tx("across");
	kit_run(m, 5);
	assert_int_equal(far_read(far_out, got, sizeof(got)), 6);
	assert_memory_equal(got, "across", 6);
}

static void *produce(void *arg)
{
	for (uint32_t i = 0; i < 200000;) {
		uint8_t byte = (uint8_t)(i % 247);

		i += (uint32_t)stream_tx(near.stream, &byte, 1);
	}
	return NULL;
}

static bool all_read(void *count)
{
	size_t *n = count;

	*n += far_read(far_out, got + *n, sizeof(got) - *n);
	return *n >= 200000;
}

static void a_vcpu_and_the_loop_share_the_ring(void **state)
{
	pthread_t thread;
	size_t n = 0;

	start_pipes();
	assert_int_equal(pthread_create(&thread, NULL, produce, NULL), 0);
	for (unsigned i = 0; i < 2000 && n < 200000; i++)
		kit_run_until(m, all_read, &n, 5);
	pthread_join(thread, NULL);
	assert_int_equal(n, 200000);
	for (size_t i = 0; i < n; i++)
		assert_int_equal((uint8_t)got[i], i % 247);
}

/* ----------------------------------------------------------------------- room */

static void without_room_input_waits_outside(void **state)
{
	start_pipes();
	type("waiting");
	kit_run(m, 20);
	assert_int_equal(near.rx_count, 0);
	assert_int_equal(unread(), 7);
}

static void never_more_than_the_room_is_delivered(void **state)
{
	start_pipes();
	stream_set_room(near.stream, 3);
	type("abcdefgh");
	kit_run(m, 20);
	device_got("abc");
	stream_set_room(near.stream, 2);
	kit_run(m, 20);
	device_got("abcde");
	assert_int_equal(unread(), 3);
	stream_set_room(near.stream, SIZE_MAX);
	kit_run(m, 20);
	device_got("abcdefgh");
}

static void room_is_in_all_not_for_each_call(void **state)
{
	start_pipes();
	stream_set_room(near.stream, 4);
	type("ab");
	assert_true(wait_rx(2));
	type("cdef");
	kit_run(m, 20);
	device_got("abcd");
}

static void room_can_be_taken_back(void **state)
{
	start_pipes();
	stream_set_room(near.stream, 100);
	stream_set_room(near.stream, 0);
	type("x");
	kit_run(m, 20);
	assert_int_equal(near.rx_count, 0);
}

static void rx_may_give_itself_room(void **state)
{
	start_pipes();
	near.refill = 1;
	stream_set_room(near.stream, 1);
	type("one by one");
	assert_true(wait_rx(10));
	device_got("one by one");
	assert_int_equal(near.largest, 1);
}

static void much_input_comes_whole_and_in_order(void **state)
{
	static uint8_t block[4000];

	start_pipes();
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (uint8_t)(i % 249);
	stream_set_room(near.stream, SIZE_MAX);
	assert_int_equal(write(far_in, block, sizeof(block)), sizeof(block));
	assert_true(wait_rx(sizeof(block)));
	assert_memory_equal(near.rx, block, sizeof(block));
}

/* ------------------------------------------------------------ ends of peers */

static void the_end_of_input_is_no_disconnect_and_no_busy_loop(void **state)
{
	start_pipes();
	stream_set_room(near.stream, 100);
	close(far_in);
	far_in = -1;
	assert_in_range(kit_run(m, 50), 1, 6);
	assert_string_equal(near.events, "c");
	tx("still heard");
	kit_run(m, 5);
	assert_int_equal(far_read(far_out, got, sizeof(got)), 11);
}

static void a_reader_that_is_gone_is_told_and_output_lost(void **state)
{
	static uint8_t much[2 * STREAM_RING];

	start_pipes();
	close(far_out);
	far_out = -1;
	tx("?");
	assert_true(wait_events(2));
	assert_string_equal(near.events, "cd");
	assert_int_equal(stream_tx(near.stream, much, sizeof(much)), sizeof(much));
	assert_in_range(kit_run(m, 30), 1, 6);
}

/* A regular file is always ready, as is one that sends on for ever. */
static void one_turn_of_the_loop_reads_a_bounded_part(void **state)
{
	int file = open(kit_path("in"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int out = open("/dev/null", O_WRONLY | O_CLOEXEC);

	assert_int_equal(ftruncate(file, 200000), 0);
	stream_start_stdio(file, out);
	stream_set_room(near.stream, SIZE_MAX);
	stream_pump(near.stream);
	assert_in_range(near.rx_count, 1, 65536);
	assert_true(wait_rx(200000)); /* nothing else has to happen for the rest */
	close(file);
	close(out);
}

static void a_regular_file_can_be_standard_input(void **state)
{
	int file = open(kit_path("in"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int out = open("/dev/null", O_WRONLY | O_CLOEXEC);

	assert_int_equal(write(file, "from a file", 11), 11);
	lseek(file, 0, SEEK_SET);
	stream_start_stdio(file, out);
	stream_set_room(near.stream, 4);
	kit_run(m, 10);
	device_got("from");
	stream_set_room(near.stream, 100);
	assert_true(wait_rx(11));
	assert_in_range(kit_run(m, 30), 1, 6);
	close(file);
	close(out);
}

static void standard_input_serves_one_stream(void **state)
{
	start_pipes();
	assert_int_equal(kit_stream(m, &near.owner, "stdio"), -EBUSY);
	assert_non_null(strstr(kit_why, "near"));
}

static void the_callers_descriptions_stay_blocking(void **state)
{
	int in[2];

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	far_out = open("/dev/null", O_WRONLY | O_CLOEXEC);
	stream_start_stdio(in[0], far_out);
	assert_int_equal(fcntl(in[0], F_GETFL) & O_NONBLOCK, 0);
	close(in[0]);
	far_in = in[1];
}

static void a_stream_is_attached_once(void **state)
{
	static const struct volt_stream_ops none = {.size = sizeof(none)};

	start_pipes();
	assert_int_equal(stream_attach(near.stream, &none), -EBUSY);
}

static void what_is_left_is_written_at_the_end(void **state)
{
	start_pipes();
	tx("last words");
	stream_drain(near.stream, clock_now() + 1000000000u);
	assert_int_equal(far_read(far_out, got, sizeof(got)), 10);
}

static void draining_to_a_stuck_reader_ends_within_two_seconds(void **state)
{
	static uint8_t much[STREAM_RING];
	uint64_t start;

	start_pipes();
	for (unsigned i = 0; i < 4; i++) {
		stream_tx(near.stream, much, sizeof(much));
		kit_run(m, 1);
	}
	start = clock_now();
	stream_drain(near.stream, clock_now() + 1000000000u);
	assert_true(clock_now() - start < 2000000000ull);
}

/* ------------------------------------------------------------------- terminal */

static void what_is_typed_ahead_is_held_and_comes_in_order(void **state)
{
	start_terminal();
	type("ahead");
	kit_run(m, 20);
	assert_int_equal(near.rx_count, 0);
	assert_int_equal(near.stream->held_count, 5);
	stream_set_room(near.stream, 2);
	kit_run(m, 20);
	device_got("ah");
	type(" more");
	kit_run(m, 20);
	device_got("ah");
	stream_set_room(near.stream, 100);
	assert_true(wait_rx(10));
	device_got("ahead more");
}

static void the_escape_key_quits_though_the_guest_reads_nothing(void **state)
{
	char keys[301];

	start_terminal();
	memset(keys, 'k', 300);
	keys[300] = '\0';
	type(keys);
	kit_run(m, 20);
	assert_int_equal(near.stream->held_count, 300);
	type("\x01x");
	kit_run(m, 1000); /* ends at once */
	assert_true(vm_is_ending(&m->end));
	assert_int_equal(m->end.code, EXIT_QUIT);
	assert_true(near.rx_count == 0);
}

static uint8_t letter(size_t i)
{
	return (uint8_t)('a' + i / 7 % 26);
}

/* Pastes until the terminal takes no more, and answers how much it took. */
static size_t paste(size_t sent, size_t limit)
{
	uint8_t part[1000];
	ssize_t n = 1;

	fcntl(far_in, F_SETFL, O_NONBLOCK);
	while (sent < limit && n > 0) {
		for (size_t i = 0; i < sizeof(part); i++)
			part[i] = letter(sent + i);
		n = write(far_in, part, limit - sent < sizeof(part) ? limit - sent : sizeof(part));
		sent += n > 0 ? (size_t)n : 0;
		kit_run(m, 1);
	}
	return sent;
}

static void device_got_letters(size_t count)
{
	assert_int_equal(near.rx_count, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(near.rx[i], letter(i));
}

static void pasted_text_waits_outside_when_64_kib_are_held(void **state)
{
	start_terminal();
	size_t sent = paste(0, 200000);
	assert_in_range(sent, STREAM_HELD, 199999);
	assert_int_equal(near.stream->held_count, STREAM_HELD);
	assert_true(kit_logged("near: the guest does not read: 65536 bytes"));
	unsigned lines = kit_log_lines();
	kit_run(m, 20);
	assert_int_equal(kit_log_lines(), lines);
	near.refill = 16;
	stream_set_room(near.stream, 16);
	for (unsigned i = 0; i < 100 && near.rx_count < sent; i++)
		wait_rx(sent);
	device_got_letters(sent);
}

static void pasted_text_arrives_whole_at_the_guests_pace(void **state)
{
	start_terminal();
	near.refill = 14;
	stream_set_room(near.stream, 14);
	for (size_t sent = 0, tries = 0; sent < 200000 && tries < 100000; tries++)
		sent = paste(sent, 200000);
	for (unsigned i = 0; i < 100 && near.rx_count < 200000; i++)
		wait_rx(200000);
	device_got_letters(200000);
}

/* The key is found in what is held, though the guest is far from it. */
static void the_escape_key_is_found_behind_60000_bytes(void **state)
{
	start_terminal();
	size_t sent = 0;
	while (sent < 60000)
		sent = paste(sent, 60000);
	type("\x01x");
	kit_run(m, 1000);
	assert_true(vm_is_ending(&m->end));
	assert_int_equal(m->end.code, EXIT_QUIT);
}

static void escapes_do_not_reach_the_guest(void **state)
{
	start_terminal();
	stream_set_room(near.stream, 100);
	type("ab\x01\x01"
	     "c\x01z"
	     "d\x01");
	kit_run(m, 20);
	device_got("ab\x01"
		   "cd");
	type("\x01"
	     "e");
	kit_run(m, 20);
	device_got("ab\x01"
		   "cd\x01"
		   "e"); /* an escape may come in two parts */
}

static void commands_of_the_escape_key_are_carried_out(void **state)
{
	start_terminal();
	stream_set_room(near.stream, 100);
	type("\x01"
	     "b\x01"
	     "d\x01h");
	assert_true(wait_events(2));
	kit_run(m, 10);
	assert_string_equal(near.events, "cb");
	assert_int_equal(m->events.attention_wanted, 1);
	assert_true(kit_logged("Ctrl-A x quits"));
	assert_int_equal(near.rx_count, 0);
	assert_false(vm_is_ending(&m->end));
}

static void a_pipe_has_no_escape_key(void **state)
{
	start_pipes();
	stream_set_room(near.stream, 100);
	type("\x01x");
	assert_true(wait_rx(2));
	device_got("\x01x");
	assert_false(vm_is_ending(&m->end));
}

static void escape_a_sends_the_escape_key(void **state)
{
	start_terminal();
	stream_set_room(near.stream, 100);
	type("\x01"
	     "a\x01\x01"
	     "a");
	assert_true(wait_rx(3));
	device_got("\x01\x01"
		   "a");
}

static void the_escape_key_quits_though_standard_output_is_gone(void **state)
{
	struct termios raw;
	int out[2], slave;

	assert_int_equal(pipe2(out, O_CLOEXEC) | openpty(&far_in, &slave, NULL, NULL, NULL), 0);
	tcgetattr(slave, &raw);
	cfmakeraw(&raw);
	tcsetattr(slave, TCSANOW, &raw);
	stream_start_stdio(slave, out[1]);
	close(slave);
	close(out[0]);
	close(out[1]);
	tx("nobody reads this");
	kit_run(m, 20);
	assert_string_equal(near.events, "cd");
	type("\x01x");
	kit_run(m, 300);
	assert_true(vm_is_ending(&m->end));
	assert_int_equal(m->end.code, EXIT_QUIT);
}

static void the_escape_key_quits_though_the_device_takes_no_input(void **state)
{
	static const struct volt_stream_ops output_only = {.size = sizeof(output_only)};

	start_terminal();
	near.stream->ops = &output_only;
	stream_set_room(near.stream, 1000);
	for (unsigned i = 0; i < 100; i++)
		type("typed to nobody ");
	type("\x01x");
	kit_run(m, 300);
	assert_true(vm_is_ending(&m->end));
	assert_int_equal(m->end.code, EXIT_QUIT);
}

static void standard_input_goes_on_where_the_shell_stopped(void **state)
{
	int file = open(kit_path("in"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int out = open("/dev/null", O_WRONLY | O_CLOEXEC);

	assert_int_equal(write(file, "read rest", 9), 9);
	lseek(file, 5, SEEK_SET); /* as after `read line` in a script */
	stream_start_stdio(file, out);
	stream_set_room(near.stream, 100);
	kit_run(m, 20);
	device_got("rest");
	close(file);
	close(out);
}

/* `volt > file` and `volt >> file` alike: what was there stays. */
static void standard_output_goes_on_where_the_shell_stopped(void **state)
{
	int file = open(kit_path("out"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_int_equal(write(file, "before ", 7), 7);
	stream_start_stdio(in, file);
	tx("after");
	kit_run(m, 20);
	assert_string_equal(kit_file(kit_path("out"), NULL), "before after");
	assert_int_equal(lseek(file, 0, SEEK_CUR), 12); /* the shell goes on there in turn */
	close(file);
	close(in);
}

static int stdio_on_one_socket(void *arg)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		return 1;
	dup2(pair[0], STDIN_FILENO);
	dup2(pair[0], STDOUT_FILENO);
	if (kit_stream(m, &near.owner, "stdio") != 0)
		return 2;
	if ((fcntl(m->streams.list[0].in_fd, F_GETFL) & O_NONBLOCK) == 0)
		return 3;
	helper_finish(NULL);
	return fcntl(STDIN_FILENO, F_GETFL) & O_NONBLOCK ? 4 : 0;
}

static void a_socket_as_input_and_output_is_left_blocking(void **state)
{
	assert_int_equal(kit_child(stdio_on_one_socket, NULL), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_full_ring_takes_what_fits),
	    TEST(room_after_a_full_ring_is_told_once),
	    TEST(nothing_is_taken_of_nothing),
	    TEST(the_ring_wraps_around),
	    TEST(the_counters_of_the_ring_may_wrap_too),
	    TEST(a_vcpu_and_the_loop_share_the_ring),
	    TEST(without_room_input_waits_outside),
	    TEST(never_more_than_the_room_is_delivered),
	    TEST(room_is_in_all_not_for_each_call),
	    TEST(room_can_be_taken_back),
	    TEST(rx_may_give_itself_room),
	    TEST(much_input_comes_whole_and_in_order),
	    TEST(the_end_of_input_is_no_disconnect_and_no_busy_loop),
	    TEST(a_reader_that_is_gone_is_told_and_output_lost),
	    TEST(one_turn_of_the_loop_reads_a_bounded_part),
	    TEST(a_regular_file_can_be_standard_input),
	    TEST(standard_input_serves_one_stream),
	    TEST(the_callers_descriptions_stay_blocking),
	    TEST(a_stream_is_attached_once),
	    TEST(what_is_left_is_written_at_the_end),
	    TEST(draining_to_a_stuck_reader_ends_within_two_seconds),
	    TEST(what_is_typed_ahead_is_held_and_comes_in_order),
	    TEST(the_escape_key_quits_though_the_guest_reads_nothing),
	    TEST(pasted_text_waits_outside_when_64_kib_are_held),
	    TEST(pasted_text_arrives_whole_at_the_guests_pace),
	    TEST(the_escape_key_is_found_behind_60000_bytes),
	    TEST(escapes_do_not_reach_the_guest),
	    TEST(commands_of_the_escape_key_are_carried_out),
	    TEST(escape_a_sends_the_escape_key),
	    TEST(the_escape_key_quits_though_standard_output_is_gone),
	    TEST(the_escape_key_quits_though_the_device_takes_no_input),
	    TEST(standard_input_goes_on_where_the_shell_stopped),
	    TEST(standard_output_goes_on_where_the_shell_stopped),
	    TEST(a_socket_as_input_and_output_is_left_blocking),
	    TEST(a_pipe_has_no_escape_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
