/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * lock - mutual exclusion that costs no system call of its own kind.
 *
 * A futex would be one more call in every thread's filter. Here a thread that has to
 * wait reads an eventfd, and one that leaves somebody waiting writes it: calls that the
 * threads make anyhow. Without contention a lock is one atomic add and one subtract.
 *
 * Locks are registered at their init. Before locks_arm() there is only one thread and
 * they only count; it then makes all their eventfds, with consecutive numbers, so that a
 * few rules cover them exactly.
 */
#ifndef CORE_LOCK_H
#define CORE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#define LOCK_MAX 256

struct ledger;

struct lock {
	uint32_t holders; /* atomic; 1 holds it, the others wait */
	int event_fd;     /* a semaphore, 0 at the start; -1 before locks_arm() */
	bool counter;     /* no semaphore: one lock_wait() takes all posts that came */
};

void lock_init(struct lock *l);
/* For waiting alone; KVM may post it as well, once it has its eventfd. */
void lock_init_counter(struct lock *l);
/* The eventfd of a counter, made now if it was not. -1 with errno if it cannot be. */
int lock_counter_fd(struct lock *l);
void lock_finish(struct lock *l);
void lock_take(struct lock *l);
void lock_release(struct lock *l);

/* The semaphore alone: lock_wait() returns once for each lock_post(). A lock used so is
 * never taken. */
void lock_post(struct lock *l);
void lock_wait(struct lock *l);

/* Makes the eventfds from number `base` on. 0, or -errno: -ENOSPC for more than LOCK_MAX locks. */
int locks_arm(int base);
void locks_declare(struct ledger *l);

#endif
