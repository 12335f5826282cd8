/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>

#include "test_virtio-vsock.h"

#define PARAMS "cid=7,path=/vm.vsock"

static uint8_t block[WINDOW * 2];

static void fill(unsigned seed)
{
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (uint8_t)(seed + i * 7 + i / 251);
}

/* Bytes for the guest, as its buffers bring them. */
static void expect_bytes(uint32_t port, const uint8_t *bytes, size_t n)
{
	size_t have = 0;

	while (have < n) {
		const struct seen p = expect(OP_RW, port);

		assert_true(p.len > 0 && p.len <= n - have);
		assert_memory_equal(p.bytes, bytes + have, p.len);
		have += p.len;
	}
}

/* ---------------------------------------------------------------- connections */

static void test_a_program_connects_to_a_port_of_the_guest(void **state)
{
	uint32_t port, other;

	begin(PARAMS, 16);
	const int fd = open_to_guest(&port), second = open_to_guest(&other);

	assert_true(port >= FIRST_PORT && other != port);
	far_writes(fd, "hello", 5);
	expect_bytes(52, (const uint8_t *)"hello", 5);
	guest_writes(52, port, "answer", 6);
	expect_far(fd, "answer", 6);
	guest_writes(52, other, "second", 6);
	expect_far(second, "second", 6);
	assert_int_equal(fake_counter(host, "to_guest"), 2);
	close(fd);
	close(second);
}

static void test_the_guest_connects_to_a_program(void **state)
{
	begin(PARAMS, 16);
	const int fd = open_to_host(1000);

	guest_writes(1000, 80, "hello", 5);
	expect_far(fd, "hello", 5);
	far_writes(fd, "answer", 6);
	expect_bytes(1000, (const uint8_t *)"answer", 6);
	assert_int_equal(fake_counter(host, "to_host"), 1);
	close(fd);
}

static void test_what_nobody_listens_on_is_refused(void **state)
{
	uint32_t number;
	uint64_t ticket;

	begin(PARAMS, 16);
	guest_says(OP_REQUEST, 1000, 81);
	assert_true(fake_peer_asked(host, &number, &ticket));
	fake_peer_answer(host, ticket, ECONNREFUSED);
	expect(OP_RST, 1000);
	expect_silence();
	/* And a port of the guest on which nobody listens. */
	const int fd = fake_peer_comes(host);

	far_writes(fd, "CONNECT 9\n", 10);
	const struct seen p = expect(OP_REQUEST, 9);

	guest_says(OP_RST, 9, p.src_port);
	expect_peer_closed(fd);
	assert_int_equal(fake_peer_count(host), 0);
	assert_int_equal(fake_counter(host, "refused"), 2);
	close(fd);
}

static void test_without_a_broker_the_guest_is_refused(void **state)
{
	begin(PARAMS, 16);
	fake_broker_ends(host);
	guest_says(OP_REQUEST, 1000, 80);
	expect(OP_RST, 1000);
	expect_silence();
}

static void test_a_client_that_says_anything_else_is_turned_away(void **state)
{
	static const char *const lines[] = {
	    "\n",
	    "CONNECT\n",
	    "CONNECT \n",
	    "CONNECT -1\n",
	    "CONNECT 4294967295\n",
	    "CONNECT 4294967296\n",
	    "CONNECT 18446744073709551668\n",
	    "CONNECT 52 \n",
	    "connect 52\n",
	    "GET / HTTP/1.1\r\n",
	    "CONNECT 000000000000000000000052\n",
	};

	begin(PARAMS, 16);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const int fd = fake_peer_comes(host);
		char byte;

		far_writes(fd, lines[i], strlen(lines[i]));
		const ssize_t got = recv(fd, &byte, 1, 0);

		assert_true(got == 0 || (got < 0 && errno == ECONNRESET));
		close(fd);
	}
	expect_silence();
	assert_int_equal(fake_peer_count(host), 0);
}

static void test_what_follows_connect_is_the_guest_s(void **state)
{
	begin(PARAMS, 16);
	const int fd = fake_peer_comes(host);

	far_writes(fd, "CO", 2);
	far_writes(fd, "NNECT 52\nearly", 14);
	const struct seen p = expect(OP_REQUEST, 52);

	expect_silence();
	guest_says(OP_RESPONSE, 52, p.src_port);
	expect_bytes(52, (const uint8_t *)"early", 5);
	close(fd);
}

