/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * overlay - a disk that reads from a base what it has not written itself.
 *
 * docs/overlay.md has the format. The map in memory says where a cluster is read from; the map
 * in the file follows at each flush, and only after the data is stable. So a bit in the file
 * never speaks of data that a crash can lose.
 *
 * A cluster's first write, and a flush that writes the map, hold the overlay's lock. There is no
 * waiting: who does not get the lock leaves the request in its queue, and whoever holds the lock
 * posts the workers when it lets go.
 */
#include <sys/uio.h>
#include <unistd.h>

#include "blk.h"

static uint64_t cluster_of(const struct blk_overlay *o, uint64_t off)
{
	return off >> o->cluster_shift;
}

static uint64_t first_byte(const struct blk_overlay *o, uint64_t cluster)
{
	return cluster << o->cluster_shift;
}

static bool is_own(const struct blk_overlay *o, uint64_t cluster)
{
	return __atomic_load_n(&o->map[cluster / 8], __ATOMIC_ACQUIRE) & 1u << cluster % 8;
}

/* Where the run of clusters ends that starts at `off` and are all own, or all the base's. */
static uint64_t end_of_run(const struct blk_overlay *o, uint64_t off, uint64_t end, bool *own)
{
	uint64_t cluster = cluster_of(o, off);

	*own = is_own(o, cluster);
	while (first_byte(o, cluster + 1) < end && is_own(o, cluster + 1) == *own)
		cluster++;
	return first_byte(o, cluster + 1) < end ? first_byte(o, cluster + 1) : end;
}

static bool are_own(const struct blk_overlay *o, uint64_t off, uint64_t n)
{
	bool own = true;

	return n == 0 || (end_of_run(o, off, off + n, &own) == off + n && own);
}

/* ---------------------------------------------------------------------- lock */

static bool lock(struct blk_overlay *o)
{
	if (!__atomic_exchange_n(&o->locked, true, __ATOMIC_SEQ_CST))
		return true;
	__atomic_store_n(&o->wanted, true, __ATOMIC_SEQ_CST);
	return !__atomic_exchange_n(&o->locked, true, __ATOMIC_SEQ_CST); /* let go meanwhile? */
}

static void unlock(struct blk *b)
{
	struct blk_overlay *o = &b->overlay;

	__atomic_store_n(&o->locked, false, __ATOMIC_SEQ_CST);
	if (!__atomic_exchange_n(&o->wanted, false, __ATOMIC_SEQ_CST))
		return;
	for (unsigned i = 0; i < b->type.queues; i++)
		volt_virtio_post(&b->v, i);
}

/* --------------------------------------------------------------------- reads */

uint64_t blk_overlay_read(
    struct blk *b, struct blk_io *io, struct blk_data *d, uint64_t n, uint64_t off)
{
	const struct blk_overlay *o = &b->overlay;
	uint64_t moved = 0;

	while (moved < n) {
		bool own;
		const uint64_t at = off + moved;
		const uint64_t some = end_of_run(o, at, off + n, &own) - at;
		const uint64_t done =
		    blk_move(b, io, own ? b->fd : o->base, false, d, some, own ? o->data + at : at);

		moved += done;
		if (done != some)
			break;
	}
	return moved;
}

/* -------------------------------------------------------------------- writes */

/* The base's bytes [off, end) into the own file. */
static bool copy_up(struct blk *b, struct blk_io *io, uint64_t off, uint64_t end)
{
	struct blk_overlay *o = &b->overlay;

	if (end > o->size)
		end = o->size;
	while (off < end) {
		const size_t n = end - off < BOUNCE_BYTES ? end - off : BOUNCE_BYTES;
		struct iovec part = {o->copy, n};
		struct blk_data d = {&part, 1};

		if (blk_move(b, io, o->base, false, &d, n, off) != n)
			return false;
		part = (struct iovec){o->copy, n};
		d = (struct blk_data){&part, 1};
		if (blk_move(b, io, b->fd, true, &d, n, o->data + off) != n)
			return false;
		off += n;
	}
	return true;
}

/* What of the first and of the last cluster is not going to be written. */
static bool copy_edges(struct blk *b, struct blk_io *io, uint64_t off, uint64_t n)
{
	const struct blk_overlay *o = &b->overlay;
	const uint64_t end = off + n, last = cluster_of(o, end - 1);

	if (!is_own(o, cluster_of(o, off)) &&
	    !copy_up(b, io, first_byte(o, cluster_of(o, off)), off))
		return false;
	return is_own(o, last) || copy_up(b, io, end, first_byte(o, last + 1));
}

