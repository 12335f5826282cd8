/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Further vCPUs, started by INIT and SIPI (Intel SDM vol. 3, 9.4.4). Word 1 is how many
 * there are in all; each gets a page of its own below 1 MiB for start.S's trampoline.
 */
#include "guest.h"
#include "irq.h"

#define FIRST_PAGE 0x10000u
#define SEQUENCE   0x6c0 /* of the probe plugin: each read gives the next number */

#define ICR_INIT    (5u << 8 | 1u << 14)
#define ICR_STARTUP (6u << 8 | 1u << 14)

struct mailbox {
	volatile uint16_t started, done; /* written by the trampoline */
	uint16_t port, count;            /* it reads this port so many times */
};

extern const uint8_t trampoline[], trampoline_end[];

static uintptr_t page_of(unsigned cpu)
{
	return FIRST_PAGE + cpu * 0x1000u;
}

static struct mailbox *mailbox_of(unsigned cpu)
{
	return (struct mailbox *)(page_of(cpu) + 0x800);
}

static void send(unsigned cpu, uint32_t command)
{
	apic_write(APIC_ICR2, (uint32_t)cpu << 24);
	apic_write(APIC_ICR, command);
}

static void start(unsigned cpu, uint16_t port, uint16_t count)
{
	uint8_t *page = (uint8_t *)page_of(cpu);

	for (const uint8_t *p = trampoline; p < trampoline_end; p++)
		*page++ = *p;
	*mailbox_of(cpu) = (struct mailbox){.port = port, .count = count};
	send(cpu, ICR_INIT);
	pause_a_while();
	send(cpu, ICR_STARTUP | (uint32_t)(page_of(cpu) >> 12));
}

static void wait_done(unsigned cpu)
{
	for (unsigned i = 0; i < 200 && mailbox_of(cpu)->done == 0; i++)
		pause_a_while();
	check(mailbox_of(cpu)->started == 1, "a vCPU did not start");
	check(mailbox_of(cpu)->done == 1, "a vCPU did not finish");
}

static void start_all(void)
{
	const unsigned count = (unsigned)hex_number(word(1), NULL);

	irq_init();
	for (unsigned cpu = 1; cpu < count; cpu++)
		start(cpu, 0, 0);
	for (unsigned cpu = 1; cpu < count; cpu++)
		wait_done(cpu);
	put("all started\n");
}

/* Two vCPUs read one register whose every value must be given out once: the probe counts
 * without atomics, so overlapping callbacks would lose some. */
static void hammer(void)
{
	const uint16_t count = (uint16_t)hex_number(word(1), NULL);

	irq_init();
	start(1, SEQUENCE, count);
	for (unsigned i = 0; i < count; i++)
		in8(SEQUENCE);
	wait_done(1);
	put("next ");
	put_hex(in8(SEQUENCE));
	put("\n");
}

const struct guest_case guest_cases[] = {
    {"start_all", start_all},
    {"hammer", hammer},
    {NULL, NULL},
};
