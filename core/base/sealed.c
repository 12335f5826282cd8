/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/base/sealed.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/config.h"

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
	if (!arena.start) {
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

#ifdef VOLT_STATIC
/* Where the linker put the ELF header; the first segment begins with it. */
extern const Elf64_Ehdr __ehdr_start __attribute__((visibility("hidden")));

int sealed_protect_constants(void)
{
	const uintptr_t start = (uintptr_t)&__ehdr_start, page = 4096;
	const Elf64_Phdr *p = (const Elf64_Phdr *)(start + __ehdr_start.e_phoff);
	uintptr_t shift = 0;

	for (unsigned i = 0; i < __ehdr_start.e_phnum; i++) {
		if (p[i].p_type == PT_LOAD && p[i].p_offset == 0)
			shift = start - p[i].p_vaddr;
		if (p[i].p_type != PT_GNU_RELRO)
			continue;
		uintptr_t from = (shift + p[i].p_vaddr) & ~(page - 1);
		uintptr_t to = (shift + p[i].p_vaddr + p[i].p_memsz) & ~(page - 1);
		if (to > from && mprotect((void *)from, to - from, PROT_READ) != 0)
			return log_error(
			    errno, "cannot make constants read-only: %s", strerror(errno));
	}
	return 0;
}
#else
int sealed_protect_constants(void)
{
	return 0; /* by the dynamic loader, before main */
}
#endif

/* Where mseal is missing only the missing mprotect in the filter stands guard. */
int sealed_pages(void *start, size_t size, const char *what)
{
	if (mprotect(start, size, PROT_READ) != 0)
		return log_error(errno, "cannot make %s read-only: %s", what, strerror(errno));
	if (syscall(SYS_mseal, start, size, 0UL) == 0)
		return 0;
	if (errno != ENOSYS && errno != EPERM)
		return log_error(errno, "cannot seal %s: %s", what, strerror(errno));
	log_debug("%s: read-only, but not sealed, as the kernel has no mseal", what);
	return 0;
}

int sealed_freeze(void)
{
	arena.frozen = true;
	return arena.start ? sealed_pages(arena.start, ARENA_SIZE, "the dispatch tables") : 0;
}
