/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * library - where plugins come from: linked into the program, or files for the loader.
 */
#ifndef CORE_LIBRARY_H
#define CORE_LIBRARY_H

#include <stdbool.h>

#include <volt/plugin.h>

/* Tells which plugins are linked in, a list that ends in NULL and lives for good. None until then.
 */
void library_set_builtins(const struct volt_plugin *const *list);

/* Sets the folder that bare names are looked up in; NULL: the one volt was installed with, whose
 * files come after what is linked in. The files of a folder that was asked for come first. 0, or
 * -errno, which is logged, when this build loads no files. */
int library_set_dir(const char *dir);

/*
 * What a spec means: "NAME" or "./my.so", with ",key=value..." after it. Fills `path`
 * with the file to load, or with the bare name of a plugin that is linked in. Returns the
 * parameters ("" if none), or NULL (which is logged) when a bare name is not there, naming the
 * nearest that is.
 */
const char *library_resolve(const char *option, const char *spec, char *path, unsigned path_size);

/* Is `path`, which library_resolve() filled, the name of a plugin that is linked in? */
bool library_is_linked_in(const char *path);
/* Checks what `path` names, without loading it: the kind, or -errno, which is logged. */
int library_probe(const char *path);
/* Loads it, once however often asked; checks it first if nobody did. It is never unloaded. NULL on
 * failure, which is logged. */
const struct volt_plugin *library_load(const char *path);
/* Prints the names of all plugins, a line each. 0 or -errno, which is logged. */
int library_print_names(void);
/* Closes the checked copies. Nothing can be loaded any more. */
void library_finish(void);

#endif
