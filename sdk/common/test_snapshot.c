/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* The state file of a snapshot: what is built comes back, and nothing malformed is read. */
#include "sdk/common/snapshot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <stdlib.h>
#include <string.h>

#include "sdk/common/state.h"

#define RAM (16u << 20)

static const uint8_t uuid[16] = "0123456789abcde";
static _Alignas(8) uint8_t bytes[128 << 10];
static size_t size;
static char why[128];

static void put(struct snapshot_out *out, uint32_t kind, uint32_t index, const char *name,
    const void *from, size_t n)
{
	size_t room;
	uint8_t *to = snapshot_next(out, &room);

	assert_true(room >= n);
	memcpy(to, from, n);
	snapshot_put(out, kind, 1, index, name, n);
}

static const uint64_t ram_section[] = {SNAPSHOT_RAM_FULL, 0, 0, 2, 0, 4096, 1 << 20, 8192};

static void build(const void *ram, size_t ram_size)
{
	struct snapshot_out out;

	snapshot_begin(&out, bytes, sizeof(bytes), 4);
	put(&out, SNAPSHOT_META, 0, "", "volt=1\n", 7);
	put(&out, SNAPSHOT_CPU, 0, "", "first", 5);
	put(&out, SNAPSHOT_CPU, 1, "second", "second vCPU", 11);
	put(&out, SNAPSHOT_RAM, 0, "", ram, ram_size);
	size = snapshot_end(&out, RAM, uuid);
	assert_int_not_equal(size, 0);
}

static int set_up(void **state)
{
	build(ram_section, sizeof(ram_section));
	return 0;
}

static void what_was_built_comes_back(void **state)
{
	struct snapshot s;
	struct snapshot_row row;

	assert_true(snapshot_read(&s, bytes, size, why, sizeof(why)));
	assert_int_equal(s.rows, 4);
	assert_int_equal(s.ram, RAM);
	assert_memory_equal(s.uuid, uuid, 16);
	const int number = snapshot_find(&s, SNAPSHOT_CPU, 1, NULL);
	assert_int_equal(number, snapshot_find(&s, SNAPSHOT_CPU, 0, "second"));
	snapshot_row(&s, (uint32_t)number, &row);
	assert_int_equal(row.length, 11);
	assert_memory_equal(snapshot_section(&s, &row), "second vCPU", 11);
	assert_int_equal(snapshot_find(&s, SNAPSHOT_CPU, 2, NULL), -1);
	assert_int_equal(snapshot_find(&s, SNAPSHOT_KVM, 0, NULL), -1);
}

static void ranges_come_back(void **state)
{
	struct snapshot s;
	struct snapshot_ram ram;

	assert_true(snapshot_read(&s, bytes, size, why, sizeof(why)));
	assert_true(snapshot_read_ram(&s, &ram, why, sizeof(why)));
	assert_int_equal(ram.ranges, 2);
	assert_int_equal(snapshot_range(&ram, 1).offset, 1 << 20);
	assert_int_equal(snapshot_range(&ram, 1).length, 8192);
}

static void every_truncation_is_refused(void **state)
{
	struct snapshot s;

	for (size_t n = 0; n < size; n++) {
		uint8_t *copy = malloc(n + 1); /* so that a sanitizer sees a read beyond it */

		memcpy(copy, bytes, n);
		/* Zeros behind the last section belong to none. */
		if (snapshot_read(&s, copy, n, why, sizeof(why)))
			assert_true(n >= size - 7);
		free(copy);
	}
}

static void every_changed_byte_is_noticed(void **state)
{
	struct snapshot s;
	struct snapshot_row row;

	for (size_t at = 0; at < size; at++) {
		bool noticed;

		bytes[at] ^= 0x10;
		noticed = !snapshot_read(&s, bytes, size, why, sizeof(why));
		for (uint32_t i = 0; !noticed && i < s.rows; i++) {
			snapshot_row(&s, i, &row);
			noticed = !snapshot_section(&s, &row) ||
				  at >= row.offset + row.length; /* between two */
		}
		bytes[at] ^= 0x10;
		assert_true(noticed);
	}
}

