/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Registers, data paths, modem lines and loopback of the serial port. */
#include "test_serial.h"

static void reset_values_are_those_of_the_data_sheet(void **state)
{
	struct fake_host *f = *state;

	fake_host_reset(f);

	assert_int_equal(in(f, IER), 0x00);
	assert_int_equal(in(f, IIR_FCR), 0x01);
	assert_int_equal(in(f, LCR), 0x00);
	assert_int_equal(in(f, MCR), 0x00);
	assert_int_equal(in(f, LSR), 0x60);
	assert_int_equal(in(f, MSR) & 0x0f, 0x00);
	assert_false(line(f));
}

static void reset_undoes_everything_but_the_cable(void **state)
{
	struct fake_host *f = *state;

	out(f, IIR_FCR, 0xc1);
	fake_stream_feed(f, 0, "0123456789abcdef", 16);
	fake_stream_event(f, 0, VOLT_STREAM_BREAK);
	out(f, IER, 0x0f);
	out(f, SCR, 0x55);
	out(f, MCR, 0x0b);
	out(f, LCR, 0x83);
	out(f, RBR_THR, 0x34);
	assert_true(line(f));
	assert_true(fake_timer_armed(f, 0, NULL));
	fake_host_reset(f);

	assert_false(line(f));
	assert_false(fake_timer_armed(f, 0, NULL));
	assert_int_equal(in(f, LCR), 0x00);
	assert_int_equal(in(f, IIR_FCR), 0x01);
	assert_int_equal(in(f, LSR), 0x60);
	assert_int_equal(in(f, MSR), 0xb0);
	assert_int_equal(in(f, SCR), 0x00);
	assert_int_equal(in(f, RBR_THR), 0x00);
	assert_int_equal(fake_stream_room(f, 0), 1);
}

static void divisor_after_reset_is_115200_baud(void **state)
{
	struct fake_host *f = *state;

	out(f, LCR, 0x80);
	assert_int_equal(in(f, RBR_THR), 1);
	assert_int_equal(in(f, IER), 0);
}

static void scratch_and_line_control_keep_all_bits(void **state)
{
	struct fake_host *f = *state;

	for (unsigned val = 0; val < 256; val++) {
		out(f, SCR, (uint8_t)val);
		out(f, LCR, (uint8_t)~val);
		assert_int_equal(in(f, SCR), val);
		assert_int_equal(in(f, LCR), (uint8_t)~val);
	}
}

static void reserved_bits_of_ier_and_mcr_read_zero(void **state)
{
	struct fake_host *f = *state;

	out(f, IER, 0xff);
	out(f, MCR, 0xff);
	assert_int_equal(in(f, IER), 0x0f);
	assert_int_equal(in(f, MCR), 0x1f);
}

static void writes_to_lsr_and_msr_change_nothing(void **state)
{
	struct fake_host *f = *state;

	out(f, LSR, 0x9f);
	out(f, MSR, 0x4f);
	assert_int_equal(in(f, LSR), 0x60);
	assert_int_equal(in(f, MSR), 0xb0);
}

static void dlab_puts_the_divisor_in_place_of_data_and_ier(void **state)
{
	struct fake_host *f = *state;

	out(f, IER, 0x05);
	out(f, LCR, 0x83);
	out(f, RBR_THR, 0xcd);
	out(f, IER, 0xab);
	assert_int_equal(in(f, RBR_THR), 0xcd);
	assert_int_equal(in(f, IER), 0xab);
	out(f, LCR, 0x03);
	assert_int_equal(in(f, IER), 0x05);
	assert_string_equal(fake_stream_output(f, 0, NULL), "");
	out(f, RBR_THR, 'x');
	out(f, LCR, 0x83);
	assert_int_equal(in(f, RBR_THR), 0xcd);
}

static void wide_accesses_are_split_into_bytes(void **state)
{
	struct fake_host *f = *state;

	fake_write(f, VOLT_SPACE_PIO, COM1 + LCR, 2, 0x0b1b);
	assert_int_equal(in(f, LCR), 0x1b);
	assert_int_equal(in(f, MCR), 0x0b);
	assert_int_equal(fake_read(f, VOLT_SPACE_PIO, COM1 + LCR, 2), 0x0b1b);
	assert_int_equal(fake_read(f, VOLT_SPACE_PIO, COM1 + LCR, 4), 0xb0600b1b);
	fake_write(f, VOLT_SPACE_PIO, COM1, 4, 0x03010f41);
	assert_string_equal(fake_stream_output(f, 0, NULL), "A");
	assert_int_equal(in(f, IER), 0x0f);
	assert_int_equal(in(f, LCR), 0x03);
	assert_int_equal(in(f, IIR_FCR) & 0xc0, 0xc0);
}

