/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/boot/layout.h"

const struct layout_area layout_areas[LAYOUT_AREA_COUNT] = {
    /* All zero. Kernels look here for a BIOS data area and must find none. */
    {0x0, LAYOUT_GDT, LAYOUT_BOOT, "the BIOS data area"},
    {LAYOUT_GDT, LAYOUT_PARAMS, LAYOUT_BOOT, "the GDT"},
    /* Or the like by which another protocol tells the kernel all. */
    {LAYOUT_PARAMS, LAYOUT_STACK, LAYOUT_BOOT, "the boot parameters"},
    /* No protocol promises one; a small test guest is glad of one. */
    {LAYOUT_STACK, LAYOUT_STACK_END, LAYOUT_BOOT, "the boot stack"},
    {LAYOUT_PAGE_TABLES, LAYOUT_CMDLINE, LAYOUT_BOOT, "the page tables"},
    /* And the strings of modules. */
    {LAYOUT_CMDLINE, LAYOUT_CMDLINE_END, LAYOUT_BOOT, "the command line"},
    /* The decompressor of Linux borrows pages just below the end of this. */
    {LAYOUT_CMDLINE_END, LAYOUT_MP_TABLE, LAYOUT_FREE, "conventional memory"},
    /* One KiB is too small for the entries of 64 processors: so the table lies below. */
    {LAYOUT_MP_TABLE, LAYOUT_MP_POINTER_END, LAYOUT_RESERVED, "the MP table"},
    /* Where a PC has video memory and option ROMs; kernels assume it whatever e820 says. */
    {LAYOUT_MP_POINTER_END, LAYOUT_ACPI, LAYOUT_HOLE, "the video and ROM hole"},
    {LAYOUT_ACPI, LAYOUT_ACPI_END, LAYOUT_RESERVED, "the ACPI tables"},
};
