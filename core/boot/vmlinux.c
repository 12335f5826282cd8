/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * vmlinux - an ELF64 vmlinux by the 64-bit Linux boot protocol.
 *
 * Source: Linux Documentation/arch/x86/boot.rst, "64-bit Boot Protocol". Notes (PVH and
 * others) are not read.
 */
#include <asm/bootparam.h>
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "core/base/log.h"
#include "core/boot/elf.h"
#include "core/boot/layout.h"
#include "core/boot/params.h"

bool vmlinux_is_linux(const struct kernel_image *image)
{
	struct elf_image elf;

	return elf_is_64(image) && elf_parse(image, &elf) == 0 && elf_is_linux(&elf);
}

/* A vmlinux carries no setup header, so it gets the one that a bzImage made from it
 * would have, as far as a loader's fields go. */
static void fill_setup(struct kernel_info *info)
{
	struct setup_header header = {
	    .boot_flag = 0xaa55,
	    .header = 0x53726448, /* "HdrS" */
	    .version = 0x020c,
	    .loadflags = LOADED_HIGH,
	    .kernel_alignment = 0x1000000,
	    .xloadflags = XLF_KERNEL_64,
	    .cmdline_size = KERNEL_LINUX_CMDLINE_MAX,
	};

	_Static_assert(sizeof(header) <= sizeof(info->setup), "boot_params has room");
	memcpy(info->setup, &header, sizeof(header));
}

static int vmlinux_load(const struct kernel_image *image, struct memory *memory,
    struct boot_map *map, struct kernel_info *info)
{
	const char *name = image->file.name;
	struct elf_image elf;

	if (image->head_size > EI_CLASS && image->head[EI_CLASS] != ELFCLASS64)
		return log_error(ENOEXEC,
		    "%s: ELF EI_CLASS is %u, must be 2 (64-bit; a 32-bit kernel needs a PVH note, "
		    "or a Multiboot header in its first 8192 bytes)",
		    name, image->head[EI_CLASS]);
	if (elf_parse(image, &elf) != 0)
		return log_error(ENOEXEC, "%s: %s", name, elf.why);
	int err = elf_load(&elf, "e_entry", elf.entry, memory, map, info);
	if (err)
		return err;
	info->modules_end = LAYOUT_MAPPED_END;
	info->cmdline_max = KERNEL_LINUX_CMDLINE_MAX;
	fill_setup(info);
	return 0;
}

const struct kernel_protocol vmlinux_protocol = {
    .name = "linux64 vmlinux",
    .choice = BOOT_LINUX,
    .load = vmlinux_load,
    .enter = params_enter,
};
