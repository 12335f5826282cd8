/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * A driver of the generation ID and of VMClock: word 1 is the address of the first one's page, word
 * 2 its interrupt, word 3 the address of the second one's page, all in hexadecimal. It prints
 * who it is, waits for the notification of a restore, and prints who it is then.
 */
#include "guest.h"
#include "irq.h"

#define VECTOR 0x52

static volatile uint32_t notified;

static uint32_t number(unsigned n)
{
	const char *end;

	return (uint32_t)hex_number(word(n), &end);
}

static volatile uint32_t *at(uint32_t address)
{
	return (volatile uint32_t *)(uintptr_t)address;
}

static void on_event(void)
{
	notified = 1;
	apic_end();
}

static void put_text(uint32_t page)
{
	for (uint32_t i = 0; i < at(page)[88 / 4]; i++) {
		const uint8_t byte = ((volatile uint8_t *)(uintptr_t)page)[96 + i];

		put_byte(byte == '\n' ? ' ' : byte);
	}
}

static void put_identity(uint32_t page, uint32_t clock)
{
	put("id ");
	for (unsigned i = 0; i < 4; i++) {
		put_hex(at(page)[i]);
		put(" ");
	}
	put("reason ");
	put_hex(at(page)[76 / 4]);
	put(" text ");
	put_text(page);
	put("clock ");
	put_hex(at(clock)[0]);
	put(" marker ");
	put_hex(at(clock)[16 / 4]);
	put_hex(at(clock)[20 / 4]);
	put("\n");
}

static void identity(void)
{
	const uint32_t page = number(1), clock = number(3), first = at(page)[0];
	const uint32_t sequence = at(page)[72 / 4];

	irq_init();
	irq_handle(VECTOR, on_event);
	ioapic_set(number(2), VECTOR);
	interrupts_on();
	put_identity(page, clock);
	at(page)[0] = ~first; /* has no effect */
	check(at(page)[0] == first, "the page can be written");
	check(!notified, "an event came at the start");
	ready();
	/* STI takes effect behind HLT, so that no event comes between the look and the sleep. */
	interrupts_off();
	while (!notified)
		__asm__ volatile("sti; hlt; cli" : : : "memory");
	interrupts_on();
	put_identity(page, clock);
	check(at(page)[0] != first, "the generation is the same");
	check(at(page)[72 / 4] != sequence, "the number of the page is the same");
	finish(0);
}

const struct guest_case guest_cases[] = {{"identity", identity}, {NULL, NULL}};
