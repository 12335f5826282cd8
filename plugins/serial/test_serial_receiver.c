/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Receiver of the serial port: FIFO, overruns, breaks. */
#include "test_serial.h"

static void read_of_empty_receiver_returns_zero(void **state)
{
	struct fake_host *f = *state;

	assert_int_equal(in(f, RBR_THR), 0);
	out(f, IIR_FCR, 0x01);
	assert_int_equal(in(f, RBR_THR), 0);
	assert_int_equal(in(f, LSR), 0x60);
}

static void without_fifos_one_byte_is_received_at_a_time(void **state)
{
	struct fake_host *f = *state;

	fake_stream_feed(f, 0, "ab", 2);
	assert_int_equal(fake_stream_room(f, 0), 0);
	assert_int_equal(in(f, LSR), 0x61);
	assert_int_equal(in(f, RBR_THR), 'a');
	fake_stream_pump(f, 0);
	assert_int_equal(in(f, RBR_THR), 'b');
	fake_stream_pump(f, 0);
	assert_int_equal(in(f, LSR), 0x60);
	assert_int_equal(fake_counter(f, "rx_overruns"), 0);
}

static void fifo_holds_sixteen_bytes_in_order(void **state)
{
	struct fake_host *f = *state;

	out(f, IIR_FCR, 0x01);
	assert_int_equal(fake_stream_room(f, 0), 16);
	assert_int_equal(fake_stream_feed(f, 0, "0123456789abcdefgh", 18), 16);
	assert_int_equal(fake_stream_room(f, 0), 0);
	for (unsigned i = 0; i < 16; i++) {
		assert_int_equal(in(f, LSR), 0x61);
		assert_int_equal(in(f, RBR_THR), "0123456789abcdef"[i]);
		assert_int_equal(fake_stream_room(f, 0), i + 1);
	}
	assert_int_equal(in(f, LSR), 0x60);
	fake_stream_pump(f, 0);
	assert_int_equal(in(f, RBR_THR), 'g');
	assert_int_equal(in(f, RBR_THR), 'h');
	assert_int_equal(fake_counter(f, "rx_bytes"), 18);
	assert_int_equal(fake_counter(f, "rx_overruns"), 0);
}

static void fifo_wraps_without_losing_order(void **state)
{
	struct fake_host *f = *state;
	uint8_t next = 0, expected = 0;

	out(f, IIR_FCR, 0x01);
	for (unsigned round = 0; round < 100; round++) {
		for (unsigned i = 0; i < 11; i++, next++)
			assert_int_equal(fake_stream_feed(f, 0, &next, 1), 1);
		for (unsigned i = 0; i < 11; i++, expected++)
			assert_int_equal(in(f, RBR_THR), expected);
	}
}

static void fcr_resets_the_receiver_and_clears_the_bit(void **state)
{
	struct fake_host *f = *state;

	out(f, IIR_FCR, 0x01);
	fake_stream_feed(f, 0, "abc", 3);
	out(f, IIR_FCR, 0x05); /* the transmitter's only */
	assert_int_equal(in(f, LSR), 0x61);
	out(f, IIR_FCR, 0x03);
	assert_int_equal(in(f, LSR), 0x60);
	assert_int_equal(fake_stream_room(f, 0), 16);
	fake_stream_feed(f, 0, "d", 1);
	out(f, IIR_FCR, 0x01);
	assert_int_equal(in(f, RBR_THR), 'd');
}

static void changing_the_fifo_enable_empties_the_receiver(void **state)
{
	struct fake_host *f = *state;

	fake_stream_feed(f, 0, "a", 1);
	out(f, IIR_FCR, 0x01);
	assert_int_equal(in(f, LSR), 0x60);
	fake_stream_feed(f, 0, "bcd", 3);
	out(f, IIR_FCR, 0x00);
	assert_int_equal(in(f, LSR), 0x60);
	assert_int_equal(in(f, RBR_THR), 0);
	assert_int_equal(fake_stream_room(f, 0), 1);
}

static void fcr_bits_without_enable_are_not_programmed(void **state)
{
	struct fake_host *f = *state;

	fake_stream_feed(f, 0, "a", 1);
	out(f, IIR_FCR, 0xce);
	assert_int_equal(in(f, IIR_FCR), 0x01);
	assert_int_equal(in(f, RBR_THR), 'a');
}

