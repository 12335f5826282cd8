/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * transmit - frames from the guest to the far end (virtio 5.1.6.2).
 *
 * A stream may take a part of a frame. The rest is copied, and its chain stays the queue's next
 * until all of it is written: so whatever wakes the worker goes on with it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "net.h"

/* virtio 5.1.6 */
#define NEEDS_CSUM 1u
#define GSO_NONE   0u
#define GSO_TCPV4  1u
#define GSO_TCPV6  4u
#define GSO_ECN    0x80u

enum { FLAGS = 0, GSO_TYPE = 1, GSO_SIZE = 4, CSUM_START = 6, CSUM_OFFSET = 8, NUM_BUFFERS = 10 };

/* --------------------------------------------------------------------- header */

static bool has(const struct net *n, uint64_t feature)
{
	return n->features & feature;
}

static bool is_agreed_type(const struct net *n, uint8_t type)
{
	if (type & GSO_ECN && !has(n, NET_F_HOST_ECN))
		return false;
	switch (type & ~GSO_ECN) {
	case GSO_TCPV4:
		return has(n, NET_F_HOST_TSO4);
	case GSO_TCPV6:
		return has(n, NET_F_HOST_TSO6);
	default:
		return false;
	}
}

/* virtio 5.1.6.2.1. Bits of the flags that say nothing to a device are taken out, and
 * num_buffers too, which is no business of the driver here. */
static bool check_header(const struct net *n, uint8_t *header, size_t length)
{
	const uint8_t type = header[GSO_TYPE];
	const uint32_t sum_at =
	    (uint32_t)volt_le16(header + CSUM_START) + volt_le16(header + CSUM_OFFSET);

	header[FLAGS] &= NEEDS_CSUM;
	volt_put_le16(header + NUM_BUFFERS, 0);
	if (header[FLAGS] && (!has(n, NET_F_CSUM) || sum_at + 2 > length))
		return false;
	if (type == GSO_NONE)
		return true;
	return header[FLAGS] && volt_le16(header + GSO_SIZE) && is_agreed_type(n, type);
}

/* -------------------------------------------------------------------- sending */

static bool answer(struct net *n, struct volt_queue *q, struct volt_chain *c, size_t length)
{
	if (length) {
		volt_count(n->v.h, COUNT_TX_PACKETS, 1);
		volt_count(n->v.h, COUNT_TX_BYTES, length);
	} else {
		volt_count(n->v.h, COUNT_TX_DROPPED, 1);
	}
	volt_limit_charge(&n->limit[TRANSMITQ], length);
	volt_chain_done(q, c, 0);
	return true;
}

/* What is left of `count` parts after the first `done` bytes. */
static void keep_rest(struct net_transmit *tx, const struct iovec *iov, unsigned count, size_t done)
{
	tx->begin = tx->left = 0;
	for (unsigned i = 0; i < count; i++) {
		const size_t skip = done < iov[i].iov_len ? done : iov[i].iov_len;
		const size_t part = iov[i].iov_len - skip;

		done -= skip;
		if (part == 0)
			continue;
		memcpy(tx->bytes + tx->left, (const uint8_t *)iov[i].iov_base + skip, part);
		tx->left += part;
	}
}

static bool is_later(int err)
{
	return err == EAGAIN || err == EINTR;
}

/* A frame's rest; true: all of it is written, or nobody is there to take it. */
static bool flush(struct net *n)
{
	struct net_transmit *tx = &n->tx;

	while (tx->left) {
		const struct iovec rest = {tx->bytes + tx->begin, tx->left};
		const ssize_t put = writev(n->fd, &rest, 1);

		if (put < 0 && is_later(errno))
			return false;
		if (put < 0) {
			net_lose(n);
			tx->left = 0;
			return true;
		}
		tx->begin += (size_t)put;
		tx->left -= (size_t)put;
	}
	return true;
}

/* Head and frame; true: the chain is answered. */
static bool send_frame(struct net *n, struct volt_queue *q, struct volt_chain *c, uint8_t *head,
    size_t head_length, size_t length)
{
	struct iovec iov[VOLT_CHAIN_MAX + 1];
	const unsigned count = c->out + 1u;
	ssize_t put;

	iov[0] = (struct iovec){head, head_length};
	memcpy(iov + 1, c->seg, c->out * sizeof(c->seg[0]));
	put = writev(n->fd, iov, (int)count);
	if (put < 0 && is_later(errno))
		return false;
	if (put < 0) {
		if (!n->tap)
			net_lose(n);
		return answer(n, q, c, 0);
	}
	if ((size_t)put == head_length + length || n->tap)
		return answer(n, q, c, length);
	keep_rest(&n->tx, iov, count, (size_t)put);
	n->tx.length = length;
	n->tx.flying = true;
	return flush(n) ? net_transmit(n, q, c) : false;
}

/* True if the chain holds a frame that the far end may have; then *length is the frame's. */
static bool take_header(
    const struct net *n, struct volt_chain *c, uint8_t header[NET_HEADER], size_t *length)
{
	if (c->in || c->out_len < NET_HEADER + NET_FRAME_MIN ||
	    c->out_len > NET_HEADER + NET_FRAME_MAX)
		return false;
	volt_chain_read(c, header, NET_HEADER);
	*length = c->out_len - NET_HEADER;
	return check_header(n, header, *length) && net_is_up(n);
}

bool net_transmit(struct net *n, struct volt_queue *q, struct volt_chain *c)
{
	uint8_t header[NET_HEADER];
	size_t length;

	if (!flush(n))
		return false;
	if (n->tx.flying) {
		n->tx.flying = false;
		return answer(n, q, c, n->tx.length);
	}
	if (!net_may_pass(n, TRANSMITQ))
		return false;
	if (!take_header(n, c, header, &length))
		return answer(n, q, c, 0);
	if (n->tap)
		return send_frame(n, q, c, header, sizeof(header), length);
	const uint32_t bytes = htonl((uint32_t)length);

	memcpy(header, &bytes, sizeof(bytes));
	return send_frame(n, q, c, header, NET_LENGTH, length);
}
