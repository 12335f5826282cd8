/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * plugin_specs - which plugins and filters the command line asks for: each is resolved to a file or
 * a linked-in plugin and vetted, once, before anything of it is loaded.
 */
#ifndef CORE_PLUGIN_SPECS_H
#define CORE_PLUGIN_SPECS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/vm/options.h"

#define PLUGIN_SPEC_MAX 160

struct plugin_spec {
	const char *option, *spec; /* "plugin" or "filter", and what was typed */
	char *path;                /* for library_load() */
	const char *params;
	uint32_t kind; /* VOLT_KIND_* */
};

struct plugin_specs {
	struct plugin_spec list[PLUGIN_SPEC_MAX]; /* plugins, then filters, in the order typed */
	uint32_t count;
};

/* With the default sandbox if none is named and --no-sandbox is not either. 0 or -errno, logged. */
int plugin_specs_find(struct plugin_specs *all, const struct options *o);
/* Does some plugin have the parameter `word`, "key=value"? Before any of them is loaded. */
bool plugin_specs_have(const struct plugin_specs *all, const char *word);

#endif