static void test_a_client_that_leaves_before_the_answer_ends_the_request(void **state)
{
	begin(PARAMS, 0);
	int fd = fake_peer_comes(host);

	far_writes(fd, "CONNECT 52\n", 11);
	close(fd);
	offer(4);
	expect_silence(); /* the guest was not notified */
	fd = fake_peer_comes(host);
	far_writes(fd, "CONNECT 52\n", 11);
	const struct seen p = expect(OP_REQUEST, 52);

	close(fd);
	expect(OP_RST, 52);
	guest_says(OP_RESPONSE, 52, p.src_port); /* crossed it */
	expect(OP_RST, 52);
	expect_silence();
	assert_int_equal(fake_peer_count(host), 0);
}

static void test_a_guest_that_gives_up_closes_what_the_broker_opens(void **state)
{
	uint32_t number;
	uint64_t ticket;

	begin(PARAMS, 16);
	guest_says(OP_REQUEST, 1000, 80);
	assert_true(fake_peer_asked(host, &number, &ticket));
	guest_says(OP_RST, 1000, 80);
	const int fd = fake_peer_answer(host, ticket, 0);

	expect_peer_closed(fd);
	expect_silence();
	close(fd);
	close(open_to_host(1000)); /* the ports are free */
}

/* ---------------------------------------------------------------------- bytes */

static void test_the_guest_may_send_a_window_and_no_more(void **state)
{
	begin(PARAMS, 16);
	const int fd = open_to_host(1000);
	size_t sent = 0, window = 0;

	fill(1);
	/* The socket takes some, and then the window fills. */
	for (;;) {
		struct seen p;

		guest_writes(1000, 80, block + sent % 1024, 1024);
		sent += 1024;
		if (guest_gets(&p)) {
			assert_int_equal(p.op, OP_CREDIT_UPDATE);
			window = p.fwd_cnt;
			offer(1);
		}
		if (sent - window == WINDOW)
			break;
	}
	guest_writes(1000, 80, block, 1);
	expect(OP_RST, 1000);
	assert_int_equal(fake_counter(host, "overrun"), 1);
	close(fd);
}

static void test_a_slow_program_loses_nothing(void **state)
{
	begin(PARAMS, 16);
	const int fd = open_to_host(1000);
	size_t sent = 0, told = 0, got = 0;
	struct seen p;
	uint8_t *all = malloc(2u << 20);

	assert_non_null(all);
	for (size_t i = 0; i < 2u << 20; i++)
		all[i] = (uint8_t)(i * 13 + i / 253);
	while (got < 2u << 20) {
		uint8_t some[5000];

		while (sent < 2u << 20 && sent - told < WINDOW) {
			size_t n = WINDOW - (sent - told);

			n = n < 40000 ? n : 40000;
			n = n < (2u << 20) - sent ? n : (2u << 20) - sent;
			guest_writes(1000, 80, all + sent, (uint32_t)n);
			sent += n;
		}
		while (guest_gets(&p)) {
			assert_int_equal(p.op, OP_CREDIT_UPDATE);
			told = p.fwd_cnt;
			offer(1);
		}
		const ssize_t n = recv(fd, some, sizeof(some), 0);

		assert_true(n > 0);
		assert_memory_equal(some, all + got, (size_t)n);
		got += (size_t)n;
		settle();
	}
	free(all);
	close(fd);
}

static void test_nothing_is_sent_beyond_the_guest_s_room(void **state)
{
	struct made m;
	uint32_t port;

	begin(PARAMS, 64);
	const int fd = open_to_guest(&port);

	m = packet(OP_CREDIT_UPDATE, 52, port);
	m.buf_alloc = 100;
	guest_sends(&m);
	fill(2);
	far_writes(fd, block, 1000);
	expect_bytes(52, block, 100);
	expect(OP_CREDIT_REQUEST, 52); /* once */
	expect_silence();
	m.fwd_cnt = 60;
	guest_sends(&m);
	expect_bytes(52, block + 100, 60);
	m.buf_alloc = 50; /* it has shrunk below what is on its way */
	guest_sends(&m);
	while (guest_gets(&(struct seen){0}))
		offer(1);
	m.buf_alloc = 10000;
	m.fwd_cnt = 160;
	guest_sends(&m);
	expect_bytes(52, block + 160, 840);
	close(fd);
}

