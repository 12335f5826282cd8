/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* The character timeout of the serial port. */
#include "test_serial.h"

static void drain(struct fake_host *f)
{
	while (in(f, LSR) & LSR_DR)
		in(f, RBR_THR);
}

static void timeout_comes_four_characters_after_the_last_one(void **state)
{
	struct fake_host *f = *state;

	open_port(f, 0xc0, IER_ERBFI);
	feed(f, 1);
	fake_advance(f, FOUR_CHARACTERS_NS - 1);
	assert_false(line(f));
	fake_advance(f, 1);
	assert_true(line(f));
	assert_int_equal(in(f, IIR_FCR), 0xcc);
	assert_int_equal(fake_counter(f, "rx_timeouts"), 1);
	in(f, RBR_THR);
	assert_false(line(f));
	assert_int_equal(in(f, IIR_FCR), 0xc1);
}

static void another_character_restarts_the_timeout(void **state)
{
	struct fake_host *f = *state;

	open_port(f, 0xc0, IER_ERBFI);
	feed(f, 1);
	fake_advance(f, FOUR_CHARACTERS_NS - 1);
	feed(f, 1);
	fake_advance(f, FOUR_CHARACTERS_NS - 1);
	assert_false(line(f));
	fake_advance(f, 1);
	assert_true(line(f));
}

static void reading_rbr_restarts_the_timeout(void **state)
{
	struct fake_host *f = *state;

	open_port(f, 0xc0, IER_ERBFI);
	feed(f, 3);
	fake_advance(f, FOUR_CHARACTERS_NS - 1);
	in(f, RBR_THR);
	fake_advance(f, FOUR_CHARACTERS_NS - 1);
	assert_false(line(f));
	fake_advance(f, 1);
	assert_int_equal(in(f, IIR_FCR), 0xcc);
	in(f, RBR_THR);
	assert_false(line(f));
	fake_advance(f, FOUR_CHARACTERS_NS);
	assert_int_equal(in(f, IIR_FCR), 0xcc); /* one is left */
	assert_int_equal(fake_counter(f, "rx_timeouts"), 2);
}

/* 8.4.1: once it has occurred only a read clears it. */
static void another_character_does_not_clear_a_timeout(void **state)
{
	struct fake_host *f = *state;

	open_port(f, 0xc0, IER_ERBFI);
	feed(f, 1);
	fake_advance(f, FOUR_CHARACTERS_NS);
	feed(f, 1);
	assert_int_equal(in(f, IIR_FCR), 0xcc);
	fake_advance(f, FOUR_CHARACTERS_NS);
	assert_int_equal(fake_counter(f, "rx_timeouts"), 1);
}

static void timeout_waits_for_its_enable(void **state)
{
	struct fake_host *f = *state;

	open_port(f, 0xc0, IER_ETBEI | IER_ELSI | IER_EDSSI);
	in(f, IIR_FCR);
	feed(f, 1);
	fake_advance(f, FOUR_CHARACTERS_NS);
	assert_int_equal(in(f, IIR_FCR), 0xc1);
	assert_false(line(f));
	out(f, IER, IER_ERBFI);
	assert_int_equal(in(f, IIR_FCR), 0xcc);
	assert_true(line(f));
}

static void empty_fifo_has_no_timeout(void **state)
{
	struct fake_host *f = *state;

	open_port(f, 0xc0, IER_ERBFI);
	feed(f, 2);
	drain(f);
	fake_advance(f, 100 * FOUR_CHARACTERS_NS);
	assert_int_equal(rises(f), 0);
	assert_int_equal(fake_counter(f, "rx_timeouts"), 0);
}

static void receiver_without_fifos_has_no_timeout(void **state)
{
	struct fake_host *f = *state;

	open_port(f, 0, IER_ERBFI);
	out(f, IIR_FCR, 0);
	feed(f, 1);
	fake_advance(f, 100 * FOUR_CHARACTERS_NS);
	assert_int_equal(in(f, IIR_FCR), 0x04);
}

static void clearing_the_fifo_clears_a_timeout(void **state)
{
	struct fake_host *f = *state;

	open_port(f, 0xc0, IER_ERBFI);
	feed(f, 1);
	fake_advance(f, FOUR_CHARACTERS_NS);
	out(f, IIR_FCR, 0xc3);
	assert_false(line(f));
	assert_int_equal(in(f, IIR_FCR), 0xc1);
}

