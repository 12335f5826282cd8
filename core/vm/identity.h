/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * identity - tells plugins which of many equal VMs this one is: volt.identity/1.
 */
#ifndef CORE_IDENTITY_H
#define CORE_IDENTITY_H

#include "core/config.h"

struct machine;

#if VOLT_HAS_SNAPSHOT

/* [wire] When the vCPUs have their state: draws the generation and reads the clocks. 0 or -errno,
 * which is logged. `pairs` is the value of --identity, or NULL. */
int identity_prepare(struct machine *m, const char *pairs);
/* [loop] Calls every instance that offers volt.identity/1. */
void identity_tell(const struct machine *m);

#else

static inline int identity_prepare(struct machine *m, const char *pairs)
{
	return 0;
}

static inline void identity_tell(const struct machine *m)
{
}

#endif

#endif
