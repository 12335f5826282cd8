/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * firmware - what the guest reads instead of probing: ACPI tables and an MP table.
 */
#ifndef CORE_BOOT_FIRMWARE_H
#define CORE_BOOT_FIRMWARE_H

#include <stdint.h>

#include "core/base/memory.h"
#include "core/boot/description.h"

/* Writes the tables into guest memory below 1 MiB; *rsdp gets the address of the
 * RSDP. 0 or -errno, which is logged. */
int firmware_write(const struct firmware *fw, struct memory *memory, uint64_t *rsdp);

#endif
