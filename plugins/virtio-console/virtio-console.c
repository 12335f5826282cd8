/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * virtio-console - a console, and further ports with names, between the guest and streams.
 *
 * Source: virtio 1.2, 5.3. Driver: Linux virtio_console.
 *
 * MULTIPORT is offered only if there is more than the console. Without it a driver has the console
 * at once, and takes its size from the configuration.
 */
#include <errno.h>
#include <string.h>

#include <volt/describe.h>

#include "console.h"

enum { PARAM_CONSOLE, PARAM_FIRST_PORT }; /* then a stream and a name for each port */

#define CONSOLE_DEVICE 3u
#define EMERGENCY      offsetof(struct config, emergency)

static bool console_request(void *self, struct volt_queue *q, struct volt_chain *chain)
{
	if (q->number == QUEUE_CONTROL_RECEIVE)
		return control_receive(self, q, chain);
	if (q->number == QUEUE_CONTROL_TRANSMIT)
		return control_transmit(self, q, chain);
	return q->number % 2 ? port_transmit(self, q, chain) : port_receive(self, q, chain);
}

static void console_set_rooms(struct console *c)
{
	for (unsigned n = 0; n < PORTS; n++)
		port_set_room(c, n);
}

static void console_live(void *self, uint64_t features)
{
	console_set_rooms(self);
}

static void console_driver_reset(void *self)
{
	struct console *c = self;

	for (unsigned n = 0; n < PORTS; n++)
		port_reset(c, n);
}

/* virtio 5.3.4: what is written to emerg_wr is one character, in the lowest byte. */
static void console_config_written(void *self, uint32_t off, uint32_t n, uint32_t val)
{
	if (off == EMERGENCY)
		port_emergency(self, (uint8_t)val);
	else
		volt_count(((struct console *)self)->v.h, VOLT_VIRTIO_QUIET, 1);
}

/* A driver that comes later reads what is left; only at power-on is there nothing. */
static void console_reset(void *self)
{
	struct console *c = self;

	for (unsigned n = 0; n < PORTS; n++)
		c->port[n].start = c->port[n].count = 0;
	memset(c->config.size, 0, sizeof(c->config.size));
	size_look(c);
	volt_virtio_reset(self);
}

/* -------------------------------------------------------------------- wiring */

/* Linux makes a file of that name of it. */
static bool is_name(const char *name)
{
	for (; *name; name++)
		if (*name <= ' ' || *name > '~' || *name == '/')
			return false;
	return true;
}

static int attach(struct console *c, unsigned n, const struct volt_value *value)
{
	static const struct volt_stream_ops ops = {
	    .size = sizeof(ops),
	    .rx = port_rx,
	    .event = port_event,
	};
	struct port *p = &c->port[n];
	const int err = c->stream->attach(c->v.h, (uint32_t)value->u, &ops);

	p->stream = (uint32_t)value->u;
	p->there = true;
	return err ? volt_fail(c->v.h, -err, "port %u: not attached: %s", n, strerror(-err)) : 0;
}

/* Port n > 0, if it was asked for. Returns how many ports there are up to it. */
static int add_port(struct console *c, unsigned n, const struct volt_args *a)
{
	const unsigned param = PARAM_FIRST_PORT + 2 * (n - 1);
	const struct volt_value *name = volt_arg(a, param + 1);

	c->port[n].name = name->s;
	if (!volt_arg(a, param)->given)
		return name->given
			   ? volt_fail(c->v.h, EINVAL, "name%u=%s has no port%u", n, name->s, n)
			   : 0;
	if (!is_name(name->s))
		return volt_fail(c->v.h, EINVAL,
		    "name%u: a name has printable characters of ASCII, but no blank and no \"/\"",
		    n);
	return attach(c, n, volt_arg(a, param));
}

static int add_ports(struct console *c, const struct volt_args *a, unsigned *ports)
{
	int err = attach(c, 0, volt_arg(a, PARAM_CONSOLE));

	c->port[0].name = "";
	*ports = 1;
	for (unsigned n = 1; n < PORTS && !err; n++) {
		err = add_port(c, n, a);
		if (c->port[n].there)
			*ports = n + 1;
	}
	return err;
}

