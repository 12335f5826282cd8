/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "memory.h"

#include <string.h>

/* As volt has it: one region from 0, the other above the hole that ends at 4 GiB. */
static const struct {
	uint64_t gpa;
	size_t size;
} regions[MEMORY_REGIONS] = {{0, 32768}, {UINT64_C(1) << 32, 8192}};

_Static_assert(32768 + 8192 == MEMORY_BLOCKS * MEMORY_BLOCK, "a block is of one region");

/* As splitmix64 ends: Steele, Lea and Flood, "Fast splittable pseudorandom number
 * generators". */
static uint64_t stir(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

void memory_add(struct memory *m, struct fake_host *f, uint64_t seed)
{
	*m = (struct memory){.f = f};
	for (unsigned i = 0; i < MEMORY_REGIONS; i++)
		m->bytes[i] = fake_memory_add(f, regions[i].gpa, regions[i].size);
	memory_fill(m, seed);
}

uint64_t memory_address(uint64_t random)
{
	const unsigned i = random & 1;
	const uint64_t off = random >> 8;

	switch (random >> 1 & 7) {
	case 0:
		return regions[i].gpa + regions[i].size - (off & 31);
	case 1:
		return regions[i].gpa - (off & 31);
	}
	return regions[i].gpa + (off % regions[i].size & ~UINT64_C(7));
}

uint64_t memory_word(uint64_t random)
{
	switch (random & 7) {
	case 0:
		return random;
	case 1:
	case 2:
	case 3:
		return random >> 3 & 63;
	}
	return memory_address(random >> 3);
}

void memory_fill(const struct memory *m, uint64_t seed)
{
	for (unsigned i = 0; i < MEMORY_REGIONS; i++)
		for (size_t at = 0; at < regions[i].size; at += sizeof(uint64_t)) {
			const uint64_t word =
			    memory_word(stir(seed += UINT64_C(0x9e3779b97f4a7c15)));

			memcpy(m->bytes[i] + at, &word, sizeof(word));
		}
	fake_memory_races(m->f, seed);
}

void memory_write(const struct memory *m, uint64_t gpa, const uint8_t *bytes, size_t n)
{
	for (unsigned i = 0; i < MEMORY_REGIONS; i++) {
		const uint64_t off = gpa - regions[i].gpa;

		if (gpa < regions[i].gpa || off >= regions[i].size)
			continue;
		memcpy(m->bytes[i] + off, bytes,
		    n < regions[i].size - off ? n : regions[i].size - off);
	}
}

static uint64_t sum_block(const uint8_t *bytes)
{
	uint64_t sum = 0, word;

	for (size_t at = 0; at < MEMORY_BLOCK; at += sizeof(word)) {
		memcpy(&word, bytes + at, sizeof(word));
		sum = sum * UINT64_C(0x100000001b3) + word;
	}
	return stir(sum);
}

uint64_t memory_sum(struct memory *m)
{
	unsigned block = 0;
	uint64_t sum = 0;

	for (unsigned i = 0; i < MEMORY_REGIONS; i++)
		for (size_t at = 0; at < regions[i].size; at += MEMORY_BLOCK, block++) {
			if (memcmp(m->seen[block], m->bytes[i] + at, MEMORY_BLOCK) != 0) {
				memcpy(m->seen[block], m->bytes[i] + at, MEMORY_BLOCK);
				m->sums[block] = sum_block(m->seen[block]);
			}
			sum = sum * UINT64_C(0x100000001b3) + m->sums[block];
		}
	return sum;
}
