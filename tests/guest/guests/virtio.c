/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * A driver of an entropy device (virtio 1.2, 5.4) over MMIO and over PCI: it asks for bytes as
 * often as word 1 says (in hexadecimal), with a kick and an interrupt each time. And one of a block
 * device (5.2), which writes so many sectors, flushes none, and ends; and of a console (5.3), which
 * prints so many lines.
 */
#include "guest.h"
#include "irq.h"

#define VECTOR 0x51
#define RING   8u
#define BYTES  64u

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

static struct desc table[RING] __attribute__((aligned(16)));
static volatile uint16_t avail[2 + RING + 1] __attribute__((aligned(2)));
static volatile uint32_t used[1 + 2 * RING + 1] __attribute__((aligned(4)));
static uint8_t bytes[BYTES];

static volatile uint32_t taken;
static uint32_t base;  /* of the registers: MMIO's, or the BAR */
static uint32_t entry; /* of the queue's vector in the MSI-X table */
static bool masks;     /* the vector, from before the request is shown until the answer is there */

/* Which device asks and is asked: its id, its queue, a descriptor's flags, bytes of an answer. */
static struct {
	uint32_t id, queue;
	uint16_t flags;
	uint32_t answer;
} device = {4, 0, 2, BYTES};

static uint32_t get32(uint32_t at)
{
	return *(volatile uint32_t *)(uintptr_t)at;
}

static void set32(uint32_t at, uint32_t value)
{
	*(volatile uint32_t *)(uintptr_t)at = value;
}

static uint8_t get8(uint32_t at)
{
	return *(volatile uint8_t *)(uintptr_t)at;
}

static void set8(uint32_t at, uint8_t value)
{
	*(volatile uint8_t *)(uintptr_t)at = value;
}

static uint16_t get16(uint32_t at)
{
	return *(volatile uint16_t *)(uintptr_t)at;
}

static void set16(uint32_t at, uint16_t value)
{
	*(volatile uint16_t *)(uintptr_t)at = value;
}

static uint32_t address_of(volatile const void *p)
{
	return (uint32_t)(uintptr_t)p;
}

static uint32_t number(unsigned n)
{
	const char *end;

	return (uint32_t)hex_number(word(n), &end);
}

static void mask(bool masked)
{
	set32(entry + 12, masked);
}

/* PCI 3.0, 6.8.2.9: the message waits until the vector is unmasked, and then comes once. */
static void kick_masked(uint32_t kick, uint16_t answered)
{
	uint32_t spins = 0;

	set16(kick, (uint16_t)device.queue);
	while (used[0] >> 16 != answered && spins < 100000000)
		spins++;
	check(used[0] >> 16 == answered, "the request was not answered");
	check(!taken, "an interrupt came although its vector is masked");
	mask(false);
}

/* One request after the other: shown, kicked, and waited for until its interrupt came. */
static void ask(uint32_t kick, bool wide)
{
	const uint32_t count = number(1);

	table[0] = (struct desc){address_of(bytes), BYTES, device.flags, 0};
	for (uint32_t i = 0; i < count; i++) {
		taken = 0;
		if (masks) /* before the request is shown: a device may look without a kick */
			mask(true);
		avail[2 + i % RING] = 0;
		__asm__ volatile("" : : : "memory");
		avail[1] = (uint16_t)(i + 1);
		__asm__ volatile("mfence" : : : "memory");
		if (masks)
			kick_masked(kick, (uint16_t)(i + 1));
		else if (wide)
			set32(kick, device.queue);
		else
			set16(kick, (uint16_t)device.queue);
		check(wait_for(&taken), "no interrupt came");
		check(used[0] >> 16 == ((i + 1) & 0xffff), "the request was not answered");
		check(used[2 + 2 * (i % RING)] == device.answer, "not all bytes came");
	}
	uint8_t any = 0;

	for (unsigned i = 0; i < BYTES; i++)
		any |= bytes[i];
	check(any, "the bytes are all 0");
	finish(0);
}

/* --------------------------------------------------------------------- MMIO */

static void on_line(void)
{
	set32(base + 0x64, get32(base + 0x60));
	taken = 1;
	apic_end();
}

/* Word 2 is the address, word 3 the interrupt. */
static void set_up(uint32_t id, uint32_t features)
{
	base = number(2);
	irq_init();
	irq_handle(VECTOR, on_line);
	ioapic_set(number(3), VECTOR);
	interrupts_on();
	check(get32(base) == 0x74726976, "there is no device");
	check(get32(base + 8) == id, "it is another device");
	set32(base + 0x70, 0);
	set32(base + 0x70, 3);
	set32(base + 0x24, 0);
	set32(base + 0x20, features);
	set32(base + 0x24, 1);
	set32(base + 0x20, 1); /* VERSION_1 */
	set32(base + 0x70, 11);
	check(get32(base + 0x70) == 11, "the features were refused");
	set32(base + 0x30, device.queue);
	set32(base + 0x38, RING);
	set32(base + 0x80, address_of(table));
	set32(base + 0x90, address_of(avail));
	set32(base + 0xa0, address_of(used));
	set32(base + 0x44, 1);
	check(get32(base + 0x44) == 1, "the queue was refused");
	set32(base + 0x70, 15);
}

