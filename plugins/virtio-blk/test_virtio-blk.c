/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "test_bench.h"

static int setup(void **state)
{
	return start(state, ",serial=disk-0123456789abcde", WRITABLE, 1);
}

static int setup_readonly(void **state)
{
	return start(state, ",readonly", LIBRARY | F_RO | F_BLK_SIZE, 1);
}

static int setup_large_blocks(void **state)
{
	return start(state, ",block-size=4096", WRITABLE, 1);
}

static int setup_simple(void **state)
{
	return start(state, "", LIBRARY, 1);
}

/* ------------------------------------------------------------------ the device */

static void it_is_a_block_device_that_states_its_limits(void **state)
{
	assert_int_equal(fake_driver_get(driver, FAKE_REG_DEVICE_ID), 2);
	assert_int_equal(fake_driver_offered(driver), WRITABLE);
	assert_int_equal(config(0), SECTORS);
	assert_int_equal(config(4), 0);
	assert_int_equal(config(8), 0); /* size_max is not offered */
	assert_int_equal(config(12), 128);
	assert_int_equal(config(20), 512);
	assert_int_equal(config(36), 1u << 21); /* virtio 5.2.4: discard, in sectors */
	assert_int_equal(config(40), 16);
	assert_int_equal(config(44), 1);
	assert_int_equal(config(48), 1u << 16); /* write zeroes */
	assert_int_equal(config(52), 1);
	assert_int_equal(config(56) & 0xff, 1);
	assert_int_equal(config(60), 0); /* past its end */
}

static void a_read_only_disk_offers_no_way_to_change_it(void **state)
{
	assert_int_equal(
	    fake_driver_offered(driver), LIBRARY | F_SEG_MAX | F_BLK_SIZE | F_TOPOLOGY | F_RO);
	assert_int_equal(config(36), 0);
	assert_int_equal(config(48), 0);
}

static void large_blocks_are_told_and_sectors_stay_small(void **state)
{
	assert_int_equal(config(0), SECTORS);
	assert_int_equal(config(20), 4096);
	assert_int_equal(config(44), 8);
	expect(IN, 1, 512, OK, 513);
}

static void a_file_of_odd_size_is_refused_with_a_reason(void **state)
{
	struct fake_host *f = fake_host_create(&volt_plugin_virtio_blk);
	char params[64];

	snprintf(params, sizeof(params), "disk=%s,block-size=4096", path);
	assert_int_equal(ftruncate(file, 4096 + 512), 0);
	assert_int_equal(fake_host_wire(f, params), -EINVAL);
	assert_non_null(strstr(fake_host_message(f), "4608 bytes, is not a multiple of 4096"));
	fake_host_destroy(f);
}

/* -------------------------------------------------------------------- requests */

static void a_read_gives_the_files_bytes(void **state)
{
	expect(IN, 3, 1024, OK, 1025);
	for (unsigned i = 0; i < 1024; i++)
		assert_int_equal(at(DATA)[i], pattern(3 * 512 + i));
	assert_int_equal(at(DATA)[1024], 0);
	assert_int_equal(fake_counter(*state, "read_bytes"), 1024);
}

static void a_write_changes_its_sectors_and_no_others(void **state)
{
	expect(OUT, 9, 1536, OK, 1); /* the data are zeroes */
	assert_true(file_is_old_but(9, 3));
	assert_int_equal(fake_counter(*state, "written_bytes"), 1536);
	assert_int_equal(libc.syncs, 0);
}

static void a_flush_syncs(void **state)
{
	expect(FLUSH, 0, 0, OK, 1);
	assert_int_equal(libc.syncs, 1);
	assert_int_equal(fake_counter(*state, "flushes"), 1);
}

/* virtio 5.2.6: 20 bytes, without a terminator if all are used. */
static void the_id_is_the_serial_number(void **state)
{
	expect(GET_ID, 0, 20, OK, 21);
	assert_memory_equal(at(DATA), "disk-0123456789abcde", 20);
	expect(GET_ID, 99, 64, OK, 20); /* of 65 bytes, the first 20 */
	expect(GET_ID, 0, 19, IOERR, 0);
}

static void an_id_that_was_not_given_is_empty(void **state)
{
	memset(at(DATA), 0xff, 20);
	expect(GET_ID, 0, 20, OK, 21);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(at(DATA)[i], 0);
}