static void test_counters_of_32_bits_wrap(void **state)
{
	struct made m;
	uint32_t port;

	begin(PARAMS, 64);
	const int fd = open_to_guest(&port);
	struct vsock *s = fake_host_self(host);

	s->conns[0].sent = UINT32_MAX - 10;
	s->conns[0].received = s->conns[0].forwarded = s->conns[0].told = UINT32_MAX - 5;
	m = packet(OP_CREDIT_UPDATE, 52, port);
	m.buf_alloc = 100;
	m.fwd_cnt = UINT32_MAX - 10;
	guest_sends(&m);
	fill(3);
	far_writes(fd, block, 300);
	expect_bytes(52, block, 100);
	m.fwd_cnt += 100;
	expect(OP_CREDIT_REQUEST, 52);
	guest_sends(&m);
	expect_bytes(52, block + 100, 100);
	m = packet(OP_RW, 52, port);
	m.bytes = block;
	m.len = m.given = 1000;
	m.buf_alloc = 100;
	m.fwd_cnt = 89;
	guest_sends(&m);
	expect_far(fd, block, 1000);
	close(fd);
}

static void test_a_program_that_does_not_read_stalls_nobody(void **state)
{
	begin(PARAMS, 16);
	const int slow = open_to_host(1000), quick = open_to_host(1001);
	size_t sent = 0, told = 0;
	struct seen p;

	fill(4);
	while (sent - told < WINDOW) {
		guest_writes(1000, 80, block, 4096);
		sent += 4096;
		if (guest_gets(&p)) {
			told = p.fwd_cnt;
			offer(1);
		}
	}
	guest_writes(1001, 80, "quick", 5);
	expect_far(quick, "quick", 5);
	far_writes(quick, "back", 4);
	expect_bytes(1001, (const uint8_t *)"back", 4);
	close(slow);
	close(quick);
}

static void test_each_connection_has_its_turn(void **state)
{
	unsigned first = 0, second = 0;
	struct seen p;

	begin(PARAMS, 16);
	const int a = open_to_host(1000), b = open_to_host(1001);

	/* No buffers are left while both have much to send. */
	fill(5);
	for (unsigned i = 0; i < 16; i++)
		guest_says(OP_CREDIT_REQUEST, 1000, 80);
	far_writes(a, block, 100000);
	far_writes(b, block, 100000);
	while (guest_gets(&p))
		continue;
	offer(16);
	while (guest_gets(&p)) {
		first += p.dst_port == 1000;
		second += p.dst_port == 1001;
	}
	assert_int_equal(first, 8);
	assert_int_equal(second, 8);
	close(a);
	close(b);
}

/* ----------------------------------------------------------------------- ends */

static void test_a_program_that_ends_its_output_still_reads(void **state)
{
	begin(PARAMS, 16);
	const int fd = open_to_host(1000);
	struct made m;

	far_writes(fd, "last", 4);
	shutdown(fd, SHUT_WR);
	expect_bytes(1000, (const uint8_t *)"last", 4);
	assert_int_equal(expect(OP_SHUTDOWN, 1000).flags, SHUT_SEND);
	guest_writes(1000, 80, "still", 5);
	expect_far(fd, "still", 5);
	m = packet(OP_SHUTDOWN, 1000, 80);
	m.flags = SHUT_BOTH;
	guest_sends(&m);
	expect(OP_RST, 1000);
	expect_peer_closed(fd);
	expect_silence();
	assert_int_equal(fake_peer_count(host), 0);
	close(fd);
}

static void test_a_guest_that_ends_its_output_still_reads(void **state)
{
	begin(PARAMS, 16);
	const int fd = open_to_host(1000);
	struct made m = packet(OP_SHUTDOWN, 1000, 80);

	guest_writes(1000, 80, "last", 4);
	m.flags = SHUT_SEND;
	guest_sends(&m);
	expect_far(fd, "last", 4);
	expect_peer_closed(fd);
	far_writes(fd, "still", 5);
	expect_bytes(1000, (const uint8_t *)"still", 5);
	close(fd);
	assert_int_equal(expect(OP_SHUTDOWN, 1000).flags, SHUT_BOTH);
	guest_says(OP_RST, 1000, 80);
	expect_silence();
	close(open_to_host(1000));
}

