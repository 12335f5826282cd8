/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * host_discard - volt.discard/1: memory that the guest does not need goes back to the host.
 *
 * A worker that may do it has one system call more: madvise with one advice, on at most 4 MiB that
 * begin in the power of two in which guest RAM lies and nothing else.
 */
#ifndef CORE_HOST_DISCARD_H
#define CORE_HOST_DISCARD_H

#include <volt/draft/discard.h>

#include "core/config.h"

struct ledger;
struct machine;

#if VOLT_HAS_DISCARD

extern const struct volt_discard host_discard;

void discard_declare(const struct machine *m, struct ledger *l);

#else

static inline void discard_declare(const struct machine *m, struct ledger *l)
{
}

#endif

#endif
