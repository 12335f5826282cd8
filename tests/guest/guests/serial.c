/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Serial ports, polled. Registers: PC16550D data sheet. */
#include "guest.h"

#define COM2   0x2f8
#define LSR    5
#define LSR_DR 0x01
#define EOT    0x04

static void hello(void)
{
	put("hello from a guest\n");
}

static uint8_t get(void)
{
	while (!(in8(COM1 + LSR) & LSR_DR))
		continue;
	return in8(COM1);
}

/* Gives back what comes, up to and without EOT. */
static void echo(void)
{
	uint8_t byte;

	ready();
	while ((byte = get()) != EOT)
		put_byte(byte);
	put("done\n");
}

/* As many bytes as word 1 says, without looking whether they can be sent. */
static void flood(void)
{
	const uint64_t count = hex_number(word(1), NULL);

	for (uint64_t i = 0; i < count; i++)
		out8(COM1, i % 64 == 63 ? '\n' : (uint8_t)('0' + i % 64));
	out8(MARK_PORT, 'F');
}

static void two_ports(void)
{
	put("first\n");
	for (const char *c = "second\n"; *c != '\0'; c++)
		out8(COM2, (uint8_t)*c);
}

/* Never reads; tells that it runs, then waits to be ended. */
static void deaf(void)
{
	ready();
	for (;;)
		__asm__ volatile("hlt");
}

/* Says a word whenever it gets one byte, so that the host can pace it. */
static void answer(void)
{
	ready();
	for (uint8_t byte; (byte = get()) != EOT;) {
		put("got ");
		put_hex(byte);
		put("\n");
	}
	put("done\n");
}

const struct guest_case guest_cases[] = {
    {"hello", hello},
    {"echo", echo},
    {"flood", flood},
    {"two_ports", two_ports},
    {"deaf", deaf},
    {"answer", answer},
    {NULL, NULL},
};