static void test_what_the_guest_sent_before_it_closed_arrives(void **state)
{
	begin(PARAMS, 16);
	const int fd = open_to_host(1000);
	struct made m = packet(OP_SHUTDOWN, 1000, 80);
	size_t sent = 0, told = 0, got = 0;
	struct seen p;

	fill(6);
	while (sent - told < WINDOW) {
		guest_writes(1000, 80, block, 1024);
		sent += 1024;
		if (guest_gets(&p)) {
			told = p.fwd_cnt;
			offer(1);
		}
	}
	m.flags = SHUT_BOTH;
	guest_sends(&m);
	expect(OP_RST, 1000); /* at once: what is left needs no guest */
	const int again = open_to_host(1000);

	for (uint8_t some[1024];;) {
		const ssize_t n = recv(fd, some, sizeof(some), MSG_WAITALL);

		assert_true(n >= 0);
		if (n == 0)
			break;
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(some[i], block[(got + (size_t)i) % 1024]);
		got += (size_t)n;
		settle();
	}
	assert_int_equal(got, sent);
	close(fd);
	close(again);
}

static void test_a_program_that_is_killed_ends_the_connection(void **state)
{
	begin(PARAMS, 16);
	const int fd = open_to_host(1000);

	far_writes(fd, "unheard", 7);
	close(fd);
	expect_bytes(1000, (const uint8_t *)"unheard", 7);
	assert_int_equal(expect(OP_SHUTDOWN, 1000).flags, SHUT_BOTH);
	guest_writes(1000, 80, "lost", 4); /* crossed it: no harm */
	expect_silence();
	guest_says(OP_RST, 1000, 80);
	expect_silence();
	assert_int_equal(fake_peer_count(host), 0);
}

static void test_a_reset_of_the_guest_ends_the_program_s_side(void **state)
{
	uint32_t port;

	begin(PARAMS, 16);
	const int fd = open_to_guest(&port);

	guest_says(OP_RST, 52, port);
	expect_peer_closed(fd);
	expect_silence();
	guest_writes(52, port, "late", 4);
	expect(OP_RST, 52);
	close(fd);
}

static void test_a_guest_that_takes_no_more_stops_the_program(void **state)
{
	begin(PARAMS, 16);
	const int fd = open_to_host(1000);
	struct made m = packet(OP_SHUTDOWN, 1000, 80);

	m.flags = SHUT_RECEIVE;
	guest_sends(&m);
	assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), -1);
	assert_int_equal(errno, EPIPE);
	guest_writes(1000, 80, "but", 3);
	expect_far(fd, "but", 3);
	m.flags = SHUT_SEND; /* what was said before stays said */
	guest_sends(&m);
	expect(OP_RST, 1000);
	expect_peer_closed(fd);
	close(fd);
}

/* -------------------------------------------------------------- resets, states */

static void test_a_driver_s_reset_forgets_its_connections(void **state)
{
	uint32_t port, number;
	uint64_t ticket;

	begin(PARAMS, 16);
	const int fd = open_to_guest(&port), other = open_to_host(1000);
	const int waiting = fake_peer_comes(host);

	guest_says(OP_REQUEST, 1001, 80);
	assert_true(fake_peer_asked(host, &number, &ticket));
	fake_driver_reset(driver);
	settle();
	expect_peer_closed(fd);
	expect_peer_closed(other);
	const int late = fake_peer_answer(host, ticket, 0);

	expect_peer_closed(late);
	assert_int_equal(fake_peer_count(host), 1);
	far_writes(waiting, "CONNECT 52\n", 11);
	fake_driver_free_all(driver);
	assert_true(fake_driver_start(driver, UINT64_C(1) << 32, 3, 64));
	const uint64_t at = fake_driver_alloc(driver, HDR_SIZE + ROOM, 64);
	const struct fake_segment s = {at, HDR_SIZE + ROOM, true};
	uint32_t head, len;

	fake_driver_add(driver, RXQ, &s, 1, FAKE_DIRECT);
	fake_driver_kick(driver, RXQ);
	assert_true(fake_driver_used(driver, RXQ, &head, &len));
	assert_int_equal(volt_le16(fake_driver_at(driver, at) + HDR_OP), OP_REQUEST);
	close(fd);
	close(other);
	close(late);
	close(waiting);
}

