/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * outside - queues that another process serves (VOLT_VIRTIO_OUTSIDE).
 *
 * The library keeps what the guest sees of such a device. Of the rings it only reads the used
 * index, which says for which queues the other process has done something.
 */
#include <errno.h>

#include "virtio_internal.h"

bool virtio_is_outside(const struct volt_virtio *v)
{
	return v->type->flags & VOLT_VIRTIO_OUTSIDE;
}

void volt_virtio_offer(struct volt_virtio *v, uint64_t features)
{
	v->offered = features;
}

uint64_t volt_virtio_agreed(const struct volt_virtio *v)
{
	return v->accepted;
}

bool volt_virtio_is_open(const struct volt_virtio *v, unsigned n)
{
	return n < v->type->queues && virtio_is_live(v) &&
	       __atomic_load_n(&v->q[n].open, __ATOMIC_ACQUIRE) && !v->q[n].broken;
}

uint16_t volt_virtio_used(const struct volt_virtio *v, unsigned n)
{
	const uint16_t index = volt_le16(v->q[n].given + 2);

	__atomic_thread_fence(__ATOMIC_ACQUIRE); /* before the driver is told of it */
	return index;
}

void volt_virtio_signal(struct volt_virtio *v, unsigned n)
{
	v->transport->raise(v, CAUSE_QUEUE, n);
}

int volt_virtio_kick_fd(const struct volt_virtio *v, unsigned n)
{
	return n < v->type->queues ? v->doorbells->event_fd(v->h, v->q[n].doorbell) : -EINVAL;
}

void volt_virtio_kick(const struct volt_virtio *v, unsigned n)
{
	if (n < v->type->queues)
		v->doorbells->ring(v->h, v->q[n].doorbell);
}
