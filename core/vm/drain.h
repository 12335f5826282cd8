/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * drain - lets workers finish the requests that they have begun, when the VM ends in order.
 */
#ifndef CORE_DRAIN_H
#define CORE_DRAIN_H

#include "core/config.h"

struct machine;

#if VOLT_HAS_WORKERS

/* [loop] The loop has stopped. Of every instance that has workers and a pause() (volt/state.h),
 * each worker runs once more, then it is paused: it has no request in flight, and keeps what it
 * told the guest. */
void drain_workers(struct machine *m);

#else /* none of the plugins has a worker */

static inline void drain_workers(struct machine *m)
{
}

#endif

#endif
