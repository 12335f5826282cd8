/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * The rules of accesses in volt/plugin.h, as the fake host keeps them.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "toy.h"

#include <cmocka.h> /* last: it defines fail() */

#define MMIO 0xd0000000ull
#define TOP  (UINT64_MAX - 3) /* a range of the last four addresses there are */
#define B    VOLT_IO_1
#define W    VOLT_IO_2
#define L    VOLT_IO_4
#define Q    VOLT_IO_8

/*
 * PIO   0x100..0x107 any size; 0x108..0x10b bytes only, split; 0x200..0x203 long only;
 *       0x300..0x303 bytes, no split; 0x400 no callbacks; 0xfffe..0xffff bytes, split;
 *       0x500..0x502 any size, split
 * MMIO  0xd0000000..1f, long or shorter, split; the last four addresses
 */
static int wire_map(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct volt_range map[] = {
	    toy_range(VOLT_SPACE_PIO, B | W | L, 0, 0x100, 8),
	    toy_range(VOLT_SPACE_PIO, B, VOLT_RANGE_SPLIT, 0x108, 4),
	    toy_range(VOLT_SPACE_PIO, L, VOLT_RANGE_SPLIT, 0x200, 4),
	    toy_range(VOLT_SPACE_PIO, B, 0, 0x300, 4),
	    toy_range(VOLT_SPACE_PIO, B | W, 0, 0x400, 2),
	    toy_range(VOLT_SPACE_PIO, B, VOLT_RANGE_SPLIT, 0xfffe, 2),
	    toy_range(VOLT_SPACE_PIO, B | W | L, VOLT_RANGE_SPLIT, 0x500, 3),
	    toy_range(VOLT_SPACE_MMIO, B | W | L, VOLT_RANGE_SPLIT, MMIO, 0x20),
	    toy_range(VOLT_SPACE_MMIO, B | W | L | Q, VOLT_RANGE_SPLIT, TOP, 4),
	};

	map[4].read = NULL;
	map[4].write = NULL;
	for (unsigned i = 0; i < sizeof(map) / sizeof(map[0]); i++)
		assert_int_equal(h->add_range(h, &map[i]), 0);
	return toy_init(self, h, a);
}

static struct fake_host *f;

static int start(void **state)
{
	f = toy_run(wire_map);
	return 0;
}

static int stop(void **state)
{
	toy_stop(f);
	return 0;
}

static uint64_t in(uint16_t port, uint32_t n)
{
	return fake_read(f, VOLT_SPACE_PIO, port, n);
}

static void out(uint16_t port, uint32_t n, uint64_t val)
{
	fake_write(f, VOLT_SPACE_PIO, port, n, val);
}

static void assert_calls(const char *calls, unsigned misses)
{
	assert_string_equal(toy_calls(f), calls);
	assert_int_equal(fake_misses(f), misses);
}

static void access_of_allowed_size_is_one_call(void **state)
{
	assert_int_equal(in(0x101, 1), 0x11);
	assert_int_equal(in(0x102, 2), 0x1312);
	out(0x104, 4, 0xaabbccdd);
	assert_calls("r1/1 r2/2 w4/4=aabbccdd ", 0);
}

static void convenience_calls_access_one_byte(void **state)
{
	assert_int_equal(fake_in(f, 0x107), 0x17);
	fake_out(f, 0x107, 0x5a);
	assert_calls("r7/1 w7/1=5a ", 0);
}

static void written_bits_above_the_size_are_zero(void **state)
{
	out(0x100, 1, 0xfff1);
	fake_write(f, VOLT_SPACE_MMIO, MMIO, 4, UINT64_MAX);
	assert_calls("w0/1=f1 w0/4=ffffffff ", 0);
}

static uint64_t read_too_much(void *self, uint64_t off, uint32_t n)
{
	return 0x1122334455667788ull;
}

static int wire_too_much(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct volt_range r = toy_range(VOLT_SPACE_PIO, B | W, VOLT_RANGE_SPLIT, 0x100, 8);

	r.read = read_too_much;
	assert_int_equal(h->add_range(h, &r), 0);
	return toy_init(self, h, a);
}

