/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * kernels_left_out.c - for a build without the feature kernels: files that need another protocol
 * than Linux's own are recognized where that is cheap, and refused.
 */
#include <string.h>

#include "core/base/feature.h"
#include "core/boot/kernel.h"

#define HEADER_MAGIC 0x1badb002u /* Multiboot Specification 0.6.96, 3.1.1 */

bool multiboot_has_header(const struct kernel_image *image)
{
	return false;
}

bool multiboot_has_magic(const struct kernel_image *image)
{
	uint32_t word = 0;

	for (uint32_t at = 0; at + sizeof(word) <= image->head_size; at += sizeof(word)) {
		memcpy(&word, image->head + at, sizeof(word));
		if (word == HEADER_MAGIC)
			return true;
	}
	return false;
}

static int multiboot_load(const struct kernel_image *image, struct memory *memory,
    struct boot_map *map, struct kernel_info *info)
{
	return feature_refuse(image->file.name, "features=kernels");
}

const struct kernel_protocol multiboot_protocol = {
    .name = "multiboot",
    .choice = BOOT_MULTIBOOT,
    .load = multiboot_load,
};

bool pvh_has_note(const struct kernel_image *image)
{
	return false;
}

void pvh_warn_of_notes(const struct kernel_image *image, const char *instead)
{
}

static int pvh_load(const struct kernel_image *image, struct memory *memory, struct boot_map *map,
    struct kernel_info *info)
{
	return feature_refuse("--boot pvh", "features=kernels");
}

const struct kernel_protocol pvh_protocol = {
    .name = "pvh",
    .choice = BOOT_PVH,
    .load = pvh_load,
};
