/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * loop - the event loop: file descriptors, timers and wake-ups on one thread.
 *
 * Everything is registered before the seal. Watches are edge-triggered, so that
 * nothing has to be re-armed with a system call while the guest runs: a handler that
 * stops early must remember that its fd may still be ready.
 */
#ifndef CORE_LOOP_H
#define CORE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/event/callee.h"

struct ledger;

#define LOOP_TIMER_MAX   64
#define LOOP_PREPARE_MAX 96
#define LOOP_WATCH_MAX   320
#define LOOP_BATCH       16

struct loop_timer {
	void (*fire)(void *self);
	struct callee *owner; /* NULL: the core's, called with */
	void *arg;            /* this */
	bool always;          /* fires while devices are held too */
};

struct loop_watch {
	void (*ready)(void *arg, uint32_t events); /* EPOLL* */
	void *arg;
};

/* Called on every turn of the loop; must be cheap when there is nothing to do. */
struct loop_prepare {
	void (*run)(void *arg);
	void *arg;
};

/* What is called when; in sealed memory, so read-only from the seal on. */
struct loop_table {
	uint32_t timer_count, prepare_count, watch_count;
	struct loop_timer timers[LOOP_TIMER_MAX];
	struct loop_prepare prepares[LOOP_PREPARE_MAX];
	struct loop_watch watches[LOOP_WATCH_MAX];
};

struct loop {
	int epoll_fd, wake_fd;
	uint32_t woken;    /* atomic; a wake-up is under way */
	uint32_t stopping; /* atomic */
	bool held;         /* [loop] devices are paused: their timers wait, and they get no input */
	bool hurry;        /* [loop] the next turn comes at once */
	int ready;         /* [loop] events of this turn; LOOP_BATCH: there may be more */
	struct loop_table *table;
	uint64_t deadlines_ns[LOOP_TIMER_MAX]; /* atomic; of each timer; 0: disarmed */
};

int loop_init(struct loop *l);
void loop_declare(const struct loop *l, struct ledger *ledger);
/* Puts a watch into the table; NULL when it is full, which is logged. Before the seal. */
const struct loop_watch *loop_make_watch(
    struct loop *l, void (*ready)(void *arg, uint32_t events), void *arg);
/* `watch` lives as long as the fd is open. 0 or -errno: -EPERM for a file that epoll
 * cannot watch because it is always ready. */
int loop_watch(struct loop *l, int fd, uint32_t events, const struct loop_watch *watch);
/* The same, and a failure is logged as one to watch `what`. Before the seal. */
int loop_watch_or_log(
    struct loop *l, const char *what, int fd, uint32_t events, const struct loop_watch *watch);
/* Words for an error of loop_watch(), a positive errno. */
const char *loop_watch_why(int err);
int loop_add_prepare(struct loop *l, void (*run)(void *), void *arg);
int loop_add_timer(struct loop *l, struct callee *owner, void (*fire)(void *), uint32_t *timer);
/* One of the core's, which no pause holds. */
int loop_add_core_timer(struct loop *l, void (*fire)(void *), void *arg, uint32_t *timer);
/* Before the seal: a plugin's timer goes on while devices are held. */
void loop_keep_timer(struct loop *l, uint32_t timer);

/* [any] */
void loop_arm(struct loop *l, uint32_t timer, uint64_t deadline_ns);
void loop_wake(struct loop *l);
void loop_stop(struct loop *l);

/* [loop] Waits for any event, at most `wait_ns`, and handles none. */
void loop_pause(struct loop *l, uint64_t wait_ns);
/* [loop] Runs until loop_stop(). */
void loop_run(struct loop *l);

#endif
