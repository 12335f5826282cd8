/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Rings of drivers that lie: each rule by itself, all small rings, and random ones. After any of
 * it the device is reset, set up anew and answers one honest request on each queue.
 */
#include <stdio.h>

#include "test_virtio.h"

#define NEXT     1u
#define WRITE    2u
#define INDIRECT 4u

/* One chain that starts at descriptor 0 of queue 0, shown and kicked. */
static void try_chain(struct bench *b)
{
	fake_driver_show(b->d, 0, 0);
	fake_driver_kick(b->d, 0);
}

static void put(
    struct bench *b, unsigned i, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	fake_driver_put(b->d, fake_driver_ring(b->d, 0)->desc, i, addr, len, flags, next);
}

/* The device told of it once, took no request, is deaf until a reset, and serves its other queue.
 */
static void assert_broken(struct bench *b)
{
	const unsigned rises = fake_driver_interrupts(b->d);
	uint32_t head, len;

	assert_true(needs_reset(b));
	assert_int_equal(fake_driver_get(b->d, FAKE_REG_ISR) & 2, 2);
	assert_int_equal(b->toy->requests, 0);
	put(b, 0, RAM, 1, 0, 0);
	try_chain(b);
	assert_false(fake_driver_used(b->d, 0, &head, &len));
	assert_int_equal(fake_driver_interrupts(b->d), rises);
	assert_int_equal(fake_counter(b->f, "broken"), 1);
	assert_true(echo_works(b, 1, FAKE_DIRECT));
	assert_true(recovers(b));
}

static void a_head_beyond_the_ring(void **state)
{
	struct bench *b = *state;

	fake_driver_show(b->d, 0, 8);
	fake_driver_kick(b->d, 0);
	assert_broken(b);
}

static void a_next_beyond_the_ring(void **state)
{
	put(*state, 0, RAM, 1, NEXT, 8);
	try_chain(*state);
	assert_broken(*state);
}

static void a_loop_of_one(void **state)
{
	put(*state, 0, RAM, 0, NEXT, 0);
	try_chain(*state);
	assert_broken(*state);
}

static void a_loop_of_the_whole_ring(void **state)
{
	for (unsigned i = 0; i < 8; i++)
		put(*state, i, RAM, 0, NEXT, (uint16_t)((i + 1) % 8));
	try_chain(*state);
	assert_broken(*state);
}

static void a_readable_segment_after_a_writable_one(void **state)
{
	put(*state, 0, RAM, 1, NEXT | WRITE, 1);
	put(*state, 1, RAM, 1, 0, 0);
	try_chain(*state);
	assert_broken(*state);
}

static void an_index_that_ran_away(void **state)
{
	struct bench *b = *state;

	fake_driver_ring(b->d, 0)->next = 8;
	try_chain(b); /* 9 of 8 */
	assert_broken(b);
}

static void an_index_that_went_back(void **state)
{
	struct bench *b = *state;

	fake_driver_ring(b->d, 0)->next = 0xfffe;
	try_chain(b);
	assert_broken(b);
}

static void segments_that_are_not_memory(void **state)
{
	struct bench *b = *state;
	const uint64_t end = RAM + RAM_SIZE;
	const struct {
		uint64_t addr;
		uint32_t len;
	} bad[] = {
	    {0, 1},
	    {RAM - 1, 2},
	    {end - 1, 2},
	    {end, 1},
	    {RAM, 0xffffffff},
	    {~UINT64_C(0), 1},
	    {~UINT64_C(0), 2},
	    {0xfee00000, 4},
	    {0xfec00000, 4},
	    {fake_range(b->f, 0)->base, 4},
	};

	for (unsigned i = 0; i < 2 * sizeof(bad) / sizeof(bad[0]); i++) {
		put(b, 0, bad[i / 2].addr, bad[i / 2].len, i % 2 ? WRITE : 0, 0);
		try_chain(b);
		assert_true(needs_reset(b));
		assert_true(recovers(b));
		fake_driver_free_all(b->d);
		assert_true(fake_driver_start(b->d, ALL, 2, 8));
	}
}