/* As an attacker would, who makes the sums right again. */
static void mend(void)
{
	uint32_t rows, crc;

	memcpy(&rows, bytes + 12, sizeof(rows));
	if (rows > 100)
		rows = 0;
	crc = state_crc(bytes + SNAPSHOT_HEAD, (size_t)rows * SNAPSHOT_ROW);
	memcpy(bytes + 56, &crc, sizeof(crc));
	crc = state_crc(bytes, 60);
	memcpy(bytes + 60, &crc, sizeof(crc));
}

static void sections_that_leave_the_file_or_overlap_are_refused(void **state)
{
	const uint64_t offsets[] = {0, 8, 64, 319, 321, size, size + 8, UINT64_MAX - 7};
	const uint64_t lengths[] = {size, size + 1, UINT64_MAX, UINT64_MAX - 400};
	struct snapshot s;

	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		build(ram_section, sizeof(ram_section));
		memcpy(bytes + SNAPSHOT_HEAD + SNAPSHOT_ROW + 16, &offsets[i], 8);
		mend();
		assert_false(snapshot_read(&s, bytes, size, why, sizeof(why)));
	}
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		build(ram_section, sizeof(ram_section));
		memcpy(bytes + SNAPSHOT_HEAD + 24, &lengths[i], 8);
		mend();
		assert_false(snapshot_read(&s, bytes, size, why, sizeof(why)));
	}
}

static void too_many_rows_are_refused(void **state)
{
	const uint32_t counts[] = {5, 1024, 1025, UINT32_MAX};
	struct snapshot s;

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		memcpy(bytes + 12, &counts[i], 4);
		mend();
		assert_false(snapshot_read(&s, bytes, size, why, sizeof(why)));
	}
}

static void malformed_ranges_are_refused(void **state)
{
	static const uint64_t wrong[][8] = {
	    {SNAPSHOT_RAM_FULL, 0, 0, 2, 4096, 4096, 0, 4096},          /* not ascending */
	    {SNAPSHOT_RAM_FULL, 0, 0, 2, 0, 8192, 4096, 4096},          /* over another */
	    {SNAPSHOT_RAM_FULL, 0, 0, 2, 0, 4096, RAM, 4096},           /* outside */
	    {SNAPSHOT_RAM_FULL, 0, 0, 2, 0, 4096, 4096, UINT64_MAX},    /* wraps */
	    {SNAPSHOT_RAM_FULL, 0, 0, 2, 0, 4096, 4096, -4096ull},      /* wraps to a page */
	    {SNAPSHOT_RAM_FULL, 0, 0, 2, 0, 4096, 8192, 0},             /* empty */
	    {SNAPSHOT_RAM_FULL, 0, 0, 2, 0, 4096, 8192, 100},           /* no whole page */
	    {SNAPSHOT_RAM_FULL, 0, 0, 3, 0, 4096, 8192, 4096},          /* more than there are */
	    {SNAPSHOT_RAM_FULL, 0, 0, 1ull << 60, 0, 4096, 8192, 4096}, /* times 16 wraps */
	    {7, 0, 0, 2, 0, 4096, 8192, 4096},                          /* unknown */
	};
	struct snapshot_ram ram;
	struct snapshot s;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		build(wrong[i], sizeof(wrong[i]));
		assert_true(snapshot_read(&s, bytes, size, why, sizeof(why)));
		assert_false(snapshot_read_ram(&s, &ram, why, sizeof(why)));
	}
	build(ram_section, 31);
	assert_true(snapshot_read(&s, bytes, size, why, sizeof(why)));
	assert_false(snapshot_read_ram(&s, &ram, why, sizeof(why)));
}

