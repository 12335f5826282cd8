/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* What time it is, in each form; updates, SET and the divider. */
#include <stdio.h>
#include <time.h>

#include "test_rtc.h"

#define DM  0x04
#define H24 0x02
#define SET 0x80
#define UIP 0x80

static uint8_t bcd(int val)
{
	return (uint8_t)(val / 10 << 4 | val % 10);
}

/* The host's clock is far from its start: the registers are what gmtime() says, for 400 years. */
static void the_time_is_the_hosts(void **state)
{
	for (time_t t = 0; t < 16700000000; t += 86400 * 13 + 12345) {
		struct fake_host *f = fake_host_create(&volt_plugin_rtc);
		struct tm tm;

		assert_int_equal(fake_host_wire(f, NULL), 0);
		fake_set_realtime(f, (uint64_t)t * SECOND);
		assert_int_equal(fake_host_run(f), 0);
		assert_non_null(gmtime_r(&t, &tm));
		const int year = tm.tm_year + 1900;
		const uint8_t want[TIME_BYTES] = {bcd(year / 100), bcd(year % 100),
		    bcd(tm.tm_mon + 1), bcd(tm.tm_mday), (uint8_t)(tm.tm_wday + 1), bcd(tm.tm_hour),
		    bcd(tm.tm_min), bcd(tm.tm_sec)};
		assert_time(f, want);
		fake_host_destroy(f);
	}
}

static void a_second_passes(void **state)
{
	assert_time(*state, "\x20\x26\x01\x01\x05\x00\x00\x00");
	fake_advance(*state, SECOND);
	assert_time(*state, "\x20\x26\x01\x01\x05\x00\x00\x01");
	fake_advance(*state, 59 * SECOND);
	assert_time(*state, "\x20\x26\x01\x01\x05\x00\x01\x00");
}

static void check_turn(struct fake_host *f, uint8_t mode, const char *before, const char *after)
{
	put(f, 0x0b, mode);
	put_time(f, before);
	fake_advance(f, SECOND);
	assert_time(f, after);
}

static void months_end_as_the_calendar_says(void **state)
{
	check_turn(*state, H24, "\x20\x26\x12\x31\x05\x23\x59\x59", "\x20\x27\x01\x01\x06\0\0\0");
	check_turn(*state, H24, "\x20\x24\x02\x28\x04\x23\x59\x59", "\x20\x24\x02\x29\x05\0\0\0");
	check_turn(*state, H24, "\x20\x25\x02\x28\x07\x23\x59\x59", "\x20\x25\x03\x01\x01\0\0\0");
	check_turn(*state, H24, "\x20\x00\x02\x28\x02\x23\x59\x59", "\x20\x00\x02\x29\x03\0\0\0");
	check_turn(*state, H24, "\x21\x00\x02\x28\x01\x23\x59\x59", "\x21\x00\x03\x01\x02\0\0\0");
	check_turn(*state, H24, "\x19\x99\x12\x31\x06\x23\x59\x59", "\x20\x00\x01\x01\x07\0\0\0");
	check_turn(*state, H24, "\x99\x99\x12\x31\x06\x23\x59\x59", "\x00\x00\x01\x01\x07\0\0\0");
	check_turn(*state, H24, "\x00\x00\x02\x28\x06\x23\x59\x59", "\x00\x00\x02\x29\x07\0\0\0");
}

static void the_registers_are_binary_with_dm(void **state)
{
	check_turn(
	    *state, H24 | DM, "\x14\x1a\x0c\x1f\x05\x17\x3b\x3b", "\x14\x1b\x01\x01\x06\0\0\0");
	check_turn(*state, H24 | DM, "\x14\x1a\x0a\x09\x06\x09\x09\x09",
	    "\x14\x1a\x0a\x09\x06\x09\x09\x0a");
}

static void hours_are_1_to_12_without_24(void **state)
{
	check_turn(
	    *state, 0, "\x20\x26\x01\x01\x05\x12\x59\x59", "\x20\x26\x01\x01\x05\x01\x00\x00");
	check_turn(
	    *state, 0, "\x20\x26\x01\x01\x05\x11\x59\x59", "\x20\x26\x01\x01\x05\x92\x00\x00");
	check_turn(
	    *state, 0, "\x20\x26\x01\x01\x05\x92\x59\x59", "\x20\x26\x01\x01\x05\x81\x00\x00");
	check_turn(
	    *state, 0, "\x20\x26\x01\x01\x05\x91\x59\x59", "\x20\x26\x01\x02\x06\x12\x00\x00");
	check_turn(
	    *state, DM, "\x14\x1a\x01\x01\x05\x8b\x3b\x3b", "\x14\x1a\x01\x02\x06\x0c\x00\x00");
}

/* A change of the form converts nothing: the ten bytes are the program's to set anew. */
static void a_change_of_form_leaves_the_bytes(void **state)
{
	put_time(*state, "\x20\x26\x01\x15\x05\x15\x10\x10");
	put(*state, 0x0b, DM | H24);
	assert_time(*state, "\x20\x26\x01\x15\x05\x15\x10\x10");
	put(*state, 0x0b, 0);
	assert_time(*state, "\x20\x26\x01\x15\x05\x15\x10\x10");
}