static void more_segments_than_the_device_takes(void **state)
{
	struct bench *b = *state;
	struct fake_segment s[TOY_SEGMENTS + 1];

	fake_driver_free_all(b->d);
	assert_true(fake_driver_start(b->d, ALL, 2, 16));
	for (unsigned i = 0; i <= TOY_SEGMENTS; i++)
		s[i] = (struct fake_segment){RAM, 1, false};
	fake_driver_add(b->d, 0, s, TOY_SEGMENTS + 1, FAKE_DIRECT);
	fake_driver_kick(b->d, 0);
	assert_true(needs_reset(b));
	assert_int_equal(b->toy->requests, 0);
	assert_true(recovers(b));
}

/* --------------------------------------------------------- indirect tables */

static void try_indirect(struct bench *b, uint64_t table, uint32_t len, uint16_t flags)
{
	put(b, 0, table, len, flags, 1);
	put(b, 1, RAM, 1, 0, 0);
	try_chain(b);
}

static void a_table_without_the_feature(void **state)
{
	struct bench *b = *state;

	fake_driver_free_all(b->d);
	assert_true(fake_driver_start(b->d, VOLT_VIRTIO_F_VERSION_1, 2, 8));
	try_indirect(b, fake_driver_alloc(b->d, 16, 16), 16, INDIRECT);
	assert_broken(b);
}

static void a_table_that_is_not_the_last(void **state)
{
	struct bench *b = *state;

	try_indirect(b, fake_driver_alloc(b->d, 16, 16), 16, INDIRECT | NEXT);
	assert_broken(b);
}

static void a_table_that_is_not_the_first(void **state)
{
	struct bench *b = *state;
	const uint64_t table = fake_driver_alloc(b->d, 16, 16);

	fake_driver_put(b->d, table, 0, RAM, 1, 0, 0);
	put(b, 0, RAM, 1, NEXT, 1);
	put(b, 1, table, 16, INDIRECT, 0);
	try_chain(b);
	assert_broken(b);
}

static void a_table_in_a_table(void **state)
{
	struct bench *b = *state;
	const uint64_t table = fake_driver_alloc(b->d, 16, 16);

	fake_driver_put(b->d, table, 0, table, 16, INDIRECT, 0);
	try_indirect(b, table, 16, INDIRECT);
	assert_broken(b);
}

static void a_table_of_a_bad_length(void **state)
{
	struct bench *b = *state;
	static const uint32_t lengths[] = {0, 1, 15, 17, 16 * 9, 16 * 65536, 0xfffffff0};

	for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		try_indirect(b, RAM + 0x1800, lengths[i], INDIRECT);
		assert_true(needs_reset(b));
		fake_driver_free_all(b->d);
		assert_true(fake_driver_start(b->d, ALL, 2, 8));
	}
	assert_int_equal(b->toy->requests, 0);
}

static void a_table_outside_of_memory(void **state)
{
	try_indirect(*state, RAM + RAM_SIZE - 16, 32, INDIRECT);
	assert_broken(*state);
}

static void a_loop_in_a_table(void **state)
{
	struct bench *b = *state;
	const uint64_t table = fake_driver_alloc(b->d, 32, 16);

	fake_driver_put(b->d, table, 0, RAM, 0, NEXT, 1);
	fake_driver_put(b->d, table, 1, RAM, 0, NEXT, 0);
	try_indirect(b, table, 32, INDIRECT);
	assert_broken(b);
}

/* ------------------------------------------------- lies that break nothing */

static void what_the_driver_writes_to_the_used_ring_changes_nothing(void **state)
{
	struct bench *b = *state;
	const struct fake_ring *r = fake_driver_ring(b->d, 0);

	assert_true(echo_works(b, 0, FAKE_DIRECT));
	memset(fake_driver_at(b->d, r->used), 0xff, 4 + 8 * 8 + 2);
	const struct fake_segment s[] = {{RAM + 0x1800, 1, false}};

	fake_driver_add(b->d, 0, s, 1, FAKE_DIRECT);
	fake_driver_kick(b->d, 0);
	assert_int_equal(volt_le16(fake_driver_at(b->d, r->used) + 2), 2);
	assert_false(needs_reset(b));
}

