/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * memory - the guest's, for a plugin that reads and writes it: two small regions, full of
 * what a hostile guest would write, and always about to change.
 */
#ifndef TOOLS_PLUGIN_MEMORY_H
#define TOOLS_PLUGIN_MEMORY_H

#include <volt/fake_host.h>

#define MEMORY_REGIONS 2u
#define MEMORY_BLOCK   1024u
#define MEMORY_BLOCKS  40u

struct memory {
	struct fake_host *f; /* whose it is, or NULL */
	uint8_t *bytes[MEMORY_REGIONS];

	/* Of the sum before: most steps of a trace leave most blocks as they were. */
	uint8_t seen[MEMORY_BLOCKS][MEMORY_BLOCK];
	uint64_t sums[MEMORY_BLOCKS];
};

/* Nothing for a plugin that does not ask for it. */
void memory_add(struct memory *m, struct fake_host *f, uint64_t seed);
/* Fills it, as at the beginning. */
void memory_fill(const struct memory *m, uint64_t seed);
/* An address that is in it, or at one of its ends. */
uint64_t memory_address(uint64_t random);
/* An entry of a list: an address, a length, or noise. */
uint64_t memory_word(uint64_t random);
/* The guest writes n bytes, as many of them as there is memory for. */
void memory_write(const struct memory *m, uint64_t gpa, const uint8_t *bytes, size_t n);
uint64_t memory_sum(struct memory *m);

#endif