static void a_discard_punches_holes(void **state)
{
	put_range(0, 8, 8, 0);
	put_range(1, 16, 8, 0);
	put_range(2, 20, 0, 0); /* empty */
	expect(DISCARD, 0, 48, OK, 1);
	assert_int_equal(libc.punches, 2);
	assert_true(file_is_old_but(8, 16));
}

static void a_discard_that_the_file_system_cannot_do_is_no_error(void **state)
{
	libc.fallocate_err = EOPNOTSUPP;
	put_range(0, 8, 8, 0);
	expect(DISCARD, 0, 16, OK, 1);
	assert_true(file_is_old_but(0, 0));
	libc.fallocate_err = EIO;
	expect(DISCARD, 0, 16, IOERR, 1);
	assert_int_equal(fake_counter(*state, "failed"), 1);
}

static void zeroes_are_made_by_the_file_system(void **state)
{
	put_range(0, 8, 24, 0);
	expect(WRITE_ZEROES, 0, 16, OK, 1);
	assert_int_equal(libc.zero_ranges, 1);
	put_range(0, 32, 8, 1);
	expect(WRITE_ZEROES, 0, 16, OK, 1);
	assert_int_equal(libc.punches, 1);
	assert_int_equal(libc.moves, 0);
	assert_true(file_is_old_but(8, 32));
}

static void zeroes_are_written_where_it_cannot(void **state)
{
	libc.fallocate_err = EOPNOTSUPP;
	put_range(0, 1, SECTORS - 2, 0);
	expect(WRITE_ZEROES, 0, 16, OK, 1);
	assert_true(file_is_old_but(1, SECTORS - 2));
	fill_file();
	libc.most = 1000; /* a short write is no end */
	put_range(0, 5, 17, 1);
	expect(WRITE_ZEROES, 0, 16, OK, 1);
	assert_true(file_is_old_but(5, 17));
	libc.err = ENOSPC;
	expect(WRITE_ZEROES, 0, 16, IOERR, 1);
}

/* virtio 5.2.6.2: without FLUSH the disk is write-through. */
static void without_flush_each_change_is_synced(void **state)
{
	expect(OUT, 9, 512, OK, 1);
	assert_int_equal(libc.syncs, 1);
	expect(FLUSH, 0, 0, UNSUPP, 1);
	put_range(0, 1, 1, 0);
	expect(DISCARD, 0, 16, UNSUPP, 1);
	expect(WRITE_ZEROES, 0, 16, UNSUPP, 1);
	assert_int_equal(libc.syncs, 1);
	assert_int_equal(libc.punches + libc.zero_ranges, 0);
	assert_true(file_is_old_but(9, 1));
}

static void nothing_writes_to_a_read_only_disk(void **state)
{
	put_range(0, 0, 8, 0);
	expect(OUT, 0, 512, IOERR, 1);
	expect(DISCARD, 0, 16, UNSUPP, 1);
	expect(WRITE_ZEROES, 0, 16, UNSUPP, 1);
	assert_int_equal(libc.moves + libc.punches + libc.zero_ranges, 0);
	expect(IN, 0, 512, OK, 513);
	assert_true(file_is_old_but(0, 0));
}

/* ---------------------------------------------------------------------- errors */

static void short_and_interrupted_transfers_go_on(void **state)
{
	libc.most = 100;
	libc.interrupts = 3;
	expect(IN, 3, 1024, OK, 1025);
	for (unsigned i = 0; i < 1024; i++)
		assert_int_equal(at(DATA)[i], pattern(3 * 512 + i));
	memset(at(DATA), 0, 1024);
	expect(OUT, 3, 1024, OK, 1);
	assert_true(file_is_old_but(3, 2));
}

static void errors_of_the_file_are_the_guests_and_are_counted(void **state)
{
	static const int errors[] = {EIO, ENOSPC, EFBIG};

	for (unsigned i = 0; i < 3; i++) {
		libc.err = errors[i];
		expect(IN, 0, 512, IOERR, 0);
		expect(OUT, 0, 512, IOERR, 1);
		expect(FLUSH, 0, 0, IOERR, 1);
		assert_int_equal(fake_counter(*state, "failed"), 3 * (i + 1));
	}
	libc.err = 0;
	expect(IN, 0, 512, OK, 513);
}

