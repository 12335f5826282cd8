/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Source: Intel SDM volume 3A, 3.4.5 (segment descriptors) and 8.2.3 (TSS descriptor in
 * 64-bit mode). VM entry wants a usable, busy TSS in TR (volume 3C, 27.3.1.2). */
#include "core/boot/gdt.h"

#include <string.h>

#include "core/boot/layout.h"

#define TSS_SIZE 0x68u

/* G, P, S, DPL 0, limit 4 GiB; the 64-bit code segment has L, the
 * others have D/B. */
#define FLAT_CODE_64 0x00af9b000000ffffull
#define FLAT_CODE_32 0x00cf9b000000ffffull
#define FLAT_DATA    0x00cf93000000ffffull
#define TSS_BUSY     0x00008b0000000000ull /* P, system type 11 */

void gdt_write(struct memory *memory, enum boot_mode mode, uint64_t *base, uint16_t *limit)
{
	const uint64_t table[] = {
	    [GDT_CODE / 8] = mode == BOOT_LONG64 ? FLAT_CODE_64 : FLAT_CODE_32,
	    [GDT_DATA / 8] = FLAT_DATA,
	    [GDT_TASK / 8] = TSS_BUSY | gdt_task_base(mode) << 16 | (TSS_SIZE - 1),
	    [GDT_TASK / 8 + 1] = 0, /* the base's upper half */
	};
	_Static_assert(LAYOUT_GDT + sizeof(table) <= LAYOUT_TSS, "the table ends below the TSS");
	_Static_assert(LAYOUT_TSS + TSS_SIZE <= LAYOUT_PARAMS, "the TSS ends below its neighbour");

	memcpy(memory->host + LAYOUT_GDT, table, sizeof(table));
	*base = LAYOUT_GDT;
	*limit = sizeof(table) - 1;
}
