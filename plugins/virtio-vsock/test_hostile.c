/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* A guest that lies, floods and breaks the rules; after each case an honest connection works. */
#include <errno.h>

#include "test_virtio-vsock.h"

#define PARAMS "cid=7,path=/vm.vsock"

static void honest(uint32_t guest_port)
{
	struct made m = packet(OP_SHUTDOWN, guest_port, 80);
	const int fd = open_to_host(guest_port);

	guest_writes(guest_port, 80, "honest", 6);
	expect_far(fd, "honest", 6);
	m.flags = SHUT_BOTH;
	guest_sends(&m);
	expect(OP_RST, guest_port);
	expect_peer_closed(fd);
	close(fd);
}

static void drain(void)
{
	struct seen p;

	while (guest_gets(&p))
		offer(1);
}

static void test_each_malformed_packet_is_dropped(void **state)
{
	static const struct {
		uint64_t src_cid, dst_cid;
		uint32_t len, given;
		uint16_t op;
	} cases[] = {
	    {8, HOST_CID, 0, 0, OP_REQUEST},
	    {CID | UINT64_C(1) << 32, HOST_CID, 0, 0, OP_REQUEST},
	    {CID, 1, 0, 0, OP_REQUEST},
	    {CID, 3, 0, 0, OP_REQUEST},
	    {CID, UINT64_MAX, 0, 0, OP_REQUEST},
	    {CID, HOST_CID, 1, 0, OP_RW},
	    {CID, HOST_CID, UINT32_MAX, 100, OP_RW},
	    {CID, HOST_CID, 101, 100, OP_RW},
	    {CID, HOST_CID, 5, 5, OP_REQUEST},
	    {CID, HOST_CID, 5, 5, OP_SHUTDOWN},
	    {CID, HOST_CID, UINT32_MAX, 0, OP_CREDIT_UPDATE},
	};
	static const uint8_t bytes[100];

	begin(PARAMS, 16);
	const int fd = open_to_host(1000);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct made m = packet(cases[i].op, 1000, 80);

		m.src_cid = cases[i].src_cid;
		m.dst_cid = cases[i].dst_cid;
		m.len = cases[i].len;
		m.bytes = bytes;
		m.given = cases[i].given;
		guest_sends(&m);
		expect_silence();
		assert_int_equal(fake_counter(host, "malformed"), i + 1);
	}
	guest_writes(1000, 80, "on", 2);
	expect_far(fd, "on", 2);
	close(fd);
}

/* Shorter than a head, and without anything to read. */
static void test_a_chain_without_a_head_is_dropped(void **state)
{
	static const struct fake_segment segments[] = {
	    {RAM + RAM_SIZE - 4096, HDR_SIZE - 1, false}, {RAM + RAM_SIZE - 2048, 64, true}};
	uint32_t head, len;

	begin(PARAMS, 16);
	fake_driver_add(driver, TXQ, segments, 1, FAKE_DIRECT);
	fake_driver_add(driver, TXQ, segments, 2, FAKE_DIRECT);
	fake_driver_add(driver, TXQ, segments + 1, 1, FAKE_DIRECT);
	fake_driver_kick(driver, TXQ);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(fake_driver_used(driver, TXQ, &head, &len));
		assert_int_equal(len, 0);
	}
	assert_int_equal(fake_counter(host, "malformed"), 3);
	honest(2000);
}

static void test_a_head_may_lie_in_pieces(void **state)
{
	struct fake_segment pieces[HDR_SIZE];
	const uint64_t at = RAM + RAM_SIZE - 4096;
	uint32_t number = 0;
	uint64_t ticket = 0;

	begin(PARAMS, 16);
	uint8_t *h = fake_driver_at(driver, at);

	memset(h, 0, HDR_SIZE);
	volt_put_le64(h + HDR_SRC_CID, CID);
	volt_put_le64(h + HDR_DST_CID, HOST_CID);
	volt_put_le32(h + HDR_DST_PORT, 90);
	volt_put_le16(h + HDR_TYPE, TYPE_STREAM);
	volt_put_le16(h + HDR_OP, OP_REQUEST);
	for (unsigned i = 0; i < HDR_SIZE; i++)
		pieces[i] = (struct fake_segment){at + i, 1, false};
	fake_driver_add(driver, TXQ, pieces, HDR_SIZE, FAKE_DIRECT);
	fake_driver_kick(driver, TXQ);
	assert_true(fake_peer_asked(host, &number, &ticket));
	assert_int_equal(number, 90);
}

