/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* The address table: the contract is `struct volt_range` in volt/plugin.h. */
#include "tests/core/kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define GARBAGE 0xa5a5a5a5a5a5a5a5ull

/* A device of 64 bytes whose byte at offset o reads as o + 1, and that notes every call. */
struct dev {
	struct callee owner;
	struct {
		char what;
		uint64_t off, val;
		uint32_t n;
		bool locked;
	} calls[16];
	unsigned count;
};

static struct bus bus;
static struct bus_stats stats;
static struct dev left, right;

static void note(struct dev *d, char what, uint64_t off, uint32_t n, uint64_t val)
{
	assert_true(d->count < 16);
	d->calls[d->count].what = what;
	d->calls[d->count].off = off;
	d->calls[d->count].n = n;
	d->calls[d->count].val = val;
	d->calls[d->count++].locked = kit_locked(&d->owner);
}

static uint64_t dev_read(void *self, uint64_t off, uint32_t n)
{
	uint64_t val = GARBAGE;

	note(self, 'r', off, n, 0);
	for (uint32_t i = 0; i < n; i++) {
		val &= ~(0xffull << (8 * i));
		val |= ((off + i + 1) & 0xff) << (8 * i);
	}
	return val;
}

static void dev_write(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	note(self, 'w', off, n, val);
}

static int setup(void **state)
{
	kit_log_start();
	memset(&stats, 0, sizeof(stats));
	memset(&left, 0, sizeof(left));
	memset(&right, 0, sizeof(right));
	kit_owner(&left.owner, "left", &left);
	kit_owner(&right.owner, "right", &right);
	return bus_init(&bus);
}

static int teardown(void **state)
{
	kit_bus_finish(&bus);
	kit_owners_finish();
	return 0;
}

static struct volt_range range(uint8_t space, uint64_t base, uint64_t len, uint8_t sizes)
{
	return (struct volt_range){.size = sizeof(struct volt_range),
	    .space = space,
	    .sizes = sizes,
	    .base = base,
	    .len = len,
	    .name = "registers",
	    .read = dev_read,
	    .write = dev_write};
}

static int add(struct dev *d, struct volt_range r)
{
	char why[200] = "";

	return bus_add_range(&bus, &d->owner, &r, why, sizeof(why));
}

static void add_pio(struct dev *d, uint64_t base, uint64_t len, uint8_t sizes, uint8_t flags)
{
	struct volt_range r = range(VOLT_SPACE_PIO, base, len, sizes);

	r.flags = flags;
	assert_int_equal(add(d, r), 0);
}

static void seal(void)
{
	assert_int_equal(bus_seal(&bus), 0);
}

static uint64_t pio_read(uint64_t port, uint32_t n)
{
	return bus_read(&bus, VOLT_SPACE_PIO, port, n, &stats);
}

static void pio_write(uint64_t port, uint32_t n, uint64_t val)
{
	bus_write(&bus, VOLT_SPACE_PIO, port, n, val, &stats);
}

static void called(const struct dev *d, unsigned index, char what, uint64_t off, uint32_t n)
{
	assert_true(index < d->count);
	assert_int_equal(d->calls[index].what, what);
	assert_int_equal(d->calls[index].off, off);
	assert_int_equal(d->calls[index].n, n);
}

static void wrote(unsigned index, uint64_t off, uint32_t n, uint64_t val)
{
	called(&left, index, 'w', off, n);
	assert_int_equal(left.calls[index].val, val);
}

/* -------------------------------------------------------------- registration */

static void refused(struct volt_range r, const char *reason)
{
	char why[200] = "";

	assert_int_equal(bus_add_range(&bus, &left.owner, &r, why, sizeof(why)), -EINVAL);
	if (!strstr(why, reason))
		fail_msg("expected \"%s\" in \"%s\"", reason, why);
	assert_int_equal(bus.count, 0);
}

