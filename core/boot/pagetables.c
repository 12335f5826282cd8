/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Source: Intel SDM volume 3A, 4.5 (4-level paging). Pages of 2 MiB, which every 64-bit
 * CPU has; those of 1 GiB need a CPUID bit that a guest may not have. */
#include "core/boot/pagetables.h"

#include <string.h>

#include "core/boot/layout.h"

#define PRESENT 0x1ull
#define WRITE   0x2ull
#define LARGE   0x80ull /* PS in a page directory: 2 MiB */

#define ENTRIES     512u
#define PAGE        4096u
#define LARGE_SHIFT 21u

#define PML4     LAYOUT_PAGE_TABLES
#define PDPT     (PML4 + PAGE)
#define PD       (PDPT + PAGE)
#define PD_COUNT ((unsigned)(LAYOUT_MAPPED_END >> 30))

_Static_assert(PD + PD_COUNT * PAGE <= LAYOUT_CMDLINE, "the tables end below their neighbour");

static void put(struct memory *memory, uint64_t table, unsigned index, uint64_t entry)
{
	memcpy(memory->host + table + index * sizeof(entry), &entry, sizeof(entry));
}

uint64_t pagetables_write(struct memory *memory)
{
	put(memory, PML4, 0, PDPT | PRESENT | WRITE);
	for (unsigned i = 0; i < PD_COUNT; i++)
		put(memory, PDPT, i, (PD + i * (uint64_t)PAGE) | PRESENT | WRITE);
	for (unsigned i = 0; i < PD_COUNT * ENTRIES; i++)
		put(memory, PD, i, (uint64_t)i << LARGE_SHIFT | PRESENT | WRITE | LARGE);
	return PML4;
}
