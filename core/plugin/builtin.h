/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * builtin - the plugins that are linked into this volt; builtin.c is written by meson.
 */
#ifndef CORE_BUILTIN_H
#define CORE_BUILTIN_H

#include <volt/plugin.h>

extern const struct volt_plugin *const builtin_plugins[]; /* ends in NULL */

#endif