/* Somebody cut the file: what was read is told, and no more. */
static void a_file_that_ends_early_is_an_error(void **state)
{
	assert_int_equal(ftruncate(file, 1000), 0);
	expect(IN, 1, 1024, IOERR, 1000 - 512);
	expect(IN, 4, 512, IOERR, 0);
	assert_int_equal(fake_counter(*state, "failed"), 2);
}

/* ------------------------------------------------------------- hostile drivers */

static void sectors_out_of_range_are_refused(void **state)
{
	static const struct {
		uint64_t sector;
		uint32_t bytes;
	} bad[] = {
	    {SECTORS, 512},
	    {SECTORS - 1, 1024},
	    {SECTORS + 1, 0},
	    {UINT64_MAX, 512},
	    {UINT64_MAX, 0},
	    {UINT64_C(1) << 55, 512}, /* times 512 it is 0 */
	    {(UINT64_C(1) << 55) + 1, 512},
	    {UINT64_MAX - 1, 1024},
	    {0, 511},
	    {0, 513},
	    {SECTORS - 1, 512 + 1},
	};
	const unsigned n = sizeof(bad) / sizeof(bad[0]);

	for (unsigned i = 0; i < n; i++) {
		expect(IN, bad[i].sector, bad[i].bytes, IOERR, bad[i].bytes ? 0 : 1);
		expect(OUT, bad[i].sector, bad[i].bytes, IOERR, 1);
	}
	assert_int_equal(libc.moves, 0);
	assert_int_equal(fake_counter(*state, "refused"), 2 * n);
	assert_true(file_is_old_but(0, 0));
	expect(IN, SECTORS - 1, 512, OK, 513);
	expect(IN, SECTORS, 0, OK, 1);
	expect(OUT, 0, 0, OK, 1); /* no data: nothing changes */
	assert_true(file_is_old_but(0, 0));
}

static void unknown_types_touch_nothing(void **state)
{
	static const uint32_t types[] = {
	    2, 3, 5, 6, 7, 9, 10, 12, SECURE_ERASE, 15, 0x80000000, 0x80000001, 0x100, 0xffffffff};

	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		memset(at(DATA), 0x77, 512);
		expect(types[i], 0, 512, UNSUPP, 0);
		for (unsigned n = 0; n < 512; n++)
			assert_int_equal(at(DATA)[n], 0x77);
	}
	assert_int_equal(libc.moves, 0);
	assert_true(file_is_old_but(0, 0));
}

static void ranges_that_are_wrong_change_nothing(void **state)
{
	static const struct {
		uint64_t sector;
		uint32_t sectors, flags;
		uint8_t discard, zeroes; /* the status */
	} bad[] = {
	    {0, 1, 1, UNSUPP, OK}, /* unmap is a flag of write zeroes only */
	    {0, 1, 2, UNSUPP, UNSUPP},
	    {0, 1, 0x80000000, UNSUPP, UNSUPP},
	    {SECTORS, 1, 0, IOERR, IOERR},
	    {0, SECTORS + 1, 0, IOERR, IOERR},
	    {UINT64_MAX, 2, 0, IOERR, IOERR},
	    {UINT64_C(1) << 55, 1, 0, IOERR, IOERR},
	    {0, 0xffffffff, 0, IOERR, IOERR},
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put_range(0, 0, 8, 0); /* a good one before it */
		put_range(1, bad[i].sector, bad[i].sectors, bad[i].flags);
		expect(DISCARD, 0, 32, bad[i].discard, 1);
		if (bad[i].zeroes == OK)
			continue;
		put_range(0, bad[i].sector, bad[i].sectors, bad[i].flags);
		expect(WRITE_ZEROES, 0, 16, bad[i].zeroes, 1);
	}
	assert_int_equal(libc.punches + libc.zero_ranges + libc.moves, 0);
	assert_true(file_is_old_but(0, 0));
}

static void lists_of_ranges_of_odd_length_are_refused(void **state)
{
	static const uint32_t lengths[] = {0, 1, 15, 17, 31, 16 * 17, 4096};

	memset(at(DATA), 0, 4096);
	for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		expect(DISCARD, 0, lengths[i], IOERR, 1);
	expect(WRITE_ZEROES, 0, 32, IOERR, 1); /* more ranges than it states */
	expect(DISCARD, 0, 16 * 16, OK, 1);
	assert_int_equal(libc.punches + libc.zero_ranges, 0);
}