/* A receiver kept busy moves the deadline but leaves the timer alone. */
static void busy_receiver_still_times_out_after_its_last_character(void **state)
{
	struct fake_host *f = *state;

	open_port(f, 0xc0, IER_ERBFI);
	feed(f, 8);
	for (unsigned i = 0; i < 50; i++) {
		fake_advance(f, FOUR_CHARACTERS_NS / 3);
		feed(f, 1);
		in(f, RBR_THR);
		assert_false(line(f));
	}
	fake_advance(f, FOUR_CHARACTERS_NS - 1);
	assert_false(line(f));
	fake_advance(f, 1);
	assert_true(line(f));
}

static void timeout_follows_frame(struct fake_host *f, uint16_t divisor, uint8_t lcr, uint64_t ns)
{
	open_port(f, 0xc0, IER_ERBFI);
	out(f, LCR, lcr | LCR_DLAB);
	out(f, RBR_THR, (uint8_t)divisor);
	out(f, IER, (uint8_t)(divisor >> 8));
	out(f, LCR, lcr);
	feed(f, 1);
	fake_advance(f, ns - 1);
	assert_false(line(f));
	fake_advance(f, 1);
	assert_true(line(f));
	drain(f);
}

/* The data sheet's own figure: 160 ms at 300 baud with a 12-bit character. */
static void timeout_at_300_baud_and_12_bits_is_160_ms(void **state)
{
	timeout_follows_frame(*state, 384, 0x0f, 160000000);
}

static void timeout_counts_data_parity_and_stop_bits(void **state)
{
	/* 9,600 baud; half bits per character. */
	static const struct {
		uint8_t lcr, half_bits;
	} rows[] = {
	    {0x00, 14}, {0x01, 16}, {0x02, 18}, {0x03, 20}, /* 5N1 to 8N1 */
	    {0x04, 15}, {0x05, 18}, {0x06, 20}, {0x07, 22}, /* 5N1.5, 6N2 to 8N2 */
	    {0x0b, 22}, {0x1b, 22}, {0x2b, 22},             /* odd, even, stick */
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		timeout_follows_frame(
		    *state, 12, rows[i].lcr, 4ull * rows[i].half_bits * 1000000000 / (2 * 9600));
}

static void divisor_zero_counts_as_one(void **state)
{
	timeout_follows_frame(*state, 0, 0x03, FOUR_CHARACTERS_NS);
}

static void slowest_divisor_times_out_after_23_s(void **state)
{
	timeout_follows_frame(*state, 65535, 0x03, 40ull * 16 * 65535 * 1000000000 / 1843200);
}

static void faster_line_does_not_wait_out_a_slow_timeout(void **state)
{
	struct fake_host *f = *state;

	open_port(f, 0xc0, IER_ERBFI);
	out(f, LCR, 0x83);
	out(f, IER, 0xff);
	out(f, LCR, 0x03);
	feed(f, 1);
	out(f, LCR, 0x83);
	out(f, IER, 0x00);
	out(f, LCR, 0x03);
	fake_advance(f, FOUR_CHARACTERS_NS);
	assert_true(line(f));
}

int test_serial_timeout(void)
{
	const struct CMUnitTest tests[] = {
	    PORT_TEST(timeout_comes_four_characters_after_the_last_one),
	    PORT_TEST(another_character_restarts_the_timeout),
	    PORT_TEST(reading_rbr_restarts_the_timeout),
	    PORT_TEST(another_character_does_not_clear_a_timeout),
	    PORT_TEST(timeout_waits_for_its_enable),
	    PORT_TEST(empty_fifo_has_no_timeout),
	    PORT_TEST(receiver_without_fifos_has_no_timeout),
	    PORT_TEST(clearing_the_fifo_clears_a_timeout),
	    PORT_TEST(busy_receiver_still_times_out_after_its_last_character),
	    PORT_TEST(timeout_at_300_baud_and_12_bits_is_160_ms),
	    PORT_TEST(timeout_counts_data_parity_and_stop_bits),
	    PORT_TEST(divisor_zero_counts_as_one),
	    PORT_TEST(slowest_divisor_times_out_after_23_s),
	    PORT_TEST(faster_line_does_not_wait_out_a_slow_timeout),
	};

	return cmocka_run_group_tests_name("timeout", tests, NULL, NULL);
}
