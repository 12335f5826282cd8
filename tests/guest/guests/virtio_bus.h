/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * virtio_bus - one queue of one virtio device, over MMIO or over PCI with MSI-X (virtio 1.2, 4.1
 * and 4.2). Its interrupt sets bus_taken.
 */
#ifndef TESTS_GUEST_VIRTIO_BUS_H
#define TESTS_GUEST_VIRTIO_BUS_H

#include <stdbool.h>
#include <stdint.h>

struct virtio_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

#define DESC_NEXT  1u
#define DESC_WRITE 2u

struct virtio_device {
	uint32_t id, features; /* virtio 5; bits 0 to 31 */
	uint32_t queue, size;  /* which, and its entries */
	volatile const void *table, *avail, *used;
};

/* Set by each interrupt; how many there were, and how many kicks. */
extern volatile uint32_t bus_taken, bus_interrupts;
extern uint32_t bus_kicks;

/* Where the device is. Over PCI it is the first one with its id; bar 0: it stays where it is. */
void bus_use_mmio(uint32_t at, uint32_t line);
void bus_use_pci(const struct virtio_device *d, uint32_t bar);
/* Up to DRIVER_OK. Interrupts are on afterwards. */
void bus_start(const struct virtio_device *d);
void bus_kick(void);
/* The queue's vector of MSI-X. */
void bus_mask(bool masked);
uint32_t bus_status(void);
/* What the device tells of its interrupt: InterruptStatus, or the bit of MSI-X that is pending. It
 * changes nothing. */
uint32_t bus_pending(void);

uint32_t address_of(volatile const void *p);
/* Word n of the command line. */
uint32_t number(unsigned n);

#endif
