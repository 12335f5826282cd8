/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * serial - a PC's serial port: the 16550A of uart.c on eight I/O ports and one ISA
 * interrupt, with a stream at the other end of the cable.
 *
 * Sources: PC16550D data sheet (see uart.c); IBM PC/AT Technical Reference, "Serial/
 * Parallel Adapter", for OUT2 as the interrupt's gate; ACPI 6.5 for PNP0501.
 */
#include <volt/describe.h>
#include <volt/loop.h>
#include <volt/plugin.h>
#include <volt/stream.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "uart.h"

#define PORTS 8u

enum { PARAM_BASE, PARAM_IRQ, PARAM_CONSOLE, PARAM_ROWS };

static uint64_t serial_read(void *self, uint64_t off, uint32_t n)
{
	return uart_read(self, off & (PORTS - 1));
}

static void serial_write(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	uart_write(self, off & (PORTS - 1), (uint8_t)val);
}

static void serial_rx(void *self, uint32_t stream, const uint8_t *bytes, size_t n)
{
	uart_receive(self, bytes, n);
}

/* The cable: a connected peer asserts what a modem with a carrier does. */
static void serial_event(void *self, uint32_t stream, uint32_t event)
{
	if (event == VOLT_STREAM_CONNECTED)
		uart_set_inputs(self, UART_DCD | UART_DSR | UART_CTS);
	else if (event == VOLT_STREAM_DISCONNECTED)
		uart_set_inputs(self, 0);
	else if (event == VOLT_STREAM_BREAK)
		uart_receive_break(self);
	uart_transmit(self);
}

static void serial_fire(void *self)
{
	uart_expire(self);
}

static void serial_reset(void *self)
{
	uart_reset(self);
}

/* A peer that was connected before the guest is no change that the guest should see. */
static int serial_start(void *self)
{
	uart_forget_changes(self);
	return 0;
}

/* `err`, 0 or -errno, which is logged with the part that could not be had. */
static int check(const struct uart *u, int err, const char *part)
{
	return err ? volt_fail(u->h, -err, "%s: not available: %s", part, strerror(-err)) : 0;
}

static const void *find_service(const struct uart *u, const char *id)
{
	const void *ext = u->h->get_ext(u->h, id);

	if (!ext)
		volt_fail(u->h, ENOTSUP, "the host lacks %s", id);
	return ext;
}

static int add_ports(struct uart *u, uint64_t base)
{
	const struct volt_range range = {
	    .size = sizeof(range),
	    .space = VOLT_SPACE_PIO,
	    .sizes = VOLT_IO_1,
	    .flags = VOLT_RANGE_SPLIT,
	    .base = base,
	    .len = PORTS,
	    .name = "serial",
	    .read = serial_read,
	    .write = serial_write,
	};

	const int err = u->h->add_range(u->h, &range);

	if (err)
		return volt_fail(
		    u->h, -err, "base=0x%" PRIx64 ": no ports: %s", base, strerror(-err));
	return 0;
}

static int add_line(struct uart *u, uint32_t irq)
{
	const int err = u->h->add_irq(u->h, irq, VOLT_IRQ_EDGE, &u->line);

	if (err == -EBUSY)
		return volt_fail(u->h, EBUSY, "irq=%u is already used by another device", irq);
	return check(u, err, "irq");
}

static int attach_console(struct uart *u)
{
	static const struct volt_stream_ops ops = {
	    .size = sizeof(ops),
	    .rx = serial_rx,
	    .event = serial_event,
	};

	return check(u, u->stream->attach(u->h, u->console, &ops), "console");
}

static int add_timer(struct uart *u)
{
	return check(u, u->loop->add_timer(u->h, serial_fire, &u->timer), "timer");
}

/* A host without volt.describe/1 has guests that know where the port is. */
static int describe(struct uart *u, uint64_t base, uint32_t irq)
{
	const struct volt_describe *d = u->h->get_ext(u->h, VOLT_EXT_DESCRIBE);
	const struct volt_acpi_device device = {
	    .size = sizeof(device),
	    .hid = "PNP0501",
	    .resource_count = 2,
	    .resources =
		{
		    {.type = VOLT_RES_PIO, .base = base, .len = PORTS},
		    {.type = VOLT_RES_IRQ, .flags = VOLT_IRQ_EDGE, .base = irq},
		},
	};

	return d ? check(u, d->device(u->h, &device), "ACPI") : 0;
}

static int serial_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct uart *u = self;
	const uint64_t base = volt_arg(a, PARAM_BASE)->u;
	const uint32_t irq = (uint32_t)volt_arg(a, PARAM_IRQ)->u;
	int err;

	u->h = h;
	u->console = (uint32_t)volt_arg(a, PARAM_CONSOLE)->u;
	if (base % PORTS)
		return volt_fail(h, EINVAL, "base=0x%" PRIx64 " is not a multiple of 8", base);
	u->stream = find_service(u, VOLT_EXT_STREAM);
	u->loop = u->stream ? find_service(u, VOLT_EXT_LOOP) : NULL;
	if (!u->loop)
		return -ENOTSUP;
	err = add_ports(u, base);
	if (err)
		return err;
	err = add_line(u, irq);
	if (err)
		return err;
	err = attach_console(u);
	if (err)
		return err;
	err = add_timer(u);
	return err ? err : describe(u, base, irq);
}

static const void *serial_get_ext(const char *id)
{
	return strcmp(id, VOLT_EXT_STATE) ? NULL : &uart_state;
}

static const struct volt_param params[] = {
    [PARAM_BASE] =
	{
	    .name = "base",
	    .type = VOLT_PARAM_UINT,
	    .def = "0x3f8",
	    .max = 0x10000 - PORTS,
	    .help = "first of its 8 I/O ports, a multiple of 8",
	},
    [PARAM_IRQ] =
	{
	    .name = "irq",
	    .type = VOLT_PARAM_UINT,
	    .def = "4",
	    .max = 23,
	    .help = "interrupt line (GSI)",
	},
    [PARAM_CONSOLE] =
	{
	    .name = "console",
	    .type = VOLT_PARAM_STREAM,
	    .def = "stdio",
	    .help = "the peer: stdio, null, pty, file:PATH, pipe:PATH or unix:PATH",
	},
};

static const struct volt_counter counters[] = {
    [COUNT_TX_BYTES] = {"tx_bytes", "bytes given to the peer"},
    [COUNT_TX_DROPPED] = {"tx_dropped", "bytes lost: the peer was slow, or a break was sent"},
    [COUNT_TX_BREAKS] = {"tx_breaks", "breaks that the guest began to send"},
    [COUNT_RX_BYTES] = {"rx_bytes", "bytes from the peer"},
    [COUNT_RX_OVERRUNS] = {"rx_overruns", "characters lost: the receiver was full"},
    [COUNT_RX_BREAKS] = {"rx_breaks", "breaks from the peer"},
    [COUNT_RX_TIMEOUTS] = {"rx_timeouts", "character timeouts of the receiver's FIFO"},
    [COUNT_INTERRUPTS] = {"interrupts", "rising edges of the interrupt line"},
};

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "serial",
    .version = "1.0",
    .summary = "16550A serial port",
    .instance_size = sizeof(struct uart),
    VOLT_PARAMS(params),
    VOLT_COUNTERS(counters),
    .init = serial_init,
    .reset = serial_reset,
    .start = serial_start,
    .get_ext = serial_get_ext,
};
