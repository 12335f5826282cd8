/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * flight - reads and writes of a queue that are done together.
 *
 * What a run of the worker finds in a queue is gathered. With io=ring it is handed over by one
 * call, which waits for some of it; with io=calls those that lie one behind the other in the file
 * are one call. Nothing is in flight between runs. With a ring, a request that is alone is a plain
 * call, as that is one call less. Whatever the ring, or a call for several, does not do, or not
 * wholly, is done by a call for each, which also tells the error.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "blk.h"

/* Of those in a ring, how many are waited for at a time: fewer cost more calls, more leave the disk
 * idle when the slowest is late. */
#define PART 4u

static void set_status(struct blk *b, const struct blk_flight *f, bool ok)
{
	if (!ok)
		volt_count(b->v.h, COUNT_FAILED, 1);
	*f->status = ok ? BLK_S_OK : BLK_S_IOERR;
	b->v.mem->dirty(b->v.h, f->status_gpa, 1);
}

static uint64_t move(
    struct blk *b, struct volt_queue *q, bool write, struct blk_data *d, uint64_t n, uint64_t off)
{
	struct blk_io *io = &b->io[q->number];

	return b->overlay.on ? blk_overlay_read(b, io, d, n, off)
			     : blk_move(b, io, b->fd, write, d, n, off);
}

/* `moved` bytes of it are where they belong; the rest is moved now. */
static void land(struct blk *b, struct volt_queue *q, unsigned slot, uint64_t moved)
{
	struct blk_flight *f = &b->flights[q->number].flight[slot];

	if (moved < f->n) {
		blk_skip(&f->data, moved);
		moved += move(b, q, f->write, &f->data, f->n - moved, f->off + moved);
	}
	if (f->write)
		blk_set_unsynced(b); /* once more, as a flush may have begun since the write did */
	volt_count(b->v.h, f->write ? COUNT_WRITTEN : COUNT_READ, moved);
	set_status(b, f, moved == f->n);
	const uint32_t written = f->write ? 0 : (uint32_t)moved, data = f->c->in_len - 1;

	b->flights[q->number].count--;
	volt_chain_done(q, f->c, written == data ? data + 1 : written);
}

static const struct blk_flight *pending(const struct blk_flights *r, unsigned i)
{
	return &r->flight[r->request[i].token];
}

/* How many pending ones, from number `first` on, can be one call. */
static unsigned count_adjacent(const struct blk_flights *r, unsigned first)
{
	const struct blk_flight *before = pending(r, first);
	unsigned parts = before->data.count, n = 1;

	for (; first + n < r->pending; n++) {
		const struct blk_flight *f = pending(r, first + n);

		parts += f->data.count;
		if (f->write != before->write || f->off != before->off + before->n ||
		    parts > VOLT_CHAIN_MAX)
			break;
		before = f;
	}
	return n;
}

/* Returns how many of their bytes were moved; their own data are as they were. */
static uint64_t move_together(struct blk *b, struct volt_queue *q, unsigned first, unsigned count)
{
	struct blk_flights *r = &b->flights[q->number];
	struct blk_data all = {r->part, 0};
	uint64_t n = 0;

	for (unsigned i = first; i < first + count; i++) {
		const struct blk_flight *f = pending(r, i);

		memcpy(r->part + all.count, f->data.seg, f->data.count * sizeof(r->part[0]));
		all.count += f->data.count;
		n += f->n;
	}
	return move(b, q, pending(r, first)->write, &all, n, pending(r, first)->off);
}

static void land_together(struct blk *b, struct volt_queue *q, unsigned first, unsigned count)
{
	const struct blk_flights *r = &b->flights[q->number];
	uint64_t moved = count > 1 ? move_together(b, q, first, count) : 0;

	for (unsigned i = first; i < first + count; i++) {
		const uint64_t n = pending(r, i)->n, some = moved < n ? moved : n;

		land(b, q, (unsigned)r->request[i].token, some);
		moved -= some;
	}
}

static void land_rest(struct blk *b, struct volt_queue *q, unsigned from)
{
	const struct blk_flights *r = &b->flights[q->number];

	for (unsigned n; from < r->pending; from += n) {
		n = count_adjacent(r, from);
		land_together(b, q, from, n);
	}
}

static void reap(struct blk *b, struct volt_queue *q)
{
	struct volt_uring_result results[VOLT_SLOT_MAX];
	const uint32_t n = b->uring->reap(
	    b->v.h, b->flights[q->number].handle, results, sizeof(results[0]), VOLT_SLOT_MAX);

	for (uint32_t i = 0; i < n; i++)
		land(b, q, (unsigned)results[i].token,
		    results[i].result > 0 ? (uint64_t)results[i].result : 0);
}

