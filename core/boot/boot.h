/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * boot - puts a kernel, its modules and its boot information into guest memory.
 *
 * Everything here is untrusted input: each number of a header is checked before it
 * is used, reads are exact, and a bad file ends in one line that names the field,
 * its value and what would be right.
 */
#ifndef CORE_BOOT_BOOT_H
#define CORE_BOOT_BOOT_H

#include "core/boot/request.h"
#include <stdbool.h>

/* 0 or -errno, which is logged. On failure no guest may run. */
int boot_load(const struct boot_request *request, struct boot_entry *entry);

#endif
