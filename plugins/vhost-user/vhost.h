/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * vhost - between the parts of vhost-user.
 *
 * Source: "Vhost-user Protocol", docs/interop/vhost-user.rst of QEMU; numbers of messages, layouts
 * of payloads and rules are those of that page. This is its front end. Numbers are in the host's
 * byte order. The addresses that the protocol calls "user addresses" are guest physical here: they
 * have to agree with each other only, and the back end learns nothing of volt's own.
 *
 * The loop's thread talks to the back end in start(), and afterwards the worker alone.
 */
#ifndef VHOST_H
#define VHOST_H

#include <volt/virtio.h>

enum { PARAM_SOCKET, PARAM_DEVICE, PARAM_QUEUES, PARAM_TAG, PARAM_CONFIG_SIZE };
enum { COUNT_LOST = VOLT_VIRTIO_COUNT, COUNT_CALLS, COUNT_MESSAGES, COUNT_CONFIG_LOST };

enum {
	GET_FEATURES = 1,
	SET_FEATURES = 2,
	SET_OWNER = 3,
	SET_MEM_TABLE = 5,
	SET_VRING_NUM = 8,
	SET_VRING_ADDR = 9,
	SET_VRING_BASE = 10,
	GET_VRING_BASE = 11,
	SET_VRING_KICK = 12,
	SET_VRING_CALL = 13,
	GET_PROTOCOL_FEATURES = 15,
	SET_PROTOCOL_FEATURES = 16,
	GET_QUEUE_NUM = 17,
	SET_VRING_ENABLE = 18,
	GET_CONFIG = 24,
	SET_CONFIG = 25,
};

#define FLAG_VERSION    1u /* of the protocol, in bits 0 and 1 */
#define FLAG_REPLY      4u
#define FLAG_NEED_REPLY 8u

#define F_PROTOCOL_FEATURES (UINT64_C(1) << 30)
#define PROTOCOL_MQ         (UINT64_C(1) << 0)
#define PROTOCOL_REPLY_ACK  (UINT64_C(1) << 3)
#define PROTOCOL_CONFIG     (UINT64_C(1) << 9)

#define HEADER_SIZE 12u
#define REGIONS_MAX 8u
#define CONFIG_MAX  256u /* bytes that one message carries */

/* How long the back end may take for one answer, and for all that one run asks of it. */
#ifndef VHOST_ANSWER_MS
#define VHOST_ANSWER_MS 5000u
#endif
#define VHOST_RUN_NS UINT64_C(10000000000)

struct vhost_state {
	uint32_t index, num;
};

struct vhost_address {
	uint32_t index, flags;
	uint64_t desc, used, avail, log;
};

struct vhost_region {
	uint64_t gpa, size, user, offset;
};

struct vhost_memory {
	uint32_t count, padding;
	struct vhost_region regions[REGIONS_MAX];
};

struct vhost_config {
	uint32_t offset, size, flags;
	uint8_t bytes[CONFIG_MAX];
};

#define CONFIG_HEAD 12u

struct vhost_message {
	uint32_t request, flags, size;
	union {
		uint64_t u64;
		struct vhost_state state;
		struct vhost_address address;
		struct vhost_memory memory;
		struct vhost_config config;
	} __attribute__((packed)) body;
} __attribute__((packed));

_Static_assert(offsetof(struct vhost_message, body) == HEADER_SIZE, "the header is 12 bytes");

/* What the driver wrote to the configuration, on its way to the back end. */
struct vhost_write {
	uint32_t offset, size, value;
};
#define WRITES_MAX 16u

struct vhost {
	struct volt_virtio v;
	struct volt_queue q[VOLT_VIRTIO_QUEUES];
	struct volt_virtio_type type;
	const struct volt_loop *loop;
	int fd;
	char socket[120];            /* its text, for people */
	uint64_t features, protocol; /* of the back end; agreed on */
	uint64_t limit_ns;           /* when this run has taken too long */
	bool alive;                  /* the connection is good */
	bool has_memory;             /* it was given the guest's memory */
	bool told;                   /* atomic: the driver knows that the back end is lost */
	bool started[VOLT_VIRTIO_QUEUES];
	char why[128]; /* of a back end that is lost */
	char tag[37];
	uint8_t first_config[CONFIG_MAX]; /* as the back end told it */
	uint8_t config[CONFIG_MAX];       /* with what the driver wrote since a reset */
	struct vhost_write writes[WRITES_MAX];
	uint32_t writes_in, writes_out; /* atomic; how many came, and were sent */
};

#pragma GCC visibility push(hidden)

/* channel.c: one message, and its answer. False: the back end is lost, and `why` says it. */

/* A request without a payload, whose answer is a number. */
bool vhost_get(struct vhost *s, uint32_t request, uint64_t *value);
/* A request of `size` bytes in m->body, with `count` descriptors; acknowledged, where it can be. */
bool vhost_set(struct vhost *s, struct vhost_message *m, uint32_t request, uint32_t size,
    const int *fds, unsigned count);
/* One of `size` bytes, whose answer has as many and replaces m->body; or has none, then m->size is
 * 0: the back end refuses. */
bool vhost_ask(struct vhost *s, struct vhost_message *m, uint32_t request, uint32_t size);
/* Has the back end gone, or said something that nobody asked for? */
void vhost_listen(struct vhost *s);
/* Ends the connection for a reason. Always false. */
VOLT_PRINTF(2, 3)
bool vhost_lose(struct vhost *s, const char *fmt, ...);

/* session.c */
bool vhost_negotiate(struct vhost *s);
/* Starts what may be served and is not. */
void vhost_start_rings(struct vhost *s);
void vhost_stop_ring(struct vhost *s, struct volt_queue *q);
/* Interrupts the driver for each queue in which something came back. */
void vhost_signal(struct vhost *s);
void vhost_send_config(struct vhost *s);

#pragma GCC visibility pop

#endif
