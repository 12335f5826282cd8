/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * memory - guest RAM: one host mapping, split around the hole below 4 GiB.
 *
 * RAM is [0, low_size) and, if it does not fit below MEMORY_HOLE_START,
 * [4 GiB, 4 GiB + high_size). The rest of [MEMORY_HOLE_START, 4 GiB) is for devices.
 */
#ifndef CORE_MEMORY_H
#define CORE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"

#define MEMORY_HOLE_START 0xc0000000ull  /* 3 GiB */
#define MEMORY_HIGH_START 0x100000000ull /* 4 GiB */
#define MEMORY_MIN        (2ull << 20)
#define MEMORY_MAX        (1ull << 40)
#define MEMORY_REGIONS    16u
/* A system call that is held to addresses in the window may name fewer bytes than these. */
#define MEMORY_ALONE (4ull << 20)

/* A file that is memory of a device, above RAM: volt.region/1. */
struct memory_region {
	uint64_t gpa, len; /* multiples of 2 MiB */
	uint8_t *host;     /* likewise */
	bool read_only;    /* to the guest */
};

struct memory {
	uint8_t *host;      /* low RAM; high RAM follows directly */
	uint64_t low_size;  /* bytes at guest physical 0; page multiple */
	uint64_t high_size; /* bytes at 4 GiB; page multiple, may be 0 */
	/* Set before memory_init(): nothing else lies in the window, so that a filter can hold a
	 * system call to guest memory by one mask. */
	bool alone;
	bool shared; /* set before memory_init(): RAM is a file that can be given away */
	/* Set before memory_init(): a file will be mapped over it, and then it is the caller's to
	 * tell the kernel how it is used. */
	bool covered;
	int fd; /* of that file; low RAM, then high RAM */
#if VOLT_HAS_REGIONS
	uint32_t region_count;
	struct memory_region regions[MEMORY_REGIONS];
#endif
};

/* Only says where RAM will be: memory_overlaps() works, memory_at() does not yet. */
void memory_plan(struct memory *m, uint64_t size);
/* Maps `size` bytes of anonymous memory, or of a file of its own that is shared, of huge pages if
 * asked, with guard pages around it. 0 or -errno, which is logged. */
int memory_init(struct memory *m, uint64_t size, bool hugepages);
void memory_finish(struct memory *m);

/* Of `alone` memory: the power of two to which `host` is aligned; it holds RAM, and MEMORY_ALONE
 * bytes behind. */
uint64_t memory_window(const struct memory *m);

/* Host address of guest RAM [gpa, gpa + len), or NULL unless all of it lies in one
 * of the two regions. len 0 asks for a valid address. */
void *memory_at(const struct memory *m, uint64_t gpa, uint64_t len);

/* True if [gpa, gpa + len) touches RAM. */
bool memory_overlaps(const struct memory *m, uint64_t gpa, uint64_t len);

#if VOLT_HAS_REGIONS
/* Is `gpa` in a region whose bytes KVM would have reached itself, were they still there? */
bool memory_region_is_lost(const struct memory *m, uint64_t gpa, bool write);
#else
static inline bool memory_region_is_lost(const struct memory *m, uint64_t gpa, bool write)
{
	return false;
}
#endif

#endif
