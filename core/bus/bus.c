/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/bus/bus.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/base/log.h"
#include "core/base/sealed.h"
#include "core/config.h"

/* An index entry stands for 512 bytes of memory; virtio-mmio devices, for one, are that
 * far apart. A range fills so many entries at most: 1 MiB. */
#define GRAIN_BITS 9
#define GRAIN_MAX  2048u

/* The window of place() in volt/plugin.h: above RAM below 4 GiB, below the windows of bridges and
 * the APICs. */
#define PLACE_FIRST 0xd0000000ull
#define PLACE_SIZE  0x10000000ull
#define PLACE_ALIGN 4096ull

int bus_init(struct bus *b)
{
	uint8_t *table =
	    mmap(NULL, BUS_TABLE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (table == MAP_FAILED)
		return log_error(ENOMEM, "no memory for the address table");
	b->ranges = (struct bus_range *)(void *)table;
	b->index = (uint16_t *)(void *)(table + BUS_RANGE_BYTES);
	return 0;
}

static const char *find_fault(const struct volt_range *r)
{
	uint64_t last;

	if (r->size < offsetof(struct volt_range, write) + sizeof(r->write))
		return "its struct is too small";
	if (!r->name || r->name[0] == '\0')
		return "it has no name";
	if (r->space > VOLT_SPACE_MMIO)
		return "its space is neither PIO nor MMIO";
	if (r->sizes == 0 || (r->sizes & ~15u) != 0)
		return "its access sizes are not a mask of 1, 2, 4 and 8";
	if ((r->flags & ~(VOLT_RANGE_SPLIT | VOLT_RANGE_PARALLEL)) != 0)
		return "it has an unknown flag";
	if (r->len == 0)
		return "its length is 0";
	if (__builtin_add_overflow(r->base, r->len - 1, &last))
		return "it wraps around the end of the address space";
	if (r->space == VOLT_SPACE_PIO && last > 0xffff)
		return "it ends above port 0xffff";
	return NULL;
}

int bus_add_range(
    struct bus *b, struct callee *owner, const struct volt_range *r, char *why, unsigned why_size)
{
	const char *fault = find_fault(r);

	bool full = b->count == BUS_RANGE_MAX;

	if (fault || full) {
		snprintf(why, why_size, "range \"%s\" at 0x%llx refused: %s",
		    r->name ? r->name : "?", (unsigned long long)r->base,
		    fault ? fault : "the address table is full (512 ranges)");
		return fault ? -EINVAL : -ENOSPC;
	}
	char *name = strdup(r->name);
	if (!name)
		return -ENOMEM;
	b->ranges[b->count++] = (struct bus_range){
	    .base = r->base,
	    .last = r->base + (r->len - 1),
	    .read = r->read,
	    .write = r->write,
	    .self = owner->self,
	    .owner = owner,
	    .name = name,
	    .sizes = r->sizes,
	    .flags = r->flags,
	    .space = r->space,
	};
	return 0;
}

/* The first range that [base, base + len) of memory meets, or NULL. */
static const struct bus_range *find_neighbour(const struct bus *b, uint64_t base, uint64_t len)
{
	for (uint32_t i = 0; i < b->count; i++)
		if (b->ranges[i].space == VOLT_SPACE_MMIO && b->ranges[i].base <= base + len - 1 &&
		    base <= b->ranges[i].last)
			return &b->ranges[i];
	return NULL;
}

/* 0: the window has no room. Each step goes beyond a range, so there are few. */
static uint64_t find_room(const struct bus *b, uint64_t len)
{
	uint64_t align = PLACE_ALIGN, base = PLACE_FIRST;
	const struct bus_range *r;

	while (align < len)
		align <<= 1;
	while (base + len <= PLACE_FIRST + PLACE_SIZE && (r = find_neighbour(b, base, len)))
		base = (r->last / align + 1) * align;
	return base + len <= PLACE_FIRST + PLACE_SIZE ? base : 0;
}

int bus_place(struct bus *b, struct callee *owner, const struct volt_range *r, uint64_t *base,
    char *why, unsigned why_size)
{
	struct volt_range at = *r;

	if (r->base == VOLT_ANY && r->space == VOLT_SPACE_MMIO && r->len > 0) {
		at.base = r->len <= PLACE_SIZE ? find_room(b, r->len) : 0;
		if (at.base == 0) {
			snprintf(why, why_size,
			    "range \"%s\": no room for %llu bytes at 0xd0000000 to 0xdfffffff",
			    r->name ? r->name : "?", (unsigned long long)r->len);
			return -ENOSPC;
		}
	}
	const int err = bus_add_range(b, owner, &at, why, why_size);
	if (err)
		return err;
	*base = at.base;
	return 0;
}

#if VOLT_HAS_REGIONS

uint64_t bus_find_high(const struct bus *b, uint64_t from, uint64_t end, uint64_t len)
{
	const uint64_t section = 128ull << 20;
	uint64_t base = (from + section - 1) / section * section;

	while (base < end && len <= end - base) {
		const struct bus_range *r = find_neighbour(b, base, len);

		if (!r)
			return base;
		if (r->last >= end)
			break;
		base = (r->last / section + 1) * section;
	}
	return 0;
}

#endif

static int by_address(const void *left, const void *right)
{
	const struct bus_range *a = left, *b = right;

	if (a->space != b->space)
		return a->space < b->space ? -1 : 1;
	return a->base < b->base ? -1 : a->base > b->base;
}

static uint16_t *index_entry(const struct bus *b, uint8_t space, uint64_t addr)
{
	uint64_t grain = addr >> GRAIN_BITS;

	if (space == VOLT_SPACE_PIO)
		return &b->index[addr % BUS_INDEX_SIZE];
	/* Addresses 32 MiB apart, as is common, shall not share an entry. */
	return &b->index[BUS_INDEX_SIZE + (grain ^ grain >> 16) % BUS_INDEX_SIZE];
}

/* If two ranges of memory share an entry, the first one has it; find() searches for the other. */
static void fill_index(struct bus *b, uint32_t i)
{
	const struct bus_range *r = &b->ranges[i];
	uint64_t step = r->space == VOLT_SPACE_PIO ? 1 : 1ull << GRAIN_BITS;
	uint64_t addr = r->base, steps = r->space == VOLT_SPACE_PIO ? BUS_INDEX_SIZE : GRAIN_MAX;

	for (; steps > 0 && addr - r->base <= r->last - r->base; steps--) {
		uint16_t *entry = index_entry(b, r->space, addr);

		if (*entry == 0)
			*entry = (uint16_t)(i + 1);
		addr = (addr & ~(step - 1)) + step;
	}
}

int bus_seal(struct bus *b)
{
	qsort(b->ranges, b->count, sizeof(b->ranges[0]), by_address);
	for (uint32_t i = 1; i < b->count; i++) {
		const struct bus_range *low = &b->ranges[i - 1], *high = &b->ranges[i];

		if (low->space == high->space && high->base <= low->last)
			return log_error(EBUSY,
			    "%s of plugin %s at 0x%llx overlaps %s of plugin %s at 0x%llx: move "
			    "one of them",
			    high->name, high->owner->id, (unsigned long long)high->base, low->name,
			    low->owner->id, (unsigned long long)low->base);
	}
	b->first[0] = 0;
	b->first[1] = b->count;
	b->first[2] = b->count;
	for (uint32_t i = 0; i < b->count && b->first[1] == b->count; i++)
		if (b->ranges[i].space == VOLT_SPACE_MMIO)
			b->first[1] = i;
	for (uint32_t i = 0; i < b->count; i++)
		fill_index(b, i);
	b->sealed = true;
	return sealed_pages(b->ranges, BUS_TABLE_BYTES, "the address table");
}

static const struct bus_range *search(const struct bus *b, uint8_t space, uint64_t addr)
{
	uint32_t low = b->first[space], high = b->first[space + 1];

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (b->ranges[middle].last < addr)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < b->first[space + 1] && b->ranges[low].base <= addr)
		return &b->ranges[low];
	return NULL;
}

