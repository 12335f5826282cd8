/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * transmit - packets of the guest (virtio 5.10.6). What it says is copied once and checked; of a
 * path it decides the port and nothing else.
 */
#include "vsock.h"

struct packet {
	uint64_t src_cid, dst_cid;
	uint32_t guest_port, host_port, len, flags, buf_alloc, fwd_cnt;
	uint16_t type, op;
};

static bool read_head(struct volt_chain *c, struct packet *p)
{
	uint8_t h[HDR_SIZE];

	if (volt_chain_read(c, h, sizeof(h)) != sizeof(h))
		return false;
	*p = (struct packet){
	    .src_cid = volt_le64(h + HDR_SRC_CID),
	    .dst_cid = volt_le64(h + HDR_DST_CID),
	    .guest_port = volt_le32(h + HDR_SRC_PORT),
	    .host_port = volt_le32(h + HDR_DST_PORT),
	    .len = volt_le32(h + HDR_LEN),
	    .type = volt_le16(h + HDR_TYPE),
	    .op = volt_le16(h + HDR_OP),
	    .flags = volt_le32(h + HDR_FLAGS),
	    .buf_alloc = volt_le32(h + HDR_BUF_ALLOC),
	    .fwd_cnt = volt_le32(h + HDR_FWD_CNT),
	};
	return true;
}

/* Only data has a payload, and the chain holds all of it. */
static bool is_sound(const struct vsock *s, const struct volt_chain *c, const struct packet *p)
{
	if (p->src_cid != s->cid || p->dst_cid != HOST_CID)
		return false;
	return p->op == OP_RW ? p->len <= c->out_len - HDR_SIZE : p->len == 0;
}

/* The readable part behind the head, `n` bytes of it. */
static unsigned payload(const struct volt_chain *c, struct iovec *to, size_t n)
{
	unsigned count = 0;

	for (unsigned i = 0; i < c->out && n; i++) {
		const size_t part = c->seg[i].iov_len < n ? c->seg[i].iov_len : n;

		if (part == 0)
			continue;
		to[count++] = (struct iovec){c->seg[i].iov_base, part};
		n -= part;
	}
	return count;
}

/* False: no room for the answer now. */
static bool refuse(struct vsock *s, const struct packet *p)
{
	if (p->op == OP_RST)
		return true;
	if (!vsock_refuse(s, p->guest_port, p->host_port, p->type))
		return false;
	if (p->op == OP_REQUEST)
		volt_count(s->v.h, COUNT_REFUSED, 1);
	return true;
}

static bool open_connection(struct vsock *s, const struct packet *p)
{
	struct vsock_conn *k = vsock_new(s);

	if (!k)
		return refuse(s, p);
	k->state = VSOCK_OPENING;
	k->guest_port = p->guest_port;
	k->host_port = p->host_port;
	k->guest_alloc = p->buf_alloc;
	k->guest_fwd = p->fwd_cnt;
	vsock_link(s, k);
	k->in_use = s->peers->connect(s->v.h, p->host_port, (uint64_t)(k - s->conns)) == 0;
	if (!k->in_use) {
		volt_count(s->v.h, COUNT_REFUSED, 1);
		vsock_end_guest(s, k, true);
	}
	return true;
}

/* The guest was told how much it may send (virtio 5.10.6.3). */
static void take_bytes(
    struct vsock *s, struct volt_chain *c, struct vsock_conn *k, const struct packet *p)
{
	struct iovec iov[VOLT_CHAIN_MAX];

	if ((k->state != VSOCK_OPEN && k->state != VSOCK_ENDING) || k->guest_shut & SHUT_SEND) {
		vsock_reset(s, k);
		return;
	}
	if (p->len > WINDOW - (k->received - k->told)) {
		volt_count(s->v.h, COUNT_OVERRUN, 1);
		vsock_reset(s, k);
		return;
	}
	vsock_forward(s, k, iov, payload(c, iov, p->len), p->len);
}

static void take_response(struct vsock *s, struct vsock_conn *k)
{
	if (k->state != VSOCK_REQUESTED || !k->asked) {
		vsock_reset(s, k);
		return;
	}
	volt_count(s->v.h, COUNT_TO_GUEST, 1);
	vsock_answer_client(s, k);
}

static void take_rst(struct vsock *s, struct vsock_conn *k)
{
	if (k->state == VSOCK_REQUESTED)
		volt_count(s->v.h, COUNT_REFUSED, 1);
	vsock_end_guest(s, k, false);
	vsock_end_host(s, k);
}

/* A packet of a connection that exists. */
static void take_packet(
    struct vsock *s, struct volt_chain *c, struct vsock_conn *k, const struct packet *p)
{
	k->guest_alloc = p->buf_alloc;
	k->guest_fwd = p->fwd_cnt;
	if (vsock_room(k))
		k->wants_credit = false;
	switch (p->op) {
	case OP_RESPONSE:
		take_response(s, k);
		break;
	case OP_RST:
		take_rst(s, k);
		break;
	case OP_SHUTDOWN:
		if (k->state == VSOCK_REQUESTED)
			vsock_reset(s, k);
		else
			vsock_guest_shut(s, k, p->flags);
		break;
	case OP_RW:
		take_bytes(s, c, k, p);
		break;
	case OP_CREDIT_UPDATE:
		break;
	case OP_CREDIT_REQUEST:
		vsock_due(s, k, OP_CREDIT_UPDATE);
		break;
	default: /* a second REQUEST, or no operation */
		vsock_reset(s, k);
	}
	vsock_line_up(s, k);
}

/* False: the packet has to wait, as its answer has no room. */
static bool take(struct vsock *s, struct volt_chain *c, const struct packet *p)
{
	if (p->type != TYPE_STREAM)
		return refuse(s, p);
	struct vsock_conn *k = vsock_find(s, p->guest_port, p->host_port);

	if (!k)
		return p->op == OP_REQUEST ? open_connection(s, p) : refuse(s, p);
	if (!(k->due & OP_BIT(OP_RST))) /* else it is over, and the guest gets an RST */
		take_packet(s, c, k, p);
	else if (p->op == OP_RST)
		vsock_forget_guest(s, k);
	return true;
}

bool vsock_transmit(struct vsock *s, struct volt_queue *q, struct volt_chain *c)
{
	struct packet p;

	if (!read_head(c, &p) || !is_sound(s, c, &p))
		volt_count(s->v.h, COUNT_MALFORMED, 1);
	else if (!take(s, c, &p))
		return false;
	volt_chain_done(q, c, 0);
	return true;
}
