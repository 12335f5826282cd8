/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * host - the host's side of connections: programs that come, the broker's answers, bytes of the
 * guest on their way to a peer.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vsock.h"

#define BATCH  64u /* pieces of news of one call */
#define ROUNDS 16u /* calls in one run: then the guest has its turn */

/* -------------------------------------------------- "CONNECT port", "OK port" */

/* The port behind CONNECT, in decimal digits. */
static bool parse_connect(const char *line, size_t n, uint32_t *port)
{
	static const char word[] = "CONNECT ";
	const size_t skip = sizeof(word) - 1;
	uint64_t value = 0;

	if (n <= skip || memcmp(line, word, skip) != 0)
		return false;
	for (size_t i = skip; i < n; i++) {
		if (line[i] < '0' || line[i] > '9')
			return false;
		value = 10 * value + (uint64_t)(line[i] - '0');
	}
	*port = (uint32_t)value;
	return value < UINT32_MAX; /* that one is VMADDR_PORT_ANY */
}

/* One that no connection with this port of the guest has. */
static uint32_t choose_port(struct vsock *s, uint32_t guest_port)
{
	uint32_t port;

	do {
		port = s->next_port;
		s->next_port = port == UINT32_MAX - 1 ? FIRST_PORT : port + 1;
	} while (vsock_find(s, guest_port, port));
	return port;
}

static void request(struct vsock *s, struct vsock_conn *c, uint32_t port)
{
	c->state = VSOCK_REQUESTED;
	c->guest_port = port;
	c->host_port = choose_port(s, port);
	vsock_link(s, c);
	vsock_due(s, c, OP_REQUEST);
}

/* Byte by byte, as what follows the line is the guest's. */
static void hear_client(struct vsock *s, struct vsock_conn *c)
{
	while (c->line_size < CONNECT_MAX) {
		const struct iovec byte = {&c->line[c->line_size], 1};
		const int64_t n = s->peers->read(s->v.h, c->peer, &byte, 1);
		uint32_t port;

		if (n == -EAGAIN || n == -EINTR)
			return;
		if (n != 1)
			break;
		if (c->line[c->line_size] != '\n') {
			c->line_size++;
			continue;
		}
		if (!parse_connect(c->line, c->line_size, &port))
			break;
		request(s, c, port);
		return;
	}
	volt_count(s->v.h, COUNT_REFUSED, 1);
	vsock_end_host(s, c);
}

void vsock_answer_client(struct vsock *s, struct vsock_conn *c)
{
	char text[24];
	const int n = snprintf(text, sizeof(text), "OK %u\n", c->host_port);
	const struct iovec iov = {text, (size_t)n};

	c->state = VSOCK_OPEN;
	c->readable = true;
	/* The first bytes of a new socket have room. */
	if (s->peers->write(s->v.h, c->peer, &iov, 1) != n)
		vsock_reset(s, c);
}

/* ------------------------------------------------------- bytes for the peer */

static void tell_shut(struct vsock *s, struct vsock_conn *c, uint8_t flags)
{
	if (c->state != VSOCK_OPEN || (c->shut & flags) == flags)
		return;
	c->shut |= flags;
	vsock_due(s, c, OP_SHUTDOWN);
}

/* It takes no more: what the guest sent for it is lost, and the guest is told. */
static void go_deaf(struct vsock *s, struct vsock_conn *c)
{
	c->deaf = true;
	c->forwarded += c->used;
	c->used = 0;
	tell_shut(s, c, SHUT_RECEIVE);
}

/* Both directions of the host's side are over: the guest is to end its own. */
static void close_if_over(struct vsock *s, struct vsock_conn *c)
{
	if (!c->has_peer || !c->eof || !c->deaf)
		return;
	tell_shut(s, c, SHUT_BOTH);
	vsock_end_host(s, c);
}

/* The guest sends no more, and all that it sent is the peer's. */
static void finish_output(struct vsock *s, struct vsock_conn *c)
{
	if (c->used || !c->has_peer)
		return;
	if (c->state == VSOCK_ENDING)
		vsock_end_host(s, c);
	else if (c->guest_shut & SHUT_SEND)
		s->peers->shut(s->v.h, c->peer, VOLT_PEER_WRITE);
}

