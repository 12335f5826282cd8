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

static void start_at(unsigned cpu, const uint8_t *code, const uint8_t *end)
{
	uint8_t *page = (uint8_t *)page_of(cpu);

	while (code < end)
		*page++ = *code++;
	send(cpu, ICR_INIT);
	pause_a_while();
	send(cpu, ICR_STARTUP | (uint32_t)(page_of(cpu) >> 12));
}

static void start(unsigned cpu, uint16_t port, uint16_t count)
{
	*mailbox_of(cpu) = (struct mailbox){.port = port, .count = count};
	start_at(cpu, trampoline, trampoline_end);
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

/* Intel SDM vol. 3, 11.12.1: into x2APIC mode (IA32_APIC_BASE, bits 10 and 11), and enabled
 * there (SVR, MSR 0x80f). */
extern const uint8_t to_x2apic[], to_x2apic_end[];
__asm__(".globl to_x2apic, to_x2apic_end\n"
	".balign 16\n"
	".code16\n"
	"to_x2apic:\n"
	"cli\n"
	"mov %cs, %ax\n"
	"mov %ax, %ds\n"
	"movw $1, %ds:0x800\n"
	"movl $0x1b, %ecx\n"
	"rdmsr\n"
	"orl $0xc00, %eax\n"
	"wrmsr\n"
	"movl $0x80f, %ecx\n"
	"xorl %edx, %edx\n"
	"movl $0x1ff, %eax\n"
	"wrmsr\n"
	"movw $1, %ds:0x802\n"
	"1: hlt\n"
	"jmp 1b\n"
	"to_x2apic_end:\n"
	".code64\n");

/* Of the doorbell plugin. */
#define MESSAGE   0x72c
#define COMMAND   0x730
#define TO        0x740
#define BY_VECTOR 1
#define INJECTED  2

#define VECTOR  0x51
#define LOGICAL (1u << 2) /* of a message's address: destination mode */

static volatile uint32_t taken;

static void on_message(void)
{
	taken++;
	apic_end();
}

/* A kernel passes through such a state while it starts: one local APIC in xAPIC mode with a
 * flat logical id, one in x2APIC mode. A logical destination that neither has is lost. */
static void untaken(void)
{
	irq_init();
	irq_handle(VECTOR, on_message);
	apic_write(APIC_DFR, 0xffffffff);
	apic_write(APIC_LDR, 1u << 24);
	*mailbox_of(1) = (struct mailbox){0};
	start_at(1, to_x2apic, to_x2apic_end);
	wait_done(1);
	interrupts_on();
	out32(TO, 0x80u << 12 | LOGICAL);
	out32(MESSAGE, VECTOR);
	out32(COMMAND, BY_VECTOR);
	out32(COMMAND, INJECTED);
	pause_a_while();
	check(taken == 0, "a message came that was not for this processor");
	out32(TO, 0x01u << 12 | LOGICAL);
	out32(COMMAND, INJECTED);
	check(wait_for(&taken), "a message that was for it did not come");
}

const struct guest_case guest_cases[] = {
    {"start_all", start_all},
    {"hammer", hammer},
    {"untaken", untaken},
    {NULL, NULL},
};
