/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * A driver of persistent memory (virtio 1.2, 5.19) over MMIO. Word 1 is the address, word 2 the
 * interrupt. The memory lies above 4 GiB, where volt's own page tables end.
 */
#include "guest.h"
#include "virtio_bus.h"

#define RING     8u
#define ENTRIES  512u /* of a page table */
#define BIG_PAGE 0x200000u
#define PRESENT  0x3u /* and writable */
#define BIG      0x80u

static struct virtio_desc table[RING] __attribute__((aligned(16)));
static volatile uint16_t avail[2 + RING + 1] __attribute__((aligned(2)));
static volatile uint32_t used[1 + 2 * RING + 1] __attribute__((aligned(4)));
static uint64_t directory[ENTRIES] __attribute__((aligned(4096)));

static volatile uint64_t *memory; /* of the device */
static uint64_t bytes;

static uint64_t config(uint32_t off)
{
	const volatile uint32_t *at =
	    (const volatile uint32_t *)(uintptr_t)(number(1) + 0x100 + off);

	return at[0] | (uint64_t)at[1] << 32;
}

static uint64_t *table_at(uint64_t entry)
{
	return (uint64_t *)(uintptr_t)(entry & ~0xfffull & ~(1ull << 63));
}

/* At the same addresses; a GiB at most, which one directory describes. */
static void map_memory(uint64_t at)
{
	uint64_t top;

	__asm__ volatile("mov %%cr3, %0" : "=r"(top));
	uint64_t *const third = table_at(table_at(top)[at >> 39]);
	check(third[at >> 30 & (ENTRIES - 1)] == 0, "something is mapped there");
	for (uint64_t i = at / BIG_PAGE % ENTRIES, page = at; page < at + bytes;
	     page += BIG_PAGE, i++) {
		check(i < ENTRIES, "the memory is too large");
		directory[i] = page | BIG | PRESENT;
	}
	third[at >> 30 & (ENTRIES - 1)] = address_of(directory) | PRESENT;
	__asm__ volatile("mov %0, %%cr3" : : "r"(top) : "memory");
}

static void begin(void)
{
	static const struct virtio_device device = {
	    .id = 27, .size = RING, .table = table, .avail = avail, .used = used};

	bus_use_mmio(number(1), number(2));
	bus_start(&device);
	bytes = config(8);
	map_memory(config(0));
	memory = (volatile uint64_t *)(uintptr_t)config(0);
}

static void flush(void)
{
	static volatile uint32_t request, answer;

	request = 0;
	answer = 0x5a5a5a5a;
	table[0] = (struct virtio_desc){address_of(&request), 4, DESC_NEXT, 1};
	table[1] = (struct virtio_desc){address_of(&answer), 4, DESC_WRITE, 0};
	bus_taken = 0;
	avail[2 + avail[1] % RING] = 0;
	__asm__ volatile("" : : : "memory");
	avail[1]++;
	__asm__ volatile("mfence" : : : "memory");
	bus_kick();
	check(wait_for(&bus_taken), "no interrupt came");
	check(answer == 0, "the flush failed");
}

/* Says so, and goes on when a byte comes. */
static void tell(const char *what)
{
	put(what);
	while (!(in8(COM1 + 5) & 1))
		continue;
	in8(COM1);
}

/* Of the first and the last number of each page: some KVMs emulate each instruction. */
static void put_sum(void)
{
	uint64_t sum = 0;

	for (uint64_t page = 0; page < bytes / 4096; page++)
		sum += memory[page * 512] + memory[page * 512 + 511];
	put("sum ");
	put_hex(sum);
	put(" ");
}

/* Reads each page, and sleeps for ever. */
static void reading(void)
{
	begin();
	put_sum();
	put("read ");
	interrupts_off();
	for (;;)
		__asm__ volatile("hlt");
}

/* The number of each page into it, and a flush. */
static void writing(void)
{
	begin();
	for (uint64_t page = 0; page < bytes / 4096; page++)
		memory[page * 512] = page + 1;
	flush();
	put_sum();
	tell("written ");
	finish(0);
}

/* Writes do nothing, of whatever size. */
static void refused(void)
{
	begin();
	const uint64_t before = memory[1];

	memory[1] = ~before;
	*(volatile uint8_t *)&memory[1] = (uint8_t)~before;
	check(memory[1] == before, "a write was not dropped");
	flush();
	finish(0);
}

/* Word 3 is a page that is gone when a byte has come. */
static void lost(void)
{
	begin();
	tell("whole ");
	const uint64_t got = memory[number(3) * 512];

	put_hex(got);
	finish(1);
}

const struct guest_case guest_cases[] = {
    {"read", reading}, {"write", writing}, {"refused", refused}, {"lost", lost}, {NULL, NULL}};
