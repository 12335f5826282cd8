/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * backend - virtio for the driver of another VMM, which has the registers (volt.backend/1).
 *
 * The cut is below the registers of the other transports: status, selectors and vectors are the
 * front end's, and each ring is started and stopped by itself. The first ring that is started
 * stands for DRIVER_OK, and no ring is looked at before its first kick.
 */
#include <errno.h>

#include "virtio_internal.h"

#define READY (STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK)

static const struct volt_backend *bus_of(const struct volt_virtio *v)
{
	return v->backend.table;
}

static bool is_any_open(const struct volt_virtio *v)
{
	for (unsigned i = 0; i < v->type->queues; i++)
		if (v->q[i].open)
			return true;
	return false;
}

static uint32_t backend_worker(void *self, uint32_t n)
{
	const struct volt_virtio *v = self;

	return v->type->workers && n < v->type->queues ? v->workers[v->q[n].worker] : VOLT_ANY;
}

static int backend_agree(void *self, uint64_t features)
{
	struct volt_virtio *v = self;

	if (is_any_open(v))
		return -EBUSY;
	/* Without VERSION_1 the structures of some devices are others (virtio 6.1). */
	if (features & ~v->offered || !(features & VOLT_VIRTIO_F_VERSION_1))
		return -EINVAL;
	v->accepted = features;
	return 0;
}

static void go_live(struct volt_virtio *v)
{
	__atomic_store_n(&v->status, READY, __ATOMIC_RELEASE);
	if (v->type->live)
		v->type->live(v, v->accepted);
	__atomic_store_n(&v->live, true, __ATOMIC_RELEASE);
}

/* The used index is the ring's own, as a device that ran before has left it. */
static bool set_up(struct volt_queue *q, const struct volt_backend_ring *r)
{
	q->size = r->entries > q->max ? 0 : (uint16_t)r->entries;
	q->desc = r->desc;
	q->driver = r->driver;
	q->device = r->device;
	q->ready = virtio_queue_open(q);
	if (!q->ready)
		return false;
	q->seen = r->base;
	q->used = q->signalled = volt_le16(q->given + 2);
	q->more = 0;
	q->broken = false;
	return true;
}

static int backend_start(void *self, const struct volt_backend_ring *r)
{
	struct volt_virtio *v = self;

	if (r->number >= v->type->queues || !(v->accepted & VOLT_VIRTIO_F_VERSION_1))
		return -EINVAL;
	struct volt_queue *q = &v->q[r->number];

	if (q->open)
		return -EBUSY;
	if (!set_up(q, r))
		return -EINVAL;
	if (!is_any_open(v))
		go_live(v);
	__atomic_store_n(&q->open, true, __ATOMIC_RELEASE);
	return 0;
}

static int backend_stop(void *self, uint32_t n)
{
	struct volt_virtio *v = self;

	if (n >= v->type->queues || !v->q[n].open)
		return -EINVAL;
	virtio_queue_stop(&v->q[n]);
	if (!is_any_open(v))
		__atomic_store_n(&v->live, false, __ATOMIC_RELEASE);
	return v->q[n].seen;
}

static void backend_kick(void *self, uint32_t n)
{
	virtio_kicked(self, n);
}

static void backend_config_read(void *self, uint32_t off, void *to, uint32_t n)
{
	uint8_t *bytes = to;

	for (uint32_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)virtio_config_read(self, (uint64_t)off + i, 1);
}

/* By pieces that a driver's registers could write at once. */
static int backend_config_write(void *self, uint32_t off, const void *from, uint32_t n)
{
	const struct volt_virtio *v = self;
	const uint8_t *bytes = from;
	const uint32_t size = v->type->config_size;
	uint32_t val = 0;

	if (off > size || n > size - off || !v->type->config_written)
		return -EINVAL;
	if (n == 1 || n == 2 || n == 4) {
		for (uint32_t i = 0; i < n; i++)
			val |= (uint32_t)bytes[i] << 8 * i;
		virtio_config_write(self, off, n, val);
		return 0;
	}
	for (uint32_t i = 0; i < n; i++)
		virtio_config_write(self, off + i, 1, bytes[i]);
	return 0;
}

static bool backend_is_broken(void *self)
{
	return virtio_status(self) & STATUS_NEEDS_RESET;
}

static void backend_raise(struct volt_virtio *v, uint32_t cause, unsigned queue)
{
	if (cause == CAUSE_CONFIG)
		bus_of(v)->changed(v->backend.self, v->h);
	else
		bus_of(v)->call(v->backend.self, v->h, queue);
}

static int backend_wire(struct volt_virtio *v)
{
	const struct volt_backend_device device = {
	    .size = sizeof(device),
	    .id = v->type->id,
	    .features = v->offered,
	    .queues = v->type->queues,
	    .ring = v->type->ring,
	    .config_size = v->type->config_size,
	    .worker = backend_worker,
	    .agree = backend_agree,
	    .start = backend_start,
	    .stop = backend_stop,
	    .kick = backend_kick,
	    .reset = volt_virtio_reset,
	    .config_read = backend_config_read,
	    .config_write = backend_config_write,
	    .is_broken = backend_is_broken,
	};

	v->backend.size = sizeof(v->backend);
	const int err = v->h->find(v->h, VOLT_EXT_BACKEND, &v->backend);

	if (err)
		return virtio_fail(v->h, -err, "there is no front end");
	return bus_of(v)->add(v->backend.self, v->h, &device);
}

const struct volt_virtio_transport virtio_backend = {
    .wire = backend_wire,
    .raise = backend_raise,
};