static void read_bits_above_the_size_are_ignored(void **state)
{
	struct fake_host *other = toy_run(wire_too_much);

	assert_int_equal(fake_read(other, VOLT_SPACE_PIO, 0x100, 1), 0x88);
	assert_int_equal(fake_read(other, VOLT_SPACE_PIO, 0x100, 4), 0x77887788);
	toy_stop(other);
}

static void wider_access_is_split_lowest_address_first(void **state)
{
	assert_int_equal(in(0x108, 4), 0x13121110);
	out(0x10a, 2, 0x0201);
	assert_calls("r0/1 r1/1 r2/1 r3/1 w2/1=1 w3/1=2 ", 0);
}

static void wider_access_is_split_into_the_widest_size(void **state)
{
	assert_true(fake_read(f, VOLT_SPACE_MMIO, MMIO + 8, 8) == 0x1f1e1d1c1b1a1918ull);
	fake_write(f, VOLT_SPACE_MMIO, MMIO, 8, 0x1111111122222222ull);
	assert_calls("r8/4 r12/4 w0/4=22222222 w4/4=11111111 ", 0);
}

static void wider_access_without_split_misses(void **state)
{
	assert_int_equal(in(0x300, 2), 0xffff);
	out(0x300, 4, 1);
	assert_calls("", 2);
}

static void narrower_access_than_allowed_misses(void **state)
{
	assert_int_equal(in(0x200, 1), 0xff);
	assert_int_equal(in(0x202, 2), 0xffff);
	assert_calls("", 2);
}

static void unmapped_read_is_all_ones_and_counted(void **state)
{
	assert_int_equal(in(0x600, 1), 0xff);
	assert_int_equal(in(0x600, 4), 0xffffffff);
	assert_true(fake_read(f, VOLT_SPACE_MMIO, 0x1000, 8) == UINT64_MAX);
	out(0x600, 2, 0);
	assert_calls("", 4);
}

static void spaces_do_not_mix(void **state)
{
	assert_int_equal(fake_read(f, VOLT_SPACE_MMIO, 0x100, 1), 0xff);
	assert_calls("", 1);
}

static void access_across_two_ranges_is_split_at_the_edge(void **state)
{
	assert_int_equal(in(0x106, 4), 0x11101716);
	out(0x106, 4, 0x44332211);
	assert_calls("r6/2 r0/1 r1/1 w6/2=2211 w0/1=33 w1/1=44 ", 0);
}

static void access_beyond_the_end_is_clipped(void **state)
{
	assert_int_equal(in(0x10a, 4), 0xffff1312);
	out(0x10b, 2, 0xbbaa);
	assert_calls("r2/1 r3/1 w3/1=aa ", 2);
}

static void access_from_a_hole_into_a_range_reaches_it(void **state)
{
	assert_int_equal(in(0xfe, 4), 0x1110ffff);
	assert_calls("r0/2 ", 1);
}

static void three_bytes_inside_are_called_as_two_and_one(void **state)
{
	assert_int_equal(in(0x500, 4), 0xff121110);
	assert_calls("r0/2 r2/1 ", 1);
}

static void port_space_does_not_wrap(void **state)
{
	assert_int_equal(in(0xffff, 4), 0xffffff11);
	out(0xfffe, 4, 0x04030201);
	assert_calls("r1/1 w0/1=1 w1/1=2 ", 2);
}

static void address_space_does_not_wrap(void **state)
{
	assert_true(fake_read(f, VOLT_SPACE_MMIO, TOP, 8) == 0xffffffff13121110ull);
	fake_write(f, VOLT_SPACE_MMIO, UINT64_MAX, 2, 0x2211);
	assert_calls("r0/4 w3/1=11 ", 2);
}

static void range_without_callbacks_answers_all_ones_and_is_no_miss(void **state)
{
	out(0x400, 2, 0);
	assert_int_equal(in(0x400, 2), 0xffff);
	assert_calls("", 0);
}

