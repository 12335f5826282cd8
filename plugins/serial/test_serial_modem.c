/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Modem lines and loopback of the serial port. */
#include "test_serial.h"

#include "uart.h"

static void peer_drives_dcd_dsr_and_cts(void **state)
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

static void loopback_returns_bytes_and_keeps_them_from_the_peer(void **state)
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

/* No host delivers without room, but a peer in another process might be late. */
static void bytes_that_come_in_spite_of_loopback_are_lost(void **state)
{
	struct fake_host *f = *state;

	out(f, MCR, 0x10);
	uart_receive(fake_host_self(f), (const uint8_t *)"x", 1);
	assert_int_equal(in(f, LSR), 0x60);
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

int test_serial_modem(void)
{
	const struct CMUnitTest tests[] = {
	    PORT_TEST(peer_drives_dcd_dsr_and_cts),
	    PORT_TEST(unknown_events_are_ignored),
	    PORT_TEST(loopback_feeds_outputs_to_inputs),
	    PORT_TEST(ring_counts_at_its_trailing_edge_only),
	    PORT_TEST(changes_add_up_until_msr_is_read),
	    PORT_TEST(loopback_returns_bytes_and_keeps_them_from_the_peer),
	    PORT_TEST(loopback_carries_as_many_bits_as_a_word_has),
	    PORT_TEST(loopback_returns_a_break_once),
	    PORT_TEST(input_waits_while_in_loopback),
	    PORT_TEST(bytes_that_come_in_spite_of_loopback_are_lost),
	    PORT_TEST(cable_changes_in_loopback_show_after_it),
	};

	return cmocka_run_group_tests_name("modem", tests, NULL, NULL);
}
