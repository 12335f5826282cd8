/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * file - moves bytes between the guest's memory and the disk's file.
 */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "blk.h"

/* Takes n bytes off the front of the `count` parts at *at; returns how many parts are left. */
static unsigned skip(struct iovec **at, unsigned count, size_t n)
{
	while (count && n >= (*at)->iov_len) {
		n -= (*at)->iov_len;
		(*at)++;
		count--;
	}
	if (count) {
		(*at)->iov_base = (uint8_t *)(*at)->iov_base + n;
		(*at)->iov_len -= n;
	}
	return count;
}

/* All of the parts, however many calls it takes. */
static uint64_t move_parts(int fd, bool write, struct iovec *at, unsigned count, uint64_t off)
{
	uint64_t moved = 0;

	while (count) {
		const ssize_t n = write ? pwritev(fd, at, (int)count, (off_t)(off + moved))
					: preadv(fd, at, (int)count, (off_t)(off + moved));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		moved += (uint64_t)n;
		count = skip(&at, count, (size_t)n);
	}
	return moved;
}

/* The next n bytes of the data, as parts; returns how many parts. */
static unsigned take(struct blk_io *io, struct blk_data *d, uint64_t n)
{
	unsigned parts = 0;

	while (d->count && n) {
		const size_t part = d->seg->iov_len < n ? d->seg->iov_len : n;

		if (part)
			io->part[parts++] = (struct iovec){d->seg->iov_base, part};
		d->count = skip(&d->seg, d->count, part);
		n -= part;
	}
	return parts;
}

bool blk_is_aligned(const struct blk *b, const struct blk_data *d)
{
	uintptr_t all = 0;

	for (unsigned i = 0; b->align && i < d->count; i++)
		all |= (uintptr_t)d->seg[i].iov_base | d->seg[i].iov_len;
	return !b->align || all % b->align == 0;
}

void blk_skip(struct blk_data *d, uint64_t n)
{
	d->count = skip(&d->seg, d->count, n);
}

static void copy(struct iovec *part, unsigned parts, uint8_t *bounce, size_t n, bool out)
{
	for (unsigned i = 0; i < parts && n; i++) {
		const size_t some = part[i].iov_len < n ? part[i].iov_len : n;

		memcpy(out ? part[i].iov_base : bounce, out ? bounce : part[i].iov_base, some);
		bounce += some;
		n -= some;
	}
}

/* O_DIRECT wants buffers that are aligned as its blocks are; a driver's may lie anywhere. */
static uint64_t move_by_bounce(
    int fd, bool write, struct blk_io *io, unsigned parts, uint64_t n, uint64_t off)
{
	struct iovec *at = io->part;
	uint64_t moved = 0;

	while (moved < n) {
		const size_t some = n - moved < BOUNCE_BYTES ? n - moved : BOUNCE_BYTES;
		struct iovec whole = {io->bounce, some};

		if (write)
			copy(at, parts, io->bounce, some, false);
		const uint64_t done = move_parts(fd, write, &whole, 1, off + moved);

		if (!write)
			copy(at, parts, io->bounce, done, true);
		moved += done;
		parts = skip(&at, parts, done);
		if (done != some)
			break;
	}
	return moved;
}

void blk_set_unsynced(struct blk *b)
{
	__atomic_store_n(&b->unsynced, true, __ATOMIC_RELAXED);
}

uint64_t blk_move(struct blk *b, struct blk_io *io, int fd, bool write, struct blk_data *d,
    uint64_t n, uint64_t off)
{
	const unsigned parts = take(io, d, n);

	if (write)
		blk_set_unsynced(b);
	if (!blk_is_aligned(b, &(struct blk_data){io->part, parts}))
		return move_by_bounce(fd, write, io, parts, n, off);
	return move_parts(fd, write, io->part, parts, off);
}

bool blk_write_all(int fd, struct iovec *part, uint64_t off)
{
	const size_t n = part->iov_len;

	return move_parts(fd, true, part, 1, off) == n;
}

enum blk_outcome blk_sync(struct blk *b)
{
	enum blk_outcome outcome;

	__atomic_store_n(&b->unsynced, false, __ATOMIC_SEQ_CST);
	if (b->overlay.on)
		outcome = blk_overlay_sync(b);
	else
		outcome = fdatasync(b->fd) == 0 ? BLK_DONE : BLK_FAILED;
	if (outcome != BLK_DONE)
		blk_set_unsynced(b);
	return outcome;
}

/* 0, or an errno. */
static int change_range(struct blk *b, int mode, uint64_t off, uint64_t n)
{
	blk_set_unsynced(b);
	while (fallocate(b->fd, mode, (off_t)off, (off_t)n))
		if (errno != EINTR)
			return errno;
	return 0;
}

/* Not every file system has every mode; of a block device the range may be too finely cut. */
static bool is_inability(int err)
{
	return err == EOPNOTSUPP || err == ENOSYS || err == EINVAL;
}

static bool write_zeroes_out(struct blk *b, struct blk_io *io, uint64_t off, uint64_t left)
{
	/* Nobody writes there, so it is the kernel's own page of zeroes. */
	uint8_t *page = (uint8_t *)(((uintptr_t)b->zeroes + PAGE - 1) & ~(uintptr_t)(PAGE - 1));

	while (left) {
		uint64_t batch = 0;
		unsigned n = 0;

		for (; n < VOLT_CHAIN_MAX && batch < left; n++) {
			const uint64_t part = left - batch < PAGE ? left - batch : PAGE;

			io->part[n] = (struct iovec){page, part};
			batch += part;
		}
		if (move_parts(b->fd, true, io->part, n, off) != batch)
			return false;
		off += batch;
		left -= batch;
	}
	return true;
}

bool blk_zero(struct blk *b, struct blk_io *io, uint64_t off, uint64_t n, bool unmap)
{
	const int err = change_range(b, unmap ? MODE_PUNCH : MODE_ZERO, off, n);

	return is_inability(err) ? write_zeroes_out(b, io, off, n) : err == 0;
}

bool blk_discard(struct blk *b, uint64_t off, uint64_t n)
{
	const int err = change_range(b, MODE_PUNCH, off, n);

	return !err || is_inability(err);
}
