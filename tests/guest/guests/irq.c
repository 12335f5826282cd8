/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "irq.h"

#include "guest.h"

#define CODE_SELECTOR  0x10
#define INTERRUPT_GATE 0x8e

struct gate {
	uint16_t low, selector;
	uint8_t stack, type;
	uint16_t middle;
	uint32_t high, zero;
} __attribute__((packed));

extern const uint8_t stubs[256][16];

static struct gate idt[256];
static void (*handlers[256])(void);

void irq_dispatch(uint64_t vector, uint64_t error, uint64_t rip);

void irq_dispatch(uint64_t vector, uint64_t error, uint64_t rip)
{
	if (handlers[vector]) {
		handlers[vector]();
		return;
	}
	put("vector ");
	put_hex(vector);
	put(" error ");
	put_hex(error);
	put(" at ");
	put_hex(rip);
	put("\n");
	fail("unexpected vector");
}

void irq_handle(uint8_t vector, void (*handler)(void))
{
	handlers[vector] = handler;
}

void irq_load(void)
{
	const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) idtr = {sizeof(idt) - 1, (uintptr_t)idt};

	__asm__ volatile("lidt %0" : : "m"(idtr));
}

void irq_init(void)
{
	for (unsigned i = 0; i < 256; i++) {
		uintptr_t at = (uintptr_t)stubs[i];

		idt[i] = (struct gate){
		    .low = (uint16_t)at,
		    .selector = CODE_SELECTOR,
		    .type = INTERRUPT_GATE,
		    .middle = (uint16_t)(at >> 16),
		    .high = (uint32_t)(at >> 32),
		};
	}
	irq_load();
	out8(0x21, 0xff); /* where there are 8259s, they start out unmasked */
	out8(0xa1, 0xff);
	apic_write(APIC_SVR, 0x1ff);
}

static volatile uint32_t *at(uint64_t address)
{
	return (volatile uint32_t *)(uintptr_t)address;
}

uint32_t apic_read(uint32_t reg)
{
	return *at(LOCAL_APIC + reg);
}

void apic_write(uint32_t reg, uint32_t value)
{
	*at(LOCAL_APIC + reg) = value;
}

void apic_end(void)
{
	apic_write(APIC_EOI, 0);
}

uint32_t ioapic_read(uint32_t index)
{
	*at(IO_APIC) = index;
	return *at(IO_APIC + 0x10);
}

void ioapic_write(uint32_t index, uint32_t value)
{
	*at(IO_APIC) = index;
	*at(IO_APIC + 0x10) = value;
}

void ioapic_set(unsigned pin, uint32_t low)
{
	ioapic_write(0x10 + 2 * pin, IO_MASKED);
	ioapic_write(0x11 + 2 * pin, 0);
	ioapic_write(0x10 + 2 * pin, low);
}

uint32_t ioapic_get(unsigned pin)
{
	return ioapic_read(0x10 + 2 * pin);
}

void pic_init(unsigned gsi)
{
	const uint16_t mask = (uint16_t) ~(1u << gsi | 1u << 2);

	out8(0x20, 0x11); /* ICW1: edges, cascade, ICW4 follows */
	out8(0xa0, 0x11);
	out8(0x21, PIC_VECTOR);
	out8(0xa1, PIC_VECTOR + 8);
	out8(0x21, 1 << 2);
	out8(0xa1, 2);
	out8(0x21, 1); /* ICW4: 8086 mode */
	out8(0xa1, 1);
	out8(0x21, (uint8_t)mask);
	out8(0xa1, (uint8_t)(mask >> 8));
}

void pic_end(unsigned gsi)
{
	if (gsi >= 8)
		out8(0xa0, 0x20);
	out8(0x20, 0x20);
}