/* HOLDS(D1) */
static void malformed_ranges_are_refused_with_the_reason(void **state)
{
	struct volt_range good = range(VOLT_SPACE_PIO, 0x3f8, 8, VOLT_IO_1), r;

	r = good, r.size = offsetof(struct volt_range, write), refused(r, "struct is too small");
	r = good, r.name = NULL, refused(r, "no name");
	r = good, r.name = "", refused(r, "no name");
	r = good, r.space = 2, refused(r, "space");
	r = good, r.sizes = 0, refused(r, "access sizes");
	r = good, r.sizes = 16, refused(r, "access sizes");
	r = good, r.flags = 4, refused(r, "flag");
	r = good, r.len = 0, refused(r, "length is 0");
	r = good, r.base = 0x10000, refused(r, "0xffff");
	r = good, r.base = 0xfff9, refused(r, "0xffff");
	r = good, r.len = 0x10001, refused(r, "0xffff");
	r = range(VOLT_SPACE_MMIO, UINT64_MAX - 6, 8, VOLT_IO_1), refused(r, "wraps");
	r = range(VOLT_SPACE_MMIO, 2, UINT64_MAX, VOLT_IO_1), refused(r, "wraps");
}

static void ranges_may_end_with_their_space(void **state)
{
	assert_int_equal(add(&left, range(VOLT_SPACE_PIO, 0xffff, 1, VOLT_IO_1)), 0);
	assert_int_equal(add(&left, range(VOLT_SPACE_MMIO, UINT64_MAX, 1, VOLT_IO_1)), 0);
}

/* HOLDS(R8) */
static void names_are_copied(void **state)
{
	char name[] = "short-lived";
	struct volt_range r = range(VOLT_SPACE_PIO, 0x60, 1, VOLT_IO_1);

	r.name = name;
	assert_int_equal(add(&left, r), 0);
	memset(name, 'x', sizeof(name) - 1);
	assert_string_equal(bus.ranges[0].name, "short-lived");
}

static void the_table_holds_512_ranges_and_finds_each(void **state)
{
	/* Backwards, so that the seal has something to sort. */
	for (unsigned i = BUS_RANGE_MAX; i-- > 0;)
		assert_int_equal(add(&left, range(VOLT_SPACE_PIO, 0x100 + 2 * i, 1, VOLT_IO_1)), 0);
	assert_int_equal(add(&left, range(VOLT_SPACE_PIO, 0x80, 1, VOLT_IO_1)), -ENOSPC);

	seal();
	for (unsigned i = 0; i < BUS_RANGE_MAX; i++) {
		left.count = 0;
		assert_int_equal(pio_read(0x100 + 2 * i, 1), 1);
		assert_int_equal(left.count, 1);
		assert_int_equal(pio_read(0x101 + 2 * i, 1), 0xff);
	}
	assert_int_equal(stats.misses, BUS_RANGE_MAX);
}

/* HOLDS(D1) */
static void an_overlap_names_both_owners(void **state)
{
	add_pio(&right, 0x3ff, 1, VOLT_IO_1, 0);
	add_pio(&left, 0x3f8, 8, VOLT_IO_1, 0);
	assert_int_equal(bus_seal(&bus), -EBUSY);
	assert_true(kit_logged("left") && kit_logged("right"));
	assert_true(kit_logged("0x3f8") && kit_logged("0x3ff"));
	assert_int_equal(kit_log_lines(), 1);
}

static void equal_ranges_overlap(void **state)
{
	add_pio(&left, 0x60, 1, VOLT_IO_1, 0);
	add_pio(&right, 0x60, 1, VOLT_IO_1, 0);
	assert_int_equal(bus_seal(&bus), -EBUSY);
}

static void adjacent_ranges_and_other_spaces_do_not_overlap(void **state)
{
	add_pio(&left, 0x3f8, 8, VOLT_IO_1, 0);
	add_pio(&right, 0x400, 8, VOLT_IO_1, 0);
	assert_int_equal(add(&right, range(VOLT_SPACE_MMIO, 0x3f8, 8, VOLT_IO_1)), 0);
	seal();
	assert_int_equal(pio_read(0x3f8, 1), 1);
	assert_int_equal(left.count, 1);
	assert_int_equal(bus_read(&bus, VOLT_SPACE_MMIO, 0x3f8, 1, &stats), 1);
	assert_int_equal(right.count, 1);
}

