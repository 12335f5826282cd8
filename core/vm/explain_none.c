/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * explain_none.c - for a build without `volt explain`; options.c refuses it.
 */
#include "core/base/feature.h"
#include "core/vm/explain.h"

int explain_print(const struct machine *m, bool json)
{
	return feature_refuse("volt explain", "explain");
}
