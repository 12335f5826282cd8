/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * initrd - the initial RAM disk, as high in guest memory as kernel and RAM allow.
 */
#ifndef CORE_BOOT_INITRD_H
#define CORE_BOOT_INITRD_H

#include <stdint.h>

#include "core/boot/file.h"
#include "core/boot/map.h"
#include "core/memory.h"

/* Places and reads `file` page aligned below `end`. 0 or -errno, said in the log. */
int initrd_load(const struct boot_file *file, struct memory *memory, struct boot_map *map,
    uint64_t end, uint64_t *start);

#endif