static void set_own(struct blk_overlay *o, uint64_t off, uint64_t n)
{
	for (uint64_t c = cluster_of(o, off); c <= cluster_of(o, off + n - 1); c++) {
		__atomic_fetch_or(&o->map[c / 8], (uint8_t)(1u << c % 8), __ATOMIC_RELEASE);
		o->changed[c / 8 / PAGE] = true;
	}
	__atomic_store_n(&o->any_changed, true, __ATOMIC_RELEASE);
}

/* n bytes of the data, or zeroes where there are none. */
static uint64_t put(
    struct blk *b, struct blk_io *io, struct blk_data *d, bool unmap, uint64_t n, uint64_t off)
{
	if (d)
		return blk_move(b, io, b->fd, true, d, n, b->overlay.data + off);
	return blk_zero(b, io, b->overlay.data + off, n, unmap) ? n : 0;
}

/* Clusters that are all own need no lock: none ever goes back to the base. */
static enum blk_outcome change(struct blk *b, struct blk_io *io, struct blk_data *d, bool unmap,
    uint64_t n, uint64_t off, uint64_t *done)
{
	struct blk_overlay *o = &b->overlay;

	*done = 0;
	if (are_own(o, off, n)) {
		*done = put(b, io, d, unmap, n, off);
		return *done == n ? BLK_DONE : BLK_FAILED;
	}
	if (!lock(o))
		return BLK_LATER;
	if (copy_edges(b, io, off, n))
		*done = put(b, io, d, unmap, n, off);
	if (*done == n)
		set_own(o, off, n);
	unlock(b);
	return *done == n ? BLK_DONE : BLK_FAILED;
}

enum blk_outcome blk_overlay_write(
    struct blk *b, struct blk_io *io, struct blk_data *d, uint64_t n, uint64_t off, uint64_t *done)
{
	return change(b, io, d, false, n, off, done);
}

enum blk_outcome blk_overlay_zero(
    struct blk *b, struct blk_io *io, uint64_t off, uint64_t n, bool unmap)
{
	uint64_t done;

	return change(b, io, NULL, unmap, n, off, &done);
}

/* Own clusters that are wholly inside read as zeroes afterwards; others stay as they are, as the
 * base's bytes must not be seen again where they were overwritten. */
bool blk_overlay_discard(struct blk *b, uint64_t off, uint64_t n)
{
	const struct blk_overlay *o = &b->overlay;
	const uint64_t mask = first_byte(o, 1) - 1, end = (off + n) & ~mask;

	off = (off + mask) & ~mask;
	while (off < end) {
		bool own;
		const uint64_t stop = end_of_run(o, off, end, &own);

		if (own && !blk_discard(b, o->data + off, stop - off))
			return false;
		off = stop;
	}
	return true;
}

/* --------------------------------------------------------------------- flush */

/* Pages of the map that changed, each run of them by one call. */
static bool write_map(struct blk *b)
{
	struct blk_overlay *o = &b->overlay;
	const uint64_t pages = o->map_bytes / PAGE;

	for (uint64_t page = 0, n; page < pages; page += n + 1) {
		for (n = 0; page + n < pages && o->changed[page + n]; n++)
			;
		if (n == 0)
			continue;
		struct iovec part = {o->map + page * PAGE, n * PAGE};

		if (!blk_write_all(b->fd, &part, BLK_OVERLAY_MAP + page * PAGE))
			return false;
		for (uint64_t i = 0; i < n; i++)
			o->changed[page + i] = false;
	}
	return true;
}

/* After a sync that failed the kernel forgets which data it could not write: no later sync can
 * vouch for it, so the map in the file is never written again. */
static bool sync_file(struct blk *b)
{
	if (!__atomic_load_n(&b->overlay.failed, __ATOMIC_ACQUIRE) && fdatasync(b->fd) == 0)
		return true;
	__atomic_store_n(&b->overlay.failed, true, __ATOMIC_RELEASE);
	return false;
}

static bool sync_all(struct blk *b)
{
	__atomic_store_n(&b->overlay.any_changed, false, __ATOMIC_RELEASE);
	if (sync_file(b) && write_map(b) && sync_file(b))
		return true;
	__atomic_store_n(&b->overlay.any_changed, true, __ATOMIC_RELEASE);
	return false;
}

enum blk_outcome blk_overlay_sync(struct blk *b)
{
	struct blk_overlay *o = &b->overlay;

	if (!__atomic_load_n(&o->any_changed, __ATOMIC_ACQUIRE))
		return sync_file(b) ? BLK_DONE : BLK_FAILED;
	if (!lock(o))
		return BLK_LATER;
	const bool ok = sync_all(b);

	unlock(b);
	return ok ? BLK_DONE : BLK_FAILED;
}
