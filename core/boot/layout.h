/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * layout - who owns what in the first MiB of guest memory.
 *
 * What volt itself writes for the way into the kernel lies below 64 KiB: Linux never
 * allocates there (CONFIG_X86_RESERVE_LOW), so nothing that it could use is lost, and
 * it copies all of it before it would. The conventional memory above stays free, for
 * Linux takes the real-mode trampoline of its other CPUs from there. What must outlive
 * the boot is reserved in the e820 map and lies where kernels search for it.
 */
#ifndef CORE_BOOT_LAYOUT_H
#define CORE_BOOT_LAYOUT_H

#include <stdint.h>

#define LAYOUT_GDT            0x1000ull
#define LAYOUT_TSS            0x1080ull
#define LAYOUT_PARAMS         0x2000ull
#define LAYOUT_STACK          0x3000ull
#define LAYOUT_STACK_END      0x4000ull
#define LAYOUT_PAGE_TABLES    0x4000ull
#define LAYOUT_CMDLINE        0xa000ull
#define LAYOUT_CMDLINE_END    0x10000ull
#define LAYOUT_MP_TABLE       0x9f000ull
#define LAYOUT_MP_POINTER     0x9fc00ull /* the last KiB of base memory: MP spec 1.4, 4 */
#define LAYOUT_MP_POINTER_END 0xa0000ull
#define LAYOUT_ACPI           0xe0000ull /* RSDP first: ACPI 6.5, 5.2.5.1 */
#define LAYOUT_ACPI_END       0x100000ull
#define LAYOUT_KERNEL_MIN     0x100000ull /* where volt places what may lie anywhere */

/* How far the first page tables map; nothing needed at entry may lie above. */
#define LAYOUT_MAPPED_END 0x100000000ull

enum layout_kind {
	LAYOUT_FREE,     /* RAM, also for the kernel's own segments */
	LAYOUT_BOOT,     /* RAM once the kernel has read what volt put there */
	LAYOUT_RESERVED, /* RAM that the kernel must leave alone for good */
	LAYOUT_HOLE,     /* not described as RAM */
};

struct layout_area {
	uint32_t start, end;
	enum layout_kind kind;
	const char *what;
};

#define LAYOUT_AREA_COUNT 10

/* Sorted, without gaps, from 0 to 1 MiB. */
extern const struct layout_area layout_areas[LAYOUT_AREA_COUNT];

#endif
