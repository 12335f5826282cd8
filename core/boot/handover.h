/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * handover - what all protocols pass to a kernel: command line, module strings, memory map.
 */
#ifndef CORE_BOOT_HANDOVER_H
#define CORE_BOOT_HANDOVER_H

#include "core/boot/kernel.h"

/* Address range types of ACPI 6.5, 15.1, which PVH and Multiboot share. */
#define HANDOVER_RAM      1u
#define HANDOVER_RESERVED 2u

#define HANDOVER_RANGE_MAX 8u

struct handover_range {
	uint64_t start, size;
	uint32_t type;
};

/* The command line and the modules' strings: length and characters. 0 or -errno, which is logged.
 */
int handover_check(const struct kernel_handover *handover, const struct boot_request *request);

/* Writes the command line to LAYOUT_CMDLINE and the modules' strings behind it; strings[i] gets
 * the address of those of module i, an empty string if it has none. */
void handover_write_strings(
    struct memory *memory, const struct kernel_handover *handover, uint64_t *strings);

/* The memory map: ascending, without neighbours of one type. How many. */
uint32_t handover_ranges(
    const struct memory *memory, struct handover_range ranges[static HANDOVER_RANGE_MAX]);

/* Write what the CPU needs in each mode and say so in `entry`. */
void handover_enter_long64(struct memory *memory, struct boot_entry *entry);
void handover_enter_protected32(struct memory *memory, struct boot_entry *entry);

#endif
