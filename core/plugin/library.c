/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/plugin/library.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/plugin/loader.h"
#include "sdk/common/params.h"

#define BUILTIN_MAX 64

static const struct volt_plugin *const none[] = {NULL};
static const struct volt_plugin *const *builtins = none;
static bool folder_asked; /* its files then come before what is linked in */

void library_set_builtins(const struct volt_plugin *const *list)
{
	builtins = list;
}

static const struct volt_plugin *find_builtin(const char *name, size_t n)
{
	for (const struct volt_plugin *const *p = builtins; *p; p++)
		if (strlen((*p)->name) == n && memcmp((*p)->name, name, n) == 0)
			return *p;
	return NULL;
}

int library_set_dir(const char *dir)
{
	folder_asked = dir != NULL;
	return loader_set_dir(dir);
}

/* Names of files, which are allocated, and those of plugins that are linked in behind them. Answers
 * how many are of files, or -errno, which is logged for `wanted`. */
static int list_names(const char *wanted, const char **names, int *count)
{
	const int files = loader_list(wanted, names);

	*count = files;
	for (unsigned i = 0; files >= 0 && i < BUILTIN_MAX && builtins[i]; i++)
		names[(*count)++] = builtins[i]->name;
	return files;
}

/* The plugin whose name is nearest to what was typed. */
static void say_unknown(const char *option, const char *name)
{
	const char *names[BUILTIN_MAX + LOADER_FILE_MAX + 1] = {NULL};
	int count, files = list_names(name, names, &count);

	if (files < 0)
		return;
	const char *near = nearest_name(name, names);
	log_error(ENOENT, "--%s %s: there is no such plugin in %s%s%s%s", option, name,
	    loader_place(), near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
	for (int i = 0; i < files; i++)
		free((void *)(uintptr_t)names[i]);
}

static int by_name(const void *left, const void *right)
{
	return strcmp(*(const char *const *)left, *(const char *const *)right);
}

int library_print_names(void)
{
	const char *names[BUILTIN_MAX + LOADER_FILE_MAX + 1] = {NULL};
	int count, files = list_names("help", names, &count);

	if (files < 0)
		return files;
	qsort(names, (size_t)count, sizeof(names[0]), by_name);
	for (int i = 0; i < count; i++)
		if (i == 0 || strcmp(names[i - 1], names[i]) != 0) /* linked in, and a file too */
			printf("%s\n", names[i]);
	return 0; /* the process ends, and the names with it */
}

/* The length that `path` takes, 0 if nothing has that name. */
static int locate(const char *spec, size_t n, char *path, unsigned path_size)
{
	const bool linked = find_builtin(spec, n) != NULL;
	int len = 0;

	if (!memchr(spec, '/', n) && (!linked || folder_asked))
		len = loader_find(spec, n, path, path_size);
	if (len == 0 && (linked || memchr(spec, '/', n)))
		len = snprintf(path, path_size, "%.*s", (int)n, spec);
	return len;
}

bool library_is_linked_in(const char *path)
{
	return find_builtin(path, strlen(path)) != NULL;
}

const char *library_resolve(const char *option, const char *spec, char *path, unsigned path_size)
{
	size_t n = strcspn(spec, ",");
	const char *rest = spec[n] == ',' ? spec + n + 1 : "";

	if (spec[n] == ',' && rest[0] == '\0') {
		log_error(
		    EINVAL, "--%s %s: nothing follows the comma; write key=value", option, spec);
		return NULL;
	}
	if (n == 0 || spec[n - 1] == '/') {
		log_error(EINVAL, "--%s \"%s\": a name or a path must come first", option, spec);
		return NULL;
	}
	int len = locate(spec, n, path, path_size);
	if (len < 0 || (unsigned)len >= path_size) {
		log_error(ENAMETOOLONG, "--%s: the path %.40s... is too long", option, spec);
		return NULL;
	}
	if (len == 0) {
		char name[64];

		snprintf(name, sizeof(name), "%.*s", (int)n, spec);
		say_unknown(option, name);
		return NULL;
	}
	return rest;
}

int library_probe(const char *path)
{
	const struct volt_plugin *d = find_builtin(path, strlen(path));

	return d ? (int)d->kind : loader_probe(path);
}

const struct volt_plugin *library_load(const char *path)
{
	const struct volt_plugin *d = find_builtin(path, strlen(path));

	return d ? d : loader_load(path);
}

void library_finish(void)
{
	loader_finish();
}
