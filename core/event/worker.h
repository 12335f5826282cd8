/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * worker - the threads of volt.worker/1.
 */
#ifndef CORE_WORKER_H
#define CORE_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/lock.h"
#include "core/event/callee.h"

#define WORKER_MAX 8

struct worker {
	struct callee *owner;
	void (*job)(void *self, uint32_t worker);
	uint32_t number; /* its handle */
	char name[16];
	struct lock posts; /* used as a semaphore */
	uint32_t posted;   /* atomic */
	bool early;        /* posted while wiring */
};

/* [any] */
void worker_post(struct worker *w);
/* On the worker's own thread, sealed; never returns. */
_Noreturn void worker_run(struct worker *w);

#endif