/* A request whose answer lands in its own available ring, which asks for more of it for ever. */
static void a_chain_that_feeds_its_own_ring_is_bounded(void **state)
{
	struct bench *b = *state;
	const struct fake_ring *r = fake_driver_ring(b->d, 0);
	const uint64_t from = fake_driver_alloc(b->d, 2, 2);

	put(b, 0, r->avail + 2, 2, NEXT, 1); /* the index, low byte plus one */
	put(b, 1, r->avail + 2, 2, WRITE, 0);
	volt_put_le16(fake_driver_at(b->d, from), 2);
	fake_driver_show(b->d, 0, 0);
	fake_driver_set(b->d, FAKE_REG_QUEUE_NOTIFY, 0);
	fake_run_workers(b->f);
	assert_true(b->toy->requests <= 8); /* one ring's worth in a run */
	assert_true(recovers(b));
}

static void two_queues_on_one_ring_are_served(void **state)
{
	struct bench *b = *state;

	fake_driver_reset(b->d);
	fake_driver_free_all(b->d);
	assert_true(fake_driver_negotiate(b->d, ALL));
	assert_true(fake_driver_queue(b->d, 0, 8));
	*fake_driver_ring(b->d, 1) = *fake_driver_ring(b->d, 0);
	assert_true(fake_driver_tell_queue(b->d, 1));
	fake_driver_set(b->d, FAKE_REG_STATUS, 15);
	put(b, 0, RAM + 0x1800, 1, 0, 0);
	try_chain(b);
	fake_driver_kick(b->d, 1);
	assert_int_equal(b->toy->requests, 2);
	assert_true(recovers(b));
}

/* ---------------------------------------------------------------- all rings */

/* virtio 2.7.4: is a chain of two descriptors, each of these, one that a device must take? */
struct piece {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

static bool is_ram(const struct piece *p)
{
	return p->len == 0 || (p->addr >= RAM && p->addr - RAM <= RAM_SIZE &&
				  p->len <= RAM_SIZE - (p->addr - RAM));
}

static bool is_legal(const struct piece *p)
{
	if (p[0].flags & INDIRECT)
		return false; /* none of these tables is one */
	if (!is_ram(&p[0]))
		return false;
	if (!(p[0].flags & NEXT))
		return true;
	if (p[0].next != 1 || p[1].flags & (NEXT | INDIRECT) || !is_ram(&p[1]))
		return false;
	return !(p[0].flags & WRITE && p[0].len && !(p[1].flags & WRITE));
}

static struct piece piece_of(unsigned i)
{
	static const uint64_t addr[] = {0, RAM + 0x1800, RAM + RAM_SIZE - 2, ~UINT64_C(0) - 1};
	static const uint32_t len[] = {0, 1, 3, 0xffffffff};

