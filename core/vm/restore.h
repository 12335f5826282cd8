/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * restore - what a save must know of the snapshot that its VM came from.
 */
#ifndef CORE_RESTORE_H
#define CORE_RESTORE_H

#include <stddef.h>

#include "core/config.h"
#include "sdk/common/snapshot.h"

struct machine;

#if VOLT_HAS_SNAPSHOT
/* The parts of the memory that are mapped from the snapshot's file; NULL: the VM was booted. */
const struct snapshot_ram *restore_ram(const struct machine *m);
#else
static inline const struct snapshot_ram *restore_ram(const struct machine *m)
{
	return NULL;
}
#endif
/* NULL: the VM was booted. */
const uint8_t *restore_uuid(const struct machine *m);

#endif