static bool read_wset(const uint64_t *section, size_t n, struct snapshot_ram *wset)
{
	struct snapshot_out out;
	struct snapshot s;

	snapshot_begin(&out, bytes, sizeof(bytes), section ? 2 : 1);
	put(&out, SNAPSHOT_RAM, 0, "", ram_section, sizeof(ram_section));
	if (section)
		put(&out, SNAPSHOT_WSET, 0, "", section, n);
	size = snapshot_end(&out, RAM, uuid);
	assert_true(snapshot_read(&s, bytes, size, why, sizeof(why)));
	return snapshot_read_wset(&s, wset, why, sizeof(why));
}

static void what_is_read_ahead_comes_back_in_its_order(void **state)
{
	static const uint64_t section[] = {2, 1 << 20, 8192, 0, 4096}, none[] = {0};
	struct snapshot_ram wset;

	assert_true(read_wset(section, sizeof(section), &wset));
	assert_int_equal(wset.ranges, 2);
	assert_int_equal(snapshot_range(&wset, 0).offset, 1 << 20);
	assert_int_equal(snapshot_range(&wset, 1).length, 4096);
	assert_true(read_wset(none, sizeof(none), &wset));
	assert_non_null(wset.list);
	assert_int_equal(wset.ranges, 0);
	assert_true(read_wset(NULL, 0, &wset));
	assert_null(wset.list);
}

static void malformed_lists_of_what_is_read_ahead_are_refused(void **state)
{
	static const uint64_t wrong[][5] = {
	    {2, 0, 4096, RAM, 4096},          /* outside */
	    {2, 0, 4096, RAM - 4096, 8192},   /* half outside */
	    {2, 0, 4096, 4096, -4096ull},     /* wraps */
	    {2, 0, 4096, -4096ull, 4096},     /* wraps */
	    {2, 0, 4096, 4096, 0},            /* empty */
	    {2, 0, 4096, 4096, 100},          /* no whole page */
	    {2, 0, 4096, 100, 4096},          /* not at a page */
	    {2, 0, RAM, 0, 4096},             /* more than there is */
	    {3, 0, 4096, 4096, 4096},         /* more than there are */
	    {1, 0, 4096, 4096, 4096},         /* fewer */
	    {1ull << 60, 0, 4096, 4096, 4096} /* times 16 wraps */
	};
	static uint64_t many[1 + 2 * (SNAPSHOT_WSET_MAX + 1)];
	struct snapshot_ram wset;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(read_wset(wrong[i], sizeof(wrong[i]), &wset));
	assert_false(read_wset(wrong[0], 7, &wset));
	many[0] = SNAPSHOT_WSET_MAX + 1;
	for (size_t i = 1; i < sizeof(many) / sizeof(many[0]); i += 2)
		many[i + 1] = 4096;
	assert_false(read_wset(many, sizeof(many), &wset));
}

static void what_does_not_fit_is_not_built(void **state)
{
	struct snapshot_out out;

	snapshot_begin(&out, bytes, 200, 2);
	snapshot_put(&out, SNAPSHOT_META, 1, 0, "", 100);
	snapshot_put(&out, SNAPSHOT_CONF, 1, 0, "", 0);
	assert_int_equal(snapshot_end(&out, RAM, uuid), 0);
	snapshot_begin(&out, bytes, sizeof(bytes), 2);
	snapshot_put(&out, SNAPSHOT_META, 1, 0, "", 100);
	assert_int_equal(snapshot_end(&out, RAM, uuid), 0); /* a row is missing */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(what_was_built_comes_back, set_up),
	    cmocka_unit_test_setup(ranges_come_back, set_up),
	    cmocka_unit_test_setup(every_truncation_is_refused, set_up),
	    cmocka_unit_test_setup(every_changed_byte_is_noticed, set_up),
	    cmocka_unit_test_setup(sections_that_leave_the_file_or_overlap_are_refused, set_up),
	    cmocka_unit_test_setup(too_many_rows_are_refused, set_up),
	    cmocka_unit_test(malformed_ranges_are_refused),
	    cmocka_unit_test(what_is_read_ahead_comes_back_in_its_order),
	    cmocka_unit_test(malformed_lists_of_what_is_read_ahead_are_refused),
	    cmocka_unit_test(what_does_not_fit_is_not_built),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
