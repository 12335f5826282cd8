/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* host_guest - tables of services, for core/vm/host.c to hand out. */
#ifndef CORE_HOST_GUEST_H
#define CORE_HOST_GUEST_H

#include <volt/draft/doorbell.h>
#include <volt/draft/msi.h>
#include <volt/memory.h>

extern const struct volt_mem host_mem;
extern const struct volt_doorbell host_doorbell;
extern const struct volt_msi host_msi;

#endif
