/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt/loop.h - time and timers, from the host: extension "volt.loop/1".
 *
 * Stability: candidate. Callbacks run on the loop thread, one at a time, and never
 * overlap another callback of the same instance.
 */
#ifndef VOLT_LOOP_H
#define VOLT_LOOP_H

#include <volt/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VOLT_EXT_LOOP "volt.loop/1"

/* What the host gives. */
struct volt_loop {
	uint32_t size, reserved;
	/* [wire] Makes a timer, disarmed; *timer gets its handle. `fire` [loop] runs once
	 * per arming, at or after the deadline. 0; -EINVAL: `fire` is NULL; -ENOSPC: more
	 * than 16 in one instance or 64 in the VM; -EPERM after the seal. */
	int (*add_timer)(const struct volt_host *h, void (*fire)(void *self), uint32_t *timer);
	/* [any] Arms for an absolute time on the clock of now(); replaces an earlier
	 * deadline; one in the past fires soon; 0 disarms. A timer disarmed from another
	 * thread while it fires may still fire once. */
	void (*arm)(const struct volt_host *h, uint32_t timer, uint64_t deadline_ns);
	/* [any] Monotonic nanoseconds since an arbitrary point; never 0; no system call. */
	uint64_t (*now)(const struct volt_host *h);
	/* [any] Nanoseconds since 1970-01-01 00:00 UTC by the host's clock, which may be set: it
	 * can jump in either direction. For plugins with VOLT_FLAG_WALL_CLOCK; to others 0. While a
	 * saved VM lay somewhere this clock went on and now() did not: a clock device shows the
	 * host's time after a restore unless its guest had set another, and keeps the distance to
	 * it in its state. Since ABI 0.3: check VOLT_HAS(). */
	uint64_t (*realtime)(const struct volt_host *h);
};

#ifdef __cplusplus
}
#endif

#endif