/* Tells the guest of its room before it has used up what it knows of (virtio 5.10.6.3). */
static void tell_room(struct vsock *s, struct vsock_conn *c)
{
	if (c->state == VSOCK_OPEN && c->forwarded != c->told && c->received - c->told > WINDOW / 2)
		vsock_due(s, c, OP_CREDIT_UPDATE);
}

/* Bytes that the peer took; fewer than there are: it has no room now, or takes no more. */
static uint32_t write_some(
    struct vsock *s, struct vsock_conn *c, const struct iovec *iov, unsigned count)
{
	int64_t n;

	do
		n = s->peers->write(s->v.h, c->peer, iov, count);
	while (n == -EINTR);
	if (n >= 0) {
		c->forwarded += (uint32_t)n;
		volt_count(s->v.h, COUNT_TX_BYTES, (uint64_t)n);
		return (uint32_t)n;
	}
	c->writable = false;
	if (n != -EAGAIN)
		go_deaf(s, c);
	return 0;
}

static void keep(struct vsock_conn *c, const uint8_t *from, size_t n)
{
	while (n > 0) {
		const uint32_t at = (c->begin + c->used) % WINDOW;
		const size_t part = n < WINDOW - at ? n : WINDOW - at;

		memcpy(c->bytes + at, from, part);
		c->used += (uint32_t)part;
		from += part;
		n -= part;
	}
}

static void flush(struct vsock *s, struct vsock_conn *c)
{
	while (c->used && c->writable && !c->deaf) {
		const uint32_t tail = WINDOW - c->begin;
		const uint32_t part = c->used < tail ? c->used : tail;
		const struct iovec iov[] = {
		    {c->bytes + c->begin, part}, {c->bytes, c->used - part}};
		const uint32_t n = write_some(s, c, iov, c->used > part ? 2 : 1);

		if (n == 0)
			break;
		c->begin = (c->begin + n) % WINDOW;
		c->used -= n;
	}
	tell_room(s, c);
}

static void skip(struct iovec *iov, unsigned count, size_t n)
{
	for (unsigned i = 0; i < count && n; i++) {
		const size_t part = n < iov[i].iov_len ? n : iov[i].iov_len;

		iov[i].iov_base = (uint8_t *)iov[i].iov_base + part;
		iov[i].iov_len -= part;
		n -= part;
	}
}

void vsock_forward(
    struct vsock *s, struct vsock_conn *c, struct iovec *iov, unsigned count, uint32_t n)
{
	c->received += n;
	if (c->deaf || !c->has_peer) {
		c->forwarded += n;
		tell_room(s, c);
		return;
	}
	if (c->used == 0 && c->writable)
		skip(iov, count, write_some(s, c, iov, count));
	for (unsigned i = 0; i < count; i++) {
		if (c->deaf)
			c->forwarded += (uint32_t)iov[i].iov_len;
		else
			keep(c, iov[i].iov_base, iov[i].iov_len);
	}
	flush(s, c); /* what a write took in part: only -EAGAIN says that there is no room */
	close_if_over(s, c);
}

/* ------------------------------------------------------------------- the ends */

void vsock_end_of_input(struct vsock *s, struct vsock_conn *c)
{
	c->eof = true;
	tell_shut(s, c, SHUT_SEND);
	if (c->gone && !c->deaf)
		go_deaf(s, c);
	close_if_over(s, c);
}

void vsock_guest_shut(struct vsock *s, struct vsock_conn *c, uint32_t flags)
{
	const uint8_t before = c->guest_shut;

	c->guest_shut |= (uint8_t)(flags & SHUT_BOTH);
	if (c->guest_shut == SHUT_BOTH) { /* it waits for RST; what it sent still goes out */
		vsock_end_guest(s, c, true);
	} else if (c->guest_shut & ~before & SHUT_RECEIVE) {
		c->eof = true;
		if (c->has_peer)
			s->peers->shut(s->v.h, c->peer, VOLT_PEER_READ);
	}
	finish_output(s, c);
}

