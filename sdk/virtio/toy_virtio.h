/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * toy_virtio - the device of the library's tests.
 */
#ifndef TOY_VIRTIO_H
#define TOY_VIRTIO_H

#include <volt/virtio.h>

#define TOY_ID       63u
#define TOY_FEATURE  UINT64_C(1)
#define TOY_RING     64u
#define TOY_SEGMENTS 8u
#define TOY_CONFIG   5u
#define TOY_SLOTS    3u /* of each queue, if it has any */

struct toy {
	struct volt_virtio v;
	struct volt_queue q[2];
	uint64_t agreed;
	uint32_t requests, segments; /* answered; of the newest */
	uint32_t drained;            /* mask of queues */
	bool busy;
	uint32_t most;                         /* chains of one queue that were in flight at once */
	struct volt_chain *held[2][TOY_SLOTS]; /* in flight, in the order of coming */
	unsigned held_count[2];
	struct volt_chain slots[2 * TOY_SLOTS];
	struct volt_virtio_type type;
	struct volt_limit limit; /* of queue 0; none at first */
};

extern const struct volt_plugin volt_plugin_toy_virtio;

#endif
