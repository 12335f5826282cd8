/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * tables - the two descriptions of the machine, each written to its place in layout.h.
 * `fw` has been checked by firmware_write().
 */
#ifndef CORE_BOOT_TABLES_H
#define CORE_BOOT_TABLES_H

#include <stdint.h>

#include "core/base/memory.h"
#include "core/boot/description.h"

#define LOCAL_APIC_BASE 0xfee00000u

/* 0 or -errno, which is logged; *rsdp gets the address of the RSDP. */
int acpi_write(const struct firmware *fw, struct memory *memory, uint64_t *rsdp);

/* MP specification 1.4, for kernels without ACPI. 0 or -errno, which is logged. */
int mptable_write(const struct firmware *fw, struct memory *memory);

/* What makes the sum of all `len` bytes zero. */
uint8_t tables_checksum(const void *bytes, uint32_t len);

#endif