static int find_services(struct console *c, const struct volt_host *h)
{
	c->v.h = h;
	c->stream = h->get_ext(h, VOLT_EXT_STREAM);
	if (!c->stream)
		return volt_fail(h, ENOTSUP, "the host does not offer " VOLT_EXT_STREAM);
	c->loop = h->get_ext(h, VOLT_EXT_LOOP);
	if (!c->loop)
		return volt_fail(h, ENOTSUP, "the host does not offer " VOLT_EXT_LOOP);
	const int err = c->loop->add_timer(h, port_patience_ends, &c->patience);

	return err ? volt_fail(h, -err, "no timer: %s", strerror(-err)) : 0;
}

static void set_type(struct console *c, unsigned ports)
{
	const bool several = ports > 1;

	c->type = (struct volt_virtio_type){
	    .size = sizeof(c->type),
	    .id = CONSOLE_DEVICE,
	    .name = "console",
	    .features = F_SIZE | F_EMERG_WRITE | (several ? F_MULTIPORT : 0),
	    .queues = (uint16_t)(several ? 2 * ports + 2 : 2),
	    .ring = 128,
	    .segments = 64,
	    .config_size = sizeof(c->config),
	    .config = &c->config,
	    .request = console_request,
	    .live = console_live,
	    .reset = console_driver_reset,
	    .config_written = console_config_written,
	};
	volt_put_le32(c->config.ports, several ? ports : 0);
}

static int console_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct console *c = self;
	unsigned ports;
	int err = find_services(c, h);

	if (err)
		return err;
	err = add_ports(c, a, &ports);
	if (err)
		return err;
	set_type(c, ports);
	size_look(c); /* and asks to be told of changes */
	return volt_virtio_init(c, c->q, &c->type, h, a);
}

static const struct volt_console console_console = {
    .size = sizeof(console_console),
    .name = "hvc",
};

static const void *console_get_ext(const char *id)
{
	if (strcmp(id, VOLT_EXT_CONSOLE) == 0)
		return &console_console;
	if (strcmp(id, VOLT_EXT_STATE) == 0)
		return &console_state;
	return strcmp(id, VOLT_EXT_COMMAND) == 0 ? &console_commands : NULL;
}

#define STREAM_HELP "stdio, null, pty, file:PATH, pipe:PATH or unix:PATH"
#define PORT(n) \
	{ \
	    .name = "port" #n, \
	    .type = VOLT_PARAM_STREAM, \
	    .def = "null", \
	    .help = "the peer of port " #n ", which is there if this is given: " STREAM_HELP, \
	}, \
	{ \
		.name = "name" #n, .type = VOLT_PARAM_STRING, .def = "", .max = 64, \
		.help = "its name in the guest: /dev/virtio-ports/NAME", \
	}

static const struct volt_param params[] = {
    [PARAM_CONSOLE] =
	{
	    .name = "console",
	    .type = VOLT_PARAM_STREAM,
	    .def = "stdio",
	    .help = "the peer of the console: " STREAM_HELP,
	},
    PORT(1),
    PORT(2),
    PORT(3),
    PORT(4),
    VOLT_VIRTIO_PARAMS(),
};

static const struct volt_counter counters[] = {
    VOLT_VIRTIO_COUNTERS(),
    [COUNT_TX_BYTES] = {"tx_bytes", "bytes given to peers"},
    [COUNT_TX_DROPPED] = {"tx_dropped",
	"bytes lost: no peer was connected, or the console's took nothing"},
    [COUNT_RX_BYTES] = {"rx_bytes", "bytes that the guest got"},
    [COUNT_STRANGE] = {"strange", "control messages that made no sense, or had no room"},
};

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "virtio-console",
    .version = "0.1.0",
    .summary = "a console without a serial port, and named ports",
    .flags = VOLT_FLAG_GUEST_MEMORY,
    .instance_size = sizeof(struct console),
    VOLT_PARAMS(params),
    VOLT_COUNTERS(counters),
    .init = console_init,
    .reset = console_reset,
    .get_ext = console_get_ext,
};
