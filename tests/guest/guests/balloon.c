/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * A driver of a balloon (virtio 1.2, 5.5) over MMIO: it touches as many pages as word 1 says (in
 * hexadecimal), gives them up and touches them again, each step when a byte comes on COM1. Word 2
 * is the address, word 3 the interrupt; with word 4 the host may keep pages as they are.
 */
#include "guest.h"
#include "virtio_bus.h"

#define RING 8u
#define HEAP 0x2000000u /* pages that are given up lie there */
#define PAGE 4096u
#define PFNS 256u

static struct virtio_desc table[RING] __attribute__((aligned(16)));
static volatile uint16_t avail[2 + RING + 1] __attribute__((aligned(2)));
static volatile uint32_t used[1 + 2 * RING + 1] __attribute__((aligned(4)));

static uint32_t stride = 1; /* of pages that are given up */

static volatile uint32_t *page(uint32_t i)
{
	return (volatile uint32_t *)(uintptr_t)(HEAP + i * stride * PAGE);
}

/* Says so, and goes on when a byte comes. */
static void tell(const char *what)
{
	put(what);
	while (!(in8(COM1 + 5) & 1))
		continue;
	in8(COM1);
}

static void inflate(uint32_t first, uint32_t count, uint32_t round)
{
	static uint32_t pfns[PFNS];

	for (uint32_t i = 0; i < count; i++)
		pfns[i] = HEAP / PAGE + (first + i) * stride;
	table[0] = (struct virtio_desc){address_of(pfns), count * 4, 0, 0};
	bus_taken = 0;
	avail[2 + round % RING] = 0;
	__asm__ volatile("" : : : "memory");
	avail[1] = (uint16_t)(round + 1);
	__asm__ volatile("mfence" : : : "memory");
	bus_kick();
	check(wait_for(&bus_taken), "no interrupt came");
	check(used[0] >> 16 == ((round + 1) & 0xffff), "the pages were not taken");
}

/* Each page is zeros when it comes back, and keeps what is written then. */
static void mmio(void)
{
	static const struct virtio_device device = {
	    .id = 5, .size = RING, .table = table, .avail = avail, .used = used};
	const uint32_t count = number(1);
	const bool kept = word(4)[0];

	bus_use_mmio(number(2), number(3));
	bus_start(&device);
	for (uint32_t i = 0; i < count; i++) {
		*page(i) = i + 1;
		if (stride > 1)
			page(i)[PAGE / 4] = ~i;
	}
	tell("full ");
	for (uint32_t i = 0; i < count; i += PFNS)
		inflate(i, count - i < PFNS ? count - i : PFNS, i / PFNS);
	tell("empty ");
	for (uint32_t i = 0; i < count; i++) {
		check(*page(i) == 0 || (kept && *page(i) == i + 1), "a page is not zeros");
		check(stride == 1 || page(i)[PAGE / 4] == ~i, "a page beside it is gone");
		*page(i) = i + 2;
	}
	for (uint32_t i = 0; i < count; i++)
		check(*page(i) == i + 2, "a page that came back forgets");
	tell("again ");
	finish(0);
}

/* Every second page: none goes together with another. */
static void apart(void)
{
	stride = 2;
	mmio();
}

const struct guest_case guest_cases[] = {{"mmio", mmio}, {"apart", apart}, {NULL, NULL}};