static void mmio(void)
{
	set_up(device.id, 0);
	ask(base + 0x50, true);
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

	set_up(2, 1 << 9); /* VIRTIO_BLK_F_FLUSH */
	for (uint32_t i = 0; i < 2; i++) {
		const uint16_t at = (uint16_t)(3 * i);

		table[at] = (struct desc){address_of(&head[i]), sizeof(head[i]), 1, at + 1};
		table[at + 1] = (struct desc){address_of(sector[i]), 512, 1, at + 2};
		table[at + 2] = (struct desc){address_of(&status[i]), 1, 2, 0};
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
		taken = 0;
		__asm__ volatile("" : : : "memory");
		avail[1] = (uint16_t)(n + 2);
		__asm__ volatile("mfence" : : : "memory");
		set32(base + 0x50, 0);
		while (used[0] >> 16 != ((n + 2) & 0xffff)) {
			check(wait_for(&taken), "no interrupt came");
			taken = 0;
		}
		check(status[0] == 0 && status[1] == 0, "a write failed");
	}
	finish(0);
}

/* ---------------------------------------------------------------------- PCI */

static void on_message(void)
{
	taken = 1;
	apic_end();
}

static uint32_t slot;

static uint32_t config(uint32_t at)
{
	out32(0xcf8, 0x80000000 | slot << 11 | (at & 0xfc));
	return in32(0xcfc) >> (8 * (at & 3));
}

static void set_config(uint32_t at, uint16_t value)
{
	out32(0xcf8, 0x80000000 | slot << 11 | (at & 0xfc));
	out16((uint16_t)(0xcfc + (at & 3)), value);
}

static void find_device(void)
{
	for (slot = 0; slot < 32; slot++)
		if (config(0) == ((0x1040 + device.id) << 16 | 0x1af4))
			return;
	fail("there is no device");
}

/* The offset in BAR 0 of the structure of that kind (virtio 1.2, 4.1.4). */
static uint32_t structure(uint32_t kind)
{
	for (uint32_t at = config(0x34) & 0xff; at; at = config(at + 1) & 0xff)
		if ((config(at) & 0xff) == 9 && (config(at + 3) & 0xff) == kind)
			return config(at + 8);
	fail("a structure is not there");
}

static void set_up_vector(void)
{
	for (uint32_t at = config(0x34) & 0xff; at; at = config(at + 1) & 0xff) {
		if ((config(at) & 0xff) != 0x11)
			continue;
		entry = base + (config(at + 4) & ~7u) + 16; /* of vector 1 */
		set_config(at + 2, 0x8000);
		set32(entry, LOCAL_APIC);
		set32(entry + 4, 0);
		set32(entry + 8, VECTOR);
		set32(entry + 12, 0);
		return;
	}
	fail("there is no MSI-X");
}

static void drive(void)
{
	irq_init();
	irq_handle(VECTOR, on_message);
	interrupts_on();
	set_config(4, 6);
	base = config(0x10) & ~0xfu;
	const uint32_t common = base + structure(1), notify = base + structure(2);

	set_up_vector();
	set8(common + 0x14, 0);
	set8(common + 0x14, 3);
	set32(common + 0x08, 1);
	set32(common + 0x0c, 1); /* VERSION_1 */
	set8(common + 0x14, 11);
	check(get8(common + 0x14) == 11, "the features were refused");
	set16(common + 0x16, (uint16_t)device.queue);
	set16(common + 0x18, RING);
	set16(common + 0x1a, 1);
	check(get16(common + 0x1a) == 1, "the vector was refused");
	set32(common + 0x20, address_of(table));
	set32(common + 0x28, address_of(avail));
	set32(common + 0x30, address_of(used));
	set16(common + 0x1c, 1);
	check(get16(common + 0x1c) == 1, "the queue was refused");
	set8(common + 0x14, 15);
	ask(notify + 4 * device.queue, false);
}

static void pci(void)
{
	find_device();
	drive();
}

/* Word 2 is where the BAR goes. */
static void moved(void)
{
	find_device();
	out32(0xcf8, 0x80000000 | slot << 11 | 0x10);
	out32(0xcfc, number(2));
	drive();
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
	device.flags = 0;
	device.answer = 0;
	for (unsigned i = 0; i < BYTES; i++)
		bytes[i] = i == BYTES - 1 ? '\n' : (uint8_t)('0' + i);
}

static void console_mmio(void)
{
	be_a_console();
	mmio();
}

static void console_pci(void)
{
	be_a_console();
	pci();
}

const struct guest_case guest_cases[] = {{"mmio", mmio}, {"disk", disk}, {"pci", pci},
    {"moved", moved}, {"masked", masked}, {"console-mmio", console_mmio},
    {"console-pci", console_pci}, {NULL, NULL}};
