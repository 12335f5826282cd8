/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/event/worker.h"

void worker_post(struct worker *w)
{
	/* One post is enough for all that come before the job starts. */
	if (w->posts.event_fd < 0)
		w->early = true; /* wiring: there is no thread yet */
	else if (__atomic_exchange_n(&w->posted, 1, __ATOMIC_SEQ_CST) == 0)
		lock_post(&w->posts);
}

/* Without the instance's lock. */
static void do_job(const struct worker *w)
{
	if (witness_note != NULL)
		witness_enter(w->owner->number);
	w->job(w->owner->self, w->number);
	if (witness_note != NULL)
		witness_leave(0);
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
