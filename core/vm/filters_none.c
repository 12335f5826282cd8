/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * filters_none.c - for a build without filters; options.c refuses --filter.
 */
#include "core/base/feature.h"
#include "core/vm/filters.h"
#include "core/vm/vm.h"

int filters_put(struct machine *m)
{
	return m->options->filter_count > 0 ? feature_refuse("--filter", "filter") : 0;
}

void filters_list(const struct bus_range *r, char *text, unsigned size)
{
	text[0] = '\0';
}
