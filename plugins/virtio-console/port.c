/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * port - the two queues of a port (virtio 5.3.6), between a driver and a stream.
 *
 * Nothing is lost on the way. What the peer sends waits there until the driver has the port
 * open and gives buffers; what the driver sends stays in its chain until the stream takes it. With
 * one exception: Linux's console waits for each of its chains on the spinning vCPU, so a peer
 * that takes nothing for a while is waited for no longer. Without a peer all is lost,
 * as on any cable.
 */
#include <string.h>

#include "console.h"

#define DRIVER_OK   4u /* of the status (virtio 2.1) */
#define PATIENCE_NS UINT64_C(200000000)

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Without MULTIPORT there is the console, and nothing to open. */
bool port_is_open(const struct console *c, unsigned n)
{
	if (!(c->v.status & DRIVER_OK) || !c->port[n].there)
		return false;
	return control_is_agreed(c) ? c->port[n].open : n == 0;
}

void port_set_room(struct console *c, unsigned n)
{
	const struct port *p = &c->port[n];

	if (p->there)
		c->stream->set_room(c->v.h, p->stream, port_is_open(c, n) ? INPUT - p->count : 0);
}

void port_reset(struct console *c, unsigned n)
{
	struct port *p = &c->port[n];

	p->added = p->ready = p->open = p->told = p->left = false;
	p->waits = p->lossy = false;
	p->say = 0;
	p->sent = 0;
	if (n == 0)
		c->loop->arm(c->v.h, c->patience, 0);
	port_set_room(c, n);
}

/* ------------------------------------------------------------------- receive */

/* The ring's bytes are one piece, or two. */
bool port_receive(struct console *c, struct volt_queue *q, struct volt_chain *chain)
{
	const unsigned n = console_port_of(q);
	struct port *p = &c->port[n];
	uint32_t written = 0;

	if (!port_is_open(c, n) || p->count == 0)
		return false;
	for (unsigned piece = 0; piece < 2 && p->count; piece++) {
		const uint32_t there = smaller(p->count, INPUT - p->start);
		const uint32_t done =
		    (uint32_t)volt_chain_write(chain, c->input[n] + p->start, there);

		p->start = (p->start + done) % INPUT;
		p->count -= done;
		written += done;
		if (done < there)
			break;
	}
	volt_chain_done(q, chain, written);
	volt_count(c->v.h, COUNT_RX_BYTES, written);
	port_set_room(c, n);
	return true;
}

static unsigned number_of(const struct console *c, uint32_t stream)
{
	unsigned n = 0;

	while (n < PORTS && !(c->port[n].there && c->port[n].stream == stream))
		n++;
	return n;
}

void port_rx(void *self, uint32_t stream, const uint8_t *bytes, size_t n)
{
	struct console *c = self;
	const unsigned number = number_of(c, stream);
	struct port *p = &c->port[number % PORTS];

	if (number == PORTS || n > INPUT - p->count)
		return; /* the host gives no more than there is room for */
	for (size_t i = 0; i < n; i++)
		c->input[number][(p->start + p->count + i) % INPUT] = bytes[i];
	p->count += (uint32_t)n;
	volt_virtio_serve(&c->v, console_queue_of(number, QUEUE_RECEIVE));
}

/* ------------------------------------------------------------------ transmit */

/* Sends what of the chain was not sent yet. False: the stream is full. */
static bool send_chain(struct console *c, struct port *p, const struct volt_chain *chain)
{
	uint32_t skip = p->sent;

	for (unsigned i = 0; i < chain->out; i++) {
		const uint8_t *bytes = chain->seg[i].iov_base;
		const uint32_t len = (uint32_t)chain->seg[i].iov_len;
		const uint32_t from = smaller(skip, len);

		skip -= from;
		if (from == len)
			continue;
		const uint32_t taken =
		    (uint32_t)c->stream->tx(c->v.h, p->stream, bytes + from, len - from);

		p->sent += taken;
		volt_count(c->v.h, COUNT_TX_BYTES, taken);
		if (taken < len - from)
			return false;
	}
	return true;
}

static void drop_rest(struct console *c, struct port *p, const struct volt_chain *chain)
{
	if (chain->out_len > p->sent)
		volt_count(c->v.h, COUNT_TX_DROPPED, chain->out_len - p->sent);
}

static void wait_for_room(struct console *c, struct port *p)
{
	if (!p->waits && p == &c->port[0])
		c->loop->arm(c->v.h, c->patience, c->loop->now(c->v.h) + PATIENCE_NS);
	p->waits = true;
}

bool port_transmit(struct console *c, struct volt_queue *q, struct volt_chain *chain)
{
	struct port *p = &c->port[console_port_of(q)];

	if (!p->there || !p->connected) {
		drop_rest(c, p, chain);
	} else if (!send_chain(c, p, chain)) {
		if (!p->lossy) {
			wait_for_room(c, p);
			return false;
		}
		drop_rest(c, p, chain);
	}
	p->sent = 0;
	volt_chain_done(q, chain, 0);
	return true;
}

void port_patience_ends(void *self)
{
	struct console *c = self;

	if (!c->port[0].waits)
		return;
	c->port[0].lossy = true;
	volt_virtio_serve(&c->v, QUEUE_TRANSMIT);
}

/* virtio 5.3.4: before the driver is ready, too. */
void port_emergency(struct console *c, uint8_t byte)
{
	struct port *p = &c->port[0];
	const bool taken = p->connected && c->stream->tx(c->v.h, p->stream, &byte, 1) == 1;

	volt_count(c->v.h, taken ? COUNT_TX_BYTES : COUNT_TX_DROPPED, 1);
}

/* -------------------------------------------------------------------- events */

static void go_on(struct console *c, unsigned n)
{
	c->port[n].waits = c->port[n].lossy = false;
	volt_virtio_serve(&c->v, console_queue_of(n, QUEUE_TRANSMIT));
}

static void peer_changed(struct console *c, unsigned n, bool connected)
{
	struct port *p = &c->port[n];

	p->connected = connected;
	if (!connected && p->told)
		p->left = true;
	go_on(c, n);
	control_look(c);
}

void port_event(void *self, uint32_t stream, uint32_t event)
{
	struct console *c = self;
	const unsigned n = number_of(c, stream);

	if (n == PORTS)
		return;
	if (event == VOLT_STREAM_CONNECTED || event == VOLT_STREAM_DISCONNECTED)
		peer_changed(c, n, event == VOLT_STREAM_CONNECTED);
	else if (event == VOLT_STREAM_ROOM)
		go_on(c, n);
	else if (event == VOLT_STREAM_RESIZED && n == 0 && size_look(c))
		size_tell(c);
}
