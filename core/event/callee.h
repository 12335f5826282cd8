/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * callee - whose callbacks a part of the core calls: a name, a state and a lock.
 *
 * The bus, the loop, streams and interrupts know no more than this of a plugin's instance, of
 * which it is the first member.
 */
#ifndef CORE_CALLEE_H
#define CORE_CALLEE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/lock.h"
#include "core/event/reporter.h"

/* Held during every callback but those of PARALLEL ranges. Order: device instances, then the
 * irqchip instance, then leaf locks. */
struct callee_lock {
	struct lock lock;
	uint32_t caller; /* the reporter's note from before the lock was taken */
};

/* Lies in sealed memory: read-only from the seal on. The lock does not. */
struct callee {
	char id[33];
	uint32_t number; /* from 1, in the order of loading */
	void *self;      /* what its callbacks get */
	bool always;     /* it serves those who manage the VM: a pause does not hold it */
	struct callee_lock *lock;
};

/* Notes for the reporter whose code this thread runs. */
static inline void callee_lock(const struct callee *c)
{
	lock_take(&c->lock->lock);
	if (reporter_note)
		c->lock->caller = reporter_enter(c->number);
}

static inline void callee_unlock(const struct callee *c)
{
	if (reporter_note)
		reporter_leave(c->lock->caller);
	lock_release(&c->lock->lock);
}

#endif
