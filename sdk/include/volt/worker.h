/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt/worker.h - threads for work that may block, from the host: "volt.worker/1".
 *
 * Stability: candidate. The core makes the thread, confines it like every other one and only
 * then calls the plugin: a plugin that starts a thread itself is refused at the seal.
 */
#ifndef VOLT_WORKER_H
#define VOLT_WORKER_H

#include <volt/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VOLT_EXT_WORKER "volt.worker/1"

/* What the host gives. */
struct volt_worker {
	uint32_t size, reserved;
	/* [wire] Makes a worker. `job` [worker] runs on the worker's own thread, outside
	 * the instance's lock: it may overlap every other callback but itself, may block,
	 * and may make the system calls that the plugin's needs name for
	 * VOLT_ROLE_WORKER. `name` shows in `ps`; 1 to 15 bytes of [A-Za-z0-9_-];
	 * copied. 0; -EINVAL: another name, or no job; -ENOSPC: more than 8 in the VM;
	 * -EPERM after the seal. */
	int (*add)(
	    const struct volt_host *h, const char *name, void (*job)(void *self), uint32_t *worker);
	/* [any] Runs the job soon: at least once after the last post. Results come back
	 * through volt.loop/1 (a timer armed for now) or set_irq. */
	void (*post)(const struct volt_host *h, uint32_t worker);
};

#ifdef __cplusplus
}
#endif

#endif