static int write_to_the_table(void *arg)
{
	bus.ranges[0].base++;
	return 0;
}

static int write_to_the_index(void *arg)
{
	bus.index[arg ? 2 * BUS_INDEX_SIZE - 1 : 0]++;
	return 0;
}

/* HOLDS(D10) */
static void the_sealed_table_is_read_only(void **state)
{
	add_pio(&left, 0x60, 1, VOLT_IO_1, 0);
	assert_false(kit_faults(write_to_the_table, NULL));
	seal();
	assert_true(kit_faults(write_to_the_table, NULL));
	assert_true(kit_faults(write_to_the_index, NULL));
	assert_true(kit_faults(write_to_the_index, &bus));
}

/* mseal(2), of Linux 6.10: then nothing can make it writable again, or put another in its place. */
static void the_sealed_table_is_final_where_the_kernel_can(void **state)
{
	seal();
	if (syscall(462, NULL, 0ul, 0ul) != 0)
		skip();
	assert_int_equal(mprotect(bus.ranges, BUS_TABLE_BYTES, PROT_READ | PROT_WRITE), -1);
	assert_int_equal(munmap(bus.ranges, BUS_TABLE_BYTES), -1);
}

/* -------------------------------------------------------------------- lookup */

static void a_range_answers_from_its_first_to_its_last_byte(void **state)
{
	add_pio(&left, 0x3f8, 8, VOLT_IO_1, 0);
	seal();
	assert_int_equal(pio_read(0x3f7, 1), 0xff);
	assert_int_equal(pio_read(0x3f8, 1), 1);
	assert_int_equal(pio_read(0x3ff, 1), 8);
	assert_int_equal(pio_read(0x400, 1), 0xff);
	assert_int_equal(stats.accesses, 4);
	assert_int_equal(stats.misses, 2);
}

/* HOLDS(D3) */
static void an_empty_table_reads_all_ones(void **state)
{
	seal();
	assert_int_equal(pio_read(0, 1), 0xff);
	assert_int_equal(pio_read(0x80, 2), 0xffff);
	assert_int_equal(pio_read(0xffff, 4), 0xffffffff);
	assert_int_equal(bus_read(&bus, VOLT_SPACE_MMIO, 0, 8, &stats), UINT64_MAX);
	pio_write(0x80, 1, 1);
	assert_int_equal(stats.misses, 5);
}

/* HOLDS(R5) */
static void null_handlers_read_ones_and_drop_writes(void **state)
{
	struct volt_range r = range(VOLT_SPACE_PIO, 0x70, 2, VOLT_IO_1 | VOLT_IO_2);

	r.read = NULL;
	r.write = NULL;
	assert_int_equal(add(&left, r), 0);
	seal();
	assert_int_equal(pio_read(0x70, 2), 0xffff);
	pio_write(0x71, 1, 0);
	assert_int_equal(stats.misses, 0);
}

/* HOLDS(D4) */
static void values_are_masked_to_their_width_both_ways(void **state)
{
	add_pio(&left, 0x40, 8, 15, 0);
	seal();
	assert_int_equal(pio_read(0x40, 1), 0x01);
	assert_int_equal(pio_read(0x40, 2), 0x0201);
	assert_int_equal(pio_read(0x40, 4), 0x04030201);
	assert_int_equal(bus_read(&bus, VOLT_SPACE_PIO, 0x40, 8, &stats), 0x0807060504030201ull);
	left.count = 0;
	pio_write(0x40, 1, UINT64_MAX);
	pio_write(0x40, 2, UINT64_MAX);
	pio_write(0x40, 4, UINT64_MAX);
	wrote(0, 0, 1, 0xff);
	wrote(1, 0, 2, 0xffff);
	wrote(2, 0, 4, 0xffffffff);
}

/* -------------------------------------------------------------------- widths */

/* HOLDS(D2) */
static void an_access_outside_the_mask_misses(void **state)
{
	add_pio(&left, 0x100, 8, VOLT_IO_2, 0);
	seal();
	assert_int_equal(pio_read(0x100, 1), 0xff);
	assert_int_equal(pio_read(0x100, 4), 0xffffffff);
	pio_write(0x100, 4, 0);
	assert_int_equal(left.count, 0);
	assert_int_equal(stats.misses, 3);
}

