/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * description - the machine as firmware would describe it: what the ACPI tables and the MP table
 * are written from.
 */
#ifndef CORE_BOOT_DESCRIPTION_H
#define CORE_BOOT_DESCRIPTION_H

#include <stdbool.h>
#include <stdint.h>

#include <volt/describe.h>

#define FIRMWARE_DEVICE_MAX 64

struct firmware_fixed {
	bool present;
	uint8_t space, value; /* VOLT_SPACE_* */
	uint64_t address;
};

struct firmware {
	uint32_t cpus; /* 1..64; APIC id of vCPU n is n */
	/* The I/O APIC, in-kernel or a plugin's. */
	uint32_t irqchip_id, irqchip_pins, gsi_base;
	uint64_t irqchip_base;
	bool legacy_pic; /* 8259s and 8254 exist (in-kernel irqchip) */
	struct firmware_fixed reset, sleep_control, sleep_status;
	uint32_t device_count;
	struct volt_acpi_device devices[FIRMWARE_DEVICE_MAX]; /* strings live as long */
};

#endif
