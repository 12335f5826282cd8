/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * receive - frames from the peer into the guest's buffers (virtio 5.1.6.3, 5.1.6.4).
 *
 * A tap gives one frame a call, straight into the buffers. A stream gives bytes, so they are
 * gathered first: a length, then a frame, whatever a read() cuts off.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "net.h"

#define DROPS_MAX 64u /* frames dropped in one go: then other work has its turn */

static void drop(struct net *n)
{
	volt_count(n->v.h, COUNT_RX_DROPPED, 1);
}

/* Nothing for this chain now; but look again, as the peer may have more. */
static bool look_again(struct net *n, const struct volt_queue *q)
{
	volt_virtio_post(&n->v, q->number);
	return false;
}

/* virtio 5.1.4.1: nothing longer than the MTU that was agreed. */
static size_t frame_max(const struct net *n)
{
	return net_agreed(n, NET_F_MTU) ? n->mtu + 14u + 4 : NET_FRAME_MAX;
}

/* A frame that the guest will see as segments may be longer (virtio 5.1.4.1). */
static bool fits(
    const struct net *n, const struct volt_chain *c, const uint8_t *header, size_t length)
{
	const bool segments = header && header[NET_GSO_TYPE] != NET_GSO_NONE;

	return (segments || length <= frame_max(n)) && length <= NET_FRAME_MAX &&
	       (net_agreed(n, NET_F_MRG_RXBUF) || length <= c->in_len - NET_HEADER);
}

/* ------------------------------------------------------------ into the chains */

/* Where byte `off` of the writable part is. */
static uint8_t *find_byte(const struct volt_chain *c, uint32_t off, uint64_t *gpa)
{
	unsigned i = c->out;

	while (off >= c->len[i])
		off -= c->len[i++];
	*gpa = c->gpa[i] + off;
	return (uint8_t *)c->seg[i].iov_base + off;
}

/* virtio 5.1.6.4.1: without offloads, which is a NULL header, all is 0 but num_buffers. */
static void begin_frame(
    struct net_receive *rx, struct volt_chain *c, const uint8_t *header, size_t length)
{
	static const uint8_t plain[NET_HEADER] = {[NET_NUM_BUFFERS] = 1};

	for (unsigned i = 0; i < 2; i++)
		rx->count[i] = find_byte(c, NET_NUM_BUFFERS + i, &rx->count_gpa[i]);
	volt_chain_write(c, header ? header : plain, NET_HEADER);
	rx->frame = (uint32_t)length;
}

static void end_frame(struct net *n, struct volt_queue *q, struct volt_chain *c, uint32_t written)
{
	struct net_receive *rx = &net_pair(n, q)->rx;
	const unsigned chains = rx->chains + 1u;

	for (unsigned i = 0; i < 2 && chains > 1; i++) {
		*rx->count[i] = (uint8_t)(chains >> (8 * i));
		n->v.mem->dirty(n->v.h, rx->count_gpa[i], 1);
	}
	volt_chain_done(q, c, written);
	rx->chains = 0;
	volt_count(n->v.h, COUNT_RX_PACKETS, 1);
	volt_count(n->v.h, COUNT_RX_BYTES, rx->frame);
	volt_limit_charge(&n->limit[RECEIVEQ], rx->frame);
}

/* As much of the rest as the chain holds; `before` bytes of it are written already. */
static void put_rest(struct net *n, struct volt_queue *q, struct volt_chain *c, uint32_t before)
{
	struct net_receive *rx = &net_pair(n, q)->rx;
	const size_t put = volt_chain_write(c, rx->rest, rx->left);
	const uint32_t written = before + (uint32_t)put;

	rx->rest += put;
	rx->left -= put;
	if (rx->left == 0) {
		end_frame(n, q, c, written);
		return;
	}
	rx->chains++;
	volt_chain_more(q, c, written);
}

/* ----------------------------------------------------------------- from a tap */

/* The writable part without its first bytes, which are the header's. */
static unsigned behind_header(const struct volt_chain *c, struct iovec *to)
{
	size_t skip = NET_HEADER;
	unsigned count = 0;

	for (unsigned i = c->out; i < c->out + c->in; i++) {
		const size_t off = skip < c->len[i] ? skip : c->len[i];

		skip -= off;
		if (off < c->len[i])
			to[count++] =
			    (struct iovec){(uint8_t *)c->seg[i].iov_base + off, c->len[i] - off};
	}
	return count;
}