/* HOLDS(D2) */
static void split_uses_the_widest_width_that_divides_it(void **state)
{
	add_pio(&left, 0x100, 8, VOLT_IO_1 | VOLT_IO_2, VOLT_RANGE_SPLIT);
	seal();
	assert_int_equal(pio_read(0x102, 4), 0x06050403);
	assert_int_equal(left.count, 2);
	called(&left, 0, 'r', 2, 2);
	called(&left, 1, 'r', 4, 2);
	assert_int_equal(stats.misses, 0);
	left.count = 0;
	pio_write(0x100, 4, 0x44332211);
	wrote(0, 0, 2, 0x2211);
	wrote(1, 2, 2, 0x4433);
}

static void eight_bytes_split_into_one_byte_calls_in_order(void **state)
{
	struct volt_range r = range(VOLT_SPACE_MMIO, 0xd0000000, 0x40, VOLT_IO_1);

	r.flags = VOLT_RANGE_SPLIT;
	assert_int_equal(add(&left, r), 0);
	seal();
	assert_int_equal(
	    bus_read(&bus, VOLT_SPACE_MMIO, 0xd0000008, 8, &stats), 0x100f0e0d0c0b0a09ull);
	assert_int_equal(left.count, 8);
	for (unsigned i = 0; i < 8; i++)
		called(&left, i, 'r', 8 + i, 1);
	left.count = 0;
	bus_write(&bus, VOLT_SPACE_MMIO, 0xd0000000, 8, 0x8877665544332211ull, &stats);
	for (unsigned i = 0; i < 8; i++)
		wrote(i, i, 1, 0x11 * (i + 1));
}

static void split_never_widens_an_access(void **state)
{
	add_pio(&left, 0x100, 8, VOLT_IO_4, VOLT_RANGE_SPLIT);
	seal();
	assert_int_equal(pio_read(0x100, 2), 0xffff);
	assert_int_equal(left.count, 0);
	assert_int_equal(stats.misses, 1);
}

/* --------------------------------------------------------------------- edges */

static void an_access_across_two_ranges_reaches_both(void **state)
{
	add_pio(&left, 0x100, 8, 7, 0);
	add_pio(&right, 0x108, 8, 7, 0);
	seal();
	assert_int_equal(pio_read(0x106, 4), 0x02010807);
	called(&left, 0, 'r', 6, 2);
	called(&right, 0, 'r', 0, 2);
	assert_int_equal(stats.misses, 0);
	pio_write(0x106, 4, 0x44332211);
	wrote(1, 6, 2, 0x2211);
	called(&right, 1, 'w', 0, 2);
	assert_int_equal(right.calls[1].val, 0x4433);
}

static void what_leaves_a_range_at_its_end_misses(void **state)
{
	add_pio(&left, 0x100, 8, 7, 0);
	seal();
	assert_int_equal(pio_read(0x106, 4), 0xffff0807);
	assert_int_equal(left.count, 1);
	assert_true(stats.misses > 0);
	pio_write(0x107, 2, 0xbbaa);
	wrote(1, 7, 1, 0xaa);
}

static void what_comes_before_a_range_misses_and_the_rest_reaches_it(void **state)
{
	add_pio(&left, 0x100, 8, 7, 0);
	seal();
	assert_int_equal(pio_read(0xfe, 4), 0x0201ffff);
	called(&left, 0, 'r', 0, 2);
	assert_int_equal(pio_read(0xff, 2), 0x01ff);
	assert_true(stats.misses > 0);
}

static void three_bytes_left_are_taken_as_two_and_one(void **state)
{
	add_pio(&left, 0x100, 8, 7, 0);
	seal();
	assert_int_equal(pio_read(0x105, 4), 0xff080706);
	assert_int_equal(left.count, 2);
	called(&left, 0, 'r', 5, 2);
	called(&left, 1, 'r', 7, 1);
	left.count = 0;
	pio_write(0x105, 4, 0x44332211);
	wrote(0, 5, 2, 0x2211);
	wrote(1, 7, 1, 0x33);
	assert_int_equal(left.count, 2);
}

