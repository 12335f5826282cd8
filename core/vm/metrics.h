/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * metrics - everything that is counted, for volt.metrics/1.
 *
 * What costs nothing is always counted, each vCPU for itself. What would cost is done by
 * meters: layers at the top of every range, put there only when a plugin asks.
 */
#ifndef CORE_METRICS_H
#define CORE_METRICS_H

#include <volt/metrics.h>

#include "core/bus/bus.h"
#include "core/config.h"

struct machine;

#if VOLT_HAS_METRICS

extern const struct volt_metrics metrics_table;

/* [loop] Visits every value, as volt.metrics/1 each(). */
void metrics_visit(
    const struct machine *m, void *arg, void (*visit)(void *arg, const struct volt_metric *metric));

/* Puts a meter on every range if one was asked for; after filters_put(), before
 * bus_seal(). 0 or -errno, which is logged. */
int metrics_put(struct machine *m);

/* The handlers' range below its meter, for those who look at layers; r itself if none. */
struct bus_range metrics_below(const struct bus_range *r);

#else /* none of the plugins uses volt.metrics/1 */

static const struct volt_metrics metrics_table;

static inline void metrics_visit(
    const struct machine *m, void *arg, void (*visit)(void *arg, const struct volt_metric *metric))
{
}

static inline int metrics_put(struct machine *m)
{
	return 0;
}

static inline struct bus_range metrics_below(const struct bus_range *r)
{
	return *r;
}

#endif

#endif
