/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * virtio_internal - between the parts of libvolt-virtio: queue, device and transport.
 */
#ifndef VIRTIO_INTERNAL_H
#define VIRTIO_INTERNAL_H

#include <volt/virtio.h>

/* Bits of the status (virtio 2.1). */
#define STATUS_ACKNOWLEDGE 1u
#define STATUS_DRIVER      2u
#define STATUS_DRIVER_OK   4u
#define STATUS_FEATURES_OK 8u
#define STATUS_NEEDS_RESET 64u
#define STATUS_FAILED      128u

/* Causes of an interrupt (virtio 4.2.2, InterruptStatus). */
#define CAUSE_QUEUE  1u
#define CAUSE_CONFIG 2u

/* How a guest reaches the device. */
struct volt_virtio_transport {
	/* [wire] Ranges, interrupts, kicks, description. 0, or what volt_fail() returned. */
	int (*wire)(struct volt_virtio *v);
	/* [any] Tells the driver of CAUSE_*; `queue` is the queue for CAUSE_QUEUE. */
	void (*raise)(struct volt_virtio *v, uint32_t cause, unsigned queue);
	/* [loop] Power-on values of its own; and slots of volt.state/1. NULL: it has none. */
	void (*reset)(struct volt_virtio *v);
	void (*pause)(struct volt_virtio *v);
	void (*resume)(struct volt_virtio *v);
	int (*validate)(const struct volt_virtio *v, const struct volt_queue *q);
};

extern const struct volt_virtio_transport virtio_backend __attribute__((visibility("hidden")));
extern const struct volt_virtio_transport virtio_mmio __attribute__((visibility("hidden")));
extern const struct volt_virtio_transport virtio_pci __attribute__((visibility("hidden")));

#pragma GCC visibility push(hidden)

/* As volt_fail(), which every file that uses it has a copy of. */
VOLT_PRINTF(3, 4)
int virtio_fail(const struct volt_host *h, int err, const char *fmt, ...);

/* Queue. */
bool virtio_queue_is_sound(const struct volt_queue *q);
bool virtio_queue_open(struct volt_queue *q); /* maps its parts; false: not all is RAM */
void virtio_queue_clear(struct volt_queue *q);
void virtio_queue_serve(struct volt_queue *q);
/* [io] [loop] When this returns nobody looks at it, and what it held back is finished. */
void virtio_queue_stop(struct volt_queue *q);

/* The device's side of registers, for transports; [io]. */
uint32_t virtio_device_features(const struct volt_virtio *v);
void virtio_driver_features(struct volt_virtio *v, uint32_t bits);
uint32_t virtio_status(const struct volt_virtio *v);
void virtio_set_status(struct volt_virtio *v, uint32_t bits);
struct volt_queue *virtio_queue_selected(struct volt_virtio *v); /* NULL: out of range */
void virtio_queue_set_size(struct volt_virtio *v, uint32_t size);
void virtio_queue_set_ready(struct volt_virtio *v, uint32_t ready);
/* Half (0: low, 1: high) of the address at *part of the selected queue. */
void virtio_queue_set_half(struct volt_virtio *v, size_t part, unsigned half, uint32_t bits);
uint32_t virtio_config_read(const struct volt_virtio *v, uint64_t off, uint32_t n);
void virtio_config_write(struct volt_virtio *v, uint64_t off, uint32_t n, uint32_t val);
void virtio_quiet(struct volt_virtio *v); /* a write was ignored */
struct volt_doorbell_at;
/* [wire] Makes the doorbell of queue number n, where the transport says. 0, or what volt_fail()
 * returned. */
int virtio_add_kick(struct volt_virtio *v, unsigned n, struct volt_doorbell_at *at);
/* Is the device's work done by another process? */
bool virtio_is_outside(const struct volt_virtio *v);
/* [any] All queues are looked at soon. */
void virtio_post_all(struct volt_virtio *v);
/* [io] A kick of queue n that no doorbell took. */
void virtio_kicked(struct volt_virtio *v, uint32_t n);
/* [io] [loop] The device may not use memory from now on, when this returns; or may again. */
void virtio_hold(struct volt_virtio *v, bool hold);
/* [any] The driver broke the rules of q. */
void virtio_break(struct volt_queue *q);
bool virtio_is_live(const struct volt_virtio *v);

#pragma GCC visibility pop

#endif
