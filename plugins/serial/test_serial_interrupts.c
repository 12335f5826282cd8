/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Interrupts of the serial port: the line, each source, their priority. */
#include "test_serial.h"

/* ------------------------------------------------------------------- line */

static void line_is_gated_by_out2(void **state)
{
	struct fake_host *f = *state;

	out(f, IER, IER_ETBEI);
	assert_false(line(f));
	out(f, MCR, MCR_OUT2);
	assert_true(line(f));
	out(f, MCR, 0xf7 & ~MCR_LOOP);
	assert_false(line(f));
	assert_int_equal(in(f, IIR_FCR), 0x02); /* still pending inside the chip */
}

/* 8.6.7: loopback forces the pin OUT2 inactive; IIR works on. */
static void line_is_low_in_loopback(void **state)
{
	struct fake_host *f = *state;

	open_port(f, 0, IER_ERBFI);
	out(f, MCR, MCR_LOOP | MCR_OUT2);
	out(f, RBR_THR, 'x');
	assert_false(line(f));
	assert_int_equal(in(f, IIR_FCR), 0xc4);
	out(f, MCR, MCR_OUT2);
	assert_true(line(f));
}

static void second_cause_makes_no_edge_and_line_falls_with_the_last(void **state)
{
	struct fake_host *f = *state;

	open_port(f, 0, IER_ETBEI | IER_ERBFI);
	assert_int_equal(rises(f), 1);
	feed(f, 1);
	assert_int_equal(rises(f), 1);
	assert_true(line(f));
	in(f, RBR_THR);
	assert_true(line(f));
	assert_int_equal(in(f, IIR_FCR), 0xc2);
	assert_false(line(f));
	assert_int_equal(rises(f), 1);
	assert_int_equal(fake_counter(f, "interrupts"), 1);
}

static void masking_a_cause_lowers_the_line(void **state)
{
	struct fake_host *f = *state;

	open_port(f, 0, IER_ERBFI);
	feed(f, 1);
	assert_true(line(f));
	out(f, IER, 0);
	assert_false(line(f));
	assert_int_equal(in(f, IIR_FCR), 0xc1);
	out(f, IER, IER_ERBFI);
	assert_true(line(f));
	assert_int_equal(rises(f), 2);
}

/* ---------------------------------------------------------------- sources */

static void line_status_is_cleared_by_reading_lsr(void **state)
{
	struct fake_host *f = *state;

	open_port(f, 0xc0, IER_ELSI);
	fake_stream_event(f, 0, VOLT_STREAM_BREAK);
	assert_int_equal(in(f, IIR_FCR), 0xc6);
	assert_true(line(f));
	assert_int_equal(in(f, IIR_FCR), 0xc6);
	in(f, LSR);
	assert_int_equal(in(f, IIR_FCR), 0xc1);
	assert_false(line(f));
}

static void line_status_waits_for_its_character_to_be_next(void **state)
{
	struct fake_host *f = *state;

	open_port(f, 0xc0, IER_ELSI);
	feed(f, 1);
	fake_stream_event(f, 0, VOLT_STREAM_BREAK);
	assert_false(line(f));
	in(f, RBR_THR);
	assert_true(line(f));
	assert_int_equal(in(f, IIR_FCR), 0xc6);
}

static void overrun_interrupts_as_soon_as_it_happens(void **state)
{
	struct fake_host *f = *state;

	open_port(f, 0xc0, IER_ELSI);
	feed(f, 16);
	assert_false(line(f));
	fake_stream_event(f, 0, VOLT_STREAM_BREAK);
	assert_true(line(f));
	assert_int_equal(in(f, LSR), 0x63);
	assert_false(line(f));
}

static void data_without_fifos_interrupts_at_each_byte(void **state)
{
	struct fake_host *f = *state;

	out(f, MCR, MCR_OUT2);
	out(f, IER, IER_ERBFI);
	feed(f, 1);
	assert_int_equal(in(f, IIR_FCR), 0x04);
	assert_true(line(f));
	in(f, RBR_THR);
	assert_int_equal(in(f, IIR_FCR), 0x01);
	assert_false(line(f));
}

static void data_interrupts_at_the_trigger_level(struct fake_host *f, uint8_t fcr, unsigned level)
{
	open_port(f, fcr, IER_ERBFI);
	feed(f, level - 1);
	assert_false(line(f));
	feed(f, 1);
	assert_true(line(f));
	assert_int_equal(in(f, IIR_FCR), 0xc4);
	in(f, RBR_THR);
	assert_false(line(f));
	assert_int_equal(in(f, IIR_FCR), 0xc1);
}

static void trigger_level_1(void **state)
{
	data_interrupts_at_the_trigger_level(*state, 0x00, 1);
}

static void trigger_level_4(void **state)
{
	data_interrupts_at_the_trigger_level(*state, 0x40, 4);
}

static void trigger_level_8(void **state)
{
	data_interrupts_at_the_trigger_level(*state, 0x80, 8);
}

static void trigger_level_14(void **state)
{
	data_interrupts_at_the_trigger_level(*state, 0xc0, 14);
}

static void trigger_level_can_change_under_data(void **state)
{
	struct fake_host *f = *state;

	open_port(f, 0xc0, IER_ERBFI);
	feed(f, 4);
	assert_false(line(f));
	out(f, IIR_FCR, 0x41);
	assert_true(line(f));
	out(f, IIR_FCR, 0x81);
	assert_false(line(f));
}

