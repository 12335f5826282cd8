/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * hooks - the plugin's own allocations, counted and failed on request, and its looks at a
 * clock, made system calls that a filter sees. Its table of imports is pointed at ours; nobody
 * else in the process is touched.
 */
#ifndef TOOLS_PLUGIN_HOOKS_H
#define TOOLS_PLUGIN_HOOKS_H

#include <stdbool.h>

#include <volt/plugin.h>

/* In the object that holds `p`. False: its tables could not be found. */
bool hooks_install(const struct volt_plugin *p);
/* The n-th allocation from now on fails; 0: none. */
void hooks_fail_at(unsigned n);
/* Allocations since hooks_fail_at(), and the function that failed, or NULL. */
unsigned hooks_calls(void);
const char *hooks_failed(void);
/* What was allocated and not freed. */
unsigned hooks_live(void);
/* From now on the first allocation is noted; the function's name, or NULL. */
void hooks_watch(bool on);
const char *hooks_seen(void);

#endif
