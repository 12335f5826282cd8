/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * bus - which plugin answers at which address.
 *
 * Ranges are added while wiring. bus_seal() sorts them, refuses overlaps, makes an index
 * of them, and makes both read-only memory: from then on a lookup is one step whatever the
 * number of ranges, without any lock.
 */
#ifndef CORE_BUS_H
#define CORE_BUS_H

#include <stdbool.h>
#include <stdint.h>

#include <volt/plugin.h>

#include "core/event/callee.h"

#define BUS_RANGE_MAX 512

struct bus_range {
	uint64_t base, last; /* inclusive */
	uint64_t (*read)(void *self, uint64_t off, uint32_t n);
	void (*write)(void *self, uint64_t off, uint32_t n, uint64_t val);
	void *self; /* what the handlers get: the owner's state, or that of a layer above it */
	struct callee *owner;
	/* Called before the write handler, if not NULL: true if the write was a ring, and is done.
	 */
	bool (*ring)(const void *doorbells, const struct bus_range *r, uint64_t address,
	    uint32_t width, uint64_t value);
	const void *doorbells;
	const char *name;
	uint8_t sizes, flags, space;
};

/* The index: for each port, and for each 512 bytes of memory modulo 65536 of them, the range
 * to look at first, from 1, or 0. Most of its pages are never written, so take no memory. */
#define BUS_INDEX_SIZE 65536u

/* One mapping holds both. */
#define BUS_RANGE_BYTES ((BUS_RANGE_MAX * sizeof(struct bus_range) + 4095) & ~(size_t)4095)
#define BUS_TABLE_BYTES (BUS_RANGE_BYTES + 2 * BUS_INDEX_SIZE * sizeof(uint16_t))

struct bus {
	struct bus_range *ranges; /* PIO ranges, then MMIO ranges, each by address */
	uint16_t *index;          /* two tables, by space */
	uint32_t count;
	uint32_t first[3]; /* ranges of space s: first[s] .. first[s + 1] - 1 */
	bool sealed;
};

/* Counters of one vCPU; only its own thread writes them. */
struct bus_stats {
	uint64_t accesses, misses;
};

int bus_init(struct bus *b);
/* 0, or -errno with the reason in `why`. */
int bus_add_range(
    struct bus *b, struct callee *owner, const struct volt_range *r, char *why, unsigned why_size);
/* As bus_add_range(), but a range of memory at VOLT_ANY gets an address, which *base tells. */
int bus_place(struct bus *b, struct callee *owner, const struct volt_range *r, uint64_t *base,
    char *why, unsigned why_size);
/* A place for `len` bytes of a device above its guest's RAM, which ends at `from`, and below `end`:
 * a multiple of 128 MiB, a section of Linux's memory on x86-64, so that no two devices share one
 * and none shares one with RAM. 0: there is none. */
uint64_t bus_find_high(const struct bus *b, uint64_t from, uint64_t end, uint64_t len);
/* Sorts and freezes; an overlap names both owners in the log. */
int bus_seal(struct bus *b);

/* Calls the saved handler below a filter or a meter; the device's lock is already held. `r` is
 * the layer's copy of the entry that it replaced. */
uint64_t bus_read_below(const struct bus_range *r, uint64_t off, uint32_t n);
void bus_write_below(const struct bus_range *r, uint64_t off, uint32_t n, uint64_t val);

/* An access of n = 1, 2, 4 or 8 bytes as the contract in volt/plugin.h says. */
uint64_t bus_read(
    const struct bus *b, uint8_t space, uint64_t addr, uint32_t n, struct bus_stats *s);
void bus_write(const struct bus *b, uint8_t space, uint64_t addr, uint32_t n, uint64_t val,
    struct bus_stats *s);

#endif
