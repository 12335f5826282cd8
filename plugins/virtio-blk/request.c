/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * request - reads, writes, flushes and what else a driver asks of a disk (virtio 5.2.6).
 *
 * What the guest wrote is copied once and checked before anything of it is done.
 */
#include "blk.h"

/* virtio 5.2.6 */
#define T_IN           0u
#define T_OUT          1u
#define T_FLUSH        4u
#define T_GET_ID       8u
#define T_DISCARD      11u
#define T_WRITE_ZEROES 13u

#define S_OK     BLK_S_OK
#define S_IOERR  BLK_S_IOERR
#define S_UNSUPP 2u

#define UNMAP 1u

/* virtio 5.2.6: how a request starts, and what the data of a discard are. */
struct blk_header {
	uint32_t type, reserved;
	uint64_t sector;
};

struct blk_range {
	uint64_t sector;
	uint32_t sectors, flags;
};

/* A request while it is answered. */
struct blk_request {
	struct volt_queue *q;
	struct volt_chain *c;
	struct blk_io *io; /* of its queue */
	struct blk_header head;
	uint32_t out, in; /* bytes of data in either direction, without header and status */
	uint32_t written; /* bytes at the front of the writable part */
	uint64_t cost;    /* bytes that count for the rate */
};

static uint8_t refuse(struct blk *b, uint8_t status)
{
	volt_count(b->v.h, COUNT_REFUSED, 1);
	return status;
}

static uint8_t answer(struct blk *b, bool ok)
{
	if (ok)
		return S_OK;
	volt_count(b->v.h, COUNT_FAILED, 1);
	return S_IOERR;
}

static bool has(const struct blk *b, uint64_t feature)
{
	return b->features & feature;
}

/* No sum of the guest's numbers is made: it could wrap. */
static bool is_inside(const struct blk *b, uint64_t sector, uint64_t sectors)
{
	const uint64_t capacity = __atomic_load_n(&b->config.capacity, __ATOMIC_RELAXED);

	return sector <= capacity && sectors <= capacity - sector;
}

/* Another worker is at the overlay's map: the request is begun again. */
#define S_LATER 0xffu
/* It is done with others of its queue. */
#define S_FLIES 0xfeu

static uint8_t tell(struct blk *b, enum blk_outcome outcome)
{
	return outcome == BLK_LATER ? S_LATER : answer(b, outcome == BLK_DONE);
}

/* A change that went well is stable, or will be by the driver's flush. */
static uint8_t settle(struct blk *b, enum blk_outcome outcome)
{
	return tell(b, outcome == BLK_DONE && !has(b, F_FLUSH) ? blk_sync(b) : outcome);
}

/* ----------------------------------------------------------------- requests */

static uint8_t read_sectors(struct blk *b, struct blk_request *r)
{
	struct blk_data d = {r->c->seg + r->c->out, r->c->in};

	if (r->in % SECTOR || !is_inside(b, r->head.sector, r->in / SECTOR))
		return refuse(b, S_IOERR);
	const uint64_t off = r->head.sector * SECTOR;

	r->cost = r->in;
	if (blk_fly(b, r->q, r->c, &d, r->in, off, false))
		return S_FLIES;
	blk_land_all(b, r->q);
	if (b->overlay.on)
		r->written = (uint32_t)blk_overlay_read(b, r->io, &d, r->in, off);
	else
		r->written = (uint32_t)blk_move(b, r->io, b->fd, false, &d, r->in, off);
	volt_count(b->v.h, COUNT_READ, r->written);
	return answer(b, r->written == r->in);
}

static uint8_t write_sectors(struct blk *b, struct blk_request *r)
{
	struct blk_data d = {r->c->seg, r->c->out};

	if (b->readonly || r->out % SECTOR || !is_inside(b, r->head.sector, r->out / SECTOR))
		return refuse(b, S_IOERR);
	const uint64_t off = r->head.sector * SECTOR;
	uint64_t n;
	enum blk_outcome outcome;

	r->cost = r->out;
	/* Without flushes each write is stable when it is answered, and one to an overlay may have
	 * to wait for another worker. */
	if (has(b, F_FLUSH) && !b->overlay.on && blk_fly(b, r->q, r->c, &d, r->out, off, true))
		return S_FLIES;
	blk_land_all(b, r->q);
	if (b->overlay.on) {
		outcome = blk_overlay_write(b, r->io, &d, r->out, off, &n);
	} else {
		n = blk_move(b, r->io, b->fd, true, &d, r->out, off);
		outcome = n == r->out ? BLK_DONE : BLK_FAILED;
	}
	const uint8_t status = settle(b, outcome);

	if (status == S_LATER)
		return status;
	volt_count(b->v.h, COUNT_WRITTEN, n);
	return status;
}

