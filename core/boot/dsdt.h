/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * dsdt - the ACPI namespace: processors, the devices that plugins described, \_S5.
 */
#ifndef CORE_BOOT_DSDT_H
#define CORE_BOOT_DSDT_H

#include "core/boot/aml.h"
#include "core/boot/description.h"

/* Ids and resources of each device: 0 or -errno, which is logged. */
int dsdt_check(const struct firmware *fw);

/* The body of the DSDT, after its header. `fw` is checked. */
void dsdt_write(const struct firmware *fw, struct aml *a);

#endif
