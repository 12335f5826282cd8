/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* What the doorbell plugin does with memory, doorbells and messages; see plugins/doorbell.c. */
#include "guest.h"
#include "irq.h"

#define ANY     0x720
#define SEVEN   0x724
#define PAGE    0x728
#define MESSAGE 0x72c
#define COMMAND 0x730
#define IRQ_FD  0x734
#define ERRORS  0x738
#define CALLED  0x73c

#define VECTOR 0x51
#define OTHER  0x52
#define GSI    5

static volatile uint32_t page[2], taken, others;

static void on_message(void)
{
	taken++;
	apic_end();
}

static void on_other(void)
{
	others++;
	apic_end();
}

static void connect(void)
{
	irq_init();
	irq_handle(VECTOR, on_message);
	irq_handle(OTHER, on_other);
	out32(PAGE, (uint32_t)(uintptr_t)page);
	interrupts_on();
}

/* KVM's path, where there is one: `write` is not called, the loop changes memory. */
static void doorbells(void)
{
	connect();
	out32(ANY, 1);
	check(wait_for(&page[0]), "nobody saw the first doorbell");
	out32(SEVEN, 7);
	check(wait_for(&page[1]), "nobody saw the matched doorbell");
	check(in32(CALLED) == 0, "a ring came as a write");
	out32(SEVEN, 8);
	check(in32(CALLED) == 1, "another value than the matched one did not come as a write");
	check(in32(ERRORS) == 0, "a service failed");
}

/* 4 bytes in range of another register: neither doorbell, so both come as ever. */
static void not_rung(void)
{
	connect();
	out16(ANY, 1);
	out8(SEVEN, 7);
	in32(ANY);
	pause_a_while();
	check(page[0] == 0 && page[1] == 0, "an access of another width rang");
	check(in32(CALLED) == 0, "an access of a width that the range lacks came through");
}

static void refusals(void)
{
	connect();
	out32(ERRORS, 0);
	check(in32(ERRORS) == 9, "not all that leaves RAM, or is no message, was refused");
	out32(PAGE, 0xd0000000);
	out32(SEVEN, 7);
	out32(ANY, 1);
	for (unsigned i = 0; i < 1000 && in32(ERRORS) < 12; i++)
		continue;
	check(in32(ERRORS) == 12, "memory that is none could be used");
}

static void message(void)
{
	connect();
	out32(COMMAND, 1);
	pause_a_while();
	check(taken == 0, "a vector without a message sent one");
	out32(MESSAGE, VECTOR);
	out32(COMMAND, 1);
	check(wait_for(&taken), "the message of a vCPU did not come");
	taken = 0;
	out32(COMMAND, 1);
	check(wait_for(&taken), "the second one did not come");
	taken = 0;
	out32(ANY, 1);
	check(wait_for(&taken), "the message of the loop did not come");
	out32(MESSAGE, OTHER);
	taken = 0;
	out32(COMMAND, 1);
	check(wait_for(&others), "the new message did not come");
	check(taken == 0, "the old message came");
	out32(MESSAGE, 0);
	others = 0;
	out32(COMMAND, 1);
	pause_a_while();
	check(taken == 0 && others == 0, "a vector that was turned off sent");
}

static void inject(void)
{
	connect();
	out32(MESSAGE, OTHER);
	out32(COMMAND, 2);
	check(wait_for(&others), "the injected message did not come");
	check(in32(ERRORS) == 0, "a service failed");
}

/* A new table of routes must not take away those that KVM's irqchip has. */
static void pins_too(void)
{
	connect();
	out32(MESSAGE, VECTOR);
	out32(COMMAND, 1);
	check(wait_for(&taken), "the message did not come");
	irq_handle(0x21, on_other);
	ioapic_set(1, 0x21);
	out8(0x64, 0x60);
	out8(0x60, 0x45);
	out8(0x64, 0xd2);
	out8(0x60, 0x1e);
	check(wait_for(&others), "the keyboard's interrupt did not come");
}

static void irq_fd(void)
{
	connect();
	if (in32(IRQ_FD) != 0) {
		put("irq_fd refused ");
		put_hex(in32(IRQ_FD));
		put("\n");
		return;
	}
	ioapic_set(GSI, VECTOR);
	out32(COMMAND, 3);
	check(wait_for(&taken), "the irqfd's interrupt did not come");
	put("irq_fd works\n");
}

const struct guest_case guest_cases[] = {
    {"doorbells", doorbells},
    {"not_rung", not_rung},
    {"refusals", refusals},
    {"message", message},
    {"inject", inject},
    {"pins_too", pins_too},
    {"irq_fd", irq_fd},
    {NULL, NULL},
};