/* 8.6.3: "indicated as soon as it happens"; the FIFO keeps its characters. */
static void overrun_of_the_fifo_keeps_the_old_characters(void **state)
{
	struct fake_host *f = *state;

	out(f, IIR_FCR, 0x01);
	out(f, LCR, 0x03);
	out(f, MCR, MCR_LOOP);
	for (uint8_t i = 0; i < 17; i++)
		out(f, RBR_THR, i);
	assert_int_equal(in(f, LSR), 0x63);
	assert_int_equal(in(f, LSR), 0x61);
	for (uint8_t i = 0; i < 16; i++)
		assert_int_equal(in(f, RBR_THR), i);
	assert_int_equal(in(f, LSR), 0x60);
	assert_int_equal(fake_counter(f, "rx_overruns"), 1);
}

static void overrun_of_rbr_keeps_the_new_character(void **state)
{
	struct fake_host *f = *state;

	out(f, LCR, 0x03);
	out(f, MCR, MCR_LOOP);
	out(f, RBR_THR, 'a');
	out(f, RBR_THR, 'b');
	assert_int_equal(in(f, LSR), 0x63);
	assert_int_equal(in(f, RBR_THR), 'b');
	assert_int_equal(in(f, LSR), 0x60);
}

static void break_is_a_zero_with_bi_until_lsr_is_read(void **state)
{
	struct fake_host *f = *state;

	fake_stream_event(f, 0, VOLT_STREAM_BREAK);
	assert_int_equal(in(f, LSR), 0x71);
	assert_int_equal(in(f, LSR), 0x61);
	assert_int_equal(in(f, RBR_THR), 0);
	assert_int_equal(in(f, LSR), 0x60);
	assert_int_equal(fake_counter(f, "rx_breaks"), 1);
}

static void break_in_the_fifo_shows_when_its_character_is_next(void **state)
{
	struct fake_host *f = *state;

	out(f, IIR_FCR, 0x01);
	fake_stream_feed(f, 0, "a", 1);
	fake_stream_event(f, 0, VOLT_STREAM_BREAK);
	fake_stream_feed(f, 0, "b", 1);
	assert_int_equal(fake_stream_room(f, 0), 13);
	assert_int_equal(in(f, LSR), 0xe1); /* an error in the FIFO, not of 'a' */
	assert_int_equal(in(f, RBR_THR), 'a');
	assert_int_equal(in(f, LSR), 0xf1);
	assert_int_equal(in(f, LSR), 0x61);
	assert_int_equal(in(f, RBR_THR), 0);
	assert_int_equal(in(f, LSR), 0x61);
	assert_int_equal(in(f, RBR_THR), 'b');
	assert_int_equal(in(f, LSR), 0x60);
}

static void break_into_a_full_fifo_is_an_overrun(void **state)
{
	struct fake_host *f = *state;

	out(f, IIR_FCR, 0x01);
	fake_stream_feed(f, 0, "0123456789abcdef", 16);
	fake_stream_event(f, 0, VOLT_STREAM_BREAK);
	assert_int_equal(in(f, LSR), 0x63);
	for (unsigned i = 0; i < 16; i++)
		in(f, RBR_THR);
	assert_int_equal(in(f, LSR), 0x60);
}

static void receiver_reset_forgets_errors_of_its_characters(void **state)
{
	struct fake_host *f = *state;

	out(f, IIR_FCR, 0x01);
	fake_stream_event(f, 0, VOLT_STREAM_BREAK);
	fake_stream_event(f, 0, VOLT_STREAM_BREAK);
	out(f, IIR_FCR, 0x03);
	assert_int_equal(in(f, LSR), 0x60);
	fake_stream_feed(f, 0, "ab", 2);
	in(f, RBR_THR);
	assert_int_equal(in(f, LSR), 0x61);
}

int test_serial_receiver(void)
{
	const struct CMUnitTest tests[] = {
	    PORT_TEST(read_of_empty_receiver_returns_zero),
	    PORT_TEST(without_fifos_one_byte_is_received_at_a_time),
	    PORT_TEST(fifo_holds_sixteen_bytes_in_order),
	    PORT_TEST(fifo_wraps_without_losing_order),
	    PORT_TEST(fcr_resets_the_receiver_and_clears_the_bit),
	    PORT_TEST(changing_the_fifo_enable_empties_the_receiver),
	    PORT_TEST(fcr_bits_without_enable_are_not_programmed),
	    PORT_TEST(overrun_of_the_fifo_keeps_the_old_characters),
	    PORT_TEST(overrun_of_rbr_keeps_the_new_character),
	    PORT_TEST(break_is_a_zero_with_bi_until_lsr_is_read),
	    PORT_TEST(break_in_the_fifo_shows_when_its_character_is_next),
	    PORT_TEST(break_into_a_full_fifo_is_an_overrun),
	    PORT_TEST(receiver_reset_forgets_errors_of_its_characters),
	};

	return cmocka_run_group_tests_name("receiver", tests, NULL, NULL);
}
