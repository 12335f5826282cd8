/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Writes to random pages when it is told to, and to none while it waits.
 *
 *   dirty SEED LOW HIGH   MiB from 32 on up to LOW, and HIGH MiB from 4 GiB on, in hexadecimal
 *
 * Each byte that comes is the number of pages to write; 0 ends it. Every fourth page becomes zero.
 */
#include "guest.h"

#define PAGE    4096u
#define LSR     5
#define LSR_DR  0x01
#define HIGH_AT (4ull << 30)
#define FIRST   32u /* MiB; the guest and its tables lie below */

static uint64_t high_pages[512] __attribute__((aligned(PAGE)));
static uint32_t state;

/* xorshift32 (Marsaglia 2003) */
static uint32_t draw(void)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

/* The boot protocol maps 4 GiB: this is the fifth, in pages of 2 MiB (Intel SDM vol. 3, 4.5). */
static void map_high(void)
{
	uint64_t cr3;

	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	const uint64_t *top = (const uint64_t *)(uintptr_t)(cr3 & ~(uint64_t)(PAGE - 1));
	uint64_t *middle = (uint64_t *)(uintptr_t)(top[0] & ~(uint64_t)(PAGE - 1));
	for (uint64_t i = 0; i < 512; i++)
		high_pages[i] = (HIGH_AT + (i << 21)) | 0x83;
	middle[4] = (uintptr_t)high_pages | 3;
	__asm__ volatile("mov %0, %%cr3" : : "r"(cr3) : "memory");
}

static uint64_t choose_page(uint64_t low, uint64_t high)
{
	const uint64_t pages = 256, n = draw() % ((low - FIRST + high) * pages);
	const uint64_t below = (low - FIRST) * pages;

	return n < below ? FIRST * pages * PAGE + n * PAGE : HIGH_AT + (n - below) * PAGE;
}

static void write_page(uint64_t at)
{
	volatile uint64_t *page = (volatile uint64_t *)(uintptr_t)at;
	const uint32_t how = draw();

	for (unsigned i = 0; how % 4 == 0 && i < PAGE / 8; i++)
		page[i] = 0;
	if (how % 4 != 0)
		page[how % (PAGE / 8)] = (uint64_t)draw() << 32 | how;
}

static uint8_t get(void)
{
	while (!(in8(COM1 + LSR) & LSR_DR))
		continue;
	return in8(COM1);
}

static void dirty(void)
{
	const uint64_t low = hex_number(word(2), NULL), high = hex_number(word(3), NULL);
	uint8_t count;

	state = (uint32_t)hex_number(word(1), NULL) | 1;
	if (high > 0)
		map_high();
	ready();
	while ((count = get()) != 0) {
		for (; count > 0; count--)
			write_page(choose_page(low, high));
		put("written\n");
	}
}

const struct guest_case guest_cases[] = {
    {"dirty", dirty},
    {NULL, NULL},
};
