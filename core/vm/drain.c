/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/drain.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/vm/vm.h"

/* The limit of the last run of all workers together. The flush in a plugin's pause(), which comes
 * after it, has no limit: if it were cut off, data would be lost. */
#define LIMIT_NS 5000000000ull
/* How often to look whether a worker has run: its wake-up may have been lost as the loop stopped.
 */
#define TURN_NS 10000000ull

static bool has_run_by(struct worker *w, uint32_t ticket, struct loop *l, uint64_t limit_ns)
{
	for (;;) {
		__atomic_store_n(&l->woken, 0, __ATOMIC_SEQ_CST);
		if (worker_has_run_or_wakes(w, ticket, l))
			return true;
		if (clock_now() >= limit_ns)
			return false;
		loop_pause(l, TURN_NS);
	}
}

/* Only an instance with workers and a pause() can have begun requests that must be finished. */
static bool is_drained(const struct worker *w)
{
	const struct instance *i = instance_of((struct callee *)w->owner);

	return i->saved && i->saved->pause;
}

/* [loop] Calls pause() only if the workers have run: otherwise it would wait for them for ever. */
static void pause_instance(const struct instance *i, bool has_run)
{
	if (!has_run) {
		log_warn(
		    "%s: a request did not end within %llu s: data that the guest did not flush "
		    "may be lost",
		    i->callee.id, LIMIT_NS / 1000000000ull);
		return;
	}
	callee_lock(&i->callee);
	i->saved->pause(i->callee.self);
	callee_unlock(&i->callee);
}

void drain_workers(struct machine *m)
{
	const uint64_t limit = clock_now() + LIMIT_NS;
	uint32_t tickets[WORKER_MAX] = {0};

	if (m->pause.step == PAUSE_STILL) /* the pause has drained the workers */
		return;
	for (uint32_t i = 0; i < m->worker_count; i++) {
		if (!is_drained(&m->workers[i]))
			continue;
		worker_hold(&m->workers[i]);
		tickets[i] = worker_request(&m->workers[i]);
	}
	/* The workers of one instance are neighbours in the list: an instance is wired in one call.
	 */
	for (uint32_t i = 0; i < m->worker_count;) {
		const struct callee *owner = m->workers[i].owner;
		const bool drained = is_drained(&m->workers[i]);
		bool has_run = true;

		for (; i < m->worker_count && m->workers[i].owner == owner; i++)
			has_run =
			    (!drained || has_run_by(&m->workers[i], tickets[i], &m->loop, limit)) &&
			    has_run;
		if (drained)
			pause_instance(instance_of((struct callee *)owner), has_run);
	}
}
