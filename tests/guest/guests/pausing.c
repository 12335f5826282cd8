/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * A loop over all that a pause can interrupt: ports, memory, accesses across two pages, string
 * instructions, HLT with the local APIC's timer, interrupts between processors. Its result,
 * two sums for each processor, depends on the number of rounds (word 1) and of processors (word 2)
 * and on nothing else: the pauser's registers (plugins/pauser.c) add up what they see, and the
 * guest what it reads.
 */
#include "guest.h"
#include "irq.h"

#define PORTS(cpu)  (uint16_t)(0x740 + 16 * (cpu))
#define SUM(cpu)    (uint16_t)(PORTS(cpu) + 8)
#define MEMORY(cpu) (0xd0100000u + 0x4000u * (cpu))
#define CPUS_MAX    8u
#define PAUSES      0x7c0
#define ASK         0x7c4

#define TIMER_VECTOR 0x40
#define CALL_VECTOR  0x41
#define BACK_VECTOR  0x42

#define LVT_TIMER     0x320u
#define INITIAL_COUNT 0x380u
#define DIVIDE        0x3e0u
#define DIVIDE_BY_1   0xbu

#define ICR_INIT    (5u << 8 | 1u << 14)
#define ICR_STARTUP (6u << 8 | 1u << 14)
#define PAGE        0x10000u /* of the second processor's first steps */

extern const uint8_t long_trampoline[], long_trampoline_entry[], long_trampoline_end[];

/* What start.S's trampoline reads at 0x800 of its page. */
struct hand_over {
	uint16_t gdt_limit;
	uint32_t gdt_base;
	uint16_t pad;
	uint32_t cr3, entry;
	uint16_t selector, pad2;
	uint64_t stack, call;
} __attribute__((packed));

static struct {
	volatile uint32_t timers, calls, backs, up, done;
	uint32_t sum;
} cpus[CPUS_MAX];

static volatile uint32_t all_up;
static uint32_t rounds;
static unsigned count;
static uint8_t stacks[CPUS_MAX][4096] __attribute__((aligned(16)));

static unsigned me(void)
{
	return apic_read(APIC_ID) >> 24 & (CPUS_MAX - 1);
}

static void on_timer(void)
{
	cpus[me()].timers++;
	apic_end();
}

static void on_back(void)
{
	cpus[me()].backs++;
	apic_end();
}

static void send(unsigned cpu, uint32_t command)
{
	apic_write(APIC_ICR2, cpu << 24);
	apic_write(APIC_ICR, command);
}

/* Whoever is called calls back, and only the one before it calls. */
static void on_call(void)
{
	const unsigned cpu = me();

	cpus[cpu].calls++;
	apic_end();
	send((cpu + count - 1) % count, BACK_VECTOR);
}

static void add(unsigned cpu, uint64_t value)
{
	cpus[cpu].sum = cpus[cpu].sum * 16777619u ^ (uint32_t)(value ^ value >> 32);
}

/* Sleeps until *taken is `want` at least: no interrupt comes between the look and the sleep. It may
 * be more, as a timer that is over fires once more after a restore. */
static void sleep_until(volatile uint32_t *taken, uint32_t want)
{
	for (;;) {
		interrupts_off();
		if ((int32_t)(*taken - want) >= 0)
			break;
		__asm__ volatile("sti; hlt" : : : "memory");
	}
	interrupts_on();
}

static void use_ports(unsigned cpu, uint32_t round)
{
	out8(PORTS(cpu), (uint8_t)round);
	add(cpu, in8(PORTS(cpu)));
	out16(PORTS(cpu), (uint16_t)round);
	add(cpu, in16(PORTS(cpu)));
	out32(PORTS(cpu), round);
	add(cpu, in32(PORTS(cpu)));
}

static void use_strings(unsigned cpu, uint32_t round)
{
	uint8_t bytes[40];
	const void *from = bytes;
	void *to = bytes;
	uint64_t n = sizeof(bytes);

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(round + i);
	__asm__ volatile("rep outsb" : "+S"(from), "+c"(n) : "d"(PORTS(cpu)) : "memory");
	n = sizeof(bytes) / 4;
	__asm__ volatile("rep insl" : "+D"(to), "+c"(n) : "d"(PORTS(cpu)) : "memory");
	for (unsigned i = 0; i < sizeof(bytes); i++)
		add(cpu, bytes[i]);
}

static void use_memory(unsigned cpu, uint32_t round)
{
	volatile uint8_t *m = (volatile uint8_t *)(uintptr_t)MEMORY(cpu);
	volatile uint64_t *across = (volatile uint64_t *)(uintptr_t)(MEMORY(cpu) + 0xffc);

	*m = (uint8_t)round;
	add(cpu, *m);
	*(volatile uint32_t *)m = round;
	add(cpu, *(volatile uint32_t *)m);
	*(volatile uint64_t *)m = round * 0x100000001ull;
	add(cpu, *(volatile uint64_t *)m);
	*across = round * 0x100000001ull;
	add(cpu, *across);
}

