/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * list - the plugins of a folder, a line each.
 */
#include <dirent.h>
#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/plugin/library.h"
#include "tool.h"

static int is_plugin(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return n > 3 && strcmp(e->d_name + n - 3, ".so") == 0;
}

static void print_row(const struct volt_plugin *p)
{
	printf("%-12s %-8s %-8s %u.%u  %s\n", p->name, p->version, tool_kind_name(p->kind),
	    p->abi_major, p->abi_minor, p->summary);
}

/* Refused files are told on standard error, the others are listed all the same. */
static int list_one(const char *dir, const char *name, bool json, struct json_object *all)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	const struct volt_plugin *p = library_load(path);

	if (!p)
		return TOOL_FAILED;
	if (json) {
		struct json_object *o = describe_object(p);

		json_object_object_add(o, "file", json_object_new_string(path));
		json_object_array_add(all, o);
	} else {
		print_row(p);
	}
	return TOOL_OK;
}

int list_run(const struct tool_options *o)
{
	const char *dir = tool_plugin_dir(o);
	struct json_object *all = json_object_new_array();
	struct dirent **entries;
	int n = scandir(dir, &entries, is_plugin, alphasort), status = TOOL_OK;

	if (n < 0) {
		log_error(errno, "cannot read the plugin folder %s: %s", dir, strerror(errno));
		json_object_put(all);
		return TOOL_MISUSE;
	}
	if (!o->json)
		printf("%-12s %-8s %-8s %-3s  %s\n", "NAME", "VERSION", "KIND", "ABI", "SUMMARY");
	for (int i = 0; i < n; i++) {
		if (list_one(dir, entries[i]->d_name, o->json, all) != TOOL_OK)
			status = TOOL_FAILED;
		free(entries[i]);
	}
	free(entries);
	if (o->json)
		puts(json_object_to_json_string_ext(
		    all, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(all);
	return status;
}