static void test_packets_of_no_connection_are_answered_with_rst(void **state)
{
	static const uint16_t ops[] = {
	    0, OP_RESPONSE, OP_SHUTDOWN, OP_RW, OP_CREDIT_UPDATE, OP_CREDIT_REQUEST, 8, 0xffff};

	begin(PARAMS, 16);
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		guest_says(ops[i], 1000, 80);
		expect(OP_RST, 1000);
		expect_silence();
	}
	guest_says(OP_RST, 1000, 80); /* which is not answered */
	expect_silence();
	honest(2000);
}

static void test_types_that_are_not_streams_are_answered_with_rst(void **state)
{
	static const uint16_t types[] = {0, 2, 3, 0xffff};

	begin(PARAMS, 16);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct made m = packet(OP_REQUEST, 1000, 80);

		m.type = types[i];
		guest_sends(&m);
		assert_int_equal(expect(OP_RST, 1000).type, types[i]);
		m.op = OP_RST;
		guest_sends(&m);
		expect_silence();
	}
	honest(2000);
}

/* Whatever it says in whatever state: RST, or nothing, and the ports can be used again. */
static void test_each_operation_in_each_state(void **state)
{
	for (unsigned how = 0; how < 6; how++) {
		for (uint16_t op = 0; op < 10; op++) {
			uint32_t number;
			uint64_t ticket;
			int fd = -1;

			begin(PARAMS, 16);
			if (how == 0) { /* the broker is being asked */
				guest_says(OP_REQUEST, 1000, 80);
			} else if (how == 1) { /* open */
				fd = open_to_host(1000);
			} else if (how == 2) { /* the program is gone */
				fd = open_to_host(1000);
				close(fd);
				fd = -1;
				drain();
			} else if (how == 3) { /* and half of it */
				fd = open_to_host(1000);
				shutdown(fd, SHUT_WR);
				drain();
			} else if (how == 4) { /* RST is due, and there is no buffer */
				fd = open_to_host(1000);
				while (guest_gets(&(struct seen){0}))
					continue;
				for (unsigned i = 0; i < 40; i++)
					guest_says(OP_CREDIT_REQUEST, 1000, 80);
				guest_says(0, 1000, 80);
			} else { /* the guest has ended its output */
				struct made m = packet(OP_SHUTDOWN, 1000, 80);

				fd = open_to_host(1000);
				m.flags = SHUT_SEND;
				guest_sends(&m);
			}
			guest_says(op, 1000, 80);
			guest_says(op, 1000, 80);
			while (fake_peer_asked(host, &number, &ticket)) {
				const int late = fake_peer_answer(host, ticket, 0);

				settle();
				close(late);
			}
			offer(16);
			drain();
			guest_says(OP_RST, 1000, 80);
			drain();
			if (fd >= 0)
				close(fd);
			drain();
			assert_int_equal(fake_peer_count(host), 0);
			honest(1000);
			teardown(NULL);
		}
	}
	begin(PARAMS, 16);
}