static void access_across_the_last_port_misses_beyond_it(void **state)
{
	struct fake_host *f = *state;

	out(f, SCR, 0x77);
	assert_int_equal(fake_read(f, VOLT_SPACE_PIO, COM1 + SCR, 2), 0xff77);
	assert_true(fake_misses(f) > 0);
}

/* ------------------------------------------------------------ transmitter */

static void bytes_written_leave_at_once(void **state)
{
	struct fake_host *f = *state;

	for (const char *c = "hello\n"; *c; c++) {
		out(f, RBR_THR, (uint8_t)*c);
		assert_int_equal(in(f, LSR), 0x60);
	}
	assert_string_equal(fake_stream_output(f, 0, NULL), "hello\n");
	assert_int_equal(fake_counter(f, "tx_bytes"), 6);
}

static void bytes_that_the_stream_refuses_are_dropped_and_counted(void **state)
{
	struct fake_host *f = *state;

	fake_stream_limit(f, 0, 2);
	for (const char *c = "abcde"; *c; c++)
		out(f, RBR_THR, (uint8_t)*c);
	assert_string_equal(fake_stream_output(f, 0, NULL), "ab");
	assert_int_equal(fake_counter(f, "tx_bytes"), 2);
	assert_int_equal(fake_counter(f, "tx_dropped"), 3);
	assert_int_equal(in(f, LSR), 0x60);
}

static void all_eight_bits_leave_whatever_the_word_length(void **state)
{
	struct fake_host *f = *state;
	size_t n;

	out(f, LCR, 0x00);
	out(f, RBR_THR, 0xe1);
	assert_int_equal((uint8_t)fake_stream_output(f, 0, &n)[0], 0xe1);
	assert_int_equal(n, 1);
}

static void bytes_written_during_a_break_do_not_leave(void **state)
{
	struct fake_host *f = *state;

	out(f, LCR, 0x43);
	out(f, RBR_THR, 'x');
	assert_int_equal(in(f, LSR), 0x60);
	out(f, LCR, 0x03);
	out(f, RBR_THR, 'y');
	assert_string_equal(fake_stream_output(f, 0, NULL), "y");
	assert_int_equal(fake_counter(f, "tx_breaks"), 1);
	assert_int_equal(fake_counter(f, "tx_dropped"), 1);
}

/* --------------------------------------------------------------- receiver */

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

/* ------------------------------------------------------------ modem lines */

static void far_end_drives_dcd_dsr_and_cts(void **state)
{
	struct fake_host *f = *state;

	fake_stream_event(f, 0, VOLT_STREAM_DISCONNECTED);
	assert_int_equal(in(f, MSR), 0x0b);
	assert_int_equal(in(f, MSR), 0x00);
	fake_stream_event(f, 0, VOLT_STREAM_CONNECTED);
	assert_int_equal(in(f, MSR), 0xbb);
	assert_int_equal(in(f, MSR), 0xb0);
}

static void unknown_events_are_ignored(void **state)
{
	struct fake_host *f = *state;

	fake_stream_event(f, 0, 77);
	assert_int_equal(in(f, MSR), 0xb0);
	assert_int_equal(in(f, LSR), 0x60);
}

static void loopback_feeds_outputs_to_inputs(void **state)
{
	static const struct {
		uint8_t mcr, msr;
	} rows[] = {{0x10, 0x00}, {0x11, 0x20}, {0x12, 0x10}, {0x14, 0x40}, {0x18, 0x80},
	    {0x1a, 0x90}, {0x1f, 0xf0}};
	struct fake_host *f = *state;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		out(f, MCR, rows[i].mcr);
		assert_int_equal(in(f, MSR) & 0xf0, rows[i].msr);
	}
	out(f, MCR, 0x0f);
	assert_int_equal(in(f, MSR) & 0xf0, 0xb0);
}

static void ring_counts_at_its_trailing_edge_only(void **state)
{
	struct fake_host *f = *state;

	out(f, MCR, 0x10);
	in(f, MSR);
	out(f, MCR, 0x14);
	assert_int_equal(in(f, MSR), 0x40);
	out(f, MCR, 0x10);
	assert_int_equal(in(f, MSR), 0x04);
	assert_int_equal(in(f, MSR), 0x00);
}

static void changes_add_up_until_msr_is_read(void **state)
{
	struct fake_host *f = *state;

	out(f, MCR, 0x10);
	in(f, MSR);
	out(f, MCR, 0x12);
	out(f, MCR, 0x10);
	out(f, MCR, 0x11);
	assert_int_equal(in(f, MSR), 0x23);
}

