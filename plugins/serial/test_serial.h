/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * test_serial - what the tests of the serial port share. Registers by the names of
 * registers.h; values are written out, from the PC16550D data sheet.
 */
#ifndef PLUGINS_SERIAL_TEST_SERIAL_H
#define PLUGINS_SERIAL_TEST_SERIAL_H

/* Before cmocka.h, whose macro fail() takes the name of a slot of struct volt_host. */
#include <volt/fake_host.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "registers.h"

#define COM1     0x3f8
#define COM1_IRQ 4

extern const struct volt_plugin volt_plugin_serial;

static inline uint8_t in(struct fake_host *f, uint16_t reg)
{
	return fake_in(f, (uint16_t)(COM1 + reg));
}

static inline void out(struct fake_host *f, uint16_t reg, uint8_t val)
{
	fake_out(f, (uint16_t)(COM1 + reg), val);
}

static inline bool line(struct fake_host *f)
{
	return fake_irq_level(f, COM1_IRQ);
}

static inline unsigned rises(struct fake_host *f)
{
	return fake_irq_rises(f, COM1_IRQ);
}

/* A running port, peer connected, no change pending. */
static inline int serial_setup(void **state)
{
	struct fake_host *f = fake_host_create(&volt_plugin_serial);

	if (fake_host_wire(f, NULL) || fake_host_run(f))
		return -1;
	fake_stream_event(f, 0, VOLT_STREAM_CONNECTED);
	in(f, MSR);
	*state = f;
	return 0;
}

static inline int serial_teardown(void **state)
{
	fake_host_destroy(*state);
	return 0;
}

/* Four characters of 8N1 at 115,200 baud: 4 * 10 * 16 clocks of 1.8432 MHz. */
#define FOUR_CHARACTERS_NS (4 * 10 * 16 * 1000000000ull / 1843200)

/* FIFOs on with `trigger` (FCR bits 6 and 7), 8N1 at 115,200, `ier`, the gate open. */
static inline void open_port(struct fake_host *f, uint8_t trigger, uint8_t ier)
{
	out(f, LCR, 0x83);
	out(f, RBR_THR, 1);
	out(f, IER, 0);
	out(f, LCR, 0x03);
	out(f, IIR_FCR, 0x01 | trigger);
	out(f, MCR, MCR_OUT2);
	out(f, IER, ier);
}

static inline void feed(struct fake_host *f, unsigned n)
{
	while (n--)
		assert_int_equal(fake_stream_feed(f, 0, "x", 1), 1);
}

#define PORT_TEST(name) cmocka_unit_test_setup_teardown(name, serial_setup, serial_teardown)

/* Each runs one group and returns how many tests failed. */
int test_serial_registers(void);
int test_serial_receiver(void);
int test_serial_modem(void);
int test_serial_interrupts(void);
int test_serial_timeout(void);
int test_serial_linux(void);
int test_serial_fuzz(void);

#endif
