/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "virtio_bus.h"

#include "guest.h"
#include "irq.h"

#define VECTOR 0x51

volatile uint32_t bus_taken, bus_interrupts;
uint32_t bus_kicks;

static bool is_pci;
static uint32_t base;  /* of the registers: MMIO's, or the BAR */
static uint32_t line;  /* MMIO's interrupt */
static uint32_t kick;  /* where a kick is written */
static uint32_t entry; /* of the queue's vector in the MSI-X table */
static uint32_t bits;  /* of MSI-X that are pending */
static uint32_t queue; /* what is kicked */
static uint32_t slot;  /* of the function */

uint32_t address_of(volatile const void *p)
{
	return (uint32_t)(uintptr_t)p;
}

uint32_t number(unsigned n)
{
	const char *end;

	return (uint32_t)hex_number(word(n), &end);
}

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

/* --------------------------------------------------------------------- MMIO */

static void on_line(void)
{
	set32(base + 0x64, get32(base + 0x60));
	bus_taken = 1;
	bus_interrupts++;
	apic_end();
}

void bus_use_mmio(uint32_t at, uint32_t interrupt)
{
	base = at;
	line = interrupt;
}

static void start_mmio(const struct virtio_device *d)
{
	kick = base + 0x50;
	irq_handle(VECTOR, on_line);
	ioapic_set(line, VECTOR);
	interrupts_on();
	check(get32(base) == 0x74726976, "there is no device");
	check(get32(base + 8) == d->id, "it is another device");
	set32(base + 0x70, 0);
	set32(base + 0x70, 3);
	set32(base + 0x24, 0);
	set32(base + 0x20, d->features);
	set32(base + 0x24, 1);
	set32(base + 0x20, 1); /* VERSION_1 */
	set32(base + 0x70, 11);
	check(get32(base + 0x70) == 11, "the features were refused");
	set32(base + 0x30, d->queue);
	set32(base + 0x38, d->size);
	set32(base + 0x80, address_of(d->table));
	set32(base + 0x90, address_of(d->avail));
	set32(base + 0xa0, address_of(d->used));
	set32(base + 0x44, 1);
	check(get32(base + 0x44) == 1, "the queue was refused");
	set32(base + 0x70, 15);
}

/* ---------------------------------------------------------------------- PCI */

static void on_message(void)
{
	bus_taken = 1;
	bus_interrupts++;
	apic_end();
}

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

static void find_device(uint32_t id)
{
	for (slot = 0; slot < 32; slot++)
		if (config(0) == ((0x1040 + id) << 16 | 0x1af4))
			return;
	fail("there is no device");
}

void bus_use_pci(const struct virtio_device *d, uint32_t bar)
{
	is_pci = true;
	find_device(d->id);
	if (!bar)
		return;
	out32(0xcf8, 0x80000000 | slot << 11 | 0x10);
	out32(0xcfc, bar);
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
		bits = base + (config(at + 8) & ~7u);
		set_config(at + 2, 0x8000);
		set32(entry, LOCAL_APIC);
		set32(entry + 4, 0);
		set32(entry + 8, VECTOR);
		set32(entry + 12, 0);
		return;
	}
	fail("there is no MSI-X");
}

static void start_pci(const struct virtio_device *d)
{
	irq_handle(VECTOR, on_message);
	interrupts_on();
	set_config(4, 6);
	base = config(0x10) & ~0xfu;
	const uint32_t common = base + structure(1);

	kick = base + structure(2) + 4 * d->queue;
	set_up_vector();
	set8(common + 0x14, 0);
	set8(common + 0x14, 3);
	set32(common + 0x08, 0);
	set32(common + 0x0c, d->features);
	set32(common + 0x08, 1);
	set32(common + 0x0c, 1); /* VERSION_1 */
	set8(common + 0x14, 11);
	check(get8(common + 0x14) == 11, "the features were refused");
	set16(common + 0x16, (uint16_t)d->queue);
	set16(common + 0x18, (uint16_t)d->size);
	set16(common + 0x1a, 1);
	check(get16(common + 0x1a) == 1, "the vector was refused");
	set32(common + 0x20, address_of(d->table));
	set32(common + 0x28, address_of(d->avail));
	set32(common + 0x30, address_of(d->used));
	set16(common + 0x1c, 1);
	check(get16(common + 0x1c) == 1, "the queue was refused");
	set8(common + 0x14, 15);
}

/* -------------------------------------------------------------------- either */

void bus_start(const struct virtio_device *d)
{
	queue = d->queue;
	irq_init();
	if (is_pci)
		start_pci(d);
	else
		start_mmio(d);
}

void bus_kick(void)
{
	bus_kicks++;
	if (is_pci)
		set16(kick, (uint16_t)queue);
	else
		set32(kick, queue);
}

void bus_mask(bool masked)
{
	set32(entry + 12, masked);
}

uint32_t bus_status(void)
{
	return is_pci ? get8(base + structure(1) + 0x14) : get32(base + 0x70);
}

uint32_t bus_pending(void)
{
	return is_pci ? get32(bits) : get32(base + 0x60);
}
