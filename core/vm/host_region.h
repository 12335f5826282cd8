/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* host_region - volt.region/1: files as memory of devices, above the guest's RAM. */
#ifndef CORE_HOST_REGION_H
#define CORE_HOST_REGION_H

#include <volt/draft/region.h>

#include "core/config.h"

struct kvm;
struct memory;

#if VOLT_HAS_REGIONS

extern const struct volt_region host_region;

/* [wire] Gives them to KVM, when the VM is there. 0 or -errno, which is logged. */
int regions_map(const struct memory *m, struct kvm *k);

#else

static inline int regions_map(const struct memory *m, struct kvm *k)
{
	return 0;
}

#endif

#endif