static void three_bytes_found_are_taken_as_two_and_one(void **state)
{
	add_pio(&left, 0x100, 8, 7, 0);
	seal();
	assert_int_equal(pio_read(0xff, 4), 0x030201ff);
	called(&left, 0, 'r', 0, 2);
	called(&left, 1, 'r', 2, 1);
}

static void a_piece_at_the_edge_obeys_the_mask(void **state)
{
	add_pio(&left, 0x100, 8, VOLT_IO_4, 0);
	seal();
	assert_int_equal(pio_read(0x106, 4), 0xffffffff);
	pio_write(0x106, 4, 0);
	assert_int_equal(left.count, 0);
}

static void the_last_port_does_not_wrap_to_the_first(void **state)
{
	add_pio(&left, 0xfffe, 2, 7, 0);
	add_pio(&right, 0, 8, 7, 0);
	seal();
	assert_int_equal(pio_read(0xffff, 4), 0xffffff02);
	called(&left, 0, 'r', 1, 1);
	pio_write(0xffff, 4, 0x44332211);
	wrote(1, 1, 1, 0x11);
	assert_int_equal(pio_read(0xfffe, 4), 0xffff0201);
	assert_int_equal(right.count, 0);
}

/* HOLDS(D2) */
static void no_handler_sees_a_byte_outside_its_range(void **state)
{
	add_pio(&left, 0x100, 3, 7, VOLT_RANGE_SPLIT);
	add_pio(&right, 0x104, 1, 7, VOLT_RANGE_SPLIT);
	seal();
	for (uint64_t port = 0xf8; port < 0x108; port++)
		for (uint32_t n = 1; n <= 8; n *= 2) {
			left.count = right.count = 0;
			uint64_t val = pio_read(port, n);
			for (uint32_t i = 0; i < n; i++) {
				uint64_t at = port + i;
				uint8_t want = at >= 0x100 && at < 0x103 ? (uint8_t)(at - 0xff)
					       : at == 0x104             ? 1
									 : 0xff;
				assert_int_equal((val >> (8 * i)) & 0xff, want);
			}
			for (unsigned i = 0; i < left.count; i++)
				assert_true(left.calls[i].off + left.calls[i].n <= 3);
			for (unsigned i = 0; i < right.count; i++)
				assert_true(right.calls[i].off + right.calls[i].n <= 1);
		}
}

/* Each range answers from its first byte to its last and nothing around them does. */
static void answers_only_in(uint64_t base, uint64_t last)
{
	const uint64_t inside[] = {base, base + (last - base) / 3, base + (last - base) / 2, last};

	for (unsigned i = 0; i < 4; i++) {
		left.count = 0;
		bus_read(&bus, VOLT_SPACE_MMIO, inside[i], 1, &stats);
		called(&left, 0, 'r', inside[i] - base, 1);
	}
	left.count = 0;
	bus_read(&bus, VOLT_SPACE_MMIO, base - 1, 1, &stats);
	bus_read(&bus, VOLT_SPACE_MMIO, last + 1, 1, &stats);
	assert_int_equal(left.count, 0);
}

static void ranges_of_memory_are_found_wherever_they_lie(void **state)
{
	static const struct {
		uint64_t base, len;
	} ranges[] = {
	    {0xc0000004, 4}, /* several in one entry of the index, with gaps */
	    {0xc0000010, 1},
	    {0xc0000100, 0x200},  /* ends in the next */
	    {0xc0000400, 0x200},  /* all of one */
	    {0xc2000000, 0x1000}, /* 32 MiB and 1 GiB further */
	    {0xc4000000, 1},
	    {0xd0000000, 8 << 20},   /* more than the index holds of one range */
	    {0xd0800001, 3},         /* right behind it, but one */
	    {0x100000000, 64 << 20}, /* more than the whole index */
	    {0x8000000000, 1ull << 36},
	    {0xfffffffffffff000, 0xfff},
	};
	const unsigned count = sizeof(ranges) / sizeof(ranges[0]);

	for (unsigned i = count; i-- > 0;)
		assert_int_equal(
		    add(&left, range(VOLT_SPACE_MMIO, ranges[i].base, ranges[i].len, VOLT_IO_1)),
		    0);
	seal();
	for (unsigned i = 0; i < count; i++)
		answers_only_in(ranges[i].base, ranges[i].base + (ranges[i].len - 1));
}

