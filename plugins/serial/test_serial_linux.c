/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * What Linux does to a port, step by step: the probe and the start-up of its driver
 * drivers/tty/serial/8250 (as of 6.1), its interrupt handler and its early console.
 */
#include "test_serial.h"

static void set_divisor(struct fake_host *f, uint8_t lcr, uint8_t divisor)
{
	out(f, LCR, lcr | LCR_DLAB);
	out(f, RBR_THR, divisor);
	out(f, IER, 0);
	out(f, LCR, lcr);
}

static void clear_fifos(struct fake_host *f)
{
	out(f, IIR_FCR, 0x01);
	out(f, IIR_FCR, 0x07);
	out(f, IIR_FCR, 0x00);
}

static void clear_interrupts(struct fake_host *f)
{
	in(f, LSR);
	in(f, RBR_THR);
	in(f, IIR_FCR);
	in(f, MSR);
}

static void probe_finds_the_interrupt_enable_register(void **state)
{
	struct fake_host *f = *state;

	const uint8_t saved = in(f, IER);

	out(f, IER, 0x00);
	assert_int_equal(in(f, IER), 0x00);
	out(f, IER, 0x0f);
	assert_int_equal(in(f, IER), 0x0f);
	out(f, IER, saved);
	assert_false(line(f));
}

static void probe_finds_the_loopback(void **state)
{
	struct fake_host *f = *state;

	out(f, MCR, MCR_LOOP | 0x0a);
	assert_int_equal(in(f, MSR) & 0xf0, 0x90);
	out(f, MCR, 0x00);
	assert_int_equal(in(f, MSR) & 0xf0, 0xb0);
}

static void probe_finds_a_16550a_and_no_later_chip(void **state)
{
	struct fake_host *f = *state;

	out(f, LCR, 0xbf); /* an EFR, in chips that have one */
	out(f, IIR_FCR, 0x00);
	out(f, LCR, 0x00);
	out(f, IIR_FCR, 0x01);
	assert_int_equal(in(f, IIR_FCR) >> 6, 3);

	out(f, LCR, 0x80); /* ST16C650: reads 0 */
	assert_int_not_equal(in(f, IIR_FCR), 0);
	out(f, LCR, 0xbf);
	assert_int_not_equal(in(f, IIR_FCR), 0);

	out(f, LCR, 0x00); /* National SuperIO: bit 4 follows MCR's */
	out(f, MCR, 0x00);
	out(f, LCR, 0xe0);
	assert_int_equal(in(f, IIR_FCR) & 0x10, 0);
	out(f, LCR, 0x00);
	out(f, MCR, MCR_LOOP);
	out(f, LCR, 0xe0);
	assert_int_equal(in(f, IIR_FCR) & 0x10, 0);
	out(f, LCR, 0x00);
	out(f, MCR, 0x00);
}

static void probe_finds_no_64_byte_fifo_and_no_xscale(void **state)
{
	struct fake_host *f = *state;

	out(f, IIR_FCR, 0x21);
	assert_int_equal(in(f, IIR_FCR) >> 5, 6);
	out(f, IIR_FCR, 0x01);
	out(f, LCR, 0x80);
	out(f, IIR_FCR, 0x21);
	assert_int_equal(in(f, IIR_FCR) >> 5, 6);
	out(f, IIR_FCR, 0x01);
	out(f, LCR, 0x00);
	out(f, IER, 0x40);
	assert_int_equal(in(f, IER) & 0x40, 0);
}

static void probe_finds_a_divisor_latch_that_holds_zero(void **state)
{
	struct fake_host *f = *state;

	set_divisor(f, 0x03, 0);
	out(f, LCR, 0x80);
	assert_int_equal(in(f, RBR_THR), 0);
	assert_int_equal(in(f, IER), 0); /* an XR16C850 says 0x10, 0x12 or 0x14 */
}

static void probe_counts_sixteen_bytes_of_fifo(void **state)
{
	struct fake_host *f = *state;
	unsigned count = 0;

	out(f, LCR, 0x00);
	out(f, IIR_FCR, 0x07);
	out(f, MCR, MCR_LOOP);
	set_divisor(f, 0x03, 1);
	for (unsigned i = 0; i < 256; i++)
		out(f, RBR_THR, (uint8_t)i);
	fake_advance(f, 20000000);
	for (; in(f, LSR) & LSR_DR && count < 256; count++)
		assert_int_equal(in(f, RBR_THR), count);
	assert_int_equal(count, 16);
	assert_string_equal(fake_stream_output(f, 0, NULL), "");
}