void blk_progress(void *self, struct volt_queue *q)
{
	struct blk *b = self;
	struct blk_flights *r = &b->flights[q->number];
	const unsigned wait = r->count > PART ? r->count / PART : 1;
	uint32_t taken = 0;

	if (b->uring && (r->pending != 1 || r->count != 1))
		taken = b->uring->submit(
		    b->v.h, r->handle, r->request, sizeof(r->request[0]), r->pending, wait);
	land_rest(b, q, taken);
	r->pending = 0;
	if (b->uring)
		reap(b, q);
}

void blk_land_all(struct blk *b, struct volt_queue *q)
{
	while (b->flights[q->number].count > 0)
		blk_progress(b, q);
}

/* The status is the last writable byte, wherever the driver split it (virtio 5.2.6). */
static void take_status(const struct volt_chain *c, struct iovec *seg, struct blk_flight *f)
{
	const unsigned last = c->out + c->in - 1u;

	f->status = (uint8_t *)seg[last].iov_base + --seg[last].iov_len;
	f->status_gpa = c->gpa[last] + c->len[last] - 1;
}

/* Of a header that fills whole segments, and of a status that has one of its own. */
static void drop_empty(struct blk_data *d)
{
	while (d->count && d->seg[d->count - 1].iov_len == 0)
		d->count--;
	while (d->count && d->seg->iov_len == 0) {
		d->seg++;
		d->count--;
	}
}

bool blk_fly(struct blk *b, struct volt_queue *q, struct volt_chain *c, const struct blk_data *d,
    uint64_t n, uint64_t off, bool write)
{
	if (n == 0)
		return false;
	struct blk_flights *r = &b->flights[q->number];
	struct blk_flight *f = &r->flight[c->slot];

	*f = (struct blk_flight){.c = c, .data = *d, .n = n, .off = off, .write = write};
	take_status(c, c->seg, f);
	drop_empty(&f->data);
	if (!blk_is_aligned(b, &f->data)) {
		c->seg[c->out + c->in - 1].iov_len++;
		return false;
	}
	r->request[r->pending++] = (struct volt_uring_request){.token = c->slot,
	    .offset = off,
	    .iov = f->data.seg,
	    .iov_count = f->data.count,
	    .fd = b->fd,
	    .op = write ? VOLT_URING_WRITEV : VOLT_URING_READV};
	r->count++;
	return true;
}

/* ------------------------------------------------------------------- wiring */

static size_t slots_bytes(const struct blk *b, unsigned slots)
{
	return (size_t)b->type.queues * slots * sizeof(b->slots[0]);
}

int blk_flights_prepare(struct blk *b, bool ring)
{
	const uint16_t queues = b->type.queues;
	const unsigned slots = ring ? VOLT_SLOT_MAX : CALLS_SLOTS;

	if (ring && b->overlay.on)
		return blk_fail(b->v.h, EINVAL, "io=ring is for a disk without base");
	b->type.slot_count = slots;
	b->flights = calloc(queues, sizeof(b->flights[0]));
	/* Not from the heap, whose pages may be in use already: most slots are never looked at. */
	b->slots = mmap(NULL, slots_bytes(b, slots), PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (b->slots == MAP_FAILED)
		b->slots = NULL;
	if (!b->flights || !b->slots)
		return blk_fail(b->v.h, ENOMEM, "cannot have memory for requests in flight");
	b->type.slots = b->slots;
	b->type.progress = blk_progress;
	return 0;
}

static int make_ring(struct blk *b, const struct volt_uring *uring, unsigned queue)
{
	const struct volt_uring_ring want = {
	    .size = sizeof(want),
	    .entries = VOLT_SLOT_MAX,
	    .ops = VOLT_URING_BIT(VOLT_URING_READV) |
		   (b->readonly ? 0 : VOLT_URING_BIT(VOLT_URING_WRITEV)),
	    .worker = b->v.workers[queue],
	    .fds = &b->fd,
	    .fd_count = 1,
	};

	return uring->make(b->v.h, &want, &b->flights[queue].handle);
}

int blk_rings_make(struct blk *b)
{
	const struct volt_uring *uring = b->v.h->get_ext(b->v.h, VOLT_EXT_URING);
	int err = 0;

	if (!uring)
		volt_log(b->v.h, VOLT_LOG_WARN,
		    "this host has no " VOLT_EXT_URING ": io=ring is as io=calls");
	for (unsigned i = 0; uring && !err && i < b->type.queues; i++)
		err = make_ring(b, uring, i);
	if (err && err != -EOPNOTSUPP)
		return blk_fail(b->v.h, -err, "cannot have a ring for io=ring");
	b->uring = err ? NULL : uring;
	return 0;
}

void blk_flights_free(struct blk *b)
{
	free(b->flights);
	if (b->slots)
		munmap(b->slots, slots_bytes(b, b->type.slot_count));
}
