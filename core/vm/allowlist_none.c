/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * allowlist_none.c - for a build without allowlists; options.c refuses --allowlist.
 */
#include "core/base/feature.h"
#include "core/vm/allowlist.h"

int allowlist_load(const char *path)
{
	return feature_refuse("--allowlist", "allowlist");
}

bool allowlist_has(const char *syscall, uint32_t role)
{
	return true;
}

const char *allowlist_role_name(uint32_t role)
{
	return "a thread"; /* policy.c names it only when an allowlist refuses */
}