static void test_a_flood_without_buffers_waits_and_grows_nothing(void **state)
{
	const uint64_t at = RAM + RAM_SIZE - 4096;
	uint32_t head, len, answered = 0, taken = 0;

	begin(PARAMS, 0);
	uint8_t *h = fake_driver_at(driver, at);

	memset(h, 0, HDR_SIZE);
	volt_put_le64(h + HDR_SRC_CID, CID);
	volt_put_le64(h + HDR_DST_CID, HOST_CID);
	volt_put_le16(h + HDR_TYPE, TYPE_STREAM);
	volt_put_le16(h + HDR_OP, OP_RW);
	for (unsigned round = 0; round < 8; round++) {
		const struct fake_segment s = {at, HDR_SIZE, false};

		while (fake_driver_add(driver, TXQ, &s, 1, FAKE_DIRECT) >= 0)
			;
		fake_driver_kick(driver, TXQ);
		while (fake_driver_used(driver, TXQ, &head, &len))
			taken++;
	}
	assert_int_equal(taken, REFUSALS);
	offer(16);
	for (unsigned i = 0; i < 256; i++) {
		struct seen p;

		if (!guest_gets(&p))
			break;
		assert_int_equal(p.op, OP_RST);
		answered++;
		offer(1);
		while (fake_driver_used(driver, TXQ, &head, &len))
			taken++;
	}
	assert_true(answered > 200 && taken > REFUSALS);
	drain();
	while (fake_driver_used(driver, TXQ, &head, &len))
		;
	honest(2000);
}

static void test_more_connections_than_allowed_are_refused(void **state)
{
	int fds[8];
	struct made m = packet(OP_SHUTDOWN, 0, 80);

	begin("cid=7,path=/vm.vsock,connections=8", 16);
	for (unsigned i = 0; i < 8; i++)
		fds[i] = open_to_host(1000 + i);
	guest_says(OP_REQUEST, 1008, 80);
	expect(OP_RST, 1008);
	const int fd = fake_peer_comes(host);

	expect_peer_closed(fd);
	close(fd);
	/* One whose program is gone makes room, though the guest has not let go of it. */
	close(fds[0]);
	assert_int_equal(expect(OP_SHUTDOWN, 1000).flags, SHUT_BOTH);
	guest_says(OP_REQUEST, 1008, 80);
	expect(OP_RST, 1000);
	m.guest_port = 1001;
	m.flags = SHUT_BOTH;
	guest_sends(&m);
	expect(OP_RST, 1001);
	for (unsigned i = 1; i < 8; i++)
		close(fds[i]);
}

static void test_many_connections(void **state)
{
	enum { MANY = 200 };
	static int fds[MANY];

	begin("cid=7,path=/vm.vsock,connections=200", 64);
	for (uint32_t i = 0; i < MANY; i++)
		fds[i] = open_to_host(i);
	for (uint32_t i = 0; i < MANY; i++)
		guest_writes(i, 80, &i, sizeof(i));
	for (uint32_t i = 0; i < MANY; i++)
		expect_far(fds[i], &i, sizeof(i));
	assert_int_equal(fake_peer_count(host), MANY);
	for (uint32_t i = 0; i < MANY; i++)
		guest_says(OP_RST, i, 80);
	assert_int_equal(fake_peer_count(host), 0);
	for (uint32_t i = 0; i < MANY; i++)
		close(fds[i]);
	honest(1);
	assert_int_equal(fake_counter(host, "to_host"), MANY + 1);
}

static void test_buffers_without_room_go_back_empty(void **state)
{
	static const struct fake_segment segments[] = {
	    {RAM + RAM_SIZE - 4096, HDR_SIZE, true}, {RAM + RAM_SIZE - 2048, 100, false}};
	uint32_t head, len;

	begin(PARAMS, 0);
	fake_driver_add(driver, RXQ, segments, 1, FAKE_DIRECT);
	fake_driver_add(driver, RXQ, segments + 1, 1, FAKE_DIRECT);
	fake_driver_kick(driver, RXQ);
	for (unsigned i = 0; i < 2; i++) {
		assert_true(fake_driver_used(driver, RXQ, &head, &len));
		assert_int_equal(len, 0);
	}
	offer(16);
	honest(2000);
}

static uint64_t draw(uint64_t *random, uint64_t below)
{
	*random ^= *random >> 12;
	*random ^= *random << 25;
	*random ^= *random >> 27;
	return (*random * 0x2545f4914f6cdd1dull >> 16) % below;
}

