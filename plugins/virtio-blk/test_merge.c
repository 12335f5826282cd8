/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Adjacent requests of a batch are one call: io=calls. */
#include "test_bench.h"

#define COUNT 6u
#define BLOCK 8u /* sectors of a request */
#define N     (BLOCK * 512u)

static int setup(void **state)
{
	return start(state, "", WRITABLE, 1);
}

static int setup_simple(void **state)
{
	return start(state, "", LIBRARY, 1);
}

static int setup_direct(void **state)
{
	const int fd = open(path, O_RDWR | O_DIRECT);

	if (fd >= 0)
		close(fd);
	return start(state, fd < 0 ? "" : ",direct", WRITABLE, 1);
}

static void show_adjacent(uint32_t type, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		memset(at(data(i)), (int)(0x40 + i), N);
		show(i, type, (uint64_t)BLOCK * i, N, 0);
	}
}

static void kick(void)
{
	fake_driver_kick(driver, 0);
}

/* Block i of the file is of request i's bytes. */
static void expect_written(unsigned i)
{
	uint8_t bytes[N];

	assert_int_equal(pread(file, bytes, N, (off_t)N * i), N);
	for (unsigned k = 0; k < N; k++)
		assert_int_equal(bytes[k], 0x40 + i);
}

static void expect_old(unsigned i)
{
	uint8_t byte;

	assert_int_equal(pread(file, &byte, 1, (off_t)N * i), 1);
	assert_int_equal(byte, pattern((uint64_t)N * i));
}

/* ---------------------------------------------------------------------- together */

static void adjacent_reads_are_one_call(void **state)
{
	uint32_t head, len;

	show_adjacent(IN, COUNT);
	kick();
	assert_string_equal(libc.log, "r");
	for (unsigned i = 0; i < COUNT; i++) {
		assert_true(fake_driver_used(driver, 0, &head, &len));
		assert_int_equal(len, N + 1);
		assert_int_equal(*at(status(i)), OK);
		expect_data(i, (uint64_t)BLOCK * i, N, 0);
	}
	assert_int_equal(fake_driver_interrupts(driver), 1);
	assert_int_equal(fake_counter(*state, "read_bytes"), COUNT * N);
}

static void adjacent_writes_are_one_call(void **state)
{
	show_adjacent(OUT, COUNT);
	kick();
	expect_all(COUNT, OK);
	assert_string_equal(libc.log, "w");
	for (unsigned i = 0; i < COUNT; i++)
		expect_written(i);
	assert_int_equal(fake_counter(*state, "written_bytes"), COUNT * N);
}

static void a_gap_or_a_step_back_parts_them(void **state)
{
	static const uint64_t sectors[] = {0, 8, 17, 25, 24};

	for (unsigned i = 0; i < 5; i++)
		show(i, IN, sectors[i], N, 0);
	kick();
	expect_all(5, OK);
	assert_string_equal(libc.log, "rrr");
	for (unsigned i = 0; i < 5; i++)
		expect_data(i, sectors[i], N, 0);
}

/* The second is where the first was, and the third reads what both wrote. */
static void requests_of_a_queue_keep_their_order(void **state)
{
	memset(at(data(0)), 1, N);
	memset(at(data(1)), 2, N);
	show(0, OUT, 0, N, 0);
	show(1, OUT, 4, N, 0);
	show(2, IN, 0, N, 0);
	kick();
	expect_all(3, OK);
	assert_string_equal(libc.log, "wwr");
	assert_int_equal(*at(data(2)), 1);
	assert_int_equal(*at(data(2) + 4 * 512), 2);
}

static void a_read_does_not_join_a_write(void **state)
{
	show(0, OUT, 0, N, 0);
	show(1, IN, BLOCK, N, 0);
	show(2, IN, 2 * BLOCK, N, 0);
	kick();
	expect_all(3, OK);
	assert_string_equal(libc.log, "wr");
}

static void what_lies_wrong_for_o_direct_keeps_its_turn(void **state)
{
	show(0, OUT, 0, N, 0);
	show(1, IN, 0, N, 3);
	show(2, IN, 0, N, 0);
	memset(at(data(0)), 0x77, N);
	kick();
	expect_all(3, OK);
	assert_int_equal(*at(data(1) + 3), 0x77);
	assert_int_equal(*at(data(2)), 0x77);
	assert_true(libc.aligned);
}

static void as_many_segments_as_a_call_takes_are_joined(void **state)
{
	struct fake_segment s[52];
	uint32_t head, len;

	assert_true(fake_driver_start(driver, WRITABLE, 1, 64));
	for (unsigned i = 0; i < 3; i++) {
		volt_put_le32(at(HEADER + 32 * i), IN);
		volt_put_le64(at(HEADER + 32 * i) + 8, 50 * i);
		s[0] = (struct fake_segment){HEADER + 32 * i, 16, false};
		for (unsigned k = 1; k <= 50; k++)
			s[k] = (struct fake_segment){DATA + 1024 * (50 * i + k), 512, true};
		s[51] = (struct fake_segment){status(i), 1, true};
		assert_true(fake_driver_add(driver, 0, s, 52, FAKE_INDIRECT) >= 0);
	}
	kick();
	assert_string_equal(libc.log, "rr");
	for (unsigned i = 0; i < 3; i++) {
		assert_true(fake_driver_used(driver, 0, &head, &len));
		assert_int_equal(len, 50 * 512 + 1);
	}
	for (unsigned k = 0; k < 150; k++)
		assert_int_equal(*at(DATA + 1024 * (k + 1)), pattern(512 * k));
}

