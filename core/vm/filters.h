/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * filters - the layers of volt.filter/1 between the address table and a device.
 *
 * A filter takes the handlers' place in the table, so a range without one is called as if
 * there were none. The layers lie in sealed memory, like the table.
 */
#ifndef CORE_FILTERS_H
#define CORE_FILTERS_H

#include "core/bus/bus.h"
#include "core/config.h"

struct machine;

#if VOLT_HAS_OPERATE

/* Puts every loaded filter on its device; after all plugins are wired, before bus_seal().
 * 0 or -errno, which is logged. */
int filters_put(struct machine *m);

/* "trace, deny": the ids of the filters of a range, the guest's side first; "" if none. */
void filters_list(const struct bus_range *r, char *text, unsigned size);

#else /* without filters */

static inline int filters_put(struct machine *m)
{
	return 0; /* nobody can ask for one */
}

static inline void filters_list(const struct bus_range *r, char *text, unsigned size)
{
	text[0] = '\0';
}

#endif

#endif