/* A frame that is dropped has been in the guest's buffers. */
static void mark_all(struct net *n, const struct volt_chain *c)
{
	for (unsigned i = c->out; i < c->out + c->in; i++)
		n->v.mem->dirty(n->v.h, c->gpa[i], c->len[i]);
}

/* The frame's end, if the chain is too short for it, goes to bytes of our own. */
static ssize_t read_tap(struct net_pair *p, const struct volt_chain *c, uint8_t header[NET_HEADER])
{
	struct iovec iov[VOLT_CHAIN_MAX + 2];
	unsigned count = 1;

	iov[0] = (struct iovec){header, NET_HEADER};
	count += behind_header(c, iov + 1);
	iov[count++] = (struct iovec){p->rx.bytes, sizeof(p->rx.bytes)};
	return readv(p->fd, iov, (int)count);
}

/* Before the chain goes back, as its bytes are the guest's then. */
static void record_tap(
    struct net *n, const struct net_pair *p, const struct volt_chain *c, size_t length)
{
	struct iovec iov[VOLT_CHAIN_MAX + 1];
	unsigned count;

	if (n->pcap.fd < 0)
		return;
	count = behind_header(c, iov);
	iov[count++] = (struct iovec){(void *)(uintptr_t)p->rx.bytes, sizeof(p->rx.bytes)};
	net_pcap_frame(n, iov, count, length);
}

/* The first bytes of a frame, wherever they lie. */
static void look_at(const struct iovec *parts, unsigned count, uint8_t look[NET_LOOK])
{
	size_t have = 0;

	for (unsigned i = 0; i < count && have < NET_LOOK; i++) {
		const size_t left = NET_LOOK - have;
		const size_t part = parts[i].iov_len < left ? parts[i].iov_len : left;

		memcpy(look + have, parts[i].iov_base, part);
		have += part;
	}
}

/* False: the guest does not want it, which is not a loss. */
static bool is_wanted(struct net *n, const struct iovec *parts, unsigned count)
{
	uint8_t look[NET_LOOK] = {0};

	if (net_filter_takes_all(n))
		return true;
	look_at(parts, count, look);
	if (net_filter_wants(n, look))
		return true;
	volt_count(n->v.h, COUNT_RX_FILTERED, 1);
	return false;
}

/* As above, of a frame that begins in the chain. */
static bool is_wanted_here(struct net *n, const struct net_pair *p, const struct volt_chain *c)
{
	struct iovec iov[VOLT_CHAIN_MAX + 1];
	unsigned count = behind_header(c, iov);

	iov[count++] = (struct iovec){(void *)(uintptr_t)p->rx.bytes, NET_LOOK};
	return is_wanted(n, iov, count);
}

/* True: the chain is the frame's. */
static bool take_frame(struct net *n, const struct net_pair *p, const struct volt_chain *c,
    uint8_t header[NET_HEADER], ssize_t got)
{
	if (got >= (ssize_t)(NET_HEADER + NET_FRAME_MIN) && !is_wanted_here(n, p, c)) {
		mark_all(n, c);
		return false;
	}
	if (got >= (ssize_t)(NET_HEADER + NET_FRAME_MIN) && net_check_received(n, header) &&
	    fits(n, c, header, (size_t)got - NET_HEADER))
		return true;
	mark_all(n, c);
	drop(n);
	return false;
}

static void put_frame(struct net *n, struct volt_queue *q, struct volt_chain *c,
    const uint8_t header[NET_HEADER], size_t length)
{
	struct net_pair *p = net_pair(n, q);
	const size_t room = c->in_len - NET_HEADER;

	record_tap(n, p, c, length);
	begin_frame(&p->rx, c, header, length);
	if (length <= room) {
		end_frame(n, q, c, (uint32_t)(NET_HEADER + length));
		return;
	}
	p->rx.rest = p->rx.bytes;
	p->rx.left = length - room;
	p->rx.chains = 1;
	volt_chain_more(q, c, c->in_len);
}

static bool receive_tap(struct net *n, struct volt_queue *q, struct volt_chain *c)
{
	struct net_pair *p = net_pair(n, q);
	uint8_t header[NET_HEADER];

	if (q->number == RECEIVEQ)
		net_tell_tap(n);
	for (unsigned i = 0; i < DROPS_MAX; i++) {
		const ssize_t got = read_tap(p, c, header);

		if (got <= 0) /* EAGAIN; or the interface is down, and says when it is not */
			return false;
		if (!take_frame(n, p, c, header, got))
			continue;
		put_frame(n, q, c, header, (size_t)got - NET_HEADER);
		return true;
	}
	return look_again(n, q);
}

