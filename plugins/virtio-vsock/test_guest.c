/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>

#include "test_virtio-vsock.h"

#define RING 64u

extern const struct volt_plugin volt_plugin_virtio_vsock;

struct fake_host *host;
struct fake_driver *driver;

static uint64_t buffers_at, packet_at;
static unsigned buffer_next;

void begin(const char *params, unsigned buffers)
{
	host = fake_host_create(&volt_plugin_virtio_vsock);
	assert_int_equal(fake_host_wire(host, params), 0);
	assert_int_equal(fake_host_run(host), 0);
	driver = fake_driver_create(host, RAM, RAM_SIZE);
	assert_true(fake_driver_start(driver, UINT64_C(1) << 32 | VSOCK_F_STREAM, 3, RING));
	buffers_at = fake_driver_alloc(driver, (size_t)RING * (HDR_SIZE + ROOM), 64);
	packet_at = fake_driver_alloc(driver, HDR_SIZE + PAYLOAD_MAX, 64);
	buffer_next = 0;
	offer(buffers);
}

int teardown(void **state)
{
	fake_driver_destroy(driver);
	fake_host_destroy(host);
	driver = NULL;
	host = NULL;
	return 0;
}

void settle(void)
{
	for (unsigned i = 0; i < 2000; i++)
		if (fake_run_workers(host) == 0 && !fake_peers_look(host))
			return;
	fail_msg("the worker does not come to rest");
}

void offer(unsigned buffers)
{
	for (unsigned i = 0; i < buffers; i++) {
		const struct fake_segment s = {
		    buffers_at + (uint64_t)(HDR_SIZE + ROOM) * buffer_next, HDR_SIZE + ROOM, true};

		assert_true(fake_driver_add(driver, RXQ, &s, 1, FAKE_DIRECT) >= 0);
		buffer_next = (buffer_next + 1) % RING;
	}
	fake_driver_kick(driver, RXQ);
}

struct made packet(uint16_t op, uint32_t guest_port, uint32_t host_port)
{
	return (struct made){.src_cid = CID,
	    .dst_cid = HOST_CID,
	    .guest_port = guest_port,
	    .host_port = host_port,
	    .buf_alloc = ALLOC,
	    .type = TYPE_STREAM,
	    .op = op};
}

void guest_sends(const struct made *m)
{
	uint8_t *h = fake_driver_at(driver, packet_at);
	const struct fake_segment s = {packet_at, HDR_SIZE + m->given, false};
	uint32_t head, len;

	volt_put_le64(h + HDR_SRC_CID, m->src_cid);
	volt_put_le64(h + HDR_DST_CID, m->dst_cid);
	volt_put_le32(h + HDR_SRC_PORT, m->guest_port);
	volt_put_le32(h + HDR_DST_PORT, m->host_port);
	volt_put_le32(h + HDR_LEN, m->len);
	volt_put_le16(h + HDR_TYPE, m->type);
	volt_put_le16(h + HDR_OP, m->op);
	volt_put_le32(h + HDR_FLAGS, m->flags);
	volt_put_le32(h + HDR_BUF_ALLOC, m->buf_alloc);
	volt_put_le32(h + HDR_FWD_CNT, m->fwd_cnt);
	if (m->given)
		memcpy(h + HDR_SIZE, m->bytes, m->given);
	assert_true(fake_driver_add(driver, TXQ, &s, 1, FAKE_DIRECT) >= 0);
	fake_driver_kick(driver, TXQ);
	assert_true(fake_driver_used(driver, TXQ, &head, &len));
	assert_int_equal(len, 0);
	settle();
}

void guest_says(uint16_t op, uint32_t guest_port, uint32_t host_port)
{
	const struct made m = packet(op, guest_port, host_port);

	guest_sends(&m);
}

void guest_writes(uint32_t guest_port, uint32_t host_port, const void *bytes, uint32_t n)
{
	struct made m = packet(OP_RW, guest_port, host_port);

	m.bytes = bytes;
	m.len = m.given = n;
	guest_sends(&m);
}

