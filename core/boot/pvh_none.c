/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * pvh_none.c - for a build without PVH: `--boot pvh` is refused, and notes are not looked at.
 */
#include "core/base/feature.h"
#include "core/boot/kernel.h"

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
	return feature_refuse("--boot pvh", "pvh");
}

const struct kernel_protocol pvh_protocol = {
    .name = "pvh",
    .choice = BOOT_PVH,
    .load = pvh_load,
};
