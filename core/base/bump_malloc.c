/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * bump_malloc.c - malloc for small builds of volt (-Dallocator=bump), in place of the libc's.
 *
 * Memory comes in order from one reservation, and what is freed is not used again. That
 * fits volt: it allocates while it wires a VM, a bounded amount, and nearly nothing is
 * ever freed; under the seal no allocator could ask the kernel for more anyway. Any thread
 * may allocate.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ALIGN   16u
#define RESERVE (1ull << 30) /* addresses; only what is touched becomes memory */

/* Before each block, so that realloc knows how much to copy. */
struct header {
	size_t size;
	size_t unused; /* keeps the block aligned */
};

static struct {
	uint8_t *start; /* NULL: nothing was allocated yet */
	uint64_t used;
} arena;

static uint8_t *find_start(void)
{
	uint8_t *start = __atomic_load_n(&arena.start, __ATOMIC_ACQUIRE), *expected = NULL;

	if (start)
		return start;
	void *p = mmap(NULL, RESERVE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	if (__atomic_compare_exchange_n(
		&arena.start, &expected, p, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return p;
	munmap(p, RESERVE); /* another thread was faster */
	return expected;
}

void *aligned_alloc(size_t align, size_t size)
{
	uint8_t *start = find_start();
	uint64_t need, at;

	if (align < ALIGN)
		align = ALIGN;
	if (!start || (align & (align - 1)) != 0 || align > RESERVE || size > RESERVE) {
		errno = ENOMEM;
		return NULL;
	}
	/* The header goes right before the block, wherever alignment puts that. */
	need = ((uint64_t)size + ALIGN - 1) / ALIGN * ALIGN + sizeof(struct header) + align - ALIGN;
	at = __atomic_load_n(&arena.used, __ATOMIC_RELAXED);
	do {
		if (need > RESERVE - at) {
			errno = ENOMEM;
			return NULL;
		}
	} while (!__atomic_compare_exchange_n(
	    &arena.used, &at, at + need, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	uint64_t block = (at + sizeof(struct header) + align - 1) & ~(uint64_t)(align - 1);
	struct header *h = (struct header *)(void *)(start + block) - 1;
	h->size = size;
	return h + 1;
}

void *malloc(size_t size)
{
	return aligned_alloc(ALIGN, size);
}

void free(void *p)
{
}

void *calloc(size_t count, size_t size)
{
	size_t total;

	/* Fresh from the kernel, never used before: zero as it is. */
	return malloc(__builtin_mul_overflow(count, size, &total) ? SIZE_MAX : total);
}

void *realloc(void *p, size_t size)
{
	if (!p)
		return malloc(size);
	const struct header *h = (const struct header *)p - 1;
	if (h->size >= size)
		return p;
	void *larger = malloc(size);
	if (larger)
		memcpy(larger, p, h->size);
	return larger;
}