static void loopback_returns_bytes_and_keeps_them_from_the_far_end(void **state)
{
	struct fake_host *f = *state;

	out(f, LCR, 0x03);
	out(f, MCR, 0x10);
	out(f, RBR_THR, 0xa5);
	assert_int_equal(in(f, LSR), 0x61);
	assert_int_equal(in(f, RBR_THR), 0xa5);
	assert_string_equal(fake_stream_output(f, 0, NULL), "");
	assert_int_equal(fake_counter(f, "tx_bytes"), 0);
}

static void loopback_carries_as_many_bits_as_a_word_has(void **state)
{
	static const uint8_t words[] = {0x1f, 0x3f, 0x7f, 0xff};
	struct fake_host *f = *state;

	out(f, MCR, 0x10);
	for (uint8_t wls = 0; wls < 4; wls++) {
		out(f, LCR, wls);
		out(f, RBR_THR, 0xff);
		assert_int_equal(in(f, RBR_THR), words[wls]);
	}
}

static void loopback_returns_a_break_once(void **state)
{
	struct fake_host *f = *state;

	out(f, IIR_FCR, 0x01);
	out(f, MCR, 0x10);
	out(f, LCR, 0x43);
	out(f, LCR, 0x43);
	out(f, RBR_THR, 'x'); /* drowned by the break */
	assert_int_equal(in(f, LSR), 0xf1);
	assert_int_equal(in(f, RBR_THR), 0);
	assert_int_equal(in(f, LSR), 0x60);
	out(f, LCR, 0x03);
	out(f, RBR_THR, 'y');
	assert_int_equal(in(f, LSR), 0x61);
	assert_int_equal(in(f, RBR_THR), 'y');
}

static void input_waits_while_in_loopback(void **state)
{
	struct fake_host *f = *state;

	out(f, IIR_FCR, 0x01);
	out(f, MCR, 0x10);
	assert_int_equal(fake_stream_room(f, 0), 0);
	assert_int_equal(fake_stream_feed(f, 0, "abc", 3), 0);
	fake_stream_event(f, 0, VOLT_STREAM_BREAK);
	assert_int_equal(in(f, LSR), 0x60);
	out(f, MCR, 0x00);
	assert_int_equal(fake_stream_room(f, 0), 16);
	fake_stream_pump(f, 0);
	assert_int_equal(in(f, RBR_THR), 'a');
}

static void cable_changes_in_loopback_show_after_it(void **state)
{
	struct fake_host *f = *state;

	out(f, MCR, 0x1b);
	in(f, MSR);
	fake_stream_event(f, 0, VOLT_STREAM_DISCONNECTED);
	assert_int_equal(in(f, MSR), 0xb0);
	out(f, MCR, 0x0b);
	assert_int_equal(in(f, MSR), 0x0b);
}

int test_serial_registers(void)
{
	const struct CMUnitTest tests[] = {
	    PORT_TEST(reset_values_are_those_of_the_data_sheet),
	    PORT_TEST(reset_undoes_everything_but_the_cable),
	    PORT_TEST(divisor_after_reset_is_115200_baud),
	    PORT_TEST(scratch_and_line_control_keep_all_bits),
	    PORT_TEST(reserved_bits_of_ier_and_mcr_read_zero),
	    PORT_TEST(writes_to_lsr_and_msr_change_nothing),
	    PORT_TEST(dlab_puts_the_divisor_in_place_of_data_and_ier),
	    PORT_TEST(wide_accesses_are_split_into_bytes),
	    PORT_TEST(access_across_the_last_port_misses_beyond_it),
	    PORT_TEST(bytes_written_leave_at_once),
	    PORT_TEST(bytes_that_the_stream_refuses_are_dropped_and_counted),
	    PORT_TEST(all_eight_bits_leave_whatever_the_word_length),
	    PORT_TEST(bytes_written_during_a_break_do_not_leave),
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
	    PORT_TEST(far_end_drives_dcd_dsr_and_cts),
	    PORT_TEST(unknown_events_are_ignored),
	    PORT_TEST(loopback_feeds_outputs_to_inputs),
	    PORT_TEST(ring_counts_at_its_trailing_edge_only),
	    PORT_TEST(changes_add_up_until_msr_is_read),
	    PORT_TEST(loopback_returns_bytes_and_keeps_them_from_the_far_end),
	    PORT_TEST(loopback_carries_as_many_bits_as_a_word_has),
	    PORT_TEST(loopback_returns_a_break_once),
	    PORT_TEST(input_waits_while_in_loopback),
	    PORT_TEST(cable_changes_in_loopback_show_after_it),
	};

	return cmocka_run_group_tests_name("registers", tests, NULL, NULL);
}
