/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Source: Linux Documentation/arch/x86/zero-page.rst and boot.rst; the structure is that
 * of the kernel's user-space header. */
#include "core/boot/params.h"

#include <asm/bootparam.h>
#include <stddef.h>
#include <string.h>

#include "core/boot/handover.h"
#include "core/boot/layout.h"

#define LOADER_UNKNOWN 0xff /* type_of_loader of those without an assigned number */

_Static_assert(sizeof(struct boot_params) == LAYOUT_STACK - LAYOUT_PARAMS, "one page");
_Static_assert(offsetof(struct boot_params, hdr) == KERNEL_SETUP_OFFSET, "as documented");
_Static_assert(offsetof(struct boot_params, edd_mbr_sig_buffer) == KERNEL_SETUP_END, "");
_Static_assert(offsetof(struct boot_params, acpi_rsdp_addr) == 0x70, "as documented");

static void fill_e820(struct boot_params *bp, const struct memory *memory)
{
	struct handover_range ranges[HANDOVER_RANGE_MAX];

	bp->e820_entries = (uint8_t)handover_ranges(memory, ranges);
	for (uint32_t i = 0; i < bp->e820_entries; i++)
		bp->e820_table[i] = (struct boot_e820_entry){
		    .addr = ranges[i].start, .size = ranges[i].size, .type = ranges[i].type};
}

static void fill_header(struct boot_params *bp, const struct kernel_handover *handover)
{
	const struct kernel_module *initrd = &handover->modules[0]; /* all zero if there is none */

	memcpy((uint8_t *)bp + KERNEL_SETUP_OFFSET, handover->info.setup,
	    sizeof(handover->info.setup));
	bp->hdr.type_of_loader = LOADER_UNKNOWN;
	bp->hdr.ext_loader_type = 0;
	bp->hdr.ext_loader_ver = 0;
	bp->hdr.cmd_line_ptr = LAYOUT_CMDLINE;
	bp->hdr.ramdisk_image = (uint32_t)initrd->start;
	bp->hdr.ramdisk_size = (uint32_t)initrd->size;
	bp->ext_ramdisk_image = (uint32_t)(initrd->start >> 32);
	bp->ext_ramdisk_size = (uint32_t)(initrd->size >> 32);
}

void params_enter(
    struct memory *memory, const struct kernel_handover *handover, struct boot_entry *entry)
{
	struct boot_params *bp = (struct boot_params *)(memory->host + LAYOUT_PARAMS);
	uint64_t strings[KERNEL_MODULE_MAX];

	fill_header(bp, handover);
	fill_e820(bp, memory);
	bp->acpi_rsdp_addr = handover->rsdp;
	handover_write_strings(memory, handover, strings);
	handover_enter_long64(memory, entry);
	entry->rsi = LAYOUT_PARAMS;
}
