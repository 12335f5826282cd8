/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/plugin_specs.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include <volt/plugin.h>

#include "core/base/log.h"
#include "core/config.h"
#include "core/plugin/library.h"
#include "core/vm/registry.h"

static const char *const default_specs[] = {VOLT_DEFAULT_PLUGINS NULL};

/* The 2 are the sandbox and the plugin of a named VM, which no option names. */
_Static_assert(sizeof(default_specs) / sizeof(default_specs[0]) + OPTIONS_PLUGIN_MAX + 2 +
		       SHARE_MAX + OPTIONS_FILTER_MAX <=
		   PLUGIN_SPEC_MAX,
    "room for all");

#define DEFAULT_WORD "default"

static bool same_name(const char *a, const char *b)
{
	size_t n = strcspn(a, ",");

	return n == strcspn(b, ",") && memcmp(a, b, n) == 0;
}

static bool is_named(const struct options *o, const char *name)
{
	for (uint32_t i = 0; i < o->plugin_count; i++)
		if (same_name(o->plugins[i], name))
			return true;
	return false;
}

/* The specs of this machine, with the default set in the place of the word "default", but for those
 * that are named as well; without --plugin it is the set alone. A named VM has one more, and each
 * shared folder. Answers how many. */
static uint32_t list_specs(const struct options *o, const char **specs)
{
	static const char *const word[] = {DEFAULT_WORD};
	const char *const *given = o->plugin_count > 0 ? o->plugins : word;
	uint32_t count = o->plugin_count > 0 ? o->plugin_count : 1;
	bool seen = false;
	uint32_t n = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (strcmp(given[i], DEFAULT_WORD) != 0) {
			specs[n++] = given[i];
			continue;
		}
		for (uint32_t d = 0; !seen && default_specs[d]; d++)
			if (!is_named(o, default_specs[d]))
				specs[n++] = default_specs[d];
		seen = true;
	}
	if (registry_plugin_spec())
		specs[n++] = registry_plugin_spec();
	for (uint32_t i = 0; VOLT_HAS_OPERATE && i < o->share_count; i++)
		specs[n++] = o->shares[i].plugin;
	return n;
}

static int check_option(const struct plugin_spec *f)
{
	const bool filter = f->kind == VOLT_KIND_FILTER, wants_filter = f->option[0] == 'f';

	if (filter && !wants_filter)
		return log_error(
		    EINVAL, "--plugin %s: that is a filter: use --filter NAME,on=DEVICE", f->spec);
	if (!filter && wants_filter)
		return log_error(
		    EINVAL, "--filter %s: the plugin is not a filter; use --plugin", f->spec);
	return 0;
}

static int find_one(struct plugin_specs *all, const char *option, const char *spec)
{
	struct plugin_spec *f = &all->list[all->count];
	char path[PATH_MAX];

	*f = (struct plugin_spec){.option = option,
	    .spec = spec,
	    .params = library_resolve(option, spec, path, sizeof(path))};
	if (!f->params)
		return -EINVAL;
	const int kind = library_probe(path);
	if (kind < 0)
		return kind;
	f->kind = (uint32_t)kind;
	const int err = check_option(f);
	if (err)
		return err;
	f->path = strdup(path);
	if (!f->path)
		return log_error(ENOMEM, "--%s %s: no memory", option, spec);
	all->count++;
	return 0;
}

static bool has_kind(const struct plugin_specs *all, uint32_t kind)
{
	for (uint32_t i = 0; i < all->count; i++)
		if (all->list[i].kind == kind)
			return true;
	return false;
}

static int find_default_sandbox(struct plugin_specs *all)
{
	const char *spec = VOLT_DEFAULT_SANDBOX;

	if (spec[0] == '\0')
		return log_error(ENOENT, "this build has no sandbox plugin: name one with "
					 "--plugin, or accept the risk with "
					 "--no-sandbox");
	return find_one(all, "plugin", spec);
}

int plugin_specs_find(struct plugin_specs *all, const struct options *o)
{
	const char *specs[PLUGIN_SPEC_MAX];
	const uint32_t count = list_specs(o, specs);
	int err = 0;

	all->count = 0;
	for (uint32_t i = 0; i < count; i++) {
		err = find_one(all, "plugin", specs[i]);
		if (err)
			return err;
	}
	if (!o->no_sandbox && !has_kind(all, VOLT_KIND_SANDBOX))
		err = find_default_sandbox(all);
	if (err)
		return err;
	for (uint32_t i = 0; i < o->filter_count; i++) {
		err = find_one(all, "filter", o->filters[i]);
		if (err)
			return err;
	}
	return 0;
}

bool plugin_specs_have(const struct plugin_specs *all, const char *word)
{
	const size_t n = strlen(word);

	for (uint32_t i = 0; i < all->count; i++)
		for (const char *at = all->list[i].params; (at = strstr(at, word)); at += n)
			if ((at == all->list[i].params || at[-1] == ',') &&
			    (at[n] == ',' || at[n] == '\0'))
				return true;
	return false;
}
