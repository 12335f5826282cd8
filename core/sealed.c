/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/sealed.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/log.h"

#define ARENA_SIZE (512u << 10) /* only what is used ever becomes memory */

#ifndef SYS_mseal
#define SYS_mseal 462
#endif

static struct {
	uint8_t *start;
	size_t used;
	bool frozen;
} arena;

void *sealed_alloc(size_t size)
{
	if (arena.start == NULL) {
		void *p = mmap(NULL, ARENA_SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (p == MAP_FAILED)
			return NULL;
		arena.start = p;
	}
	size_t room = (size + 15) & ~(size_t)15;
	if (arena.frozen || size > ARENA_SIZE || room > ARENA_SIZE - arena.used)
		return NULL;
	void *p = arena.start + arena.used;
	arena.used += room;
	return p;
}

int sealed_freeze(void)
{
	arena.frozen = true;
	if (arena.start == NULL)
		return 0;
	if (mprotect(arena.start, ARENA_SIZE, PROT_READ) != 0)
		return log_error(
		    errno, "cannot make the dispatch tables read-only: %s", strerror(errno));
	/* Older kernels lack it; then only the missing mprotect in the filter stands guard. */
	syscall(SYS_mseal, arena.start, (size_t)ARENA_SIZE, 0UL);
	return 0;
}
