/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * session - one device and its front end: what each message does.
 *
 * The loop's thread handles messages, under the device's lock. Workers call session_call() and
 * session_changed() meanwhile: all that they touch are numbers of files, which stay the same for
 * good. What a number stands for is replaced as a whole (dup3), so no thread ever writes to a
 * file that was closed, and whose number another has got.
 */
#ifndef DEVICE_SESSION_H
#define DEVICE_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include <volt/draft/backend.h>

#include "tools/device/channel.h"
#include "tools/device/regions.h"

#define QUEUES_MAX 16u

/* Files that come from the front end have numbers of their own: those of a kind one after the
 * other, by queue. The same file that takes everything stands for each that is not there. */
enum session_slot { SLOT_CALL, SLOT_ERR, SLOT_KICK, SLOT_CHANNEL, SLOT_KINDS };
#define SLOT_FIRST 64
#define SLOT_COUNT (SLOT_CHANNEL * QUEUES_MAX + 1)

static inline int session_slot(enum session_slot kind, uint32_t n)
{
	return SLOT_FIRST + (int)(kind * QUEUES_MAX + n);
}

/* Who waits for the kicks of a queue. */
struct kick_wait {
	int epoll_fd;
	epoll_data_t data;
};

struct vring {
	uint32_t num;
	uint16_t base;
	uint64_t desc, avail, used; /* where the front end has them */
	bool addressed, has_kick, enabled, served;
	bool stopped;     /* it was served before, and */
	uint16_t stop_at; /* stopped here */
};

struct session {
	const struct volt_backend_device *device; /* and its */
	void *self;
	struct regions *regions;
	struct kick_wait waits[QUEUES_MAX];
	struct vring rings[QUEUES_MAX];
	uint64_t features, protocol; /* agreed on */
	uint64_t status;             /* as the front end tells it */
	uint32_t refusals;           /* messages that were refused */
	int nothing_fd;              /* stands for files that are not there */
	bool has_channel;            /* atomic: it wants to hear of changes */
};

/* Gives all files their numbers, before the seal. `nothing_fd` takes everything that is written, at
 * once. 0 or -errno. */
int session_open(struct session *s, int nothing_fd);
/* [loop] A whole message; answers it where it is to be answered. */
void session_handle(struct session *s, struct channel *c);
/* [any] Interrupts the driver. */
void session_call(const struct session *s, uint32_t n);
/* [any] The configuration space changed, or, if `broken`, the device cannot go on. */
void session_changed(const struct session *s, bool broken);

struct ledger;
struct ledger_block;

/* The calls that it and its channel make under the seal: on the socket, and on files of the numbers
 * that a message brings. The epolls are those of `waits`. */
void session_declare(const struct session *s, const struct channel *c, struct ledger *l);
void session_declare_passing(struct ledger_block passing, struct ledger *l);

#endif