static void ranges_that_share_an_entry_of_the_index_are_all_found(void **state)
{
	/* 512 bytes apart in address and in its upper half: one entry for all of them. */
	for (uint64_t i = 0; i < 64; i++)
		assert_int_equal(
		    add(&left, range(VOLT_SPACE_MMIO, (i << 25) + ((i ^ 5) << 9) + (1ull << 40), 64,
				   VOLT_IO_1)),
		    0);
	seal();
	for (uint64_t i = 0; i < 64; i++)
		answers_only_in((i << 25) + ((i ^ 5) << 9) + (1ull << 40),
		    (i << 25) + ((i ^ 5) << 9) + (1ull << 40) + 63);
}

static void ports_are_found_in_every_part_of_their_space(void **state)
{
	for (uint64_t i = 0; i < 255; i++)
		add_pio(&left, 257 * i, 1 + i % 200, VOLT_IO_1, 0);
	seal();
	for (uint64_t port = 0; port < 0x10000; port++) {
		bool inside = port % 257 < 1 + port / 257 % 200 && port / 257 < 255;

		left.count = 0;
		pio_read(port, 1);
		assert_int_equal(left.count, inside);
		if (inside)
			called(&left, 0, 'r', port % 257, 1);
	}
}

/* --------------------------------------------------------------------- locks */

/* HOLDS(D7) */
static void callbacks_hold_their_instances_lock(void **state)
{
	add_pio(&left, 0x100, 8, VOLT_IO_1, VOLT_RANGE_SPLIT);
	seal();
	pio_read(0x100, 2);
	pio_write(0x100, 1, 0);
	for (unsigned i = 0; i < 3; i++)
		assert_true(left.calls[i].locked);
	assert_false(kit_locked(&left.owner));
}

/* HOLDS(D7) */
static void callbacks_of_parallel_ranges_hold_no_lock(void **state)
{
	add_pio(&left, 0x100, 8, VOLT_IO_1, VOLT_RANGE_PARALLEL | VOLT_RANGE_SPLIT);
	seal();
	pio_read(0x100, 2);
	pio_write(0x100, 1, 0);
	for (unsigned i = 0; i < 3; i++)
		assert_false(left.calls[i].locked);
}

static int place(uint64_t base, uint64_t len, uint64_t *got)
{
	const struct volt_range r = {.size = sizeof(r),
	    .space = VOLT_SPACE_MMIO,
	    .sizes = VOLT_IO_4,
	    .base = base,
	    .len = len,
	    .name = "placed"};
	char why[200];

	return bus_place(&bus, &left.owner, &r, got, why, sizeof(why));
}

static void a_range_anywhere_gets_an_address_that_nobody_has(void **state)
{
	uint64_t got = 0;

	assert_int_equal(place(0xd0001100, 0x100, &got), 0);
	assert_int_equal(got, 0xd0001100);
	assert_int_equal(place(VOLT_ANY, 0x200, &got), 0);
	assert_int_equal(got, 0xd0000000);
	assert_int_equal(place(VOLT_ANY, 0x200, &got), 0);
	assert_int_equal(got, 0xd0002000); /* behind the one that lies in the way */
	assert_int_equal(place(VOLT_ANY, 0x3000, &got), 0);
	assert_int_equal(got, 0xd0004000); /* aligned to what holds it */
	assert_int_equal(place(VOLT_ANY, 0x10000000, &got), -ENOSPC);
	assert_int_equal(place(VOLT_ANY, UINT64_MAX, &got), -ENOSPC);
	assert_int_equal(place(VOLT_ANY, 0, &got), -EINVAL);
	assert_int_equal(place(VOLT_ANY, 0x8000000, &got), 0);
	assert_int_equal(got, 0xd8000000);
	assert_int_equal(place(VOLT_ANY, 0x8000000, &got), -ENOSPC);
	assert_int_equal(bus_seal(&bus), 0);
}

