/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * transmit - frames from the guest to the peer (virtio 5.1.6.2).
 *
 * A stream may take a part of a frame. The rest is copied, and its chain stays the queue's next
 * until all of it is written: so whatever wakes the worker goes on with it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "net.h"

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
static bool flush(struct net *n, struct net_pair *p)
{
	struct net_transmit *tx = &p->tx;

	while (tx->left) {
		const struct iovec rest = {tx->bytes + tx->begin, tx->left};
		const ssize_t put = writev(p->fd, &rest, 1);

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
	struct net_pair *p = net_pair(n, q);
	struct iovec iov[VOLT_CHAIN_MAX + 1];
	const unsigned count = c->out + 1u;
	ssize_t put;

	iov[0] = (struct iovec){head, head_length};
	memcpy(iov + 1, c->seg, c->out * sizeof(c->seg[0]));
	put = writev(p->fd, iov, (int)count);
	if (put < 0 && is_later(errno))
		return false;
	if (put < 0) {
		if (!n->tap)
			net_lose(n);
		return answer(n, q, c, 0);
	}
	net_pcap_frame(n, iov + 1, c->out, length);
	if ((size_t)put == head_length + length || n->tap)
		return answer(n, q, c, length);
	keep_rest(&p->tx, iov, count, (size_t)put);
	p->tx.length = length;
	p->tx.flying = true;
	return flush(n, p) ? net_transmit(n, q, c) : false;
}

/* True if the chain holds a frame that the peer may have; then *length is the frame's. */
static bool take_header(
    const struct net *n, struct volt_chain *c, uint8_t header[NET_HEADER], size_t *length)
{
	if (c->in || c->out_len < NET_HEADER + NET_FRAME_MIN ||
	    c->out_len > NET_HEADER + NET_FRAME_MAX)
		return false;
	volt_chain_read(c, header, NET_HEADER);
	*length = c->out_len - NET_HEADER;
	return net_check_sent(n, header, *length) && net_is_up(n);
}

bool net_transmit(struct net *n, struct volt_queue *q, struct volt_chain *c)
{
	struct net_pair *p = net_pair(n, q);
	uint8_t header[NET_HEADER];
	size_t length;

	if (!flush(n, p))
		return false;
	if (p->tx.flying) {
		p->tx.flying = false;
		return answer(n, q, c, p->tx.length);
	}
	if (!net_may_pass(n, TRANSMITQ))
		return false;
	if (!net_is_used(n, q) || !take_header(n, c, header, &length))
		return answer(n, q, c, 0);
	if (n->tap)
		return send_frame(n, q, c, header, sizeof(header), length);
	const uint32_t bytes = htonl((uint32_t)length);

	memcpy(header, &bytes, sizeof(bytes));
	return send_frame(n, q, c, header, NET_LENGTH, length);
}
