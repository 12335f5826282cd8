/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
/*
 * malloc for a program that hardly uses it, in a fifth of the size of musl's (linked with musl
 * only, which lets a program bring its own). Freed memory is not used again: init allocates a few
 * variables once, and every command that allocates more runs in a process of its own and ends.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGN = 16, CHUNK = 64 * 1024 };

/* Before each block, so that realloc knows how much to copy. */
struct header {
	size_t size;
	size_t unused; /* keeps the block aligned */
};

static char *chunk;
static size_t chunk_left;

static void *map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void *malloc(size_t size)
{
	struct header *h;

	if (size > PTRDIFF_MAX) {
		errno = ENOMEM;
		return NULL;
	}
	const size_t need = sizeof(*h) + ((size + ALIGN - 1) & ~(size_t)(ALIGN - 1));
	if (need > CHUNK / 4) {
		h = map(need);
	} else {
		if (need > chunk_left) {
			chunk = map(CHUNK);
			chunk_left = chunk ? CHUNK : 0;
		}
		h = (struct header *)chunk;
		chunk = h ? chunk + need : NULL;
		chunk_left -= h ? need : 0;
	}
	if (!h)
		return NULL;
	h->size = size;
	return h + 1;
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
	const struct header *h = (struct header *)p - 1;
	if (h->size >= size)
		return p;
	void *larger = malloc(size);
	if (larger)
		memcpy(larger, p, h->size);
	return larger;
}