/* autoconfig_irq: every interrupt on, and one must come. */
static void probe_of_the_line_sees_one_interrupt(void **state)
{
	struct fake_host *f = *state;

	out(f, MCR, 0x00);
	out(f, MCR, 0x0b);
	out(f, IER, 0x0f);
	clear_interrupts(f);
	const unsigned before = rises(f);

	out(f, RBR_THR, 0xff);
	assert_true(line(f));
	assert_int_equal(rises(f), before + 1);
}

/* serial8250_do_startup: else it sets a workaround timer (UART_BUG_THRE). */
static void startup_sees_thre_raised_again(void **state)
{
	struct fake_host *f = *state;

	clear_fifos(f);
	clear_interrupts(f);
	assert_int_not_equal(in(f, LSR), 0xff);
	assert_int_equal(in(f, LSR) & 0x60, 0x60);
	out(f, IER, IER_ETBEI);
	assert_int_equal(in(f, IIR_FCR), 0x02);
	out(f, IER, 0);
	out(f, IER, IER_ETBEI);
	assert_int_equal(in(f, IIR_FCR), 0x02);
	out(f, IER, 0);
	assert_int_equal(rises(f), 0); /* OUT2 is still off */
}

/* The quick test for UART_BUG_TXEN. */
static void startup_sees_thre_with_an_empty_transmitter(void **state)
{
	struct fake_host *f = *state;

	out(f, LCR, 0x03);
	out(f, MCR, MCR_OUT2);
	out(f, IER, IER_ETBEI);
	assert_int_equal(in(f, LSR) & LSR_TEMT, LSR_TEMT);
	assert_int_equal(in(f, IIR_FCR) & 0x01, 0);
	out(f, IER, 0);
	assert_false(line(f));
}

/* What is left to serve, as the driver's handler does it; returns its rounds. */
static unsigned handle_interrupt(struct fake_host *f, const char **tx, char *rx)
{
	unsigned rounds = 0;

	while (!(in(f, IIR_FCR) & 0x01)) {
		uint8_t lsr = in(f, LSR);

		for (; lsr & (LSR_DR | LSR_BI); lsr = in(f, LSR))
			*rx++ = (char)in(f, RBR_THR);
		in(f, MSR);
		if (lsr & LSR_THRE && in(f, IER) & IER_ETBEI)
			for (unsigned i = 0; i < 16 && **tx; i++)
				out(f, RBR_THR, (uint8_t) * (*tx)++);
		if (!**tx)
			out(f, IER, IER_ERBFI | IER_ELSI);
		rounds++;
		assert_true(rounds < 100);
	}
	*rx = '\0';
	return rounds;
}

/* As set_termios leaves it: 115,200 8N1, FIFOs with trigger 8, OUT2, receive interrupts. */
static void start_up(struct fake_host *f)
{
	clear_fifos(f);
	clear_interrupts(f);
	out(f, LCR, 0x03);
	set_divisor(f, 0x03, 1);
	out(f, IIR_FCR, 0x01);
	out(f, IIR_FCR, 0x81);
	out(f, MCR, 0x0b);
	out(f, IER, IER_ERBFI | IER_ELSI);
}

static void handler_sends_all_and_leaves_the_line_low(void **state)
{
	static const char text[] = "a line that is longer than sixteen bytes and then some\n";
	struct fake_host *f = *state;
	const char *tx = text;
	char rx[32];

	start_up(f);
	out(f, IER, IER_ERBFI | IER_ELSI | IER_ETBEI); /* start_tx */
	assert_true(line(f));
	handle_interrupt(f, &tx, rx);
	assert_string_equal(fake_stream_output(f, 0, NULL), text);
	assert_false(line(f));
}

static void handler_gets_a_typed_key_after_four_characters(void **state)
{
	struct fake_host *f = *state;
	const char *tx = "";
	char rx[32];

	start_up(f);
	fake_stream_feed(f, 0, "k", 1);
	assert_false(line(f));
	fake_advance(f, 347223);
	assert_true(line(f));
	assert_int_equal(handle_interrupt(f, &tx, rx), 1);
	assert_string_equal(rx, "k");
	assert_false(line(f));
}

