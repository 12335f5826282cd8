/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fake_bus - ranges, and accesses split, clipped and missed as volt/plugin.h says.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake_internal.h"

#define ALL_SIZES (VOLT_IO_1 | VOLT_IO_2 | VOLT_IO_4 | VOLT_IO_8)
/* What place() gives out. */
#define PLACE_FIRST 0xd0000000ull
#define PLACE_SIZE  0x10000000ull
#define PLACE_ALIGN 4096ull

#define ALL_FLAGS (VOLT_RANGE_SPLIT | VOLT_RANGE_PARALLEL)

static uint64_t last_of(const struct volt_range *r)
{
	return r->base + (r->len - 1);
}

static const char *find_fault(const struct volt_range *r)
{
	uint64_t last;

	if (r->size < sizeof(*r))
		return "size is not set";
	if (!r->name || !*r->name)
		return "has no name";
	if (r->space > VOLT_SPACE_MMIO)
		return "unknown space";
	if (!r->sizes || (r->sizes & ~ALL_SIZES))
		return "sizes must be a mask of VOLT_IO_*";
	if ((r->flags & ~ALL_FLAGS) || r->reserved)
		return "unknown flag, or reserved is not 0";
	if (!r->len)
		return "length is 0";
	if (__builtin_add_overflow(r->base, r->len - 1, &last))
		return "wraps";
	if (r->space == VOLT_SPACE_PIO && last > 0xffff)
		return "ends above port 0xffff";
	return NULL;
}

int fake_add_range(const struct volt_host *h, const struct volt_range *r)
{
	int err;
	struct fake_host *f = fake_wire_call(h, "add_range", &err);

	if (err)
		return err;
	const char *fault = find_fault(r);

	if (fault) {
		fake_note(f, "range %s: %s", r->name ? r->name : "NULL", fault);
		return fake_refuse(f, "add_range", -EINVAL);
	}
	if (f->range_count == FAKE_RANGE_MAX)
		fake_die(f, "add_range: more than %u ranges", FAKE_RANGE_MAX);
	struct volt_range *copy = &f->ranges[f->range_count++];

	*copy = *r;
	copy->name = strdup(r->name);
	return 0;
}

static bool overlap(const struct volt_range *a, const struct volt_range *b)
{
	return a->space == b->space && a->base <= last_of(b) && b->base <= last_of(a);
}

static bool is_taken(const struct fake_host *f, const struct volt_range *r)
{
	for (unsigned i = 0; i < f->range_count; i++)
		if (overlap(&f->ranges[i], r))
			return true;
	return false;
}

/* As the real host: from 0xd0000000 on, aligned to the power of two that holds it. */
int fake_place(const struct volt_host *h, const struct volt_range *r, uint64_t *base)
{
	struct volt_range at = *r;
	uint64_t align = PLACE_ALIGN;

	if (r->base == VOLT_ANY && r->space == VOLT_SPACE_MMIO && r->len <= PLACE_SIZE) {
		while (align < r->len)
			align <<= 1;
		for (at.base = PLACE_FIRST; r->len > 0 && is_taken(fake_of(h, "place"), &at);)
			at.base += align;
		if (at.base + r->len > PLACE_FIRST + PLACE_SIZE)
			return fake_refuse(fake_of(h, "place"), "place", -ENOSPC);
	}
	const int err = fake_add_range(h, &at);

	if (err)
		return err;
	*base = at.base;
	return 0;
}

int fake_check_overlap(struct fake_host *f)
{
	for (unsigned i = 0; i < f->range_count; i++) {
		for (unsigned j = 0; j < i; j++) {
			if (!overlap(&f->ranges[i], &f->ranges[j]))
				continue;
			snprintf(f->message, sizeof(f->message), "ranges %s and %s overlap",
			    f->ranges[j].name, f->ranges[i].name);
			return -EBUSY;
		}
	}
	return 0;
}

void fake_finish_bus(struct fake_host *f)
{
	for (unsigned i = 0; i < f->range_count; i++)
		free((void *)(uintptr_t)f->ranges[i].name);
}

unsigned fake_misses(const struct fake_host *f)
{
	return f->misses;
}

unsigned fake_range_count(const struct fake_host *f)
{
	return f->range_count;
}

const struct volt_range *fake_range(const struct fake_host *f, unsigned i)
{
	return i < f->range_count ? &f->ranges[i] : NULL;
}

/* -------------------------------------------------------------- accesses */

/* An access on its way; `val` is what is written, or what was read so far. */
struct access {
	uint8_t space;
	bool write;
	uint64_t addr;
	uint32_t n;
	uint64_t val;
};

static uint64_t mask(uint32_t n)
{
	return n >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * n)) - 1;
}

