/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/event/worker.h"

#include <stdio.h>

#include "core/event/loop.h"

void worker_init(struct worker *w, struct callee *owner, const char *name,
    void (*job)(void *self, uint32_t worker), uint32_t number)
{
	w->owner = owner;
	w->job = job;
	w->number = number;
	snprintf(w->name, sizeof(w->name), "%s", name);
	lock_init_counter(&w->posts);
	lock_init(&w->ended);
}

void worker_post(struct worker *w)
{
	/* One post is enough for all that come before the job starts. */
	if (w->ended.event_fd < 0)
		w->early = true; /* wiring: there is no thread yet */
	else if (__atomic_exchange_n(&w->posted, 1, __ATOMIC_SEQ_CST) == 0)
		lock_post(&w->posts);
}

uint32_t worker_ask(struct worker *w)
{
	/* Runs follow each other: whichever begins next has number `ticket`. */
	const uint32_t ticket = __atomic_load_n(&w->runs_begun, __ATOMIC_SEQ_CST) + 1;

	worker_post(w);
	return ticket;
}

bool worker_has_run(const struct worker *w, uint32_t ticket)
{
	return (int32_t)(__atomic_load_n(&w->runs_ended, __ATOMIC_SEQ_CST) - ticket) >= 0;
}

bool worker_has_run_or_wakes(struct worker *w, uint32_t ticket, struct loop *l)
{
	__atomic_store_n(&w->waker, l, __ATOMIC_SEQ_CST);
	return worker_has_run(w, ticket);
}

/* False: who ended the run has counted us among the sleepers, and posts. */
static bool leave_sleepers(struct worker *w)
{
	uint32_t n = __atomic_load_n(&w->sleepers, __ATOMIC_SEQ_CST);

	while (n > 0)
		if (__atomic_compare_exchange_n(
			&w->sleepers, &n, n - 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			return true;
	return false;
}

void worker_await(struct worker *w, uint32_t ticket)
{
	while (!worker_has_run(w, ticket)) {
		__atomic_fetch_add(&w->sleepers, 1, __ATOMIC_SEQ_CST);
		/* It may have ended before it could see us; a post for another sleeper is as good.
		 */
		if (!worker_has_run(w, ticket) || !leave_sleepers(w))
			lock_wait(&w->ended);
	}
}

static void call_job(const struct worker *w)
{
	if (witness_note != NULL)
		witness_enter(w->owner->number);
	w->job(w->owner->self, w->number);
	if (witness_note != NULL)
		witness_leave(0);
}

/* Without the instance's lock. */
static void do_job(struct worker *w)
{
	__atomic_fetch_add(&w->runs_begun, 1, __ATOMIC_SEQ_CST);
	call_job(w);
	__atomic_fetch_add(&w->runs_ended, 1, __ATOMIC_SEQ_CST);
	for (uint32_t n = __atomic_exchange_n(&w->sleepers, 0, __ATOMIC_SEQ_CST); n > 0; n--)
		lock_post(&w->ended);
	struct loop *l = __atomic_exchange_n(&w->waker, NULL, __ATOMIC_SEQ_CST);
	if (l)
		loop_wake(l);
}

_Noreturn void worker_run(struct worker *w)
{
	if (w->early)
		do_job(w);
	for (;;) {
		lock_wait(&w->posts);
		__atomic_store_n(&w->posted, 0, __ATOMIC_SEQ_CST);
		do_job(w);
	}
}