static void ranges_are_kept_in_the_order_added(void **state)
{
	assert_int_equal(fake_range_count(f), 9);
	assert_int_equal(fake_range(f, 1)->base, 0x108);
	assert_string_equal(fake_range(f, 0)->name, "toy registers");
	assert_null(fake_range(f, 9));
}

/* ------------------------------------------------------------------ wiring */

static void assert_bad(const struct volt_host *h, struct volt_range r, const char *says)
{
	assert_int_equal(h->add_range(h, &r), -EINVAL);
	assert_non_null(strstr(fake_host_logged(h->core, NULL), says));
}

static int wire_malformed(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct volt_range good = toy_range(VOLT_SPACE_PIO, B, 0, 0x100, 8), r;

	r = good, r.size = 0, assert_bad(h, r, "size");
	r = good, r.name = NULL, assert_bad(h, r, "name");
	r = good, r.space = 2, assert_bad(h, r, "space");
	r = good, r.sizes = 0, assert_bad(h, r, "sizes");
	r = good, r.sizes = 16, assert_bad(h, r, "sizes");
	r = good, r.flags = 4, assert_bad(h, r, "flag");
	r = good, r.reserved = 1, assert_bad(h, r, "reserved");
	r = good, r.len = 0, assert_bad(h, r, "length");
	r = good, r.base = 0xfff9, assert_bad(h, r, "0xffff");
	r = good, r.space = VOLT_SPACE_MMIO, r.base = UINT64_MAX, assert_bad(h, r, "wraps");
	r = good, r.base = 0xfff8, assert_int_equal(h->add_range(h, &r), 0);
	return toy_init(self, h, a);
}

static void malformed_range_is_refused(void **state)
{
	struct fake_host *other = toy_run(wire_malformed);

	assert_int_equal(fake_range_count(other), 1);
	toy_stop(other);
}

static int wire_overlap(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct volt_range low = toy_range(VOLT_SPACE_PIO, B, 0, 0x100, 8);
	struct volt_range high = toy_range(VOLT_SPACE_PIO, B, 0, 0x107, 1);

	low.name = "low";
	high.name = "high";
	assert_int_equal(h->add_range(h, &low), 0);
	assert_int_equal(h->add_range(h, &high), 0);
	return toy_init(self, h, a);
}

static void overlap_is_found_at_the_seal_and_names_both(void **state)
{
	struct volt_plugin p = toy_plugin;

	p.init = wire_overlap;
	struct fake_host *other = fake_host_create(&p);

	assert_int_equal(fake_host_wire(other, NULL), 0);
	assert_int_equal(fake_host_run(other), -EBUSY);
	assert_string_equal(fake_host_message(other), "ranges low and high overlap");
	fake_host_destroy(other);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(access_of_allowed_size_is_one_call),
	    CASE(convenience_calls_access_one_byte),
	    CASE(written_bits_above_the_size_are_zero),
	    cmocka_unit_test(read_bits_above_the_size_are_ignored),
	    CASE(wider_access_is_split_lowest_address_first),
	    CASE(wider_access_is_split_into_the_widest_size),
	    CASE(wider_access_without_split_misses),
	    CASE(narrower_access_than_allowed_misses),
	    CASE(unmapped_read_is_all_ones_and_counted),
	    CASE(spaces_do_not_mix),
	    CASE(access_across_two_ranges_is_split_at_the_edge),
	    CASE(access_beyond_the_end_is_clipped),
	    CASE(access_from_a_hole_into_a_range_reaches_it),
	    CASE(three_bytes_inside_are_called_as_two_and_one),
	    CASE(port_space_does_not_wrap),
	    CASE(address_space_does_not_wrap),
	    CASE(range_without_callbacks_answers_all_ones_and_is_no_miss),
	    CASE(ranges_are_kept_in_the_order_added),
	    cmocka_unit_test(malformed_range_is_refused),
	    cmocka_unit_test(overlap_is_found_at_the_seal_and_names_both),
	};

	return cmocka_run_group_tests_name("fake_bus", tests, NULL, NULL);
}
