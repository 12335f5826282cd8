/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * metrics_none.c - for a build none of whose plugins uses volt.metrics/1; host.c refuses it.
 */
#include "core/bus/bus.h"
#include "core/vm/metrics.h"

const struct volt_metrics metrics_table;

void metrics_visit(
    const struct machine *m, void *arg, void (*visit)(void *arg, const struct volt_metric *metric))
{
}

int metrics_put(struct machine *m)
{
	return 0;
}

struct bus_range metrics_below(const struct bus_range *r)
{
	return *r;
}