static void handler_gets_pasted_text_whole(void **state)
{
	static const char text[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	struct fake_host *f = *state;
	char got[64] = "", rx[32];
	const char *tx = "";

	start_up(f);
	fake_stream_feed(f, 0, text, strlen(text));
	for (unsigned i = 0; i < 10; i++) {
		if (line(f)) {
			handle_interrupt(f, &tx, rx);
			strcat(got, rx);
		}
		fake_stream_pump(f, 0);
		fake_advance(f, 400000);
	}
	assert_string_equal(got, text);
	assert_false(line(f));
	assert_int_equal(fake_counter(f, "rx_overruns"), 0);
}

/* Input that came while interrupts were off must make an edge when they come on. */
static void key_typed_before_startup_is_not_lost_edge(void **state)
{
	struct fake_host *f = *state;
	const char *tx = "";
	char rx[32];

	out(f, IIR_FCR, 0x81);
	fake_stream_feed(f, 0, "k", 1);
	fake_advance(f, 1000000000);
	assert_int_equal(rises(f), 0);
	out(f, MCR, 0x0b);
	out(f, IER, IER_ERBFI | IER_ELSI);
	assert_int_equal(rises(f), 1);
	handle_interrupt(f, &tx, rx);
	assert_string_equal(rx, "k");
}

/* A break, then the key: magic SysRq over a serial console. */
static void handler_sees_a_break_before_its_key(void **state)
{
	struct fake_host *f = *state;

	start_up(f);
	fake_stream_event(f, 0, VOLT_STREAM_BREAK);
	fake_stream_feed(f, 0, "h", 1);
	assert_true(line(f));
	assert_int_equal(in(f, IIR_FCR), 0xc6);
	assert_int_equal(in(f, LSR) & (LSR_BI | LSR_DR), LSR_BI | LSR_DR);
	assert_int_equal(in(f, RBR_THR), 0);
	assert_int_equal(in(f, LSR) & (LSR_BI | LSR_DR), LSR_DR);
	assert_int_equal(in(f, RBR_THR), 'h');
	assert_int_equal(in(f, LSR) & LSR_DR, 0);
}

/* early_serial and 8250_early: polled output with every interrupt off. */
static void early_console_prints_without_interrupts(void **state)
{
	struct fake_host *f = *state;

	out(f, LCR, 0x03);
	out(f, IER, 0x00);
	out(f, IIR_FCR, 0x00);
	out(f, MCR, 0x03);
	set_divisor(f, 0x03, 1);
	for (const char *c = "Linux version"; *c; c++) {
		assert_int_equal(in(f, LSR) & LSR_THRE, LSR_THRE);
		out(f, RBR_THR, (uint8_t)*c);
	}
	assert_string_equal(fake_stream_output(f, 0, NULL), "Linux version");
	assert_int_equal(rises(f), 0);
}

int test_serial_linux(void)
{
	const struct CMUnitTest tests[] = {
	    PORT_TEST(probe_finds_the_interrupt_enable_register),
	    PORT_TEST(probe_finds_the_loopback),
	    PORT_TEST(probe_finds_a_16550a_and_no_later_chip),
	    PORT_TEST(probe_finds_no_64_byte_fifo_and_no_xscale),
	    PORT_TEST(probe_finds_a_divisor_latch_that_holds_zero),
	    PORT_TEST(probe_counts_sixteen_bytes_of_fifo),
	    PORT_TEST(probe_of_the_line_sees_one_interrupt),
	    PORT_TEST(startup_sees_thre_raised_again),
	    PORT_TEST(startup_sees_thre_with_an_empty_transmitter),
	    PORT_TEST(handler_sends_all_and_leaves_the_line_low),
	    PORT_TEST(handler_gets_a_typed_key_after_four_characters),
	    PORT_TEST(handler_gets_pasted_text_whole),
	    PORT_TEST(key_typed_before_startup_is_not_lost_edge),
	    PORT_TEST(handler_sees_a_break_before_its_key),
	    PORT_TEST(early_console_prints_without_interrupts),
	};

	return cmocka_run_group_tests_name("linux", tests, NULL, NULL);
}
