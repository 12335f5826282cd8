/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * pause - says whether the VM is running, paused or ending, and takes it from one to the other.
 *
 * In a pause no vCPU runs and its last access is complete, no device acts, what it asked of
 * workers is done, and the plugins' `pause` (volt/state.h) has been called.
 * docs/pause.md has the steps and the reason of each.
 *
 * All of it is a state machine in a prepare callback of the loop. Nothing waits: a VM whose guest
 * ends while it is being paused ends, and one whose workers do not come to an end goes on.
 */
#ifndef CORE_PAUSE_H
#define CORE_PAUSE_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/config.h"
#include "core/event/worker.h"
#include "core/kvm/park.h"

struct instance;
struct irq;
struct ledger;
struct vcpu;
struct vm_end;

#define PAUSE_LIMIT_NS 1000000000ull /* a deadline for who has no wish of its own */

enum pause_state { VM_RUNNING, VM_PAUSING, VM_PAUSED, VM_ENDING };

enum pause_step {
	PAUSE_NONE,
	PAUSE_LEAVE,  /* some vCPU has not left the last pause yet */
	PAUSE_PARK,   /* until every vCPU is parked */
	PAUSE_SETTLE, /* until what they began is served, by workers too */
	PAUSE_STILL,  /* it is paused */
	PAUSE_RESUME, /* it is to go on */
	PAUSE_CANCEL, /* the same, before it was paused */
};

/* Parts of the VM that it works with. */
struct pause_parts {
	struct loop *loop;
	const struct vm_end *end;
	struct irq *irq;
	struct instance *const *instances;
	struct worker *workers;
	struct vcpu *vcpus;
	uint32_t instance_count, worker_count, vcpu_count;
};

struct pause {
	struct pause_parts parts;
	const char *asked_by; /* whose wish it is that the VM can be paused; NULL: it cannot */
	struct park park;
	enum pause_step step;         /* [loop] */
	unsigned quiet;               /* [loop] turns in which nothing came any more */
	uint32_t tickets[WORKER_MAX]; /* [loop] of the run that each worker owes */
	uint32_t timer;               /* of the deadline */
	void (*done)(void *arg, int err);
	void *arg;
	void (*plugin_done)(void *self, int err); /* core.pause/0 */
};

#if VOLT_HAS_PAUSE

/* [wire] The VM can be paused from now on; the rules for that are `asked_by`'s, which stays. */
void pause_allow(struct pause *p, struct loop *loop, const char *asked_by);
bool pause_is_allowed(const struct pause *p);
/* [wire] When the vCPUs are there: pipes and prepare callback, if it is allowed. 0 or -errno, which
 * is logged. */
int pause_wire(struct pause *p, const struct pause_parts *parts);
/* After pause_wire(). */
void pause_declare(const struct pause *p, struct ledger *l);
/* [loop] Any lock may be held. */
enum pause_state pause_state(const struct pause *p);
/* [loop] Begins to pause; any lock may be held. `done` is called later, from the loop and under
 * no lock, once: 0: it is paused; -ETIMEDOUT: not within `limit_ns`, so it goes on;
 * -ECANCELED: pause_resume() came first; -ESHUTDOWN: it is ending. Returns 0, or -EPERM: it
 * cannot be paused; -EBUSY: it is being paused, or is; -ESHUTDOWN. */
int pause_begin(struct pause *p, uint64_t limit_ns, void (*done)(void *arg, int err), void *arg);
/* [loop] Goes on, at the loop's next turn; any lock may be held. 0, or -EINVAL: it is neither
 * paused nor being paused. */
int pause_resume(struct pause *p);
/* [loop] The plugins' fields were restored and no vCPU has run yet: their `resume`, as after a
 * pause, and then all routes, without which KVM does not tell of the end of an interrupt in
 * service. */
void pause_restored(struct pause *p);

#else /* none of the plugins can ask for a pause */

static inline void pause_allow(struct pause *p, struct loop *loop, const char *asked_by)
{
}

static inline bool pause_is_allowed(const struct pause *p)
{
	return false;
}

static inline int pause_wire(struct pause *p, const struct pause_parts *parts)
{
	return 0;
}

static inline void pause_declare(const struct pause *p, struct ledger *l)
{
}

static inline int pause_begin(
    struct pause *p, uint64_t limit_ns, void (*done)(void *arg, int err), void *arg)
{
	return -EPERM;
}

static inline int pause_resume(struct pause *p)
{
	return -EINVAL;
}

#endif

#endif