/* Branches that nobody could predict cost more than all else here: so no search, but for
 * memory whose index entry another range has, and where nothing answers. */
static const struct bus_range *find(const struct bus *b, uint8_t space, uint64_t addr)
{
	uint32_t i = *index_entry(b, space, addr);

	if (i != 0) {
		const struct bus_range *r = &b->ranges[i - 1];

		if (addr - r->base <= r->last - r->base)
			return r;
	}
	return space == VOLT_SPACE_PIO ? NULL : search(b, space, addr);
}

/* Bytes that one call may carry: all n, or the widest allowed size that divides it. */
static uint32_t pick_width(const struct bus_range *r, uint32_t n)
{
	if (r->sizes & n)
		return n;
	if ((r->flags & VOLT_RANGE_SPLIT) == 0)
		return 0;
	for (uint32_t w = n >> 1; w > 0; w >>= 1)
		if (r->sizes & w)
			return w;
	return 0;
}

/* Here and below "& 63" changes nothing, n being 8 at most: it tells the analyser. */
static uint64_t all_ones(uint32_t n)
{
	assert(n >= 1 && n <= 8);
	return n == 8 ? UINT64_MAX : (1ull << (8 * n & 63)) - 1;
}

static uint64_t call_read(const struct bus_range *r, uint64_t addr, uint32_t n)
{
	bool locked = (r->flags & VOLT_RANGE_PARALLEL) == 0;
	uint64_t val;

	if (!r->read)
		return all_ones(n);
	if (locked)
		callee_lock(r->owner);
	val = r->read(r->self, addr - r->base, n);
	if (locked)
		callee_unlock(r->owner);
	return val & all_ones(n);
}