static void use_timer(unsigned cpu)
{
	const uint32_t want = cpus[cpu].timers + 1;

	apic_write(INITIAL_COUNT, 1000 + (want & 0xfff));
	sleep_until(&cpus[cpu].timers, want);
}

static void call_next(unsigned cpu)
{
	const uint32_t want = cpus[cpu].backs + 1;

	interrupts_off(); /* a call that is answered between its two writes changes the first */
	if (count > 1)
		send((cpu + 1) % count, CALL_VECTOR);
	else
		send(cpu, BACK_VECTOR); /* alone it can only call itself */
	sleep_until(&cpus[cpu].backs, want);
}

static void set_timer_up(void)
{
	apic_write(APIC_SVR, 0x1ff);
	apic_write(DIVIDE, DIVIDE_BY_1);
	apic_write(LVT_TIMER, TIMER_VECTOR); /* one shot */
	interrupts_on();
}

static void go_round(unsigned cpu)
{
	for (uint32_t round = 0; round < rounds; round++) {
		use_ports(cpu, round);
		use_memory(cpu, round);
		use_strings(cpu, round);
		use_timer(cpu);
		call_next(cpu);
	}
}

static void further(void)
{
	const unsigned cpu = me();

	irq_load();
	set_timer_up();
	cpus[cpu].up = 1;
	while (!all_up) /* an APIC drops calls until it is enabled (Intel SDM 3A, 10.4.7.2) */
		__asm__ volatile("pause");
	go_round(cpu);
	cpus[cpu].done = 1;
	for (;;) /* another one may still call */
		__asm__ volatile("sti; hlt" : : : "memory");
}

static void start_further(unsigned cpu)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) gdtr;
	struct hand_over *h = (struct hand_over *)(uintptr_t)(PAGE + 0x800);
	uint8_t *page = (uint8_t *)(uintptr_t)PAGE;
	uint64_t cr3;
	uint16_t cs;

	for (const uint8_t *p = long_trampoline; p < long_trampoline_end; p++)
		*page++ = *p;
	__asm__ volatile("sgdt %0" : "=m"(gdtr));
	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	__asm__ volatile("mov %%cs, %0" : "=r"(cs));
	*h = (struct hand_over){.gdt_limit = gdtr.limit,
	    .gdt_base = (uint32_t)gdtr.base,
	    .cr3 = (uint32_t)cr3,
	    .entry = PAGE + (uint32_t)(long_trampoline_entry - long_trampoline),
	    .selector = cs,
	    .stack = (uintptr_t)stacks[cpu] + sizeof(stacks[cpu]),
	    .call = (uintptr_t)further};
	send(cpu, ICR_INIT);
	pause_a_while();
	send(cpu, ICR_STARTUP | PAGE >> 12);
	while (!cpus[cpu].up)
		__asm__ volatile("pause");
}

static void say(unsigned cpu)
{
	put_byte((uint8_t)('0' + cpu));
	put(" read ");
	put_hex(cpus[cpu].sum);
	put(" seen ");
	put_hex(in32(SUM(cpu)));
	put(" timers ");
	put_hex(cpus[cpu].timers);
	put(" backs ");
	put_hex(cpus[cpu].backs);
	put("\n");
}

static void run_all(void)
{
	rounds = (uint32_t)hex_number(word(1), NULL);
	count = word(2)[0] ? (unsigned)hex_number(word(2), NULL) : 1;
	check(count >= 1 && count <= CPUS_MAX, "there are tapes for 8 processors");
	irq_init();
	irq_handle(TIMER_VECTOR, on_timer);
	irq_handle(CALL_VECTOR, on_call);
	irq_handle(BACK_VECTOR, on_back);
	set_timer_up();
	for (unsigned cpu = 1; cpu < count; cpu++)
		start_further(cpu);
	all_up = 1;
	ready();
	go_round(0);
	for (unsigned cpu = 1; cpu < count; cpu++)
		while (!cpus[cpu].done)
			__asm__ volatile("pause");
	interrupts_off();
	for (unsigned cpu = 0; cpu < count; cpu++)
		say(cpu);
}

/* For ever: asleep without interrupts, or busy with nothing. */
static void halt(void)
{
	ready();
	for (;;)
		__asm__ volatile("cli; hlt");
}

static void spin(void)
{
	ready();
	for (;;)
		__asm__ volatile("pause");
}

/* Asks for a pause and ends: sooner, at the same time, or later. Word 1: how much. */
static void end_meanwhile(void)
{
	const uint64_t start = ticks(), wait = hex_number(word(1), NULL);

	out8(ASK, 1);
	while (ticks() - start < wait)
		__asm__ volatile("pause");
}

/* Ends when the pause that it asked for is over, or was refused. */
static void request(void)
{
	const uint32_t before = in32(PAUSES);

	out8(ASK, 1);
	while (in32(PAUSES) == before)
		__asm__ volatile("pause");
	put("over\n");
}

const struct guest_case guest_cases[] = {
    {"all", run_all},
    {"halt", halt},
    {"spin", spin},
    {"end", end_meanwhile},
    {"ask", request},
    {NULL, NULL},
};
