/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Source: Linux Documentation/arch/x86/zero-page.rst and boot.rst; the structure is that
 * of the kernel's user-space header. */
#include "core/boot/params.h"

#include <asm/bootparam.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "core/boot/layout.h"
#include "core/log.h"

#define LOADER_UNKNOWN 0xff /* type_of_loader of those without an assigned number */
#define CMDLINE_ROOM   (LAYOUT_CMDLINE_END - LAYOUT_CMDLINE - 1)

/* Address range types: ACPI 6.5, 15.1. */
#define E820_RAM      1u
#define E820_RESERVED 2u

_Static_assert(sizeof(struct boot_params) == LAYOUT_STACK - LAYOUT_PARAMS, "one page");
_Static_assert(offsetof(struct boot_params, hdr) == KERNEL_SETUP_OFFSET, "as documented");
_Static_assert(offsetof(struct boot_params, edd_mbr_sig_buffer) == KERNEL_SETUP_END, "");
_Static_assert(offsetof(struct boot_params, acpi_rsdp_addr) == 0x70, "as documented");

int params_check_cmdline(const char *cmdline, uint32_t kernel_max)
{
	size_t max = kernel_max < CMDLINE_ROOM ? kernel_max : CMDLINE_ROOM;
	size_t len = strlen(cmdline);

	if (len > max)
		return log_error(
		    E2BIG, "command line: %zu bytes, but this kernel takes at most %zu", len, max);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)cmdline[i];

		if (c < 0x20 || c > 0x7e)
			return log_error(EINVAL,
			    "command line: byte 0x%02x at offset %zu is not printable ASCII", c, i);
	}
	return 0;
}

static void add_range(struct boot_params *bp, uint64_t start, uint64_t end, uint32_t type)
{
	struct boot_e820_entry *last = &bp->e820_table[bp->e820_entries];

	if (bp->e820_entries > 0 && last[-1].type == type &&
	    last[-1].addr + last[-1].size == start) {
		last[-1].size += end - start;
		return;
	}
	*last = (struct boot_e820_entry){.addr = start, .size = end - start, .type = type};
	bp->e820_entries++;
}

/* The first MiB as layout.h has it, the rest below the hole, and what lies above it. */
static void fill_e820(struct boot_params *bp, const struct memory *memory)
{
	for (size_t i = 0; i < LAYOUT_AREA_COUNT; i++) {
		const struct layout_area *area = &layout_areas[i];

		if (area->kind != LAYOUT_HOLE)
			add_range(bp, area->start, area->end,
			    area->kind == LAYOUT_RESERVED ? E820_RESERVED : E820_RAM);
	}
	add_range(bp, LAYOUT_KERNEL_MIN, memory->low_size, E820_RAM);
	if (memory->high_size > 0)
		add_range(bp, MEMORY_HIGH_START, MEMORY_HIGH_START + memory->high_size, E820_RAM);
}

static void fill_header(struct boot_params *bp, const struct params_input *in)
{
	memcpy((uint8_t *)bp + KERNEL_SETUP_OFFSET, in->kernel->setup, sizeof(in->kernel->setup));
	bp->hdr.type_of_loader = LOADER_UNKNOWN;
	bp->hdr.ext_loader_type = 0;
	bp->hdr.ext_loader_ver = 0;
	bp->hdr.cmd_line_ptr = LAYOUT_CMDLINE;
	bp->hdr.ramdisk_image = (uint32_t)in->initrd_start;
	bp->hdr.ramdisk_size = (uint32_t)in->initrd_size;
	bp->ext_ramdisk_image = (uint32_t)(in->initrd_start >> 32);
	bp->ext_ramdisk_size = (uint32_t)(in->initrd_size >> 32);
}

uint64_t params_write(struct memory *memory, const struct params_input *in)
{
	struct boot_params *bp = (struct boot_params *)(memory->host + LAYOUT_PARAMS);
	char *cmdline = (char *)memory->host + LAYOUT_CMDLINE;

	memset(bp, 0, sizeof(*bp));
	fill_header(bp, in);
	fill_e820(bp, memory);
	bp->acpi_rsdp_addr = in->rsdp;
	memset(cmdline, 0, LAYOUT_CMDLINE_END - LAYOUT_CMDLINE);
	memcpy(cmdline, in->cmdline, strlen(in->cmdline));
	return LAYOUT_PARAMS;
}
