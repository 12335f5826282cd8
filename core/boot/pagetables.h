/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * pagetables - the identity map that the 64-bit entry runs on.
 */
#ifndef CORE_BOOT_PAGETABLES_H
#define CORE_BOOT_PAGETABLES_H

#include <stdint.h>

#include "core/base/memory.h"

/* Maps the first 4 GiB onto themselves. Returns what CR3 must hold. */
uint64_t pagetables_write(struct memory *memory);

#endif
