/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Many requests at a time: io=ring. The fake host's ring gives the newest back first. */
#include "test_bench.h"

#define COUNT 6u /* at most BATCH_MAX */

static struct fake_host *test_host;

static int start_flight(void **state, const char *more, uint64_t features)
{
	const int err = start(state, more, features, 1);

	test_host = *state;
	return err;
}

static int setup(void **state)
{
	return start_flight(state, ",io=ring", WRITABLE);
}

static int setup_simple(void **state)
{
	return start_flight(state, ",io=ring", LIBRARY);
}

static int setup_readonly(void **state)
{
	return start_flight(state, ",io=ring,readonly", LIBRARY | F_RO);
}

static int setup_direct(void **state)
{
	const int fd = open(path, O_RDWR | O_DIRECT);

	if (fd >= 0)
		close(fd);
	return start_flight(state, fd < 0 ? ",io=ring" : ",io=ring,direct", WRITABLE);
}

static void show_reads(unsigned shift)
{
	for (unsigned i = 0; i < COUNT; i++)
		show(i, IN, 8 * i, 4096, shift);
}

static void expect_reads(unsigned shift)
{
	expect_all(COUNT, OK);
	for (unsigned i = 0; i < COUNT; i++)
		expect_data(i, 8 * i, 4096, shift);
	assert_int_equal(fake_counter(test_host, "read_bytes"), COUNT * 4096);
}

static void what_a_run_finds_is_one_call(void **state)
{
	show_reads(0);
	fake_driver_kick(driver, 0);
	expect_reads(0);
	assert_int_equal(fake_uring_calls(*state), 1);
	assert_int_equal(fake_driver_interrupts(driver), 1);
}

static void writes_and_reads_go_together(void **state)
{
	memset(at(data(0)), 0x5a, 512);
	show(0, OUT, 100, 512, 0);
	show(1, IN, 0, 4096, 0);
	fake_driver_kick(driver, 0);
	expect_all(2, OK);
	expect_data(1, 0, 4096, 0);
	expect(IN, 100, 512, OK, 513);
	assert_int_equal(*at(DATA), 0x5a);
	assert_int_equal(fake_counter(*state, "written_bytes"), 512);
}

/* One call less than by the ring, which would be asked and then woken. */
static void one_that_is_alone_is_a_plain_call(void **state)
{
	expect(IN, 3, 1024, OK, 1025);
	assert_int_equal(fake_uring_calls(*state), 0);
	assert_int_equal(libc.moves, 1);
}

/* -EAGAIN: it would have to wait. An error: the plain call tells it. */
static void what_the_ring_does_not_do_is_done_by_calls(void **state)
{
	fake_uring_answers(*state, -EAGAIN);
	show_reads(0);
	fake_driver_kick(driver, 0);
	expect_reads(0);
	assert_int_equal(libc.moves, COUNT);
}

static void a_short_transfer_goes_on(void **state)
{
	libc.most = 1000;
	show_reads(0);
	fake_driver_kick(driver, 0);
	expect_reads(0);
}

static void a_ring_that_takes_nothing_loses_nothing(void **state)
{
	fake_uring_is_full(*state, true);
	show_reads(0);
	fake_driver_kick(driver, 0);
	expect_reads(0);
}

static void errors_are_the_guests_and_are_counted(void **state)
{
	libc.err = EIO;
	show_reads(0);
	fake_driver_kick(driver, 0);
	expect_all(COUNT, IOERR);
	assert_int_equal(fake_counter(*state, "failed"), COUNT);
	libc.err = 0;
	expect(IN, 3, 512, OK, 513);
}

/* The promise of virtio 5.2.6.2, and more: what came before the flush is in the file first. */
static void a_flush_waits_for_the_writes_before_it(void **state)
{
	for (unsigned i = 0; i < 3; i++)
		show(i, OUT, 8 * i, 512, 0);
	show(3, FLUSH, 0, 0, 0);
	show(4, OUT, 80, 512, 0);
	fake_driver_kick(driver, 0);
	expect_all(5, OK);
	assert_string_equal(libc.log, "wwwsw");
}

static void without_flush_each_write_is_synced(void **state)
{
	show(0, OUT, 0, 512, 0);
	show(1, OUT, 8, 512, 0);
	fake_driver_kick(driver, 0);
	expect_all(2, OK);
	assert_int_equal(libc.syncs, 2);
	assert_int_equal(fake_uring_calls(*state), 0);
}