static void set_holds_the_time(void **state)
{
	put(*state, 0x0b, SET | H24);
	fake_advance(*state, 100 * SECOND);
	assert_time(*state, "\x20\x26\x01\x01\x05\x00\x00\x00");
	put(*state, 0x0b, H24);
	assert_time(*state, "\x20\x26\x01\x01\x05\x00\x00\x00");
	fake_advance(*state, SECOND);
	assert_time(*state, "\x20\x26\x01\x01\x05\x00\x00\x01");
}

static void set_ends_the_interrupt_of_updates(void **state)
{
	put(*state, 0x0b, 0x70 | H24);
	put(*state, 0x0b, SET | 0x70 | H24);
	assert_int_equal(get(*state, 0x0b), SET | 0x60 | H24);
}

/* UIP is there 244 us before the update of 1984 us, which ends with the second. */
static void uip_announces_an_update(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		fake_advance(*state, SECOND - 2228001);
		assert_int_equal(get(*state, 0x0a) & UIP, 0);
		fake_advance(*state, 1);
		assert_int_equal(get(*state, 0x0a) & UIP, UIP);
		fake_advance(*state, 2227999);
		assert_int_equal(get(*state, 0x0a) & UIP, UIP);
		assert_int_equal(get(*state, 0), i);
		fake_advance(*state, 1);
		assert_int_equal(get(*state, 0x0a) & UIP, 0);
		assert_int_equal(get(*state, 0), i + 1);
	}
}

static void uip_is_not_there_without_updates(void **state)
{
	fake_advance(*state, SECOND - 1);
	assert_int_equal(get(*state, 0x0a), 0xa6);
	put(*state, 0x0b, SET | H24);
	assert_int_equal(get(*state, 0x0a), 0x26);
	put(*state, 0x0b, H24);
	put(*state, 0x0a, 0x76);
	assert_int_equal(get(*state, 0x0a), 0x76);
}

static void no_divider_but_that_of_the_crystal_counts(void **state)
{
	for (unsigned dv = 0; dv < 8; dv++) {
		put(*state, 0x0a, (uint8_t)(dv << 4 | 6));
		put(*state, 0, 0);
		fake_advance(*state, 9 * SECOND);
		assert_int_equal(get(*state, 0), dv == 2 ? 9 : 0);
	}
}

/* As Linux sets the time: SET, the divider held, both let go. */
static void the_first_update_is_half_a_second_after_the_divider(void **state)
{
	static const uint64_t at[] = {0, 1, SECOND / 2 - 1, SECOND / 2, SECOND - 1};

	for (unsigned i = 0; i < 5; i++) {
		fake_advance(*state, 3 * SECOND + at[i]);
		put(*state, 0x0a, 0x76);
		put_time(*state, "\x20\x30\x01\x01\x03\x00\x00\x00");
		fake_advance(*state, 5 * SECOND);
		put(*state, 0x0a, 0x26);
		fake_advance(*state, SECOND / 2 - 1);
		assert_int_equal(get(*state, 0), 0);
		fake_advance(*state, 1);
		assert_int_equal(get(*state, 0), 1);
		fake_advance(*state, SECOND);
		assert_int_equal(get(*state, 0), 2);
	}
}

static void the_hosts_clock_takes_the_guests_along(void **state)
{
	fake_advance(*state, 5 * SECOND);
	get(*state, 0);
	fake_set_realtime(*state, FAKE_REALTIME + 86400 * SECOND);
	assert_time(*state, "\x20\x26\x01\x02\x06\x00\x00\x00");
	fake_set_realtime(*state, FAKE_REALTIME - SECOND);
	assert_time(*state, "\x20\x25\x12\x31\x04\x23\x59\x59");
}

/* Bytes that are no time: as written until the next update, a time after it. */
static void garbage_becomes_a_time(void **state)
{
	for (unsigned mode = 0; mode < 8; mode += 2) {
		for (unsigned i = 0; i < 256; i++) {
			char bytes[TIME_BYTES];
			uint8_t is[TIME_BYTES];

			memset(bytes, (int)i, sizeof(bytes));
			put(*state, 0x0b, (uint8_t)mode);
			put_time(*state, bytes);
			assert_time(*state, bytes);
			fake_advance(*state, 2 * SECOND);
			get_time(*state, is);
			assert_in_range(is[7], 0, 0x59);
			assert_in_range(is[6], 0, 0x59);
			assert_in_range(is[5] & 0x7f, mode & H24 ? 0 : 1, 0x23);
			/* Days and their week move at midnight alone. */
			fake_advance(*state, 86400 * SECOND);
			get_time(*state, is);
			assert_in_range(is[4], 1, 7);
			assert_in_range(is[3], 1, 0x31);
			assert_in_range(is[2], 1, 0x12);
		}
	}
}

int run_time_tests(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, rtc_setup, rtc_teardown)
	const struct CMUnitTest tests[] = {
	    T(the_time_is_the_hosts),
	    T(a_second_passes),
	    T(months_end_as_the_calendar_says),
	    T(the_registers_are_binary_with_dm),
	    T(hours_are_1_to_12_without_24),
	    T(a_change_of_form_leaves_the_bytes),
	    T(set_holds_the_time),
	    T(set_ends_the_interrupt_of_updates),
	    T(uip_announces_an_update),
	    T(uip_is_not_there_without_updates),
	    T(no_divider_but_that_of_the_crystal_counts),
	    T(the_first_update_is_half_a_second_after_the_divider),
	    T(the_hosts_clock_takes_the_guests_along),
	    T(garbage_becomes_a_time),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