/* [addr, addr + len) in calls of `width` bytes, lowest address first. */
static uint64_t read_split(const struct bus_range *r, uint64_t addr, uint32_t len, uint32_t width)
{
	uint64_t val = 0;

	for (uint32_t i = 0; i < len; i += width)
		val |= call_read(r, addr + i, width) << (8 * i & 63);
	return val;
}

static void call_write(const struct bus_range *r, uint64_t addr, uint32_t n, uint64_t val)
{
	bool locked = (r->flags & VOLT_RANGE_PARALLEL) == 0;

	if (r->ring && r->ring(r->doorbells, r, addr, n, val & all_ones(n)))
		return;
	if (!r->write)
		return;
	if (locked)
		callee_lock(r->owner);
	r->write(r->self, addr - r->base, n, val & all_ones(n));
	if (locked)
		callee_unlock(r->owner);
}

uint64_t bus_read_below(const struct bus_range *r, uint64_t off, uint32_t n)
{
	return r->read ? r->read(r->self, off, n) & all_ones(n) : all_ones(n);
}

void bus_write_below(const struct bus_range *r, uint64_t off, uint32_t n, uint64_t val)
{
	val &= all_ones(n);
	if (r->ring && r->ring(r->doorbells, r, r->base + off, n, val))
		return;
	if (r->write)
		r->write(r->self, off, n, val);
}

/* Length of the piece of [addr, addr + n) that can be handled as one: what lies in the
 * range, rounded down to a power of two; or, between ranges, one byte. left is 0 only
 * for a range that covers all 2^64 addresses, which RAM rules out. */
static uint32_t piece(const struct bus_range *r, uint64_t addr, uint32_t n)
{
	if (!r)
		return 1;
	uint64_t left = r->last - addr + 1;
	uint32_t len = 8;
	while (len > n || len > left)
		len >>= 1;
	return len;
}

static bool crosses(const struct bus *b, uint8_t space, uint64_t addr, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++)
		if (find(b, space, addr + i))
			return true;
	return false;
}

uint64_t bus_read(
    const struct bus *b, uint8_t space, uint64_t addr, uint32_t n, struct bus_stats *s)
{
	const struct bus_range *r = find(b, space, addr);
	uint64_t val = 0;

	s->accesses++;
	if (r && (r->sizes & n) && r->last - addr >= n - 1)
		return call_read(r, addr, n);
	if (!r && !crosses(b, space, addr, n)) {
		s->misses++;
		return all_ones(n);
	}
	/* PIO never wraps from port 0xffff to port 0: what lies beyond is a miss. */
	for (uint32_t done = 0; done < n;) {
		uint32_t len = piece(r, addr + done, n - done);
		uint32_t width = r ? pick_width(r, len) : 0;
		uint64_t part = all_ones(len);

		if (width == 0)
			s->misses++;
		else
			part = read_split(r, addr + done, len, width);
		val |= part << (8 * done & 63);
		done += len;
		r = done < n ? find(b, space, addr + done) : NULL;
	}
	return val;
}

void bus_write(const struct bus *b, uint8_t space, uint64_t addr, uint32_t n, uint64_t val,
    struct bus_stats *s)
{
	const struct bus_range *r = find(b, space, addr);

	s->accesses++;
	if (r && (r->sizes & n) && r->last - addr >= n - 1) {
		call_write(r, addr, n, val);
		return;
	}
	if (!r && !crosses(b, space, addr, n)) {
		s->misses++;
		return;
	}
	for (uint32_t done = 0; done < n;) {
		uint32_t len = piece(r, addr + done, n - done);
		uint32_t width = r ? pick_width(r, len) : 0;

		if (width == 0)
			s->misses++;
		for (uint32_t i = 0; width != 0 && i < len; i += width)
			call_write(r, addr + done + i, width, val >> (8 * (done + i) & 63));
		done += len;
		r = done < n ? find(b, space, addr + done) : NULL;
	}
}
