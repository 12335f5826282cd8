/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * gdt - the segments that the boot protocols ask for, and a TSS.
 */
#ifndef CORE_BOOT_GDT_H
#define CORE_BOOT_GDT_H

#include <stdint.h>

#include "core/base/memory.h"
#include "core/boot/layout.h"
#include "core/boot/request.h"

#define GDT_CODE 0x10 /* __BOOT_CS: flat, execute and read; of the mode's size */
#define GDT_DATA 0x18 /* __BOOT_DS: flat, read and write */
#define GDT_TASK 0x20 /* a busy TSS of the mode's size, all zero, limit 0x67 */

/* PVH wants the TSS at 0, where the memory is zero too. */
static inline uint64_t gdt_task_base(enum boot_mode mode)
{
	return mode == BOOT_LONG64 ? LAYOUT_TSS : 0;
}

/* Writes the table; the results are what GDTR must hold. */
void gdt_write(struct memory *memory, enum boot_mode mode, uint64_t *base, uint16_t *limit);

#endif
