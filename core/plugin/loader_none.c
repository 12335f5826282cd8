/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * loader_none.c - the loader of a volt that has all its plugins linked in.
 */
#include <errno.h>

#include "core/base/log.h"
#include "core/plugin/loader.h"

int loader_set_dir(const char *dir)
{
	if (dir == NULL)
		return 0;
	return log_error(ENOTSUP,
	    "--plugin-dir %s: this volt has its plugins linked in and loads none (built with "
	    "-Ddlopen=disabled)",
	    dir);
}

int loader_find(const char *name, size_t n, char *path, unsigned path_size)
{
	return 0;
}

int loader_list(const char *wanted, const char **names)
{
	return 0;
}

const char *loader_place(void)
{
	return "this volt, which loads no files";
}

int loader_probe(const char *path)
{
	return log_error(ENOTSUP,
	    "plugin %s: this volt has its plugins linked in and loads none (built with "
	    "-Ddlopen=disabled); volt --help names them",
	    path);
}

const struct volt_plugin *loader_load(const char *path)
{
	loader_probe(path);
	return NULL;
}

void loader_finish(void)
{
}
