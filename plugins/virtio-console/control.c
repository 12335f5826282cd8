/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * control - the two control queues (virtio 5.3.6.2): which ports there are, and who has them open.
 *
 * A message that is due is a bit of its port, or follows from what the driver was last told. So
 * a driver that gives no buffers, or asks again and again, makes nothing grow.
 */
#include <string.h>

#include "console.h"

/* Events (virtio 5.3.6.2). DEVICE_REMOVE, 2, is not used: ports stay. */
enum {
	DEVICE_READY = 0,
	DEVICE_ADD = 1,
	PORT_READY = 3,
	CONSOLE_PORT = 4,
	RESIZE = 5,
	PORT_OPEN = 6,
	PORT_NAME = 7,
};

#define HEADER   8u /* id, event, value */
#define NAME_MAX 64u

bool control_is_agreed(const struct console *c)
{
	return c->v.accepted & F_MULTIPORT;
}

void control_look(struct console *c)
{
	if (control_is_agreed(c))
		volt_virtio_serve(&c->v, QUEUE_CONTROL_RECEIVE);
}

void control_say(struct console *c, unsigned port, uint8_t what)
{
	c->port[port].say |= what;
	control_look(c);
}

/* --------------------------------------------------------------- to the driver */

struct message {
	uint8_t bytes[HEADER + NAME_MAX];
	uint32_t len;
};

static void put(struct message *m, unsigned port, uint16_t event, uint16_t value)
{
	volt_put_le32(m->bytes, port);
	volt_put_le16(m->bytes + 4, event);
	volt_put_le16(m->bytes + 6, value);
	m->len = HEADER;
}

static void append(struct message *m, const void *bytes, size_t n)
{
	memcpy(m->bytes + m->len, bytes, n);
	m->len += (uint32_t)n;
}

/* The lowest bit of what is to be said. */
static void say_next(const struct console *c, unsigned n, struct message *m, uint8_t what)
{
	const struct port *p = &c->port[n];

	switch (what) {
	case SAY_ADD:
		put(m, n, DEVICE_ADD, 1);
		return;
	case SAY_CONSOLE:
		put(m, n, CONSOLE_PORT, 1);
		return;
	case SAY_NAME: /* without a NUL at its end */
		put(m, n, PORT_NAME, 1);
		append(m, p->name, strlen(p->name));
		return;
	default:
		put(m, n, RESIZE, 0);
		append(m, c->config.size, sizeof(c->config.size));
	}
}

/* Who left and came again between two messages is two, and the driver hears of both. */
static bool say_open(const struct console *c, unsigned n, struct message *m)
{
	const struct port *p = &c->port[n];

	if (!p->ready || (p->told == p->connected && !p->left))
		return false;
	put(m, n, PORT_OPEN, p->told ? 0 : 1);
	return true;
}

/* What comes next of port n; false: nothing. */
static bool take_message(struct console *c, unsigned n, struct message *m)
{
	struct port *p = &c->port[n];
	const uint8_t what = p->say & (uint8_t)-p->say;

	if (what) {
		say_next(c, n, m, what);
		p->say &= (uint8_t)~what;
		return true;
	}
	if (!say_open(c, n, m))
		return false;
	p->told = !p->told;
	p->left = false;
	return true;
}

/* One message in each buffer. It is lost where the buffer is too small, as the driver has said. */
bool control_receive(struct console *c, struct volt_queue *q, struct volt_chain *chain)
{
	struct message m;
	unsigned n = 0;

	if (!control_is_agreed(c))
		return false;
	while (n < PORTS && !take_message(c, n, &m))
		n++;
	if (n == PORTS)
		return false;
	if (chain->in_len < m.len) {
		volt_count(c->v.h, COUNT_STRANGE, 1);
		volt_chain_done(q, chain, 0);
		return true;
	}
	volt_chain_write(chain, m.bytes, m.len);
	volt_chain_done(q, chain, m.len);
	return true;
}

/* ------------------------------------------------------------- from the driver */

/* virtio 5.3.6.2.1: a port is added once. */
static void add_ports(struct console *c)
{
	for (unsigned n = 0; n < PORTS; n++) {
		struct port *p = &c->port[n];

		if (!p->there || p->added)
			continue;
		p->added = true;
		p->say |= SAY_ADD;
	}
}

static void port_gets_ready(struct console *c, unsigned n, bool ready)
{
	struct port *p = &c->port[n];

	p->ready = ready;
	p->say &= SAY_ADD;
	if (!ready)
		return;
	p->told = p->left = false;
	if (n == 0)
		p->say |= SAY_CONSOLE;
	if (n == 0 && volt_le32(c->config.size) != 0)
		p->say |= SAY_SIZE;
	if (p->name[0])
		p->say |= SAY_NAME;
}

static void port_opens(struct console *c, unsigned n, bool open)
{
	c->port[n].open = open;
	port_set_room(c, n);
	volt_virtio_serve(&c->v, console_queue_of(n, QUEUE_RECEIVE));
}

/* False: it makes no sense. */
static bool obey(struct console *c, uint32_t port, uint16_t event, uint16_t value)
{
	if (event == DEVICE_READY) {
		if (value == 1)
			add_ports(c);
		return true;
	}
	if (port >= PORTS || !c->port[port].added)
		return false;
	if (event == PORT_READY)
		port_gets_ready(c, port, value == 1);
	else if (event == PORT_OPEN)
		port_opens(c, port, value == 1);
	return event == PORT_READY || event == PORT_OPEN;
}

bool control_transmit(struct console *c, struct volt_queue *q, struct volt_chain *chain)
{
	uint8_t m[HEADER];
	const bool whole = volt_chain_read(chain, m, sizeof(m)) == sizeof(m);

	if (!whole || !control_is_agreed(c) ||
	    !obey(c, volt_le32(m), volt_le16(m + 4), volt_le16(m + 6)))
		volt_count(c->v.h, COUNT_STRANGE, 1);
	volt_chain_done(q, chain, 0);
	volt_virtio_post(&c->v, QUEUE_CONTROL_RECEIVE);
	return true;
}
