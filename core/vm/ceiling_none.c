/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * ceiling_none.c - for a build without ceilings; options.c refuses --ceiling.
 */
#include "core/base/feature.h"
#include "core/vm/ceiling.h"

int ceiling_load(const char *path)
{
	return feature_refuse("--ceiling", "ceiling");
}

bool ceiling_allows(const char *syscall, uint32_t role)
{
	return true;
}

const char *ceiling_role_name(uint32_t role)
{
	return "a thread"; /* policy.c names it only when a ceiling refuses */
}
