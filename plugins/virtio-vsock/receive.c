/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * receive - packets for the guest (virtio 5.10.6): first what is due, then bytes of peers, a
 * packet of each connection in turn.
 */
#include <errno.h>
#include <string.h>

#include "vsock.h"

#define TRIES 64u /* connections asked in one go that have nothing after all */

/* A packet without payload, or its head. */
struct head {
	uint32_t guest_port, host_port;
	uint32_t len, flags, buf_alloc, fwd_cnt;
	uint16_t type, op;
};

static void write_head(const struct vsock *s, struct volt_chain *c, const struct head *h)
{
	uint8_t bytes[HDR_SIZE];

	volt_put_le64(bytes + HDR_SRC_CID, HOST_CID);
	volt_put_le64(bytes + HDR_DST_CID, s->cid);
	volt_put_le32(bytes + HDR_SRC_PORT, h->host_port);
	volt_put_le32(bytes + HDR_DST_PORT, h->guest_port);
	volt_put_le32(bytes + HDR_LEN, h->len);
	volt_put_le16(bytes + HDR_TYPE, h->type);
	volt_put_le16(bytes + HDR_OP, h->op);
	volt_put_le32(bytes + HDR_FLAGS, h->flags);
	volt_put_le32(bytes + HDR_BUF_ALLOC, h->buf_alloc);
	volt_put_le32(bytes + HDR_FWD_CNT, h->fwd_cnt);
	volt_chain_write(c, bytes, sizeof(bytes));
}

/* Every packet of a connection tells of its room (virtio 5.10.6.3). */
static void write_packet(struct vsock *s, struct volt_queue *q, struct volt_chain *c,
    struct vsock_conn *k, uint16_t op, uint32_t len)
{
	const struct head h = {.guest_port = k->guest_port,
	    .host_port = k->host_port,
	    .len = len,
	    .flags = op == OP_SHUTDOWN ? k->shut : 0,
	    .buf_alloc = WINDOW,
	    .fwd_cnt = k->forwarded,
	    .type = TYPE_STREAM,
	    .op = op};

	write_head(s, c, &h);
	volt_chain_done(q, c, HDR_SIZE + len);
	k->told = k->forwarded;
	k->sent += len;
	k->due &= (uint8_t) ~(OP_BIT(op) | OP_BIT(OP_CREDIT_UPDATE));
	volt_count(s->v.h, COUNT_RX_BYTES, len);
}

static void write_due(
    struct vsock *s, struct volt_queue *q, struct volt_chain *c, struct vsock_conn *k)
{
	const uint16_t op = (uint16_t)__builtin_ctz(k->due);

	k->asked |= op == OP_REQUEST;
	write_packet(s, q, c, k, op, 0);
	if (op == OP_RST)
		vsock_forget_guest(s, k);
}

static void write_refusal(struct vsock *s, struct volt_queue *q, struct volt_chain *c)
{
	const struct vsock_refusal *r = &s->refusals[s->refusal_first];
	const struct head h = {
	    .guest_port = r->guest_port, .host_port = r->host_port, .type = r->type, .op = OP_RST};

	write_head(s, c, &h);
	volt_chain_done(q, c, HDR_SIZE);
	s->refusal_first = (s->refusal_first + 1) % REFUSALS;
	s->refusal_count--;
}

/* The writable part behind the head, at most `most` bytes of it. */
static unsigned behind_head(const struct volt_chain *c, struct iovec *to, size_t most)
{
	size_t skip = HDR_SIZE;
	unsigned count = 0;

	for (unsigned i = c->out; i < c->out + c->in && most; i++) {
		const size_t off = skip < c->len[i] ? skip : c->len[i];
		const size_t room = c->len[i] - off;
		const size_t part = room < most ? room : most;

		skip -= off;
		if (part == 0)
			continue;
		to[count++] = (struct iovec){(uint8_t *)c->seg[i].iov_base + off, part};
		most -= part;
	}
	return count;
}

/* True: a packet was written, or the connection has one that is due now. */
static bool write_bytes(
    struct vsock *s, struct volt_queue *q, struct volt_chain *c, struct vsock_conn *k)
{
	struct iovec iov[VOLT_CHAIN_MAX];
	const uint32_t room = vsock_room(k);
	const unsigned count = behind_head(c, iov, room < PAYLOAD_MAX ? room : PAYLOAD_MAX);
	const int64_t n = s->peers->read(s->v.h, k->peer, iov, count);

	if (n > 0) {
		write_packet(s, q, c, k, OP_RW, (uint32_t)n);
		return true;
	}
	if (n == 0) {
		vsock_end_of_input(s, k);
	} else if (n == -EAGAIN) {
		k->readable = false;
	} else if (n != -EINTR) {
		vsock_reset(s, k);
	}
	return false;
}

/* The guest will say when it has room again; it is asked once, in case it does not. */
static void ask_for_room(struct vsock *s, struct vsock_conn *k)
{
	if (k->state != VSOCK_OPEN || !k->readable || k->eof || vsock_room(k) || k->wants_credit)
		return;
	k->wants_credit = true;
	vsock_due(s, k, OP_CREDIT_REQUEST);
}

static bool serve(struct vsock *s, struct volt_queue *q, struct volt_chain *c, struct vsock_conn *k)
{
	bool written = false;

	if (!k->due && k->state == VSOCK_OPEN && k->readable && !k->eof && vsock_room(k))
		written = write_bytes(s, q, c, k);
	if (!written && k->due) {
		write_due(s, q, c, k);
		written = true;
	}
	ask_for_room(s, k);
	vsock_line_up(s, k);
	return written;
}

bool vsock_receive(struct vsock *s, struct volt_queue *q, struct volt_chain *c)
{
	if (c->in_len <= HDR_SIZE) { /* no room for a byte: it goes back as it is */
		volt_count(s->v.h, COUNT_MALFORMED, 1);
		volt_chain_done(q, c, 0);
		return true;
	}
	if (s->refusal_count) {
		write_refusal(s, q, c);
		return true;
	}
	for (unsigned i = 0; i < TRIES; i++) {
		struct vsock_conn *k = vsock_next_in_line(s);

		if (!k)
			return false;
		if (serve(s, q, c, k))
			return true;
	}
	volt_virtio_post(&s->v, RXQ);
	return false;
}