/* Random packets on few ports, with programs that come, write, stop and go. */
static void test_random_guests_and_programs(void **state)
{
	const char *given = getenv("VOLT_FUZZ_SEED");
	uint64_t random = given ? strtoull(given, NULL, 0) : (uint64_t)getpid() * 2654435761u + 1;
	static const uint8_t bytes[2048];
	int fds[16];
	unsigned count = 0;

	printf("VOLT_FUZZ_SEED=%llu\n", (unsigned long long)random);
	begin("cid=7,path=/vm.vsock,connections=12", 16);
	for (unsigned round = 0; round < 1500; round++) {
		struct made m = packet((uint16_t)draw(&random, 9), (uint32_t)draw(&random, 4),
		    (uint32_t)(80 + draw(&random, 2)));
		uint32_t number;
		uint64_t ticket;
		struct seen p;

		switch (draw(&random, 8)) {
		case 0:
			if (count < 16)
				fds[count++] = fake_peer_comes(host);
			break;
		case 1:
			if (count)
				send(fds[draw(&random, count)], "CONNECT 1\nand more", 18,
				    MSG_NOSIGNAL);
			break;
		case 2:
			if (count) {
				const unsigned which = (unsigned)draw(&random, count);

				close(fds[which]);
				fds[which] = fds[--count];
			}
			break;
		case 3:
			if (fake_peer_asked(host, &number, &ticket)) {
				const int fd =
				    fake_peer_answer(host, ticket, count < 16 ? 0 : ECONNREFUSED);

				if (fd >= 0)
					fds[count++] = fd;
			}
			break;
		case 4:
			if (count)
				recv(fds[draw(&random, count)], (uint8_t[4096]){0}, 4096, 0);
			break;
		case 5:
			if (guest_gets(&p)) {
				offer(1);
				if (draw(&random, 2)) { /* an answer that fits */
					m.guest_port = p.dst_port;
					m.host_port = p.src_port;
				}
			}
			__attribute__((fallthrough));
		default:
			m.flags = (uint32_t)draw(&random, 4);
			m.buf_alloc = (uint32_t)draw(&random, 3000);
			m.fwd_cnt = (uint32_t)draw(&random, 3000);
			m.bytes = bytes;
			m.given = m.op == OP_RW ? (uint32_t)draw(&random, sizeof(bytes)) : 0;
			m.len = m.given;
			if (fake_driver_ring(driver, TXQ)->free_count == 0)
				break;
			drain();
			guest_sends(&m);
		}
		settle();
	}
	while (count)
		close(fds[--count]);
	drain();
	fake_driver_reset(driver);
	settle();
	const struct vsock *s = fake_host_self(host);

	/* A connection that the broker was asked for lasts until it has answered. */
	for (uint32_t i = 0; i < s->count; i++)
		assert_true(s->conns[i].state == VSOCK_FREE || s->conns[i].in_use);
}

int run_hostile_tests(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(test_each_malformed_packet_is_dropped, teardown),
	    cmocka_unit_test_teardown(test_a_chain_without_a_head_is_dropped, teardown),
	    cmocka_unit_test_teardown(test_a_head_may_lie_in_pieces, teardown),
	    cmocka_unit_test_teardown(
		test_packets_of_no_connection_are_answered_with_rst, teardown),
	    cmocka_unit_test_teardown(
		test_types_that_are_not_streams_are_answered_with_rst, teardown),
	    cmocka_unit_test_teardown(test_each_operation_in_each_state, teardown),
	    cmocka_unit_test_teardown(
		test_a_flood_without_buffers_waits_and_grows_nothing, teardown),
	    cmocka_unit_test_teardown(test_more_connections_than_allowed_are_refused, teardown),
	    cmocka_unit_test_teardown(test_many_connections, teardown),
	    cmocka_unit_test_teardown(test_buffers_without_room_go_back_empty, teardown),
	    cmocka_unit_test_teardown(test_random_guests_and_programs, teardown),
	};

	return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
