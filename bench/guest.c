/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * The bare-metal guest of the exit path's measurements: it does one thing many times and
 * prints, as "@ TICKS TICKS ...", how long each of ROUNDS rounds took by the time-stamp
 * counter. Numbers of the command line are hexadecimal.
 *
 *   pio COUNT PORT        reads of a port
 *   mmio COUNT ADDRESS    reads of memory that no RAM backs
 *   pair COUNT PORT       pio, while a second vCPU reads PORT + 4
 *   serial COUNT          bytes out of COM1, by polling
 *   console COUNT ADDRESS bytes out of a virtio console over MMIO (virtio 1.2, 5.3), in lines of
 * 64, each of which is waited for by polling, as Linux does interrupts COUNT      the transmitter's
 * interrupt, through the I/O APIC
 */
#include "guest.h"
#include "irq.h"

#define ROUNDS 8

#define IER      (COM1 + 1)
#define IIR      (COM1 + 2)
#define MCR      (COM1 + 4)
#define IER_THRE 0x02
#define MCR_OUT2 0x08

#define SERIAL_GSI    4
#define SERIAL_VECTOR 0x44

/* Where the second vCPU starts, and the mailbox of start.S's trampoline. */
#define SECOND_PAGE 0x10000u
#define ICR_INIT    (5u << 8 | 1u << 14)
#define ICR_STARTUP (6u << 8 | 1u << 14)

struct mailbox {
	volatile uint16_t started, done;
	uint16_t port, count;
};

extern const uint8_t trampoline[], trampoline_end[];

static volatile uint32_t taken;
static uint64_t rounds[ROUNDS];

static void report(void)
{
	put("\n@");
	for (unsigned i = 0; i < ROUNDS; i++) {
		put(" ");
		put_hex(rounds[i]);
	}
	put("\n");
}

static void pio(void)
{
	const uint64_t count = hex_number(word(1), NULL);
	const uint16_t port = (uint16_t)hex_number(word(2), NULL);

	for (unsigned i = 0; i < ROUNDS; i++) {
		const uint64_t start = ticks();

		for (uint64_t k = 0; k < count; k++)
			in8(port);
		rounds[i] = ticks() - start;
	}
	report();
}

static void mmio(void)
{
	const uint64_t count = hex_number(word(1), NULL);
	const volatile uint32_t *at =
	    (const volatile uint32_t *)(uintptr_t)hex_number(word(2), NULL);

	for (unsigned i = 0; i < ROUNDS; i++) {
		const uint64_t start = ticks();

		for (uint64_t k = 0; k < count; k++)
			(void)*at;
		rounds[i] = ticks() - start;
	}
	report();
}

static struct mailbox *start_second(uint16_t port, uint16_t count)
{
	uint8_t *page = (uint8_t *)(uintptr_t)SECOND_PAGE;
	struct mailbox *box = (struct mailbox *)(page + 0x800);

	for (const uint8_t *p = trampoline; p < trampoline_end; p++)
		*page++ = *p;
	*box = (struct mailbox){.port = port, .count = count};
	apic_write(APIC_ICR2, 1u << 24);
	apic_write(APIC_ICR, ICR_INIT);
	pause_a_while();
	apic_write(APIC_ICR2, 1u << 24);
	apic_write(APIC_ICR, ICR_STARTUP | SECOND_PAGE >> 12);
	for (unsigned i = 0; i < 200 && box->started == 0; i++)
		pause_a_while();
	check(box->started != 0, "the second vCPU did not start");
	return box;
}

/* The trampoline counts in 16 bits: COUNT times ROUNDS must stay well below 65535. */
static void pair(void)
{
	const uint16_t port = (uint16_t)hex_number(word(2), NULL);

	irq_init();
	const struct mailbox *box = start_second((uint16_t)(port + 4), 0xffff);
	pio();
	check(box->done == 0, "the second vCPU was done before the first");
}

static void serial(void)
{
	const uint64_t count = hex_number(word(1), NULL);

	for (unsigned i = 0; i < ROUNDS; i++) {
		const uint64_t start = ticks();

		for (uint64_t k = 0; k < count; k++)
			put_byte((uint8_t)(k % 64 == 63 ? '\n' : 'x'));
		rounds[i] = ticks() - start;
	}
	report();
}

#define LINE 64u
#define RING 8u

static struct {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
} table[RING] __attribute__((aligned(16)));
static volatile uint16_t avail[2 + RING + 1] = {1}; /* no interrupts */
static volatile uint16_t used[2 + 4 * RING + 1] __attribute__((aligned(4)));

/* The transmit queue, 1, with one descriptor that is used again and again. */
static volatile uint32_t *start_console(const char *line)
{
	volatile uint32_t *r = (volatile uint32_t *)(uintptr_t)hex_number(word(2), NULL);

	table[0].addr = (uintptr_t)line;
	table[0].len = LINE;
	check(r[0x008 / 4] == 3, "it is not a console");
	r[0x070 / 4] = 3;
	r[0x024 / 4] = 1;
	r[0x020 / 4] = 1; /* VERSION_1 */
	r[0x070 / 4] = 11;
	r[0x030 / 4] = 1;
	r[0x038 / 4] = RING;
	r[0x080 / 4] = (uint32_t)(uintptr_t)table;
	r[0x090 / 4] = (uint32_t)(uintptr_t)avail;
	r[0x0a0 / 4] = (uint32_t)(uintptr_t)used;
	r[0x044 / 4] = 1;
	r[0x070 / 4] = 15;
	check(r[0x070 / 4] == 15, "the console was refused");
	return r;
}

static void console(void)
{
	static const char line[LINE + 1] =
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n";
	const uint64_t lines = hex_number(word(1), NULL) / LINE;
	volatile uint32_t *r = start_console(line);

	for (unsigned i = 0; i < ROUNDS; i++) {
		const uint64_t start = ticks();

		for (uint64_t k = 0; k < lines; k++) {
			avail[1]++;
			r[0x050 / 4] = 1;
			while (used[1] != avail[1])
				check(ticks() - start < 1ull << 36, "a line was lost");
		}
		rounds[i] = ticks() - start;
	}
	report();
}

static void on_transmitted(void)
{
	in8(IIR);
	apic_end();
	taken++;
}

static void interrupts(void)
{
	const uint64_t count = hex_number(word(1), NULL);

	irq_init();
	irq_handle(SERIAL_VECTOR, on_transmitted);
	ioapic_set(SERIAL_GSI, SERIAL_VECTOR);
	out8(MCR, MCR_OUT2);
	interrupts_on();
	for (unsigned i = 0; i < ROUNDS; i++) {
		const uint64_t start = ticks();

		for (uint64_t k = 0; k < count; k++) {
			const uint32_t before = taken;

			out8(IER, IER_THRE);
			while (taken == before)
				check(ticks() - start < 1ull << 36, "an interrupt was lost");
			out8(IER, 0);
		}
		rounds[i] = ticks() - start;
	}
	interrupts_off();
	report();
}

const struct guest_case guest_cases[] = {
    {"pio", pio},
    {"mmio", mmio},
    {"pair", pair},
    {"serial", serial},
    {"console", console},
    {"interrupts", interrupts},
    {NULL, NULL},
};