	return (struct piece){
	    addr[i % 4],
	    len[i / 4 % 4],
	    (uint16_t)(i / 16 % 8),
	    (uint16_t)(i / 128 % 3),
	};
}

#define PIECES 384u

/* Every ring of two descriptors out of these classes. A chain of more segments than its ring
 * has entries, or an empty one before a readable one after a writable, is in none of them. */
static void every_small_ring_is_taken_or_refused_as_the_rules_say(void **state)
{
	struct bench *b = *state;
	unsigned legal = 0;

	for (unsigned i = 0; i < PIECES * PIECES; i++) {
		const struct piece p[2] = {piece_of(i % PIECES), piece_of(i / PIECES)};
		const uint32_t before = b->toy->requests;

		if (i / PIECES && ((p[0].flags & (NEXT | INDIRECT)) != NEXT || p[0].next != 1))
			continue; /* the second is not looked at: once will do */
		fake_driver_free_all(b->d);
		assert_true(fake_driver_start(b->d, ALL, 1, 2));
		put(b, 0, p[0].addr, p[0].len, p[0].flags, p[0].next);
		put(b, 1, p[1].addr, p[1].len, p[1].flags, p[1].next);
		try_chain(b);
		if (needs_reset(b) == is_legal(p) || b->toy->requests - before != is_legal(p))
			fail_msg("ring %u: %s", i, is_legal(p) ? "refused" : "taken");
		legal += is_legal(p);
	}
	assert_true(legal > 500);
}

/* How far the index may run ahead: virtio 2.7.13. */
static void every_index_of_small_rings(void **state)
{
	struct bench *b = *state;

	for (unsigned size = 1; size <= 4; size *= 2)
		for (int delta = -2; delta <= (int)size + 2; delta++) {
			const uint32_t before = b->toy->requests;

			fake_driver_free_all(b->d);
			assert_true(fake_driver_start(b->d, ALL, 1, (uint16_t)size));
			put(b, 0, RAM + 0x1800, 1, 0, 0);
			fake_driver_ring(b->d, 0)->next = (uint16_t)(delta - 1);
			try_chain(b);
			const bool ran_away = delta < 0 || delta > (int)size;
			/* All entries name one chain, which cannot be in flight twice. */
			const bool twice = b->toy->type.slots && delta > 1;

			assert_int_equal(needs_reset(b), ran_away || twice);
			assert_int_equal(
			    b->toy->requests - before, ran_away ? 0 : (twice ? 1 : delta));
		}
}

static uint64_t rng;

static uint32_t rnd(uint32_t below)
{
	rng = rng * UINT64_C(6364136223846793005) + 1;
	return (uint32_t)(rng >> 33) % below;
}

static uint64_t some_address(struct bench *b)
{
	const struct fake_ring *r = fake_driver_ring(b->d, rnd(2));

	switch (rnd(8)) {
	case 0:
		return r->desc + rnd(128);
	case 1:
		return r->avail + rnd(22);
	case 2:
		return r->used + rnd(70);
	case 3:
		return (uint64_t)rng;
	default:
		return RAM + rnd(RAM_SIZE);
	}
}

static void corrupt(struct bench *b)
{
	for (unsigned i = 0; i < 8; i++)
		fake_driver_put(b->d, fake_driver_ring(b->d, rnd(2))->desc, i, some_address(b),
		    rnd(4) ? rnd(64) : rnd(0x10000), (uint16_t)rnd(8), (uint16_t)rnd(9));
	for (unsigned i = 0; i < 1 + rnd(6); i++)
		fake_driver_show(b->d, rnd(2), (uint16_t)rnd(rnd(8) ? 8 : 65536));
}

static void random_rings_break_nothing_but_themselves(void **state)
{
	struct bench *b = *state;
	const char *seed = getenv("VOLT_FUZZ_SEED");

	rng = seed && *seed ? strtoull(seed, NULL, 0) : 20261130;
	print_message("VOLT_FUZZ_SEED=%llu\n", (unsigned long long)rng);
	fake_memory_races(b->f, rng);
	for (unsigned i = 0; i < 1500; i++) {
		fake_driver_free_all(b->d);
		assert_true(fake_driver_start(b->d, rnd(4) ? ALL : VOLT_VIRTIO_F_VERSION_1, 2, 8));
		for (unsigned n = rnd(3); n < 3; n++) {
			corrupt(b);
			fake_driver_set(b->d, FAKE_REG_QUEUE_NOTIFY, 0);
			fake_driver_set(b->d, FAKE_REG_QUEUE_NOTIFY, 1);
			for (unsigned runs = 0; runs < 4; runs++)
				fake_run_workers(b->f);
		}
	}
	bench_close(b);
	b = bench_open();
	*state = b;
	assert_true(recovers(b));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(a_head_beyond_the_ring),
	    T(a_next_beyond_the_ring),
	    T(a_loop_of_one),
	    T(a_loop_of_the_whole_ring),
	    T(a_readable_segment_after_a_writable_one),
	    T(an_index_that_ran_away),
	    T(an_index_that_went_back),
	    T(segments_that_are_not_memory),
	    T(more_segments_than_the_device_takes),
	    T(a_table_without_the_feature),
	    T(a_table_that_is_not_the_last),
	    T(a_table_that_is_not_the_first),
	    T(a_table_in_a_table),
	    T(a_table_of_a_bad_length),
	    T(a_table_outside_of_memory),
	    T(a_loop_in_a_table),
	    T(what_the_driver_writes_to_the_used_ring_changes_nothing),
	    T(a_chain_that_feeds_its_own_ring_is_bounded),
	    T(two_queues_on_one_ring_are_served),
	    T(every_small_ring_is_taken_or_refused_as_the_rules_say),
	    T(every_index_of_small_rings),
	    T(random_rings_break_nothing_but_themselves),
	};
#undef T
	return cmocka_run_group_tests_name("mmio", tests, use_mmio, NULL) +
	       cmocka_run_group_tests_name("pci", tests, use_pci, NULL) +
	       cmocka_run_group_tests_name("slots", tests, use_slots, NULL);
}
