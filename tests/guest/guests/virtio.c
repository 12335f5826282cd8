/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * A driver of an entropy device (virtio 1.2, 5.4) over MMIO and over PCI: it asks for bytes as
 * often as word 1 says (in hexadecimal), with a kick and an interrupt each time. And one of a block
 * device (5.2), which writes so many sectors, flushes none, and ends; and of a console (5.3), which
 * prints so many lines, or how large the terminal is.
 */
#include "guest.h"
#include "virtio_bus.h"

#define RING  8u
#define BYTES 64u

static struct virtio_desc table[RING] __attribute__((aligned(16)));
static volatile uint16_t avail[2 + RING + 1] __attribute__((aligned(2)));
static volatile uint32_t used[1 + 2 * RING + 1] __attribute__((aligned(4)));
static uint8_t bytes[BYTES];

static bool masks; /* the vector, from before the request is shown until the answer is there */

static struct virtio_device device = {
    .id = 4, .size = RING, .table = table, .avail = avail, .used = used};

/* Of requests: a descriptor's flags, and bytes of an answer. */
static uint16_t flags = DESC_WRITE;
static uint32_t answer = BYTES;

/* PCI 3.0, 6.8.2.9: the message waits until the vector is unmasked, and then comes once. */
static void kick_masked(uint16_t answered)
{
	uint32_t spins = 0;

	bus_kick();
	while (used[0] >> 16 != answered && spins < 100000000)
		spins++;
	check(used[0] >> 16 == answered, "the request was not answered");
	check(!bus_taken, "an interrupt came although its vector is masked");
	bus_mask(false);
}

/* One request after the other: shown, kicked, and waited for until its interrupt came. */
static void ask(void)
{
	const uint32_t count = number(1);

	bus_start(&device);
	table[0] = (struct virtio_desc){address_of(bytes), BYTES, flags, 0};
	for (uint32_t i = 0; i < count; i++) {
		bus_taken = 0;
		if (masks) /* before the request is shown: a device may look without a kick */
			bus_mask(true);
		avail[2 + i % RING] = 0;
		__asm__ volatile("" : : : "memory");
		avail[1] = (uint16_t)(i + 1);
		__asm__ volatile("mfence" : : : "memory");
		if (masks)
			kick_masked((uint16_t)(i + 1));
		else
			bus_kick();
		check(wait_for(&bus_taken), "no interrupt came");
		check(used[0] >> 16 == ((i + 1) & 0xffff), "the request was not answered");
		check(used[2 + 2 * (i % RING)] == answer, "not all bytes came");
	}
	uint8_t any = 0;

	for (unsigned i = 0; i < BYTES; i++)
		any |= bytes[i];
	check(any, "the bytes are all 0");
	finish(0);
}

/* Word 2 is the address, word 3 the interrupt. */
static void mmio(void)
{
	bus_use_mmio(number(2), number(3));
	ask();
}

/* Sector n is full of the low byte of n + 1; two go with one kick. The driver knows flushes, so no
 * write is stable. */
static void disk(void)
{
	static struct {
		uint32_t type, reserved;
		uint64_t sector;
	} head[2];
	static uint8_t sector[2][512] __attribute__((aligned(512)));
	static volatile uint8_t status[2];
	const uint32_t count = number(1);

	device.id = 2;
	device.features = 1 << 9; /* VIRTIO_BLK_F_FLUSH */
	bus_use_mmio(number(2), number(3));
	bus_start(&device);
	for (uint32_t i = 0; i < 2; i++) {
		const uint16_t at = (uint16_t)(3 * i);

		table[at] = (struct virtio_desc){address_of(&head[i]), sizeof(head[i]), 1, at + 1};
		table[at + 1] = (struct virtio_desc){address_of(sector[i]), 512, 1, at + 2};
		table[at + 2] = (struct virtio_desc){address_of(&status[i]), 1, 2, 0};
	}
	for (uint32_t n = 0; n < count; n += 2) {
		for (uint32_t i = 0; i < 2; i++) {
			for (unsigned b = 0; b < 512; b++)
				sector[i][b] = (uint8_t)(n + i + 1);
			head[i].type = 1; /* VIRTIO_BLK_T_OUT */
			head[i].sector = n + i;
			status[i] = 0xff;
			avail[2 + (n + i) % RING] = (uint16_t)(3 * i);
		}
		bus_taken = 0;
		__asm__ volatile("" : : : "memory");
		avail[1] = (uint16_t)(n + 2);
		__asm__ volatile("mfence" : : : "memory");
		bus_kick();
		while (used[0] >> 16 != ((n + 2) & 0xffff)) {
			check(wait_for(&bus_taken), "no interrupt came");
			bus_taken = 0;
		}
		check(status[0] == 0 && status[1] == 0, "a write failed");
	}
	finish(0);
}

static void pci(void)
{
	bus_use_pci(&device, 0);
	ask();
}

/* Word 2 is where the BAR goes. */
static void moved(void)
{
	bus_use_pci(&device, number(2));
	ask();
}

static void masked(void)
{
	masks = true;
	pci();
}

/* Lines of 64 bytes. */
static void be_a_console(void)
{
	device.id = 3;
	device.queue = 1;
	flags = 0;
	answer = 0;
	for (unsigned i = 0; i < BYTES; i++)
		bytes[i] = i == BYTES - 1 ? '\n' : (uint8_t)('0' + i);
}

static void console_mmio(void)
{
	be_a_console();
	mmio();
}

/* Prints rows and columns of the console at word 1 whenever they change, up to a row number 99. */
static void console_size(void)
{
	const volatile uint32_t *size = (const volatile uint32_t *)(uintptr_t)(number(1) + 0x100);
	uint32_t before = 0;

	while (before >> 16 != 99) {
		const uint32_t now = *size;

		if (now == before)
			continue;
		put("size ");
		put_hex(now);
		put("\n");
		before = now;
	}
	finish(0);
}

static void console_pci(void)
{
	be_a_console();
	pci();
}

const struct guest_case guest_cases[] = {{"mmio", mmio}, {"disk", disk}, {"pci", pci},
    {"moved", moved}, {"masked", masked}, {"console-mmio", console_mmio},
    {"console-pci", console_pci}, {"console-size", console_size}, {NULL, NULL}};
