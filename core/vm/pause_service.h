/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * pause_service - "core.pause/0": what a plugin of volt's own tests asks for to pause its VM.
 *
 * It is not part of the plugin ABI and may change with every commit: docs/pause.md says why
 * it is there. Who asks for it, while wiring, gets a VM that can be paused, with the system
 * calls for that.
 */
#ifndef CORE_PAUSE_SERVICE_H
#define CORE_PAUSE_SERVICE_H

#include <stdint.h>

struct volt_host;

#define PAUSE_SERVICE "core.pause/0"

struct pause_service {
	uint32_t size, reserved;
	/* [loop] As pause_begin(). `done` [loop] is called as any callback, under the instance's
	 * lock. */
	int (*pause)(
	    const struct volt_host *h, uint64_t limit_ns, void (*done)(void *self, int err));
	/* [loop] As pause_resume(). */
	int (*resume)(const struct volt_host *h);
	/* [wire] A timer of the instance that fires in a pause too. */
	int (*keep_timer)(const struct volt_host *h, uint32_t timer);
};

#endif
