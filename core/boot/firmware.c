/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/boot/firmware.h"

#include <errno.h>
#include <string.h>

#include "core/base/log.h"
#include "core/boot/dsdt.h"
#include "core/boot/layout.h"
#include "core/boot/tables.h"

#define CPU_MAX     64u
#define PIN_MAX     120u /* of one chip; an MP table entry has 8 bits for the GSI */
#define SLP_TYP_MAX 7u   /* three bits: ACPI 6.5, 4.8.3.7 */

static int check_fixed(const char *what, const struct firmware_fixed *fixed)
{
	uint64_t end = fixed->space == VOLT_SPACE_PIO ? 0x10000 : UINT64_MAX;

	if (!fixed->present)
		return 0;
	if (fixed->space != VOLT_SPACE_PIO && fixed->space != VOLT_SPACE_MMIO)
		return log_error(EINVAL, "ACPI: %s: unknown address space %u", what, fixed->space);
	/* An address of 0 says in the FADT that there is none. */
	if (fixed->address == 0 || fixed->address >= end)
		return log_error(EINVAL, "ACPI: %s: it cannot be at 0x%llx", what,
		    (unsigned long long)fixed->address);
	return 0;
}

static int check_registers(const struct firmware *fw)
{
	int err = check_fixed("reset register", &fw->reset);

	if (err)
		return err;
	err = check_fixed("sleep control register", &fw->sleep_control);
	if (err)
		return err;
	err = check_fixed("sleep status register", &fw->sleep_status);
	if (err)
		return err;
	if (fw->sleep_control.present && fw->sleep_control.value > SLP_TYP_MAX)
		return log_error(EINVAL, "ACPI: sleep type %u must be 0 to %u",
		    fw->sleep_control.value, SLP_TYP_MAX);
	return 0;
}

static int check_machine(const struct firmware *fw)
{
	if (fw->cpus == 0 || fw->cpus > CPU_MAX)
		return log_error(EINVAL, "firmware: %u CPUs, must be 1 to %u", fw->cpus, CPU_MAX);
	if (fw->irqchip_id > UINT8_MAX - 1)
		return log_error(
		    EINVAL, "firmware: I/O APIC id %u must be 0 to 254", fw->irqchip_id);
	if (fw->irqchip_pins == 0 || fw->irqchip_pins > PIN_MAX)
		return log_error(EINVAL, "firmware: %u I/O APIC pins, must be 1 to %u",
		    fw->irqchip_pins, PIN_MAX);
	if (fw->gsi_base > UINT8_MAX - PIN_MAX)
		return log_error(EINVAL, "firmware: first GSI %u must be 0 to %u", fw->gsi_base,
		    UINT8_MAX - PIN_MAX);
	if (fw->irqchip_base == 0 || fw->irqchip_base > UINT32_MAX)
		return log_error(EINVAL, "firmware: I/O APIC at 0x%llx must be below 4 GiB",
		    (unsigned long long)fw->irqchip_base);
	return 0;
}

int firmware_write(const struct firmware *fw, struct memory *memory, uint64_t *rsdp)
{
	if (!memory_at(memory, LAYOUT_MP_TABLE, LAYOUT_ACPI_END - LAYOUT_MP_TABLE))
		return log_error(ENOMEM, "firmware: no RAM at 0x%llx to 0x%llx", LAYOUT_MP_TABLE,
		    LAYOUT_ACPI_END - 1);
	int err = check_machine(fw);
	if (err)
		return err;
	err = check_registers(fw);
	if (err)
		return err;
	err = dsdt_check(fw);
	if (err)
		return err;
	err = mptable_write(fw, memory);
	if (err)
		return err;
	return acpi_write(fw, memory, rsdp);
}
