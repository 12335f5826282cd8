/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * limit - token buckets of bytes and operations for requests.
 *
 * A bucket is one number: the time at which it is full again. A charge moves that time on by
 * what the charge takes to refill. So workers share a bucket without a lock, and no timer
 * runs while there is no request that waits.
 *
 * A request passes while there is a token left, and may take more than there are: one that is
 * larger than the burst passes too, and those after it wait longer. The rate holds on average.
 */
#include <errno.h>

#include "virtio_internal.h"

#define SECOND UINT64_C(1000000000)
/* Of a burst that the operator does not name, as a part of what the rate gives in a second. */
#define BURST_PART 10u

/* Nanoseconds in which `rate` gives n, rounded up: the bucket never runs faster. */
static uint64_t time_of(uint64_t n, uint64_t rate)
{
	const unsigned __int128 ns = ((unsigned __int128)n * SECOND + rate - 1) / rate;

	return ns > UINT64_MAX / 4 ? UINT64_MAX / 4 : (uint64_t)ns;
}

/* A bucket is open while less than its burst is missing. */
static uint64_t opens_at(const struct volt_bucket *b)
{
	const uint64_t full = __atomic_load_n(&b->full, __ATOMIC_RELAXED);
	const uint64_t burst = __atomic_load_n(&b->burst_ns, __ATOMIC_RELAXED);

	if (__atomic_load_n(&b->rate, __ATOMIC_RELAXED) == 0)
		return 0;
	return full > burst ? full - burst + 1 : 0;
}

static void charge(struct volt_bucket *b, uint64_t n, uint64_t now)
{
	const uint64_t rate = __atomic_load_n(&b->rate, __ATOMIC_RELAXED);
	uint64_t full = __atomic_load_n(&b->full, __ATOMIC_RELAXED), then;

	if (rate == 0 || n == 0)
		return;
	do {
		then = (full > now ? full : now) + time_of(n, rate);
		if (then > UINT64_MAX / 2)
			then = UINT64_MAX / 2;
	} while (!__atomic_compare_exchange_n(
	    &b->full, &full, then, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}

static void set_bucket(struct volt_bucket *b, uint64_t rate, uint64_t burst, uint64_t full)
{
	if (burst == 0)
		burst = rate / BURST_PART;
	__atomic_store_n(
	    &b->burst_ns, rate ? time_of(burst ? burst : 1, rate) : 0, __ATOMIC_RELAXED);
	__atomic_store_n(&b->full, full, __ATOMIC_RELAXED);
	__atomic_store_n(&b->rate, rate, __ATOMIC_RELAXED);
}

/* ------------------------------------------------------------------- waiting */

/* [loop] First `due`, then the posts: a worker that comes later arms anew, and one that came
 * before is posted. */
static void fire(void *self)
{
	struct volt_virtio *v = self;

	__atomic_store_n(&v->due, 0, __ATOMIC_SEQ_CST);
	virtio_post_all(v);
}

/* One timer for all limits of a device: the earliest counts, and who waits longer arms again. */
static void wait_until(struct volt_virtio *v, uint64_t when)
{
	uint64_t due = __atomic_load_n(&v->due, __ATOMIC_SEQ_CST);

	do {
		if (due && due <= when)
			return;
	} while (!__atomic_compare_exchange_n(
	    &v->due, &due, when, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	v->loop->arm(v->h, v->timer, when);
}

/* ----------------------------------------------------------------- interface */

bool volt_limit_allows(struct volt_limit *l)
{
	const uint64_t bytes = opens_at(&l->bytes), ops = opens_at(&l->ops);
	const uint64_t when = bytes > ops ? bytes : ops;

	if (when == 0 || when <= l->v->loop->now(l->v->h))
		return true;
	wait_until(l->v, when);
	return false;
}

void volt_limit_charge(struct volt_limit *l, uint64_t bytes)
{
	if (!__atomic_load_n(&l->bytes.rate, __ATOMIC_RELAXED) &&
	    !__atomic_load_n(&l->ops.rate, __ATOMIC_RELAXED))
		return;
	const uint64_t now = l->v->loop->now(l->v->h);

	charge(&l->bytes, bytes, now);
	charge(&l->ops, 1, now);
}

/* A bucket that is changed starts full, so that no debt at an old rate outlives that rate. */
void volt_limit_set(struct volt_limit *l, const struct volt_rate *r)
{
	set_bucket(&l->bytes, r->bytes, r->burst_bytes, 0);
	set_bucket(&l->ops, r->ops, r->burst_ops, 0);
	fire(l->v);
}

int volt_limit_init(struct volt_limit *l, struct volt_virtio *v, const struct volt_rate *r)
{
	const struct volt_host *h = v->h;

	l->v = v;
	set_bucket(&l->bytes, r->bytes, r->burst_bytes, 0);
	set_bucket(&l->ops, r->ops, r->burst_ops, 0);
	if (v->limited)
		return 0;
	v->loop = h->get_ext(h, VOLT_EXT_LOOP);
	if (!v->loop)
		return virtio_fail(h, ENOTSUP, "the host has no " VOLT_EXT_LOOP);
	const int err = v->loop->add_timer(h, fire, &v->timer);

	v->limited = err == 0;
	return err ? virtio_fail(h, -err, "cannot have a timer for its limit") : 0;
}