static const struct volt_range *find(const struct fake_host *f, uint8_t space, uint64_t addr)
{
	for (unsigned i = 0; i < f->range_count; i++) {
		const struct volt_range *r = &f->ranges[i];

		if (r->space == space && addr >= r->base && addr <= last_of(r))
			return r;
	}
	return NULL;
}

static uint64_t call(struct fake_host *f, const struct volt_range *r, const struct access *a)
{
	uint64_t off = a->addr - r->base, val = UINT64_MAX;

	if (a->write && fake_doorbell_take(f, a->space, a->addr, a->n, a->val & mask(a->n)))
		return mask(a->n);
	if (!a->write && fake_page_at(f, a->addr) && a->space == VOLT_SPACE_MMIO) {
		memcpy(&val, fake_page_at(f, a->addr), a->n);
		return val & mask(a->n);
	}
	fake_enter(f, a->write ? "write" : "read");
	if (a->write && r->write)
		r->write(f->self, off, a->n, a->val & mask(a->n));
	if (!a->write && r->read)
		val = r->read(f->self, off, a->n);
	fake_leave(f);
	return val & mask(a->n);
}

/* The width of the calls that make up `n` bytes inside `r`; 0: the access misses. */
static uint32_t pick_width(const struct volt_range *r, uint32_t n)
{
	if (r->sizes & n)
		return n;
	if (!(r->flags & VOLT_RANGE_SPLIT))
		return 0;
	for (uint32_t width = n / 2; width; width /= 2)
		if (r->sizes & width)
			return width;
	return 0;
}

/* n is a power of two and lies inside `r`. */
static uint64_t access_inside(
    struct fake_host *f, const struct volt_range *r, const struct access *a)
{
	uint32_t width = pick_width(r, a->n);
	uint64_t val = 0;

	if (!width) {
		f->misses++;
		return mask(a->n);
	}
	for (uint32_t i = 0; i < a->n; i += width) {
		struct access part = {a->space, a->write, a->addr + i, width, a->val >> (8 * i)};

		val |= call(f, r, &part) << (8 * i);
	}
	return val;
}

/* How many bytes from a->addr on can be handled in one go: the largest power of two
 * inside the range, or the whole hole. Ports do not wrap: find() knows none above
 * 0xffff. */
static uint32_t next_piece(
    const struct fake_host *f, const struct volt_range *r, uint64_t addr, uint8_t space, uint32_t n)
{
	uint32_t len = 8;

	if (r) {
		while (len > n || len - 1 > last_of(r) - addr)
			len /= 2;
		return len;
	}
	for (len = 1; len < n; len++)
		if (addr + len < addr || find(f, space, addr + len))
			break;
	return len;
}

static uint64_t access_all(struct fake_host *f, const struct access *a)
{
	uint64_t val = 0;

	for (uint32_t done = 0; done < a->n;) {
		uint64_t addr = a->addr + done;
		bool wrapped = addr < a->addr;
		const struct volt_range *r = wrapped ? NULL : find(f, a->space, addr);
		uint32_t len =
		    wrapped ? a->n - done : next_piece(f, r, addr, a->space, a->n - done);
		struct access part = {a->space, a->write, addr, len, a->val >> (8 * done)};
		uint64_t got = mask(len);

		if (r)
			got = access_inside(f, r, &part);
		else
			f->misses++;
		val |= got << (8 * done);
		done += len;
	}
	return val;
}

static void check_access(const struct fake_host *f, const struct access *a)
{
	fake_must_run(f, a->write ? "fake_write" : "fake_read");
	if (a->n != 1 && a->n != 2 && a->n != 4 && (a->n != 8 || a->space == VOLT_SPACE_PIO))
		fake_die(f, "the test makes an access of %u bytes", a->n);
	if (a->space > VOLT_SPACE_MMIO || (a->space == VOLT_SPACE_PIO && a->addr > 0xffff))
		fake_die(f, "the test accesses what no guest can");
}

/* Who answers: the plugin, or the bus beside it. */
static struct fake_host *host_at(struct fake_host *f, uint8_t space, uint64_t addr)
{
	return f->bus && !find(f, space, addr) && find(f->bus, space, addr) ? f->bus : f;
}

uint64_t fake_read(struct fake_host *f, uint8_t space, uint64_t addr, uint32_t n)
{
	struct access a = {.space = space, .addr = addr, .n = n};

	f = host_at(f, space, addr);
	check_access(f, &a);
	return access_all(f, &a);
}

void fake_write(struct fake_host *f, uint8_t space, uint64_t addr, uint32_t n, uint64_t val)
{
	struct access a = {.space = space, .write = true, .addr = addr, .n = n, .val = val};

	f = host_at(f, space, addr);
	check_access(f, &a);
	access_all(f, &a);
}
