/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * loader - plugins that are files: where they are, and how they come into the process.
 *
 * A build without it (-Ddlopen=disabled) has loader_none.c instead, which refuses.
 */
#ifndef CORE_LOADER_H
#define CORE_LOADER_H

#include <volt/plugin.h>

#define LOADER_FILE_MAX 64

/* As library_set_dir(). */
int loader_set_dir(const char *dir);

/* Fills `path` with the file of plugin `name` (`n` bytes). The length it takes, as snprintf(), 0
 * if there is no such file. */
int loader_find(const char *name, size_t n, char *path, unsigned path_size);

/* The names of the plugin files, allocated; at most LOADER_FILE_MAX. How many, or -errno, said in
 * the log for `wanted`. */
int loader_list(const char *wanted, const char **names);

/* Where loader_find() looks, for a message. */
const char *loader_place(void);

/* As library_probe(), library_load() and library_finish(), of a path. */
int loader_probe(const char *path);
const struct volt_plugin *loader_load(const char *path);
void loader_finish(void);

#endif
