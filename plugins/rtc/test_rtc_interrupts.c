/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Register C, line 8, and how often the host is woken for them. */
#include "test_rtc.h"

#define H24 0x02
#define PIE 0x40
#define AIE 0x20
#define UIE 0x10
#define IRQ 0x80

static unsigned rises(struct fake_host *f)
{
	return fake_irq_rises(f, LINE);
}

static bool is_armed(struct fake_host *f)
{
	return fake_timer_armed(f, 0, NULL) || fake_timer_armed(f, 1, NULL);
}

static void an_update_sets_its_flag_with_and_without_interrupt(void **state)
{
	get(*state, 0x0c);
	fake_advance(*state, SECOND);
	assert_int_equal(get(*state, 0x0c) & ~0x40, UIE);
	assert_int_equal(get(*state, 0x0c) & ~0x40, 0);
	assert_int_equal(rises(*state), 0);
	put(*state, 0x0b, UIE | H24);
	for (unsigned i = 1; i < 5; i++) {
		fake_advance(*state, SECOND - 1);
		assert_int_equal(rises(*state), i - 1);
		fake_advance(*state, 1);
		assert_int_equal(rises(*state), i);
		assert_true(fake_irq_level(*state, LINE));
		assert_int_equal(get(*state, 0x0c) & ~0x40, IRQ | UIE);
		assert_false(fake_irq_level(*state, LINE));
	}
	assert_int_equal(fake_counter(*state, "interrupts"), 4);
}

static void an_enable_raises_for_a_flag_that_is_set(void **state)
{
	fake_advance(*state, SECOND);
	assert_false(fake_irq_level(*state, LINE));
	put(*state, 0x0b, UIE | H24);
	assert_true(fake_irq_level(*state, LINE));
	put(*state, 0x0b, H24);
	assert_false(fake_irq_level(*state, LINE));
}

/* Until register C is read there is one interrupt, and nothing that wakes the host. */
static void an_interrupt_that_nobody_takes_is_one(void **state)
{
	put(*state, 0x0a, 0x23);
	put(*state, 0x0b, UIE | PIE | H24);
	fake_advance(*state, 100 * SECOND);
	assert_int_equal(rises(*state), 1);
	assert_false(is_armed(*state));
	assert_int_equal(get(*state, 0x0c), IRQ | UIE | PIE);
	assert_true(is_armed(*state));
}

/* Table "periodic interrupt rate" for a crystal of 32,768 Hz. */
static void each_rate_is_the_data_sheets(void **state)
{
	static const unsigned hz[16] = {
	    0, 256, 128, 8192, 4096, 2048, 1024, 512, 256, 128, 64, 32, 16, 8, 4, 2};

	put(*state, 0x0b, PIE | H24);
	for (uint8_t rate = 0; rate < 16; rate++) {
		put(*state, 0x0a, 0x20 | rate);
		get(*state, 0x0c);
		const unsigned before = rises(*state);

		for (unsigned i = 0; i < 10000; i++) {
			fake_advance(*state, MS / 10);
			get(*state, 0x0c);
		}
		/* The last may be due right at the end; more than one in a step are one. */
		assert_in_range(rises(*state) - before, hz[rate] ? hz[rate] - 1 : 0, hz[rate]);
	}
}

static void the_flag_of_periods_needs_no_interrupt(void **state)
{
	get(*state, 0x0c);
	assert_int_equal(get(*state, 0x0c), 0);
	fake_advance(*state, MS);
	assert_int_equal(get(*state, 0x0c), PIE);
	assert_int_equal(get(*state, 0x0c), 0);
	put(*state, 0x0a, 0x20);
	fake_advance(*state, SECOND / 2);
	assert_int_equal(get(*state, 0x0c), 0);
	assert_int_equal(rises(*state), 0);
}

static void set_alarm(struct fake_host *f, uint8_t hours, uint8_t minutes, uint8_t seconds)
{
	put(f, 1, seconds);
	put(f, 3, minutes);
	put(f, 5, hours);
}

/* Seconds until the alarm, or 0 if there is none in two days. */
static unsigned alarm_after(struct fake_host *f)
{
	const unsigned before = rises(f);

	get(f, 0x0c);
	for (unsigned i = 1; i <= 2 * 86400; i++) {
		fake_advance(f, SECOND);
		if (rises(f) == before)
			continue;
		assert_int_equal(get(f, 0x0c) & ~0x40, IRQ | AIE | UIE);
		return i;
	}
	return 0;
}

static void an_alarm_is_once_a_day(void **state)
{
	put(*state, 0x0b, AIE | H24);
	set_alarm(*state, 0x13, 0x05, 0x59);
	assert_int_equal(alarm_after(*state), 13 * 3600 + 5 * 60 + 59);
	assert_int_equal(alarm_after(*state), 86400);
}

