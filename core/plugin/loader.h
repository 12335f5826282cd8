/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * loader - plugins that are files: where they are, and how they come into the process.
 *
 * A build without it (-Ddlopen=disabled) refuses them.
 */
#ifndef CORE_LOADER_H
#define CORE_LOADER_H

#include <errno.h>

#include <volt/plugin.h>

#include "core/base/log.h"
#include "core/config.h"

#define LOADER_FILE_MAX 64

#if VOLT_HAS_LOADER

/* As library_set_dir(). */
int loader_set_dir(const char *dir);

/* Fills `path` with the file of plugin `name` (`n` bytes). The length it takes, as snprintf(), 0
 * if there is no such file. */
int loader_find(const char *name, size_t n, char *path, unsigned path_size);

/* The names of the plugin files, allocated; at most LOADER_FILE_MAX. How many, or -errno, which is
 * logged for `wanted`. */
int loader_list(const char *wanted, const char **names);

/* Where loader_find() looks, for a message. */
const char *loader_place(void);

/* As library_probe(), library_load() and library_finish(), of a path. */
int loader_probe(const char *path);
const struct volt_plugin *loader_load(const char *path);
void loader_finish(void);

#else /* all plugins are linked in */

static inline int loader_set_dir(const char *dir)
{
	if (!dir)
		return 0;
	return log_error(ENOTSUP,
	    "--plugin-dir %s: this volt loads none: it was built with -Ddlopen=disabled", dir);
}

static inline int loader_find(const char *name, size_t n, char *path, unsigned path_size)
{
	return 0;
}

static inline int loader_list(const char *wanted, const char **names)
{
	return 0;
}

static inline const char *loader_place(void)
{
	return "this volt, which loads no files";
}

static inline int loader_probe(const char *path)
{
	return log_error(ENOTSUP,
	    "plugin %s: this volt loads none: it was built with -Ddlopen=disabled; volt --help "
	    "names those that are linked in",
	    path);
}

static inline const struct volt_plugin *loader_load(const char *path)
{
	loader_probe(path);
	return NULL;
}

static inline void loader_finish(void)
{
}

#endif

#endif