/* virtio 2.7.4: where a buffer is cut says nothing. */
static void header_data_and_status_may_be_cut_anywhere(void **state)
{
	const struct fake_segment s[] = {
	    {HEADER, 3, false}, {HEADER + 3, 13, false}, {DATA, 1, true}, {DATA + 1, 510, true},
	    {DATA + 511, 2, true}, /* the last byte of the data, and the status */
	};

	put_header(IN, 2);
	at(DATA)[512] = UNTOUCHED;
	assert_int_equal(send_chain(0, s, 5), 513);
	for (unsigned i = 0; i < 512; i++)
		assert_int_equal(at(DATA)[i], pattern(1024 + i));
	assert_int_equal(at(DATA)[512], OK);
}

static void a_write_behind_its_header_in_one_segment_works(void **state)
{
	const struct fake_segment s[] = {{DATA, 16 + 512, false}, {STATUS, 1, true}};

	put_header(OUT, 4);
	memcpy(at(DATA), at(HEADER), 16);
	assert_int_equal(send_chain(0, s, 2), 1);
	assert_int_equal(*at(STATUS), OK);
	assert_true(file_is_old_but(4, 1));
}

static void a_short_header_gets_an_error(void **state)
{
	const struct fake_segment s[] = {{HEADER, 15, false}, {DATA, 512, true}, {STATUS, 1, true}};
	const struct fake_segment none[] = {{STATUS, 1, true}};

	put_header(IN, 0);
	assert_int_equal(send_chain(0, s, 3), 0);
	assert_int_equal(*at(STATUS), IOERR);
	assert_int_equal(at(DATA)[0], 0);
	*at(STATUS) = UNTOUCHED;
	assert_int_equal(send_chain(0, none, 1), 1);
	assert_int_equal(*at(STATUS), IOERR);
}

static void a_request_without_a_status_does_nothing(void **state)
{
	const struct fake_segment s[] = {{HEADER, 16, false}, {DATA, 512, false}};

	put_header(OUT, 0);
	assert_int_equal(send_chain(0, s, 2), 0);
	assert_int_equal(*at(STATUS), UNTOUCHED);
	assert_int_equal(libc.moves, 0);
	assert_true(file_is_old_but(0, 0));
}

static void a_status_in_the_middle_of_the_data_is_the_drivers_business(void **state)
{
	const struct fake_segment s[] = {
	    {HEADER, 16, false}, {DATA, 512, true}, {DATA + 7, 1, true}};

	put_header(IN, 0);
	assert_int_equal(send_chain(0, s, 3), 513);
	assert_int_equal(at(DATA)[6], pattern(6));
	assert_int_equal(at(DATA)[7], OK);
}

static void data_outside_of_memory_are_not_moved(void **state)
{
	const struct fake_segment s[] = {
	    {HEADER, 16, false}, {RAM + RAM_SIZE - 256, 512, true}, {STATUS, 1, true}};

	put_header(IN, 0);
	assert_int_equal(send_chain(0, s, 3), -1);
	assert_int_equal(fake_counter(*state, "broken"), 1);
	assert_int_equal(libc.moves, 0);
	assert_true(fake_driver_start(driver, WRITABLE, 1, 16));
	expect(IN, 0, 512, OK, 513);
}

/* ---------------------------------------------------------------- the operator */

static void the_guest_is_told_of_a_new_size(void **state)
{
	const uint32_t generation = fake_driver_get(driver, FAKE_REG_GENERATION);

	expect(IN, SECTORS, 512, IOERR, 0);
	assert_int_equal(ftruncate(file, BYTES + 4096), 0);
	assert_int_equal(fake_command(*state, "resize", NULL, 0), 0);
	assert_string_equal(fake_command_results(*state), "size=135168\n");
	assert_int_equal(config(0), SECTORS + 8);
	assert_int_not_equal(fake_driver_get(driver, FAKE_REG_GENERATION), generation);
	assert_int_equal(fake_driver_get(driver, FAKE_REG_ISR) & 2, 2);
	expect(IN, SECTORS, 512, OK, 513);
}