/* Has the guest been told of a transport reset? */
static bool is_told(void)
{
	static uint64_t at;
	const struct fake_segment s = {at ? at : (at = RAM + RAM_SIZE - 64), 8, true};
	uint32_t head, len;

	fake_driver_add(driver, EVENTQ, &s, 1, FAKE_DIRECT);
	fake_driver_kick(driver, EVENTQ);
	memset(fake_driver_at(driver, at), 0, 8);
	settle();
	if (!fake_driver_used(driver, EVENTQ, &head, &len))
		return false;
	assert_int_equal(len, 4);
	assert_int_equal(volt_le32(fake_driver_at(driver, at)), 0);
	return true;
}

static void test_a_pause_keeps_connections_and_a_restore_tells_the_guest(void **state)
{
	uint32_t port;
	size_t n;

	begin(PARAMS, 16);
	const int fd = open_to_guest(&port);
	const uint8_t *bytes = fake_state_save(host, &n);
	uint8_t *copy = malloc(n);

	assert_non_null(copy);
	memcpy(copy, bytes, n);
	far_writes(fd, "on", 2);
	expect_bytes(52, (const uint8_t *)"on", 2);
	assert_false(is_told());
	fake_advance(host, 1000);
	assert_int_equal(fake_state_load(host, copy, n), 0);
	assert_true(is_told());
	expect_peer_closed(fd);
	assert_int_equal(fake_peer_count(host), 0);
	assert_false(is_told());
	free(copy);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(test_a_program_connects_to_a_port_of_the_guest, teardown),
	    cmocka_unit_test_teardown(test_the_guest_connects_to_a_program, teardown),
	    cmocka_unit_test_teardown(test_what_nobody_listens_on_is_refused, teardown),
	    cmocka_unit_test_teardown(test_without_a_broker_the_guest_is_refused, teardown),
	    cmocka_unit_test_teardown(
		test_a_client_that_says_anything_else_is_turned_away, teardown),
	    cmocka_unit_test_teardown(test_what_follows_connect_is_the_guest_s, teardown),
	    cmocka_unit_test_teardown(
		test_a_client_that_leaves_before_the_answer_ends_the_request, teardown),
	    cmocka_unit_test_teardown(
		test_a_guest_that_gives_up_closes_what_the_broker_opens, teardown),
	    cmocka_unit_test_teardown(test_the_guest_may_send_a_window_and_no_more, teardown),
	    cmocka_unit_test_teardown(test_a_slow_program_loses_nothing, teardown),
	    cmocka_unit_test_teardown(test_nothing_is_sent_beyond_the_guest_s_room, teardown),
	    cmocka_unit_test_teardown(test_counters_of_32_bits_wrap, teardown),
	    cmocka_unit_test_teardown(test_a_program_that_does_not_read_stalls_nobody, teardown),
	    cmocka_unit_test_teardown(test_each_connection_has_its_turn, teardown),
	    cmocka_unit_test_teardown(test_a_program_that_ends_its_output_still_reads, teardown),
	    cmocka_unit_test_teardown(test_a_guest_that_ends_its_output_still_reads, teardown),
	    cmocka_unit_test_teardown(test_what_the_guest_sent_before_it_closed_arrives, teardown),
	    cmocka_unit_test_teardown(test_a_program_that_is_killed_ends_the_connection, teardown),
	    cmocka_unit_test_teardown(test_a_reset_of_the_guest_ends_the_program_s_side, teardown),
	    cmocka_unit_test_teardown(test_a_guest_that_takes_no_more_stops_the_program, teardown),
	    cmocka_unit_test_teardown(test_a_driver_s_reset_forgets_its_connections, teardown),
	    cmocka_unit_test_teardown(
		test_a_pause_keeps_connections_and_a_restore_tells_the_guest, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) + run_hostile_tests();
}
