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

#define WORKER_MAX       64
#define WORKER_WATCH_MAX 16

struct ledger;
struct loop;
struct vm_end;

struct worker_watch {
	int fd;
	uint32_t events; /* EPOLL* */
};

struct worker {
	struct callee *owner;
	struct vm_end *end; /* of the VM; by whoever called worker_init() */
	void (*job)(void *self, uint32_t worker);
	uint32_t number; /* its handle */
	char name[16];
	struct lock posts; /* a counter; KVM posts it too, for doorbells */
	uint32_t posted;   /* atomic */
	bool early;        /* posted while wiring */
	bool released;     /* its thread may run */
	/* Runs of the job that have begun and have ended; who waits for one sleeps in `ended`. */
	uint32_t runs_begun, runs_ended, sleepers; /* atomic */
	struct lock ended;
	struct loop *waker; /* atomic; woken at the end of the next run; NULL: nobody waits so */
	/* One that watches files waits in its epoll for them and for `posts` at once. */
	int epoll_fd; /* -1: it watches none, or is not armed yet */
	uint32_t watch_count;
	struct worker_watch watches[WORKER_WATCH_MAX];
	bool held;      /* atomic: files wait, posts do not */
	bool has_event; /* that another process writes to */
	int event_fd;   /* -1: not armed yet */
};

void worker_init(struct worker *w, struct callee *owner, const char *name,
    void (*job)(void *self, uint32_t worker), uint32_t number);

/* [wire] VOLT_WATCH_* of `fd`, which stays open. 0; -EEXIST, -ENOSPC and -EOPNOTSUPP as
 * volt.worker/1 says; another -errno of epoll's. */
int worker_watch(struct worker *w, int fd, uint32_t events);
/* After locks_arm(), still unfiltered: makes its epoll, where files and posts meet. 0 or -errno. */
int worker_arm(struct worker *w);
/* After worker_arm(). `index` is the worker's among those of the VM. */
void worker_declare(const struct worker *w, uint32_t index, struct ledger *l);
/* [loop] While it is held, files that become ready cause no run; what they would have asked for
 * comes as one run when it is let go. */
void worker_hold(struct worker *w);
void worker_let_go(struct worker *w);

/* [any] */
void worker_post(struct worker *w);
/* Posts; the run that began afterwards has ended once worker_has_run() says so. */
uint32_t worker_request(struct worker *w);
bool worker_has_run(const struct worker *w, uint32_t ticket);
/* [loop] The same; if not, the loop is woken when a run ends, to ask again. */
bool worker_has_run_or_wakes(struct worker *w, uint32_t ticket, struct loop *l);
/* Waits for it. Not on the worker's own thread. */
void worker_await(struct worker *w, uint32_t ticket);
/* On the worker's own thread, sealed; never returns. */
_Noreturn void worker_run(struct worker *w);

#endif