/* What came before it in its queue is written first. */
static uint8_t flush(struct blk *b, struct blk_request *r)
{
	if (!has(b, F_FLUSH))
		return refuse(b, S_UNSUPP);
	blk_land_all(b, r->q);
	const uint8_t status = tell(b, blk_sync(b));

	if (status != S_LATER)
		volt_count(b->v.h, COUNT_FLUSHES, 1);
	return status;
}

static uint8_t get_id(struct blk *b, struct blk_request *r)
{
	if (r->in < ID_BYTES)
		return refuse(b, S_IOERR);
	r->written = (uint32_t)volt_chain_write(r->c, b->id, ID_BYTES);
	return S_OK;
}

static uint8_t check_range(const struct blk *b, bool zeroes, const struct blk_range *r)
{
	/* virtio 5.2.6.2: unknown flags, and unmap of a discard. */
	if (r->flags & ~(zeroes ? UNMAP : 0u))
		return S_UNSUPP;
	if (r->sectors > (zeroes ? ZEROES_SECTORS : DISCARD_SECTORS))
		return S_IOERR;
	return is_inside(b, r->sector, r->sectors) ? S_OK : S_IOERR;
}

static enum blk_outcome outcome_of(bool ok)
{
	return ok ? BLK_DONE : BLK_FAILED;
}

/* Whether blocks are given back is the driver's wish, zeroes are not. */
static enum blk_outcome change_range(
    struct blk *b, struct blk_request *r, bool zeroes, const struct blk_range *range)
{
	const uint64_t off = range->sector * SECTOR;
	const uint64_t n = (uint64_t)range->sectors * SECTOR;
	const bool unmap = range->flags & UNMAP;

	if (!zeroes)
		return outcome_of((b->overlay.on ? blk_overlay_discard : blk_discard)(b, off, n));
	r->cost += n;
	if (b->overlay.on)
		return blk_overlay_zero(b, r->io, off, n, unmap);
	return outcome_of(blk_zero(b, r->io, off, n, unmap));
}

/* Discard and write zeroes. All ranges are copied and checked before the first is touched. */
static uint8_t change_ranges(struct blk *b, struct blk_request *r, bool zeroes)
{
	struct blk_range ranges[DISCARD_RANGES];
	const uint32_t most = zeroes ? ZEROES_RANGES : DISCARD_RANGES;
	const uint32_t n = r->out / sizeof(ranges[0]);

	if (!has(b, zeroes ? F_WRITE_ZEROES : F_DISCARD))
		return refuse(b, S_UNSUPP);
	if (n == 0 || n > most || r->out % sizeof(ranges[0]))
		return refuse(b, S_IOERR);
	volt_chain_read(r->c, ranges, r->out);
	blk_land_all(b, r->q);
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t status = check_range(b, zeroes, &ranges[i]);

		if (status)
			return refuse(b, status);
	}
	enum blk_outcome outcome = BLK_DONE;

	for (uint32_t i = 0; i < n && outcome == BLK_DONE; i++)
		if (ranges[i].sectors)
			outcome = change_range(b, r, zeroes, &ranges[i]);
	return settle(b, outcome);
}

static uint8_t serve(struct blk *b, struct blk_request *r)
{
	switch (r->head.type) {
	case T_IN:
		return read_sectors(b, r);
	case T_OUT:
		return write_sectors(b, r);
	case T_FLUSH:
		return flush(b, r);
	case T_GET_ID:
		return get_id(b, r);
	case T_DISCARD:
		return change_ranges(b, r, false);
	case T_WRITE_ZEROES:
		return change_ranges(b, r, true);
	default:
		return refuse(b, S_UNSUPP);
	}
}

/* Limits are asked before anything of the request is looked at: it comes once more. */
static bool may_pass(struct blk *b)
{
	if (volt_limit_allows(&b->limit))
		return true;
	volt_count(b->v.h, COUNT_THROTTLED, 1);
	return false;
}

bool blk_request(void *self, struct volt_queue *q, struct volt_chain *c)
{
	struct blk *b = self;
	struct blk_request r = {.q = q, .c = c, .io = &b->io[q->number]};
	uint8_t status;

	if (!may_pass(b))
		return false;
	if (c->in_len == 0) { /* no room for a status: nothing can be told, so nothing is done */
		refuse(b, S_IOERR);
		volt_limit_charge(&b->limit, 0);
		volt_chain_done(q, c, 0);
		return true;
	}
	if (volt_chain_read(c, &r.head, sizeof(r.head)) == sizeof(r.head)) {
		r.out = c->out_len - (uint32_t)sizeof(r.head);
		r.in = c->in_len - 1;
		status = serve(b, &r);
	} else {
		status = refuse(b, S_IOERR);
	}
	if (status == S_LATER)
		return false;
	volt_limit_charge(&b->limit, r.cost);
	if (status == S_FLIES)
		return true;
	volt_chain_write_last(q, c, status);
	/* virtio 2.7.8.2: so many bytes from the first on. The status is one if all before it are.
	 */
	volt_chain_done(q, c, r.written == c->in_len - 1 ? c->in_len : r.written);
	return true;
}