bool guest_gets(struct seen *p)
{
	static uint8_t copy[HDR_SIZE + ROOM];
	static unsigned taken;
	uint32_t head, len;

	settle();
	if (!fake_driver_used(driver, RXQ, &head, &len))
		return false;
	const struct fake_ring *r = fake_driver_ring(driver, RXQ);
	const uint64_t at = volt_le64(fake_driver_at(driver, r->desc + 16 * (uint64_t)head));

	taken++;
	memcpy(copy, fake_driver_at(driver, at), sizeof(copy));
	*p = (struct seen){
	    .src_cid = volt_le64(copy + HDR_SRC_CID),
	    .dst_cid = volt_le64(copy + HDR_DST_CID),
	    .src_port = volt_le32(copy + HDR_SRC_PORT),
	    .dst_port = volt_le32(copy + HDR_DST_PORT),
	    .len = volt_le32(copy + HDR_LEN),
	    .type = volt_le16(copy + HDR_TYPE),
	    .op = volt_le16(copy + HDR_OP),
	    .flags = volt_le32(copy + HDR_FLAGS),
	    .buf_alloc = volt_le32(copy + HDR_BUF_ALLOC),
	    .fwd_cnt = volt_le32(copy + HDR_FWD_CNT),
	    .bytes = copy + HDR_SIZE,
	};
	assert_int_equal(p->src_cid, HOST_CID);
	assert_int_equal(p->dst_cid, CID);
	assert_int_equal(len, HDR_SIZE + p->len);
	return true;
}

struct seen expect(uint16_t op, uint32_t guest_port)
{
	struct seen p = {0};

	assert_true(guest_gets(&p));
	assert_int_equal(p.op, op);
	assert_int_equal(p.dst_port, guest_port);
	offer(1);
	return p;
}

void expect_silence(void)
{
	struct seen p = {0};

	if (guest_gets(&p))
		fail_msg("the guest got operation %u for port %u", p.op, p.dst_port);
}

/* ------------------------------------------------------------ whole connections */

int open_to_guest(uint32_t *host_port)
{
	const int fd = fake_peer_comes(host);
	char line[32], ok[32];

	snprintf(line, sizeof(line), "CONNECT 52\n");
	far_writes(fd, line, strlen(line));
	const struct seen p = expect(OP_REQUEST, 52);

	assert_int_equal(p.type, TYPE_STREAM);
	assert_int_equal(p.buf_alloc, WINDOW);
	guest_says(OP_RESPONSE, 52, p.src_port);
	snprintf(ok, sizeof(ok), "OK %u\n", p.src_port);
	expect_far(fd, ok, strlen(ok));
	*host_port = p.src_port;
	return fd;
}

int open_to_host(uint32_t guest_port)
{
	uint32_t number = 0;
	uint64_t ticket = 0;

	guest_says(OP_REQUEST, guest_port, 80);
	assert_true(fake_peer_asked(host, &number, &ticket));
	assert_int_equal(number, 80);
	const int fd = fake_peer_answer(host, ticket, 0);

	expect(OP_RESPONSE, guest_port);
	return fd;
}

void far_writes(int fd, const void *bytes, size_t n)
{
	assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), (ssize_t)n);
	settle();
}

void expect_far(int fd, const void *bytes, size_t n)
{
	uint8_t *got = malloc(n + 1);
	size_t have = 0;

	assert_non_null(got);
	settle();
	while (have < n) {
		const ssize_t part = recv(fd, got + have, n - have, 0);

		if (part <= 0)
			fail_msg("only %zu of %zu bytes came", have, n);
		have += (size_t)part;
		settle();
	}
	assert_memory_equal(got, bytes, n);
	free(got);
}

void expect_peer_closed(int fd)
{
	char byte;

	settle();
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
}
