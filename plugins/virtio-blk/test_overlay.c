/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* A disk with a base. The bench's file is the base, and must never change. */
#include "test_bench.h"

#include "blk.h"

#define DATA_AT 65536u /* where the disk's bytes start in the own file */
#define CLUSTER 8u     /* sectors */

static char own_path[64];
static int own = -1;

static int make_own(void **state)
{
	if (make_file(state))
		return -1;
	fill_file();
	snprintf(own_path, sizeof(own_path), "%s.own", path);
	own = open(own_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return own < 0 ? -1 : 0;
}

static int remove_own(void **state)
{
	close(own);
	unlink(own_path);
	return remove_file(state);
}

static const char *params_with(const char *more)
{
	static char text[256];

	snprintf(text, sizeof(text), "disk=%s,base=%s%s", own_path, path, more);
	return text;
}

static int setup(void **state)
{
	fill_file();
	return ftruncate(own, 0) || start_with(state, params_with(""), WRITABLE, 1);
}

/* What SIGKILL leaves: no callback runs. Then another VM takes the files. */
static void start_again(void **state)
{
	teardown(state);
	assert_int_equal(start_with(state, params_with(""), WRITABLE, 1), 0);
}

static uint8_t own_byte(uint64_t off)
{
	uint8_t byte = 0;

	assert_int_equal(pread(own, &byte, 1, (off_t)off), 1);
	return byte;
}

/* Reads all of the disk: is it the base's but for [zero, zero + zeroes)? */
static bool disk_is_base_but(uint64_t zero, uint64_t zeroes)
{
	for (uint64_t sector = 0; sector < SECTORS; sector += 32) {
		expect(IN, sector, 32 * 512, OK, 32 * 512 + 1);
		for (uint64_t i = 0; i < 32 * 512; i++) {
			const uint64_t off = sector * 512 + i;
			const bool gone = off / 512 >= zero && off / 512 - zero < zeroes;

			if (at(DATA)[i] != (gone ? 0 : pattern(off)))
				return false;
		}
	}
	return true;
}

static void write_zero_bytes(uint64_t sector, uint64_t sectors)
{
	memset(at(DATA), 0, sectors * 512);
	expect(OUT, sector, (uint32_t)sectors * 512, OK, 1);
}

/* ----------------------------------------------------------------------- reads, writes */

static void a_new_overlay_reads_as_its_base(void **state)
{
	struct stat st;

	assert_int_equal(config(0), SECTORS);
	assert_true(disk_is_base_but(0, 0));
	assert_int_equal(fstat(own, &st), 0);
	assert_int_equal(st.st_size, DATA_AT + BYTES);
	assert_null(strchr(libc.log, 'w'));
}

static void a_whole_cluster_is_written_by_one_call(void **state)
{
	write_zero_bytes(2 * CLUSTER, CLUSTER);
	assert_string_equal(libc.log, "ssw");
	assert_true(disk_is_base_but(2 * CLUSTER, CLUSTER));
	assert_true(file_is_old_but(0, 0));
}

/* Each place where a write can begin and end in clusters. */
static void parts_of_clusters_keep_the_bases_bytes(void **state)
{
	for (uint64_t from = 15; from < 26; from += 3)
		for (uint64_t n = 1; n < 20; n++) {
			teardown(state);
			assert_int_equal(setup(state), 0);
			write_zero_bytes(from, n);
			assert_true(disk_is_base_but(from, n));
		}
	assert_true(file_is_old_but(0, 0));
}

static void a_cluster_is_copied_once(void **state)
{
	write_zero_bytes(9, 1);
	memset(libc.log, 0, sizeof(libc.log));
	write_zero_bytes(10, 1);
	assert_string_equal(libc.log, "w");
	assert_true(disk_is_base_but(9, 2));
}

static void a_read_across_own_clusters_and_the_bases_is_cut(void **state)
{
	write_zero_bytes(CLUSTER, CLUSTER);
	write_zero_bytes(3 * CLUSTER, CLUSTER);
	memset(libc.log, 0, sizeof(libc.log));
	expect(IN, 0, 5 * CLUSTER * 512, OK, 5 * CLUSTER * 512 + 1);
	assert_string_equal(libc.log, "rrrrr");
}

/* Four requests of three quarters of a cluster: three clusters, of which the second is own. */
static void adjacent_reads_are_cut_only_there(void **state)
{
	write_zero_bytes(CLUSTER, CLUSTER);
	memset(libc.log, 0, sizeof(libc.log));
	for (unsigned i = 0; i < 4; i++)
		show(i, IN, 6 * i, 6 * 512, 0);
	fake_driver_kick(driver, 0);
	expect_all(4, OK);
	assert_string_equal(libc.log, "rrr");
	for (unsigned i = 0; i < 4 * 6 * 512; i++) {
		const bool gone = i / 512 / CLUSTER == 1;

		assert_int_equal(*at(data(i / 3072) + i % 3072), gone ? 0 : pattern(i));
	}
}

static void zeroes_are_the_disks_own(void **state)
{
	put_range(0, 5, 30, 1);
	expect(WRITE_ZEROES, 0, 16, OK, 1);
	assert_true(disk_is_base_but(5, 30));
	put_range(0, 100, 3, 0);
	libc.fallocate_err = EOPNOTSUPP;
	expect(WRITE_ZEROES, 0, 16, OK, 1);
	expect(IN, 96, 4096, OK, 4097);
	for (unsigned i = 0; i < 4096; i++)
		assert_int_equal(
		    at(DATA)[i], i / 512 >= 4 && i / 512 < 7 ? 0 : pattern(96 * 512 + i));
	assert_true(file_is_old_but(0, 0));
}

/* The base's bytes do not come back, and the base is not touched. */
static void a_discard_gives_back_own_clusters_alone(void **state)
{
	memset(at(DATA), 0x55, 2 * 4096);
	expect(OUT, CLUSTER, 2 * 4096, OK, 1);
	put_range(0, 0, 3 * CLUSTER - 1, 0);
	expect(DISCARD, 0, 16, OK, 1);
	assert_int_equal(libc.punches, 1);
	expect(IN, 0, 3 * 4096, OK, 3 * 4096 + 1);
	assert_int_equal(at(DATA)[0], pattern(0));
	assert_int_equal(at(DATA)[4096], 0);
	assert_int_equal(at(DATA)[2 * 4096], 0x55);
	assert_true(file_is_old_but(0, 0));
}

static void errors_leave_the_base_in_place(void **state)
{
	libc.err = ENOSPC;
	expect(OUT, CLUSTER, 4096, IOERR, 1);
	expect(OUT, 3, 512, IOERR, 1);
	libc.err = 0;
	assert_true(disk_is_base_but(0, 0));
	assert_int_equal(ftruncate(file, 4096), 0); /* somebody cut the base */
	expect(OUT, CLUSTER + 1, 512, IOERR, 1);
	expect(IN, CLUSTER, 512, IOERR, 0);
	expect(IN, 0, 512, OK, 513);
}

/* -------------------------------------------------------------------------- the map */

static void the_map_follows_the_data_at_a_flush(void **state)
{
	write_zero_bytes(CLUSTER, CLUSTER);
	assert_int_equal(own_byte(4096), 0);
	memset(libc.log, 0, sizeof(libc.log));
	expect(FLUSH, 0, 0, OK, 1);
	assert_string_equal(libc.log, "sws");
	assert_int_equal(own_byte(4096), 2);
	expect(FLUSH, 0, 0, OK, 1);
	assert_string_equal(libc.log, "swss");
	assert_true(disk_is_base_but(CLUSTER, CLUSTER));
	start_again(state);
	assert_true(disk_is_base_but(CLUSTER, CLUSTER));
}

static void a_crash_before_the_flush_gives_the_base_back(void **state)
{
	write_zero_bytes(CLUSTER, CLUSTER);
	start_again(state);
	assert_true(disk_is_base_but(0, 0));
}

static void a_pause_writes_the_map(void **state)
{
	size_t n;

	write_zero_bytes(9, 1);
	fake_state_save(*state, &n);
	assert_int_equal(own_byte(4096), 2);
	start_again(state);
	assert_true(disk_is_base_but(9, 1));
}

static void without_flush_each_write_is_in_the_map(void **state)
{
	assert_true(fake_driver_start(driver, LIBRARY, 1, 16));
	write_zero_bytes(9, 1);
	start_again(state);
	assert_true(disk_is_base_but(9, 1));
}

/* The kernel tells of lost data once only. */
static void a_map_is_never_written_after_a_failed_sync(void **state)
{
	write_zero_bytes(CLUSTER, CLUSTER);
	libc.err = EIO;
	expect(FLUSH, 0, 0, IOERR, 1);
	libc.err = 0;
	expect(FLUSH, 0, 0, IOERR, 1);
	assert_int_equal(own_byte(4096), 0);
	assert_true(disk_is_base_but(CLUSTER, CLUSTER));
	start_again(state);
	assert_true(disk_is_base_but(0, 0));
	expect(FLUSH, 0, 0, OK, 1);
}

/* A worker that is at the map makes others wait, and wakes them. */
static void the_map_has_one_writer(void **state)
{
	struct blk *b = fake_host_self(*state);
	uint32_t head, len;

	write_zero_bytes(CLUSTER, CLUSTER);
	b->overlay.locked = true;
	assert_int_equal(send_request(FLUSH, 0, 0), -1);
	assert_true(b->overlay.wanted);
	assert_int_equal(*at(STATUS), UNTOUCHED);
	b->overlay.locked = false;
	assert_int_equal(fake_driver_kick(driver, 0), 2); /* the kick's run, and the wake */
	assert_true(fake_driver_used(driver, 0, &head, &len));
	assert_int_equal(*at(STATUS), OK);
	assert_false(b->overlay.wanted);
	b->overlay.locked = true;
	write_zero_bytes(CLUSTER + 1, 1); /* its own already */
	assert_int_equal(send_request(OUT, 9 * CLUSTER, 512), -1);
}

/* -------------------------------------------------------------------------- the file */

static void refused(const char *more, const char *words)
{
	struct fake_host *f = fake_host_create(&volt_plugin_virtio_blk);

	assert_int_equal(fake_host_wire(f, params_with(more)), -EINVAL);
	if (!strstr(fake_host_message(f), words))
		fail_msg("'%s' does not say '%s'", fake_host_message(f), words);
	fake_host_destroy(f);
}

static void files_that_are_not_its_overlay_are_refused(void **state)
{
	uint8_t byte;

	fill_file();
	assert_int_equal(ftruncate(own, 0), 0);
	refused(",readonly", "it is empty, and cannot be made with readonly");
	assert_int_equal(ftruncate(own, 100), 0);
	refused("", "it is not an overlay");
	assert_int_equal(ftruncate(own, 65536), 0);
	refused("", "it is not an overlay");
	assert_int_equal(setup(state), 0);
	teardown(state);
	assert_int_equal(ftruncate(own, DATA_AT + BYTES - 1), 0);
	refused("", "it was cut off");
	assert_int_equal(ftruncate(own, DATA_AT + BYTES), 0);
	assert_int_equal(ftruncate(file, BYTES - 512), 0);
	refused("", "its base had another size");
	fill_file();
	byte = (uint8_t)~pattern(70);
	assert_int_equal(pwrite(file, &byte, 1, 70), 1);
	refused("", "it belongs to another base, or the base was written");
	assert_int_equal(ftruncate(file, 0), 0);
	refused("", "it is empty");
	fill_file();
	refused(",block-size=4096,opt-io-size=1", "opt-io-size");
}

/* Each byte of the head counts. */
static void a_damaged_head_is_refused(void **state)
{
	uint8_t byte;

	assert_int_equal(setup(state), 0);
	teardown(state);
	for (off_t i = 0; i < 4096; i += i < 64 ? 1 : 31) {
		struct fake_host *f = fake_host_create(&volt_plugin_virtio_blk);

		assert_int_equal(pread(own, &byte, 1, i), 1);
		byte = (uint8_t)~byte;
		assert_int_equal(pwrite(own, &byte, 1, i), 1);
		assert_int_equal(fake_host_wire(f, params_with("")), -EINVAL);
		byte = (uint8_t)~byte;
		assert_int_equal(pwrite(own, &byte, 1, i), 1);
		fake_host_destroy(f);
	}
	assert_int_equal(start_with(state, params_with(""), WRITABLE, 1), 0);
	teardown(state);
}

static void an_overlay_whose_making_was_cut_off_is_finished(void **state)
{
	struct stat st;

	assert_int_equal(ftruncate(own, 4096), 0);
	start_again(state);
	assert_int_equal(fstat(own, &st), 0);
	assert_int_equal(st.st_size, DATA_AT + BYTES);
	assert_true(disk_is_base_but(0, 0));
}

static void an_overlay_can_be_read_only(void **state)
{
	write_zero_bytes(9, 1);
	expect(FLUSH, 0, 0, OK, 1);
	teardown(state);
	assert_int_equal(start_with(state, params_with(",readonly"), LIBRARY | F_RO, 1), 0);
	expect(OUT, 0, 512, IOERR, 1);
	assert_true(disk_is_base_but(9, 1));
}

static void a_disk_with_a_base_keeps_its_size(void **state)
{
	assert_int_equal(fake_command(*state, "resize", NULL, 0), -EOPNOTSUPP);
	assert_int_equal(config(0), SECTORS);
}

int test_overlay(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(a_new_overlay_reads_as_its_base),
	    T(a_whole_cluster_is_written_by_one_call),
	    T(parts_of_clusters_keep_the_bases_bytes),
	    T(a_cluster_is_copied_once),
	    T(a_read_across_own_clusters_and_the_bases_is_cut),
	    T(adjacent_reads_are_cut_only_there),
	    T(zeroes_are_the_disks_own),
	    T(a_discard_gives_back_own_clusters_alone),
	    T(errors_leave_the_base_in_place),
	    T(the_map_follows_the_data_at_a_flush),
	    T(a_crash_before_the_flush_gives_the_base_back),
	    T(a_pause_writes_the_map),
	    T(without_flush_each_write_is_in_the_map),
	    T(a_map_is_never_written_after_a_failed_sync),
	    T(the_map_has_one_writer),
	    cmocka_unit_test(files_that_are_not_its_overlay_are_refused),
	    cmocka_unit_test(a_damaged_head_is_refused),
	    T(an_overlay_whose_making_was_cut_off_is_finished),
	    T(an_overlay_can_be_read_only),
	    T(a_disk_with_a_base_keeps_its_size),
	};
#undef T
	return cmocka_run_group_tests(tests, make_own, remove_own);
}
