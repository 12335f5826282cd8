/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * irq - vectors, the local APIC, the I/O APIC and the two 8259 of a PC.
 *
 * Sources: Intel SDM vol. 3, chapters 6 and 11; Intel 82093AA data sheet; Intel 8259A
 * data sheet.
 */
#ifndef TESTS_GUEST_IRQ_H
#define TESTS_GUEST_IRQ_H

#include <stdbool.h>
#include <stdint.h>

#define LOCAL_APIC 0xfee00000u
#define APIC_ID    0x20u
#define APIC_EOI   0xb0u
#define APIC_LDR   0xd0u
#define APIC_DFR   0xe0u
#define APIC_SVR   0xf0u
#define APIC_ISR   0x100u
#define APIC_IRR   0x200u
#define APIC_ICR   0x300u
#define APIC_ICR2  0x310u
#define APIC_LINT0 0x350u

#define IO_APIC      0xfec00000u
#define IO_LEVEL     (1u << 15)
#define IO_MASKED    (1u << 16)
#define IO_REMOTEIRR (1u << 14)

#define PIC_VECTOR 0x20u /* of GSI 0; the second 8259 follows */

/* Loads the IDT and enables the local APIC. Interrupts stay off. */
void irq_init(void);
/* The IDT alone, which processors share. */
void irq_load(void);
void irq_handle(uint8_t vector, void (*handler)(void));

uint32_t apic_read(uint32_t reg);
void apic_write(uint32_t reg, uint32_t value);
void apic_end(void);

uint32_t ioapic_read(uint32_t index);
void ioapic_write(uint32_t index, uint32_t value);
/* `low` is the low half of the pin's redirection entry; the destination is APIC id 0. */
void ioapic_set(unsigned pin, uint32_t low);
uint32_t ioapic_get(unsigned pin);

/* Both 8259, edge triggered, with only `gsi` (and the cascade) unmasked. */
void pic_init(unsigned gsi);
void pic_end(unsigned gsi);

#endif
