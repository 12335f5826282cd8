/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * request - reads, writes, flushes and what else a driver asks of a disk (virtio 5.2.6).
 *
 * What the guest wrote is copied once and checked before anything of it is done.
 */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "blk.h"

/* virtio 5.2.6 */
#define T_IN           0u
#define T_OUT          1u
#define T_FLUSH        4u
#define T_GET_ID       8u
#define T_DISCARD      11u
#define T_WRITE_ZEROES 13u

#define S_OK     0u
#define S_IOERR  1u
#define S_UNSUPP 2u

#define UNMAP 1u
#define PAGE  4096u

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
	struct volt_chain *c;
	struct blk_header head;
	uint32_t out, in; /* bytes of data in either direction, without header and status */
	uint32_t written; /* bytes at the front of the writable part */
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

/* --------------------------------------------------------------------- file */

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

/* Reads or writes the first `count` parts, all of them however often it takes. Returns how many
 * bytes it were: fewer after an error, or where the file ends. */
static uint64_t move(struct blk *b, bool write, unsigned count, uint64_t off)
{
	struct iovec *at = b->part;
	uint64_t moved = 0;

	while (count) {
		const ssize_t n = write ? pwritev(b->fd, at, (int)count, (off_t)(off + moved))
					: preadv(b->fd, at, (int)count, (off_t)(off + moved));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		moved += (uint64_t)n;
		count = skip(&at, count, (size_t)n);
	}
	return moved;
}

static bool sync_data(struct blk *b)
{
	return fdatasync(b->fd) == 0;
}

/* A change that went well is stable, or will be by the driver's flush. */
static bool settle(struct blk *b)
{
	return has(b, F_FLUSH) || sync_data(b);
}

/* 0, or an errno. */
static int change_range(struct blk *b, int mode, const struct blk_range *r)
{
	const off_t off = (off_t)(r->sector * SECTOR);
	const off_t n = (off_t)r->sectors * SECTOR;

	while (fallocate(b->fd, mode, off, n))
		if (errno != EINTR)
			return errno;
	return 0;
}

/* Not every file system has every mode; of a block device the range may be too finely cut. */
static bool is_inability(int err)
{
	return err == EOPNOTSUPP || err == ENOSYS || err == EINVAL;
}

static bool write_zeroes_out(struct blk *b, const struct blk_range *r)
{
	static const uint8_t page[PAGE] __attribute__((aligned(PAGE))) = {0};
	uint64_t off = r->sector * SECTOR;
	uint64_t left = (uint64_t)r->sectors * SECTOR;

	while (left) {
		uint64_t batch = 0;
		unsigned n = 0;

		for (; n < VOLT_CHAIN_MAX && batch < left; n++) {
			const uint64_t part = left - batch < PAGE ? left - batch : PAGE;

			b->part[n] = (struct iovec){(void *)(uintptr_t)page, part};
			batch += part;
		}
		if (move(b, true, n, off) != batch)
			return false;
		off += batch;
		left -= batch;
	}
	return true;
}

/* A hint: where it cannot be followed, nothing is wrong (virtio 5.2.6.2). */
static bool discard(struct blk *b, const struct blk_range *r)
{
	const int err = change_range(b, MODE_PUNCH, r);

	return err == 0 || is_inability(err);
}

/* Whether blocks are given back is the driver's wish, zeroes are not. */
static bool zero(struct blk *b, const struct blk_range *r)
{
	const int err = change_range(b, r->flags & UNMAP ? MODE_PUNCH : MODE_ZERO, r);

	return is_inability(err) ? write_zeroes_out(b, r) : err == 0;
}

/* ----------------------------------------------------------------- requests */

/* The first n bytes of the segments as parts; returns how many parts. */
static unsigned take_parts(struct blk *b, const struct iovec *seg, unsigned count, size_t n)
{
	unsigned parts = 0;

	for (unsigned i = 0; i < count && n; i++) {
		const size_t part = seg[i].iov_len < n ? seg[i].iov_len : n;

		if (part == 0)
			continue;
		b->part[parts++] = (struct iovec){seg[i].iov_base, part};
		n -= part;
	}
	return parts;
}

static uint8_t read_sectors(struct blk *b, struct blk_request *r)
{
	const struct volt_chain *c = r->c;

	if (r->in % SECTOR || !is_inside(b, r->head.sector, r->in / SECTOR))
		return refuse(b, S_IOERR);
	const unsigned parts = take_parts(b, c->seg + c->out, c->in, r->in);

	r->written = (uint32_t)move(b, false, parts, r->head.sector * SECTOR);
	volt_count(b->v.h, COUNT_READ, r->written);
	return answer(b, r->written == r->in);
}

static uint8_t write_sectors(struct blk *b, struct blk_request *r)
{
	if (b->readonly || r->out % SECTOR || !is_inside(b, r->head.sector, r->out / SECTOR))
		return refuse(b, S_IOERR);
	const unsigned parts = take_parts(b, r->c->seg, r->c->out, r->out);
	const uint64_t n = move(b, true, parts, r->head.sector * SECTOR);

	volt_count(b->v.h, COUNT_WRITTEN, n);
	return answer(b, n == r->out && settle(b));
}

static uint8_t flush(struct blk *b)
{
	if (!has(b, F_FLUSH))
		return refuse(b, S_UNSUPP);
	volt_count(b->v.h, COUNT_FLUSHES, 1);
	return answer(b, sync_data(b));
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
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t status = check_range(b, zeroes, &ranges[i]);

		if (status)
			return refuse(b, status);
	}
	for (uint32_t i = 0; i < n; i++)
		if (ranges[i].sectors && !(zeroes ? zero : discard)(b, &ranges[i]))
			return answer(b, false);
	return answer(b, settle(b));
}

static uint8_t serve(struct blk *b, struct blk_request *r)
{
	switch (r->head.type) {
	case T_IN:
		return read_sectors(b, r);
	case T_OUT:
		return write_sectors(b, r);
	case T_FLUSH:
		return flush(b);
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

bool blk_request(void *self, struct volt_queue *q, struct volt_chain *c)
{
	struct blk *b = self;
	struct blk_request r = {.c = c};
	uint8_t status;

	if (c->in_len == 0) { /* no room for a status: nothing can be told, so nothing is done */
		refuse(b, S_IOERR);
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
	volt_chain_write_last(q, c, status);
	/* virtio 2.7.8.2: so many bytes from the first on. The status is one if all before it are.
	 */
	volt_chain_done(q, c, r.written == c->in_len - 1 ? c->in_len : r.written);
	return true;
}