static void thre_is_raised_when_enabled_and_cleared_by_reading_iir(void **state)
{
	struct fake_host *f = *state;

	open_port(f, 0, IER_ETBEI);
	assert_true(line(f));
	assert_int_equal(in(f, IIR_FCR), 0xc2);
	assert_int_equal(in(f, IIR_FCR), 0xc1);
	assert_false(line(f));
	out(f, IER, IER_ETBEI); /* no rising bit, no event */
	assert_false(line(f));
	out(f, IER, 0);
	out(f, IER, IER_ETBEI);
	assert_true(line(f));
}

static void thre_is_raised_anew_by_each_byte_sent(void **state)
{
	struct fake_host *f = *state;

	open_port(f, 0, IER_ETBEI);
	in(f, IIR_FCR);
	out(f, RBR_THR, 'a');
	assert_true(line(f));
	assert_int_equal(rises(f), 2);
	assert_int_equal(in(f, IIR_FCR), 0xc2);
}

/* A handler may write THR without looking at IIR: each byte is a falling and a rising edge. */
static void thr_write_that_answers_thre_makes_a_new_edge(void **state)
{
	struct fake_host *f = *state;

	open_port(f, 0, IER_ETBEI);
	assert_int_equal(rises(f), 1);
	out(f, RBR_THR, 'a');
	assert_int_equal(rises(f), 2);
	out(f, RBR_THR, 'b');
	assert_int_equal(rises(f), 3);
	assert_true(line(f));
}

static void thre_is_not_cleared_by_an_iir_read_that_names_another(void **state)
{
	struct fake_host *f = *state;

	open_port(f, 0, IER_ETBEI | IER_ERBFI);
	feed(f, 1);
	assert_int_equal(in(f, IIR_FCR), 0xc4);
	in(f, RBR_THR);
	assert_int_equal(in(f, IIR_FCR), 0xc2);
}

/* 8.4.1: "the transmitter interrupt after changing FCR0 will be immediate". */
static void thre_is_raised_by_changing_the_fifo_enable(void **state)
{
	struct fake_host *f = *state;

	open_port(f, 0, IER_ETBEI);
	in(f, IIR_FCR);
	assert_false(line(f));
	out(f, IIR_FCR, 0x00);
	assert_int_equal(in(f, IIR_FCR), 0x02);
	out(f, IIR_FCR, 0x00);
	assert_int_equal(in(f, IIR_FCR), 0x01);
}

static void modem_change_is_cleared_by_reading_msr(void **state)
{
	struct fake_host *f = *state;

	open_port(f, 0, IER_EDSSI);
	fake_stream_event(f, 0, VOLT_STREAM_DISCONNECTED);
	assert_true(line(f));
	assert_int_equal(in(f, IIR_FCR), 0xc0);
	assert_int_equal(in(f, MSR), 0x0b);
	assert_int_equal(in(f, IIR_FCR), 0xc1);
	assert_false(line(f));
}

static void causes_are_named_in_the_order_of_their_priority(void **state)
{
	struct fake_host *f = *state;

	open_port(f, 0x40, 0x0f);
	fake_stream_event(f, 0, VOLT_STREAM_DISCONNECTED);
	fake_stream_event(f, 0, VOLT_STREAM_CONNECTED);
	fake_stream_event(f, 0, VOLT_STREAM_BREAK);
	feed(f, 4);
	fake_advance(f, FOUR_CHARACTERS_NS + 1);

	assert_int_equal(in(f, IIR_FCR), 0xc6);
	in(f, LSR);
	assert_int_equal(in(f, IIR_FCR), 0xcc);
	in(f, RBR_THR);
	assert_int_equal(in(f, IIR_FCR), 0xc4);
	in(f, RBR_THR);
	assert_int_equal(in(f, IIR_FCR), 0xc2);
	assert_int_equal(in(f, IIR_FCR), 0xc0);
	assert_true(line(f));
	in(f, MSR);
	assert_int_equal(in(f, IIR_FCR), 0xc1);
	assert_false(line(f));
	assert_int_equal(rises(f), 1);
}

int test_serial_interrupts(void)
{
	const struct CMUnitTest tests[] = {
	    PORT_TEST(line_is_gated_by_out2),
	    PORT_TEST(line_is_low_in_loopback),
	    PORT_TEST(second_cause_makes_no_edge_and_line_falls_with_the_last),
	    PORT_TEST(masking_a_cause_lowers_the_line),
	    PORT_TEST(line_status_is_cleared_by_reading_lsr),
	    PORT_TEST(line_status_waits_for_its_character_to_be_next),
	    PORT_TEST(overrun_interrupts_as_soon_as_it_happens),
	    PORT_TEST(data_without_fifos_interrupts_at_each_byte),
	    PORT_TEST(trigger_level_1),
	    PORT_TEST(trigger_level_4),
	    PORT_TEST(trigger_level_8),
	    PORT_TEST(trigger_level_14),
	    PORT_TEST(trigger_level_can_change_under_data),
	    PORT_TEST(thre_is_raised_when_enabled_and_cleared_by_reading_iir),
	    PORT_TEST(thre_is_raised_anew_by_each_byte_sent),
	    PORT_TEST(thr_write_that_answers_thre_makes_a_new_edge),
	    PORT_TEST(thre_is_not_cleared_by_an_iir_read_that_names_another),
	    PORT_TEST(thre_is_raised_by_changing_the_fifo_enable),
	    PORT_TEST(modem_change_is_cleared_by_reading_msr),
	    PORT_TEST(causes_are_named_in_the_order_of_their_priority),
	};

	return cmocka_run_group_tests_name("interrupts", tests, NULL, NULL);
}
