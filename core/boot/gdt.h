/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * gdt - the segments that the 64-bit boot protocol asks for, and a TSS.
 */
#ifndef CORE_BOOT_GDT_H
#define CORE_BOOT_GDT_H

#include <stdint.h>

#include "core/memory.h"

#define GDT_CODE 0x10 /* __BOOT_CS: flat, 64-bit, execute and read */
#define GDT_DATA 0x18 /* __BOOT_DS: flat, read and write */
#define GDT_TASK 0x20 /* a busy 64-bit TSS at LAYOUT_TSS, all zero, limit 0x67 */

/* Writes the table; the results are what GDTR must hold. */
void gdt_write(struct memory *memory, uint64_t *base, uint16_t *limit);

#endif
