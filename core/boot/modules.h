/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * modules - the initial RAM disk and other files that a kernel gets beside itself.
 */
#ifndef CORE_BOOT_MODULES_H
#define CORE_BOOT_MODULES_H

#include "core/boot/kernel.h"

/* Places the initrd and the modules of `request` page aligned and reads them; fills those
 * of `handover`. 0 or -errno, which is logged. */
int modules_load(const struct boot_request *request, const struct kernel_protocol *protocol,
    struct boot_map *map, struct kernel_handover *handover);

#endif
