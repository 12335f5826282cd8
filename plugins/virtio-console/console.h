/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * console - between the parts of virtio-console: ports, and the control queues.
 *
 * Everything here runs under the instance's lock: the device has no worker.
 */
#ifndef CONSOLE_H
#define CONSOLE_H

#include <volt/command.h>
#include <volt/stream.h>
#include <volt/virtio.h>

#define PORTS  5u              /* the console, and those that have a name */
#define QUEUES (2 * PORTS + 2) /* virtio 5.3.2 */
#define INPUT  4096u           /* bytes of a port that wait for the driver's buffers */

/* Queues (virtio 5.3.2). Those of port n > 0 are 2n + 2 and 2n + 3. */
enum { QUEUE_RECEIVE, QUEUE_TRANSMIT, QUEUE_CONTROL_RECEIVE, QUEUE_CONTROL_TRANSMIT };

/* Features (virtio 5.3.3). */
#define F_SIZE        (UINT64_C(1) << 0)
#define F_MULTIPORT   (UINT64_C(1) << 1)
#define F_EMERG_WRITE (UINT64_C(1) << 2)

enum {
	COUNT_TX_BYTES = VOLT_VIRTIO_COUNT,
	COUNT_TX_DROPPED,
	COUNT_RX_BYTES,
	COUNT_STRANGE,
};

/* What the driver is to be told of a port, lowest bit first. */
#define SAY_ADD     1u
#define SAY_CONSOLE 2u
#define SAY_NAME    4u
#define SAY_SIZE    8u
#define SAY_ALL     15u

/* Those that say so are saved; the peer is the host's. */
struct port {
	const char *name;      /* "": it has none */
	uint32_t stream;       /* handle */
	bool there;            /* it was asked for */
	bool connected;        /* a peer is connected */
	bool waits;            /* the stream is full, and tells when it is not */
	bool lossy;            /* what does not fit is dropped: the console waits no longer */
	bool added;            /* saved; the driver was told that it is there */
	bool ready;            /* saved; the driver is ready for it */
	bool open;             /* saved; the driver has it open */
	bool told;             /* saved; the driver was last told that somebody is there */
	bool left;             /* saved; and that one has left since */
	uint8_t say;           /* saved; SAY_* */
	uint32_t sent;         /* saved; bytes of the next chain to transmit that were sent */
	uint32_t start, count; /* saved; in its input */
};

/* virtio 5.3.4, little-endian. */
struct config {
	uint8_t size[4]; /* saved; columns, rows: 16 bits each */
	uint8_t ports[4];
	uint8_t emergency[4];
};

struct console {
	struct volt_virtio v;
	struct volt_queue q[QUEUES];
	struct volt_virtio_type type;
	const struct volt_stream *stream;
	const struct volt_loop *loop;
	uint32_t patience; /* handle of a timer: the console's peer takes nothing */
	struct config config;
	struct port port[PORTS];
	uint8_t input[PORTS][INPUT]; /* saved; a ring for each port */
};

extern const struct volt_commands console_commands __attribute__((visibility("hidden")));
extern const struct volt_state console_state __attribute__((visibility("hidden")));

#pragma GCC visibility push(hidden)

/* Ports. */
bool port_is_open(const struct console *c, unsigned n); /* the driver has it open */
bool port_receive(struct console *c, struct volt_queue *q, struct volt_chain *chain);
bool port_transmit(struct console *c, struct volt_queue *q, struct volt_chain *chain);
void port_reset(struct console *c, unsigned n); /* as the driver resets the device */
void port_set_room(struct console *c, unsigned n);
void port_emergency(struct console *c, uint8_t byte);
void port_patience_ends(void *self);
/* The stream's callbacks. */
void port_rx(void *self, uint32_t stream, const uint8_t *bytes, size_t n);
void port_event(void *self, uint32_t stream, uint32_t event);

/* The console's size. */
bool size_look(struct console *c); /* asks the host; true: it changed, and nobody was told */
void size_tell(struct console *c);
void size_set(struct console *c, uint16_t columns, uint16_t rows);

/* Control. */
bool control_receive(struct console *c, struct volt_queue *q, struct volt_chain *chain);
bool control_transmit(struct console *c, struct volt_queue *q, struct volt_chain *chain);
void control_say(struct console *c, unsigned port, uint8_t what);
void control_look(struct console *c); /* something is to be said */
bool control_is_agreed(const struct console *c);

#pragma GCC visibility pop

static inline unsigned console_port_of(const struct volt_queue *q)
{
	return q->number < 2 ? 0 : q->number / 2u - 1;
}

static inline unsigned console_queue_of(unsigned port, unsigned direction)
{
	return (port ? 2 * port + 2 : 0) + direction;
}

#endif
