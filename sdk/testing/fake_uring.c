/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fake_uring - volt.uring/1 without a ring: what is handed over is done by preadv() and pwritev(),
 * and comes back with the newest first, so that a plugin which counts on an order is found.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "fake_internal.h"

static bool is_sound(const struct fake_host *f, const struct volt_uring_ring *w)
{
	if (!w || w->size < sizeof(*w) || w->entries < 1 || w->entries > FAKE_URING_ENTRIES ||
	    w->ops == 0 || w->ops & ~(VOLT_URING_BIT(1) | VOLT_URING_BIT(2)) || w->reserved ||
	    !w->fds || w->fd_count < 1 || w->fd_count > 8 || w->worker >= f->worker_count)
		return false;
	for (unsigned i = 0; i < w->fd_count; i++) {
		unsigned k = 0;

		while (k < f->fd_count && f->fds[k] != w->fds[i])
			k++;
		if (k == f->fd_count)
			return false;
	}
	return true;
}

static int make(const struct volt_host *h, const struct volt_uring_ring *want, uint32_t *ring)
{
	int err;
	struct fake_host *f = fake_wire_call(h, "make (ring)", &err);

	if (err)
		return err;
	if (!is_sound(f, want))
		return fake_refuse(f, "make (ring)", -EINVAL);
	if (f->uring_count == FAKE_URING_MAX)
		return fake_refuse(f, "make (ring)", -ENOSPC);
	struct fake_uring *r = &f->urings[f->uring_count];

	r->results = calloc(want->entries, sizeof(r->results[0]));
	if (!r->results)
		fake_die(f, "make (ring): no memory");
	r->entries = want->entries;
	r->ops = want->ops;
	r->fd_count = want->fd_count;
	memcpy(r->fds, want->fds, want->fd_count * sizeof(r->fds[0]));
	*ring = f->uring_count++;
	return 0;
}

static struct fake_uring *ring_of(struct fake_host *f, const char *what, uint32_t ring)
{
	if (ring >= f->uring_count)
		fake_die(f, "%s: ring %u is not its own (it has %u)", what, ring, f->uring_count);
	if (!f->in_job)
		fake_die(f, "%s: only a job may", what);
	return &f->urings[ring];
}

static int32_t perform(
    struct fake_host *f, const struct fake_uring *r, const struct volt_uring_request *q)
{
	unsigned i = 0;

	while (i < r->fd_count && r->fds[i] != q->fd)
		i++;
	if (i == r->fd_count)
		return -EBADF;
	if (q->op < 1 || q->op > 2 || !(r->ops & VOLT_URING_BIT(q->op)))
		return -EACCES;
	if (f->uring_result)
		return f->uring_result;
	const ssize_t n = q->op == VOLT_URING_READV
			      ? preadv(q->fd, q->iov, (int)q->iov_count, (off_t)q->offset)
			      : pwritev(q->fd, q->iov, (int)q->iov_count, (off_t)q->offset);

	return n < 0 ? -errno : (int32_t)n;
}

static uint32_t submit(const struct volt_host *h, uint32_t ring,
    const struct volt_uring_request *requests, uint32_t stride, uint32_t n, uint32_t wait)
{
	struct fake_host *f = fake_of(h, "submit");
	struct fake_uring *r = ring_of(f, "submit", ring);
	uint32_t taken = 0;

	f->uring_calls++;
	for (; taken < n && r->count < r->entries && !f->uring_full; taken++) {
		r->results[r->count++] = (struct volt_uring_result){
		    .token = requests->token, .result = perform(f, r, requests)};
		requests = (const void *)((const uint8_t *)requests + stride);
	}
	return taken;
}

static uint32_t reap(const struct volt_host *h, uint32_t ring, struct volt_uring_result *results,
    uint32_t stride, uint32_t n)
{
	struct fake_host *f = fake_of(h, "reap");
	struct fake_uring *r = ring_of(f, "reap", ring);
	uint32_t given = 0;

	for (; given < n && r->count > 0; given++) {
		*results = r->results[--r->count];
		results = (void *)((uint8_t *)results + stride);
	}
	return given;
}

void fake_uring_answers(struct fake_host *f, int32_t result)
{
	f->uring_result = result;
}

void fake_uring_is_full(struct fake_host *f, bool full)
{
	f->uring_full = full;
}

unsigned fake_uring_calls(const struct fake_host *f)
{
	return f->uring_calls;
}

void fake_finish_urings(struct fake_host *f)
{
	for (unsigned i = 0; i < f->uring_count; i++)
		free(f->urings[i].results);
}

const struct volt_uring fake_uring = {
    .size = sizeof(fake_uring), .make = make, .submit = submit, .reap = reap};