/* A write that ended after a flush began is owed the next one. */
static void a_write_owes_a_flush_when_it_has_ended(void **state)
{
	size_t n;

	show(0, OUT, 0, 512, 0);
	show(1, OUT, 8, 512, 0);
	fake_driver_kick(driver, 0);
	expect_all(2, OK);
	fake_state_save(*state, &n);
	assert_int_equal(libc.syncs, 1);
}

static void buffers_of_o_direct_may_lie_anywhere(void **state)
{
	show_reads(3);
	fake_driver_kick(driver, 0);
	expect_reads(3);
	assert_true(libc.aligned || fake_uring_calls(*state) > 0);
}

static void a_read_only_disk_has_a_ring_that_only_reads(void **state)
{
	show(0, OUT, 0, 512, 0);
	show(1, IN, 8, 512, 0);
	show(2, IN, 16, 512, 0);
	fake_driver_kick(driver, 0);
	assert_int_equal(*at(status(0)), IOERR);
	assert_int_equal(*at(status(1)), OK);
	assert_int_equal(fake_uring_calls(*state), 1);
	assert_true(file_is_old_but(0, 0));
}

static void more_than_fits_into_the_slots_is_served(void **state)
{
	uint32_t head, len;
	unsigned answered = 0;

	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < 16; i++)
			show(i % COUNT, IN, i, 512, 0);
		fake_driver_kick(driver, 0);
		while (fake_driver_used(driver, 0, &head, &len))
			answered += len == 513;
	}
	assert_int_equal(answered, 320);
}

static void a_base_and_a_ring_exclude_each_other(void **state)
{
	struct fake_host *f = fake_host_create(&volt_plugin_virtio_blk);
	char params[256];

	fill_file();
	snprintf(params, sizeof(params), "disk=/dev/null,base=%s,io=ring", path);
	const int err = fake_host_wire(f, params);

	assert_true(err < 0);
	fake_host_destroy(f);
}

/* What a kernel without io_uring gives: the same, by calls. */
static void a_host_without_rings_will_do(void **state)
{
	struct fake_host *f = fake_host_create(&volt_plugin_virtio_blk);
	char params[256];

	fill_file();
	snprintf(params, sizeof(params), "disk=%s,io=ring", path);
	libc = (struct blk_libc){.aligned = true};
	fake_host_hide_ext(f, VOLT_EXT_URING);
	assert_int_equal(fake_host_wire(f, params), 0);
	assert_int_equal(fake_host_run(f), 0);
	test_host = f;
	driver = fake_driver_create(f, RAM, ram_size);
	assert_true(fake_driver_start(driver, WRITABLE, 1, 16));
	show_reads(0);
	fake_driver_kick(driver, 0);
	expect_reads(0);
	fake_driver_destroy(driver);
	fake_host_destroy(f);
}

int test_flight(void)
{
#define T(name)       cmocka_unit_test_setup_teardown(name, setup, teardown)
#define WITH(s, name) cmocka_unit_test_setup_teardown(name, s, teardown)
	const struct CMUnitTest tests[] = {
	    T(what_a_run_finds_is_one_call),
	    T(writes_and_reads_go_together),
	    T(one_that_is_alone_is_a_plain_call),
	    T(what_the_ring_does_not_do_is_done_by_calls),
	    T(a_short_transfer_goes_on),
	    T(a_ring_that_takes_nothing_loses_nothing),
	    T(errors_are_the_guests_and_are_counted),
	    T(a_flush_waits_for_the_writes_before_it),
	    WITH(setup_simple, without_flush_each_write_is_synced),
	    T(a_write_owes_a_flush_when_it_has_ended),
	    WITH(setup_direct, buffers_of_o_direct_may_lie_anywhere),
	    WITH(setup_readonly, a_read_only_disk_has_a_ring_that_only_reads),
	    T(more_than_fits_into_the_slots_is_served),
	    cmocka_unit_test(a_base_and_a_ring_exclude_each_other),
	    cmocka_unit_test(a_host_without_rings_will_do),
	};
#undef WITH
#undef T
	return cmocka_run_group_tests_name("flight", tests, make_file, remove_file);
}
