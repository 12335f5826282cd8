/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* What the test files of this plugin share. */
#ifndef PLUGINS_RTC_TEST_RTC_H
#define PLUGINS_RTC_TEST_RTC_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <volt/fake_host.h>

/* After Volt's headers: it has a macro called fail. */
#include <cmocka.h>

#define LINE   8
#define SECOND 1000000000ull
#define MS     1000000ull

extern const struct volt_plugin volt_plugin_rtc;

static inline uint8_t get(struct fake_host *f, uint8_t reg)
{
	fake_out(f, 0x70, reg);
	return fake_in(f, 0x71);
}

static inline void put(struct fake_host *f, uint8_t reg, uint8_t val)
{
	fake_out(f, 0x70, reg);
	fake_out(f, 0x71, val);
}

/* Century, year, month, day, day of the week, hour, minute, second: as the registers have them. */
#define TIME_BYTES 8
void get_time(struct fake_host *f, uint8_t bytes[TIME_BYTES]);
/* Between SET and its end. */
void put_time(struct fake_host *f, const char *bytes);
/* `bytes` is eight characters of a C string. */
#define assert_time(f, bytes) \
	do { \
		uint8_t is_[TIME_BYTES]; \
		get_time(f, is_); \
		assert_memory_equal(is_, bytes, TIME_BYTES); \
	} while (0)

int rtc_setup(void **state);
int rtc_teardown(void **state);
int run_time_tests(void);
int run_interrupt_tests(void);

#endif
