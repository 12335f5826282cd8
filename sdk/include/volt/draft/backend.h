/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt/draft/backend.h - a virtio device without registers: extension "volt.backend/1".
 *
 * Stability: draft. A host that relays the driver of another VMM, its front end, offers this by
 * find(). libvolt-virtio then adds the device here instead of to a bus: the front end has the
 * registers, and tells which rings are to be served. No plugin uses it by itself.
 *
 * Source: "Vhost-user Protocol", docs/interop/vhost-user.rst of QEMU, of which these are the parts
 * that a device has to answer for itself.
 */
#ifndef VOLT_DRAFT_BACKEND_H
#define VOLT_DRAFT_BACKEND_H

#include <volt/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VOLT_EXT_BACKEND "volt.backend/1"

/* A split ring (virtio 2.7) as the front end set it up; nothing of it has been checked. */
struct volt_backend_ring {
	uint32_t size, number;         /* which queue */
	uint64_t desc, driver, device; /* guest physical: its three parts */
	uint32_t entries;              /* a power of two, if the front end is honest */
	uint16_t base;                 /* index of the next chain to take */
	uint16_t reserved;             /* 0 */
};

/* A device, as its front end drives it. Copied by add. Slots are called under the instance's
 * lock. */
struct volt_backend_device {
	uint32_t size, id;     /* id: virtio 5, e.g. 4 for an entropy source */
	uint64_t features;     /* all that it offers */
	uint16_t queues, ring; /* how many; entries of each, at most */
	uint32_t config_size;  /* bytes of its configuration space; 0: none */
	/* [loop] The worker that serves queue n, a handle of volt.worker/1; VOLT_ANY: none does,
	 * and kicks are to be passed to kick(). Required. */
	uint32_t (*worker)(void *self, uint32_t n);
	/* [loop] The driver agreed to `features`. 0; -EINVAL: one is not offered, or the driver is
	 * not of virtio 1; -EBUSY: a ring is served. Required. */
	int (*agree)(void *self, uint64_t features);
	/* [loop] A ring may be served from now on. The first one says that the driver is ready. 0;
	 * -EINVAL: malformed, no such queue, or not all of it is RAM; -EBUSY: it is served.
	 * Required. */
	int (*start)(void *self, const struct volt_backend_ring *r);
	/* [loop] A ring is not to be looked at any more, when this returns. Returns the index of
	 * the next chain to take, or -EINVAL: it was not served. Required. */
	int (*stop)(void *self, uint32_t n);
	/* [loop] The driver shows something in queue n, or may have. Required. */
	void (*kick)(void *self, uint32_t n);
	/* [loop] The driver has reset the device. Required. */
	void (*reset)(void *self);
	/* [loop] Bytes of the configuration space; what it does not have reads as 0. Required.
	 */
	void (*config_read)(void *self, uint32_t off, void *to, uint32_t n);
	/* [loop] The driver wrote to it. 0; -EINVAL: not all of it is the device's. Required. */
	int (*config_write)(void *self, uint32_t off, const void *from, uint32_t n);
	/* [loop] Has it met something that it cannot go on with before a reset? Required. */
	bool (*is_broken)(void *self);
};

/* What such a host gives; `bus` is the `self` that find() gave, and `h` the device's host. */
struct volt_backend {
	uint32_t size, reserved;
	/* [wire] The one device. 0, or what volt_fail() returned. */
	int (*add)(void *bus, const struct volt_host *h, const struct volt_backend_device *d);
	/* [any] Interrupts the driver for queue n. */
	void (*call)(void *bus, const struct volt_host *h, uint32_t n);
	/* [any] The configuration space changed, or is_broken() did: tells the front end. */
	void (*changed)(void *bus, const struct volt_host *h);
};

#ifdef __cplusplus
}
#endif

#endif