static void an_odd_new_size_is_refused(void **state)
{
	assert_int_equal(ftruncate(file, BYTES + 100), 0);
	assert_int_equal(fake_command(*state, "resize", NULL, 0), -EINVAL);
	assert_non_null(strstr(fake_host_message(*state), "not a multiple of the block size, 512"));
	assert_int_equal(config(0), SECTORS);
}

static void a_saved_device_goes_on(void **state)
{
	const uint8_t *saved;
	size_t n;

	expect(IN, 0, 512, OK, 513);
	saved = fake_state_save(*state, &n);
	fake_host_reset(*state);
	assert_int_equal(fake_driver_get(driver, FAKE_REG_STATUS), 0);
	assert_int_equal(fake_state_load(*state, saved, n), 0);
	expect(FLUSH, 0, 0, OK, 1); /* what was agreed to is known */
	expect(IN, 7, 512, OK, 513);
	assert_int_equal(at(DATA)[0], pattern(7 * 512));
}

/* Whoever saves the VM saves the file beside it: the file must have what the guest wrote. */
static void a_paused_disk_is_flushed(void **state)
{
	size_t n;

	fake_state_save(*state, &n);
	assert_int_equal(libc.syncs, 0); /* nothing was written */
	expect(OUT, 9, 512, OK, 1);
	fake_state_save(*state, &n);
	assert_int_equal(libc.syncs, 1);
	fake_state_save(*state, &n);
	assert_int_equal(libc.syncs, 1);
	put_range(0, 8, 8, 0);
	expect(DISCARD, 0, 16, OK, 1);
	libc.err = EIO;
	fake_driver_set(driver, FAKE_REG_STATUS, 0); /* a reset too */
	assert_int_equal(libc.syncs, 2);
	assert_int_equal(fake_counter(*state, "failed"), 1);
	libc.err = 0;
	assert_true(fake_driver_start(driver, WRITABLE, 1, 16));
	assert_int_equal(libc.syncs, 3); /* what failed is tried again */
}

int main(void)
{
#define T(name)       cmocka_unit_test_setup_teardown(name, setup, teardown)
#define WITH(s, name) cmocka_unit_test_setup_teardown(name, s, teardown)
	const struct CMUnitTest tests[] = {
	    T(it_is_a_block_device_that_states_its_limits),
	    WITH(setup_readonly, a_read_only_disk_offers_no_way_to_change_it),
	    WITH(setup_large_blocks, large_blocks_are_told_and_sectors_stay_small),
	    cmocka_unit_test(a_file_of_odd_size_is_refused_with_a_reason),
	    T(a_read_gives_the_files_bytes),
	    T(a_write_changes_its_sectors_and_no_others),
	    T(a_flush_syncs),
	    T(the_id_is_the_serial_number),
	    WITH(setup_simple, an_id_that_was_not_given_is_empty),
	    T(a_discard_punches_holes),
	    T(a_discard_that_the_file_system_cannot_do_is_no_error),
	    T(zeroes_are_made_by_the_file_system),
	    T(zeroes_are_written_where_it_cannot),
	    WITH(setup_simple, without_flush_each_change_is_synced),
	    WITH(setup_readonly, nothing_writes_to_a_read_only_disk),
	    T(short_and_interrupted_transfers_go_on),
	    T(errors_of_the_file_are_the_guests_and_are_counted),
	    T(a_file_that_ends_early_is_an_error),
	    T(sectors_out_of_range_are_refused),
	    T(unknown_types_touch_nothing),
	    T(ranges_that_are_wrong_change_nothing),
	    T(lists_of_ranges_of_odd_length_are_refused),
	    T(header_data_and_status_may_be_cut_anywhere),
	    T(a_write_behind_its_header_in_one_segment_works),
	    T(a_short_header_gets_an_error),
	    T(a_request_without_a_status_does_nothing),
	    T(a_status_in_the_middle_of_the_data_is_the_drivers_business),
	    T(data_outside_of_memory_are_not_moved),
	    T(the_guest_is_told_of_a_new_size),
	    T(an_odd_new_size_is_refused),
	    T(a_saved_device_goes_on),
	    T(a_paused_disk_is_flushed),
	};
#undef WITH
#undef T
	return cmocka_run_group_tests(tests, make_file, remove_file) + test_blocks() +
	       test_flight() + test_merge() + test_overlay();
}