/* 0xc0 to 0xff: each hour, minute or second. */
static void an_alarm_has_bytes_that_do_not_matter(void **state)
{
	put(*state, 0x0b, AIE | H24);
	set_alarm(*state, 0xc0, 0x30, 0x00);
	assert_int_equal(alarm_after(*state), 1800);
	assert_int_equal(alarm_after(*state), 3600);
	set_alarm(*state, 0xff, 0xe0, 0x15);
	assert_int_equal(alarm_after(*state), 15);
	assert_int_equal(alarm_after(*state), 60);
	set_alarm(*state, 0xff, 0xff, 0xff);
	assert_int_equal(alarm_after(*state), 1);
	assert_int_equal(alarm_after(*state), 1);
	set_alarm(*state, 0x02, 0xff, 0xff);
	assert_in_range(alarm_after(*state), 2, 7200);
	assert_int_equal(alarm_after(*state), 1);
}

static void an_alarm_has_the_form_of_the_time(void **state)
{
	put(*state, 0x0b, AIE);
	put_time(*state, "\x20\x26\x01\x01\x05\x12\x00\x00"); /* midnight */
	set_alarm(*state, 0x83, 0x00, 0x00);
	assert_int_equal(alarm_after(*state), 15 * 3600);
	put(*state, 0x0b, AIE | H24 | 0x04);
	put_time(*state, "\x14\x1a\x01\x01\x05\x00\x00\x00");
	set_alarm(*state, 0x0f, 0x1e, 0x00);
	assert_int_equal(alarm_after(*state), 15 * 3600 + 30 * 60);
}

static void an_alarm_of_no_time_never_comes(void **state)
{
	put(*state, 0x0b, AIE | H24);
	set_alarm(*state, 0x30, 0x00, 0x00);
	assert_int_equal(alarm_after(*state), 0);
	set_alarm(*state, 0xff, 0xff, 0x60);
	assert_int_equal(alarm_after(*state), 0);
	set_alarm(*state, 0xff, 0x77, 0xff);
	assert_int_equal(alarm_after(*state), 0);
	assert_false(fake_irq_level(*state, LINE));
}

/* The host's clock is set to a time after it. */
static void an_alarm_is_not_lost_when_the_clock_leaps(void **state)
{
	put(*state, 0x0b, AIE | H24);
	set_alarm(*state, 0x10, 0x00, 0x00);
	fake_set_realtime(*state, FAKE_REALTIME + 12 * 3600 * SECOND);
	fake_advance(*state, 60 * SECOND);
	assert_int_equal(rises(*state), 1);
}

static void nothing_wakes_the_host_unasked(void **state)
{
	assert_false(is_armed(*state));
	put(*state, 0x0b, UIE | PIE | AIE | H24);
	assert_true(is_armed(*state));
	put(*state, 0x0a, 0x76);
	assert_false(is_armed(*state));
	put(*state, 0x0a, 0x26);
	assert_true(is_armed(*state));
	put(*state, 0x0b, H24);
	assert_false(is_armed(*state));
}

static uint32_t next_random(uint32_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 17;
	*s ^= *s << 5;
	return *s;
}

/* The line is what register C says, whatever came before. */
static void the_line_is_irqf(void **state)
{
	uint32_t seed = 2463534242;

	for (unsigned i = 0; i < 200000; i++) {
		const uint32_t r = next_random(&seed);

		if (r % 4 == 0)
			fake_advance(*state, next_random(&seed));
		else if (r % 4 == 1)
			put(*state, (uint8_t)(r >> 8 & 15), (uint8_t)(r >> 16));
		else
			get(*state, (uint8_t)(r >> 8));
		if (r % 64)
			continue;
		const bool level = fake_irq_level(*state, LINE);

		assert_int_equal(get(*state, 0x0c) >> 7, level);
		assert_false(fake_irq_level(*state, LINE));
	}
}

int run_interrupt_tests(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, rtc_setup, rtc_teardown)
	const struct CMUnitTest tests[] = {
	    T(an_update_sets_its_flag_with_and_without_interrupt),
	    T(an_enable_raises_for_a_flag_that_is_set),
	    T(an_interrupt_that_nobody_takes_is_one),
	    T(each_rate_is_the_data_sheets),
	    T(the_flag_of_periods_needs_no_interrupt),
	    T(an_alarm_is_once_a_day),
	    T(an_alarm_has_bytes_that_do_not_matter),
	    T(an_alarm_has_the_form_of_the_time),
	    T(an_alarm_of_no_time_never_comes),
	    T(an_alarm_is_not_lost_when_the_clock_leaps),
	    T(nothing_wakes_the_host_unasked),
	    T(the_line_is_irqf),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