/* ----------------------------------------------------------------------- news */

static void take_client(struct vsock *s, uint32_t peer)
{
	struct vsock_conn *c = vsock_new(s);

	if (!c) {
		volt_count(s->v.h, COUNT_REFUSED, 1);
		s->peers->close(s->v.h, peer);
		return;
	}
	s->conn_of[peer] = (uint16_t)(c - s->conns);
	c->peer = (uint16_t)peer;
	c->has_peer = c->writable = true;
	c->state = VSOCK_HELLO;
	hear_client(s, c);
}

/* The ticket is the connection's number. */
static void take_answer(struct vsock *s, const struct volt_peer_news *news)
{
	struct vsock_conn *c = &s->conns[news->ticket % VSOCK_MAX];

	c->in_use = false;
	if (news->err) {
		volt_count(s->v.h, COUNT_REFUSED, 1);
		vsock_end_guest(s, c, true);
		return;
	}
	s->conn_of[news->peer] = (uint16_t)(c - s->conns);
	c->peer = (uint16_t)news->peer;
	c->has_peer = true;
	if (c->state != VSOCK_OPENING) { /* the guest has given up */
		vsock_end_host(s, c);
		return;
	}
	c->state = VSOCK_OPEN;
	c->readable = c->writable = true;
	volt_count(s->v.h, COUNT_TO_HOST, 1);
	vsock_due(s, c, OP_RESPONSE);
	const uint8_t shut = c->guest_shut;

	c->guest_shut = 0;
	vsock_guest_shut(s, c, shut);
}

static void be_gone(struct vsock *s, struct vsock_conn *c)
{
	c->gone = true;
	if (c->state == VSOCK_REQUESTED) {
		vsock_end_guest(s, c, c->asked);
		vsock_end_host(s, c);
	} else if (c->state == VSOCK_ENDING) {
		vsock_end_host(s, c);
	} else if (c->eof && !c->deaf) {
		go_deaf(s, c);
		close_if_over(s, c);
	}
}

static void take_readiness(struct vsock *s, const struct volt_peer_news *news)
{
	struct vsock_conn *c = &s->conns[s->conn_of[news->peer] % VSOCK_MAX];

	if (!c->has_peer || c->peer != news->peer) /* closed since */
		return;
	if (news->ready & VOLT_PEER_WRITE && c->state != VSOCK_HELLO) {
		c->writable = true;
		if (c->used) {
			flush(s, c);
			finish_output(s, c);
		}
	}
	if (!c->has_peer)
		return;
	if (news->ready & VOLT_PEER_READ && c->state == VSOCK_HELLO) {
		hear_client(s, c);
		if (!c->has_peer)
			return;
	}
	c->readable |= (news->ready & VOLT_PEER_READ) != 0;
	if (news->ready & VOLT_PEER_GONE && c->state != VSOCK_HELLO)
		be_gone(s, c);
	vsock_line_up(s, c);
}

void vsock_take_news(struct vsock *s)
{
	struct volt_peer_news news[BATCH];

	for (unsigned round = 0; round < ROUNDS; round++) {
		const uint32_t n = s->peers->next(s->v.h, news, BATCH);

		if (n == 0)
			return;
		for (uint32_t i = 0; i < n; i++) {
			if (news[i].what == VOLT_PEER_CAME)
				take_client(s, news[i].peer);
			else if (news[i].what == VOLT_PEER_ANSWERED)
				take_answer(s, &news[i]);
			else if (news[i].what == VOLT_PEER_READY)
				take_readiness(s, &news[i]);
		}
	}
	volt_virtio_post(&s->v, RXQ);
}

/* A client whose request has not reached the guest waits on: another driver will get it. */
void vsock_forget_all(struct vsock *s)
{
	s->refusal_count = 0;
	for (uint32_t i = 0; i < s->count; i++) {
		struct vsock_conn *c = &s->conns[i];

		if (c->state < VSOCK_REQUESTED || (c->state == VSOCK_REQUESTED && !c->asked))
			continue;
		vsock_forget_guest(s, c);
		if (c->state != VSOCK_FREE)
			vsock_end_host(s, c);
	}
}
