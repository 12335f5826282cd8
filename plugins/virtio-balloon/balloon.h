/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * balloon - virtio-balloon: memory that the guest gives up goes back to the host.
 *
 * virtio-balloon.c  wiring, queues, pages
 * stats.c           what the guest says of its memory
 * command.c         what an operator asks
 *
 * Source: virtio 1.2, 5.5. Driver: Linux virtio_balloon.
 */
#ifndef PLUGINS_VIRTIO_BALLOON_BALLOON_H
#define PLUGINS_VIRTIO_BALLOON_BALLOON_H

#include <volt/command.h>
#include <volt/draft/discard.h>
#include <volt/virtio.h>

#define BALLOON_PAGE   UINT64_C(4096)
#define BALLOON_QUEUES 5u

enum { QUEUE_INFLATE, QUEUE_DEFLATE, QUEUE_STATS };

/* Members of the configuration space, 32 bits each (5.5.4). */
enum { CONFIG_TARGET, CONFIG_ACTUAL, CONFIG_HINT, CONFIG_POISON, CONFIG_ROWS };

/* Tags of 5.5.6.3, and those that Linux has added. */
#define BALLOON_STATS 10u

enum {
	COUNT_INFLATED = VOLT_VIRTIO_COUNT,
	COUNT_DEFLATED,
	COUNT_REPORTED,
	COUNT_GIVEN_BACK,
	COUNT_REFUSED,
};

struct balloon {
	struct volt_virtio v;
	struct volt_queue q[BALLOON_QUEUES];
	struct volt_virtio_type type;
	const struct volt_discard *discard;
	uint32_t config[CONFIG_ROWS]; /* little-endian; written under the lock; atomic */
	uint64_t features;            /* accepted; atomic */
	/* What the guest said last, in bytes or events; atomic. */
	uint64_t stat[BALLOON_STATS];
	uint64_t stat_known; /* mask of tags; atomic */
	uint64_t stat_ns;    /* when, on the clock of volt.loop/1; 0: never; atomic */
	bool stats_read;     /* [worker] the buffer that lies in the queue was */
	bool stats_wanted;   /* atomic: the guest shall send new ones */
	const struct volt_loop *loop;
};

/* [worker] A chain of the statistics queue. False: it waits until somebody asks. */
bool stats_request(struct balloon *b, struct volt_queue *q, struct volt_chain *c);
/* The driver begins anew. */
void stats_reset(struct balloon *b);

extern const struct volt_commands balloon_commands;

#endif