/* -------------------------------------------------------------- from a stream */

/* Either worker's: a run of the other one costs a call that finds nothing, and no more. */
void net_begin_run(void *self)
{
	__atomic_fetch_add(&((struct net *)self)->runs, 1, __ATOMIC_RELAXED);
}

/* A read that got less than it could has emptied the stream: what comes later wakes the worker,
 * so it is not asked again in this run. */
static bool read_stream(struct net *n)
{
	struct net_receive *rx = &n->pairs[0].rx;
	const uint64_t run = __atomic_load_n(&n->runs, __ATOMIC_RELAXED);
	struct iovec room;
	ssize_t got;

	if (rx->dry_run == run)
		return false;
	memmove(rx->bytes, rx->bytes + rx->begin, rx->end - rx->begin);
	rx->end -= rx->begin;
	rx->begin = 0;
	room = (struct iovec){rx->bytes + rx->end, sizeof(rx->bytes) - rx->end};
	got = readv(n->pairs[0].fd, &room, 1);
	if (got > 0) {
		rx->end += (size_t)got;
		if ((size_t)got < room.iov_len)
			rx->dry_run = run;
		return true;
	}
	if (got == 0 || (errno != EAGAIN && errno != EINTR))
		net_lose(n);
	return false;
}

/* Takes bytes off that belong to a frame which is dropped. */
static void skip_bytes(struct net_receive *rx)
{
	const size_t here = rx->end - rx->begin;
	const size_t part = rx->skip < here ? rx->skip : here;

	rx->begin += part;
	rx->skip -= part;
}

/* The next frame of those that were read, whole; it stays until the next call. */
static const uint8_t *next_frame(struct net *n, size_t *length)
{
	struct net_receive *rx = &n->pairs[0].rx;
	uint32_t bytes;

	skip_bytes(rx);
	while (rx->end - rx->begin >= NET_LENGTH) {
		memcpy(&bytes, rx->bytes + rx->begin, sizeof(bytes));
		bytes = ntohl(bytes);
		if (bytes < NET_FRAME_MIN || bytes > NET_FRAME_MAX) {
			rx->begin += NET_LENGTH;
			rx->skip = bytes;
			skip_bytes(rx);
			drop(n);
			continue;
		}
		if (rx->end - rx->begin - NET_LENGTH < bytes)
			return NULL;
		const uint8_t *frame = rx->bytes + rx->begin + NET_LENGTH;

		rx->begin += NET_LENGTH + bytes;
		*length = bytes;
		return frame;
	}
	return NULL;
}

static bool receive_stream(struct net *n, struct volt_queue *q, struct volt_chain *c)
{
	for (unsigned i = 0; i < DROPS_MAX; i++) {
		size_t length;
		const uint8_t *frame = next_frame(n, &length);

		if (!frame) {
			if (!read_stream(n))
				return false;
			continue;
		}
		if (!fits(n, c, NULL, length)) {
			drop(n);
			continue;
		}
		const struct iovec whole = {(void *)(uintptr_t)frame, length};

		if (!is_wanted(n, &whole, 1))
			continue;
		net_pcap_frame(n, &whole, 1, length);
		begin_frame(&n->pairs[0].rx, c, NULL, length);
		n->pairs[0].rx.rest = frame;
		n->pairs[0].rx.left = length;
		put_rest(n, q, c, NET_HEADER);
		return true;
	}
	return look_again(n, q);
}

/* ------------------------------------------------------------------- requests */

/* virtio 5.1.6.3.1: writable, and room for more than the header. Such a chain goes back empty. */
static bool is_sound(const struct volt_chain *c)
{
	return c->out == 0 && c->in_len > NET_HEADER;
}

bool net_receive(struct net *n, struct volt_queue *q, struct volt_chain *c)
{
	struct net_receive *rx = &net_pair(n, q)->rx;

	if (rx->chains && q->more == 0) { /* the ring had no room for all of it */
		rx->chains = 0;
		drop(n);
	}
	if (rx->chains) {
		put_rest(n, q, c, 0);
		return true;
	}
	if (!is_sound(c)) {
		volt_chain_done(q, c, 0);
		return true;
	}
	if (!net_is_up(n) || !net_is_used(n, q) || !net_may_pass(n, RECEIVEQ))
		return false;
	return n->tap ? receive_tap(n, q, c) : receive_stream(n, q, c);
}