static void take_at(uint64_t base, uint64_t len)
{
	uint64_t got;

	assert_int_equal(place(base, len, &got), 0);
}

static void a_place_above_ram_is_that_of_nobody_else(void **state)
{
	const uint64_t section = 128ull << 20, gib4 = 4ull << 30, end = 1ull << 40;

	assert_int_equal(bus_find_high(&bus, gib4, end, section), gib4);
	assert_int_equal(bus_find_high(&bus, gib4 + 4096, end, 4096), gib4 + section);
	take_at(gib4, 4096);
	take_at(gib4 + 3 * section - 4, 4);
	take_at(0xd0000000, 4096);
	assert_int_equal(bus_find_high(&bus, gib4, end, section), gib4 + section);
	/* What reaches into another's is moved behind it. */
	assert_int_equal(bus_find_high(&bus, gib4, end, 2 * section), gib4 + 3 * section);
	take_at(gib4 + section, section + 1);
	assert_int_equal(bus_find_high(&bus, gib4, end, 4096), gib4 + 3 * section);
}

static void a_place_above_ram_ends_where_addresses_do(void **state)
{
	const uint64_t section = 128ull << 20, end = 1ull << 36;

	assert_int_equal(bus_find_high(&bus, end - section, end, section), end - section);
	assert_int_equal(bus_find_high(&bus, end - section, end, section + 4096), 0);
	assert_int_equal(bus_find_high(&bus, end - section + 1, end, 4096), 0);
	assert_int_equal(bus_find_high(&bus, end, end, 4096), 0);
	assert_int_equal(bus_find_high(&bus, 1ull << 32, end, UINT64_MAX), 0);
	take_at(end - section, UINT64_MAX - (end - section));
	assert_int_equal(bus_find_high(&bus, end - section, end, 4096), 0);
	assert_int_equal(bus_find_high(&bus, end - 2 * section, end, section), end - 2 * section);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(malformed_ranges_are_refused_with_the_reason),
	    TEST(ranges_may_end_with_their_space),
	    TEST(names_are_copied),
	    TEST(a_range_anywhere_gets_an_address_that_nobody_has),
	    TEST(a_place_above_ram_is_that_of_nobody_else),
	    TEST(a_place_above_ram_ends_where_addresses_do),
	    TEST(the_table_holds_512_ranges_and_finds_each),
	    TEST(an_overlap_names_both_owners),
	    TEST(equal_ranges_overlap),
	    TEST(adjacent_ranges_and_other_spaces_do_not_overlap),
	    TEST(the_sealed_table_is_read_only),
	    TEST(the_sealed_table_is_final_where_the_kernel_can),
	    TEST(a_range_answers_from_its_first_to_its_last_byte),
	    TEST(an_empty_table_reads_all_ones),
	    TEST(null_handlers_read_ones_and_drop_writes),
	    TEST(values_are_masked_to_their_width_both_ways),
	    TEST(an_access_outside_the_mask_misses),
	    TEST(split_uses_the_widest_width_that_divides_it),
	    TEST(eight_bytes_split_into_one_byte_calls_in_order),
	    TEST(split_never_widens_an_access),
	    TEST(an_access_across_two_ranges_reaches_both),
	    TEST(what_leaves_a_range_at_its_end_misses),
	    TEST(what_comes_before_a_range_misses_and_the_rest_reaches_it),
	    TEST(three_bytes_left_are_taken_as_two_and_one),
	    TEST(three_bytes_found_are_taken_as_two_and_one),
	    TEST(a_piece_at_the_edge_obeys_the_mask),
	    TEST(the_last_port_does_not_wrap_to_the_first),
	    TEST(no_handler_sees_a_byte_outside_its_range),
	    TEST(callbacks_hold_their_instances_lock),
	    TEST(ranges_of_memory_are_found_wherever_they_lie),
	    TEST(ranges_that_share_an_entry_of_the_index_are_all_found),
	    TEST(ports_are_found_in_every_part_of_their_space),
	    TEST(callbacks_of_parallel_ranges_hold_no_lock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