/* ------------------------------------------------------------------------ errors */

/* The host refuses what is long, as it does for want of memory. */
static void a_failed_call_for_several_is_done_again_for_each(void **state)
{
	libc.most_right = N;
	show_adjacent(OUT, COUNT);
	kick();
	expect_all(COUNT, OK);
	assert_string_equal(libc.log, "wwwwwww");
	for (unsigned i = 0; i < COUNT; i++)
		expect_written(i);
	assert_int_equal(fake_counter(*state, "failed"), 0);
}

static void one_that_fails_fails_alone(void **state)
{
	uint32_t head, len;

	libc.bad = 2 * N + 5;
	show_adjacent(IN, COUNT);
	kick();
	for (unsigned i = 0; i < COUNT; i++) {
		assert_true(fake_driver_used(driver, 0, &head, &len));
		assert_int_equal(*at(status(i)), i == 2 ? IOERR : OK);
		assert_int_equal(len, i == 2 ? 0 : N + 1);
		if (i != 2)
			expect_data(i, (uint64_t)BLOCK * i, N, 0);
	}
	assert_int_equal(fake_counter(*state, "failed"), 1);
	assert_int_equal(fake_counter(*state, "read_bytes"), (COUNT - 1) * N);
}

/* Where a short transfer ends in the middle of a request, and then an error comes. */
static void those_before_an_error_are_done(void **state)
{
	libc.most = N + 512;
	libc.bad = 3 * N;
	show_adjacent(OUT, COUNT);
	kick();
	for (unsigned i = 0; i < COUNT; i++)
		assert_int_equal(*at(status(i)), i == 3 ? IOERR : OK);
	for (unsigned i = 0; i < COUNT; i++)
		if (i == 3)
			expect_old(i);
		else
			expect_written(i);
}

static void short_transfers_go_on(void **state)
{
	libc.most = 1000;
	libc.interrupts = 2;
	show_adjacent(IN, COUNT);
	kick();
	expect_all(COUNT, OK);
	for (unsigned i = 0; i < COUNT; i++)
		expect_data(i, (uint64_t)BLOCK * i, N, 0);
}

/* ----------------------------------------------------------------------- flushes */

static void a_flush_parts_the_writes_around_it(void **state)
{
	show(0, OUT, 0, N, 0);
	show(1, OUT, BLOCK, N, 0);
	show(2, FLUSH, 0, 0, 0);
	show(3, OUT, 2 * BLOCK, N, 0);
	kick();
	expect_all(4, OK);
	assert_string_equal(libc.log, "wsw");
}

static void zeroes_come_after_the_writes_before_them(void **state)
{
	show(0, OUT, 0, N, 0);
	put_range(4096 / 16, 0, BLOCK, 0); /* data(1) */
	show(1, WRITE_ZEROES, 0, 16, 0);
	kick();
	expect_all(2, OK);
	assert_string_equal(libc.log, "wf");
	assert_true(file_is_old_but(0, BLOCK));
}

/* Each is stable when it is answered, so none waits for the next. */
static void writes_without_flush_are_synced_one_by_one(void **state)
{
	show_adjacent(OUT, 2);
	kick();
	expect_all(2, OK);
	assert_string_equal(libc.log, "wsws");
}

static void a_rate_that_is_used_up_answers_those_before(void **state)
{
	const struct volt_call_arg two = {"ops", "20"};

	assert_int_equal(fake_command(*state, "rate", &two, 1), 0); /* a burst of two */
	show_adjacent(IN, 3);
	kick();
	expect_all(2, OK);
	assert_string_equal(libc.log, "r");
	fake_advance(*state, 1000000000);
	fake_run_workers(*state);
	expect_data(2, 2 * BLOCK, N, 0);
}

int test_merge(void)
{
#define T(name)       cmocka_unit_test_setup_teardown(name, setup, teardown)
#define WITH(s, name) cmocka_unit_test_setup_teardown(name, s, teardown)
	const struct CMUnitTest tests[] = {
	    T(adjacent_reads_are_one_call),
	    T(adjacent_writes_are_one_call),
	    T(a_gap_or_a_step_back_parts_them),
	    T(requests_of_a_queue_keep_their_order),
	    T(a_read_does_not_join_a_write),
	    WITH(setup_direct, what_lies_wrong_for_o_direct_keeps_its_turn),
	    T(as_many_segments_as_a_call_takes_are_joined),
	    T(a_failed_call_for_several_is_done_again_for_each),
	    T(one_that_fails_fails_alone),
	    T(those_before_an_error_are_done),
	    T(short_transfers_go_on),
	    T(a_flush_parts_the_writes_around_it),
	    T(zeroes_come_after_the_writes_before_them),
	    WITH(setup_simple, writes_without_flush_are_synced_one_by_one),
	    T(a_rate_that_is_used_up_answers_those_before),
	};
#undef WITH
#undef T
	return cmocka_run_group_tests_name("merge", tests, make_file, remove_file);
}
