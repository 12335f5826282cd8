/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Registers and transmitter of the serial port. */
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

static void send(struct fake_host *f, const char *text)
{
	for (; *text; text++)
		out(f, RBR_THR, (uint8_t)*text);
}

static void bytes_that_the_stream_refuses_wait_for_room(void **state)
{
	struct fake_host *f = *state;

	fake_stream_limit(f, 0, 2);
	send(f, "abcde");
	assert_string_equal(fake_stream_output(f, 0, NULL), "ab");
	assert_int_equal(in(f, LSR), 0x00);
	fake_stream_limit(f, 0, 1);
	fake_stream_event(f, 0, VOLT_STREAM_ROOM);
	assert_string_equal(fake_stream_output(f, 0, NULL), "abc");
	assert_int_equal(in(f, LSR), 0x00);
	fake_stream_limit(f, 0, 100);
	fake_stream_event(f, 0, VOLT_STREAM_ROOM);
	assert_string_equal(fake_stream_output(f, 0, NULL), "abcde");
	assert_int_equal(in(f, LSR), 0x60);
	assert_int_equal(fake_counter(f, "tx_bytes"), 5);
	assert_int_equal(fake_counter(f, "tx_dropped"), 0);
}

static void the_interrupt_of_an_empty_transmitter_waits_for_room(void **state)
{
	struct fake_host *f = *state;

	out(f, MCR, MCR_OUT2);
	out(f, IER, IER_ETBEI);
	assert_int_equal(in(f, IIR_FCR), 0x02);
	fake_stream_limit(f, 0, 0);
	send(f, "a");
	assert_false(line(f));
	out(f, IER, 0);
	out(f, IER, IER_ETBEI);
	assert_false(line(f));
	fake_stream_limit(f, 0, 1);
	fake_stream_event(f, 0, VOLT_STREAM_ROOM);
	assert_true(line(f));
	assert_int_equal(in(f, IIR_FCR), 0x02);
}

static void sixteen_bytes_wait_and_more_are_dropped_and_counted(void **state)
{
	struct fake_host *f = *state;

	fake_stream_limit(f, 0, 0);
	send(f, "0123456789abcdefghi");
	assert_int_equal(fake_counter(f, "tx_dropped"), 3);
	fake_stream_limit(f, 0, 100);
	fake_stream_event(f, 0, VOLT_STREAM_ROOM);
	assert_string_equal(fake_stream_output(f, 0, NULL), "0123456789abcdef");
	assert_int_equal(fake_counter(f, "tx_bytes"), 16);
}

static void a_peer_that_takes_nothing_holds_the_guest_for_a_second(void **state)
{
	struct fake_host *f = *state;

	fake_stream_limit(f, 0, 0);
	send(f, "ab");
	fake_now_step(f, 999999999);
	assert_int_equal(in(f, LSR), 0x00);
	fake_now_step(f, 1);
	assert_int_equal(in(f, LSR), 0x60);
	send(f, "cd");
	assert_int_equal(in(f, LSR), 0x60);
	assert_int_equal(fake_counter(f, "tx_dropped"), 4);
	fake_stream_limit(f, 0, 100);
	fake_stream_event(f, 0, VOLT_STREAM_ROOM);
	send(f, "ef");
	assert_string_equal(fake_stream_output(f, 0, NULL), "ef");
}

static void bytes_that_wait_leave_when_the_peer_goes(void **state)
{
	struct fake_host *f = *state;

	fake_stream_limit(f, 0, 0);
	send(f, "ab");
	fake_stream_limit(f, 0, 100); /* without a peer all are taken */
	fake_stream_event(f, 0, VOLT_STREAM_DISCONNECTED);
	assert_int_equal(in(f, LSR) & 0x60, 0x60);
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
	    PORT_TEST(bytes_that_the_stream_refuses_wait_for_room),
	    PORT_TEST(the_interrupt_of_an_empty_transmitter_waits_for_room),
	    PORT_TEST(sixteen_bytes_wait_and_more_are_dropped_and_counted),
	    PORT_TEST(a_peer_that_takes_nothing_holds_the_guest_for_a_second),
	    PORT_TEST(bytes_that_wait_leave_when_the_peer_goes),
	    PORT_TEST(all_eight_bits_leave_whatever_the_word_length),
	    PORT_TEST(bytes_written_during_a_break_do_not_leave),
	};

	return cmocka_run_group_tests_name("registers", tests, NULL, NULL);
}
