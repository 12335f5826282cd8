/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * registry_none.c - for a build without names; options.c refuses --name and --end-file.
 */
#include "core/vm/registry.h"

void registry_locate(void)
{
}

int registry_enter(const struct options *o)
{
	return 0;
}

void registry_declare(struct ledger *l)
{
}

const char *registry_runtime_dir(void)
{
	return NULL;
}

const char *registry_plugin_spec(void)
{
	return NULL;
}

const char *registry_console_path(void)
{
	return NULL;
}
