/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * library - finds, checks and loads plugin files.
 */
#ifndef CORE_LIBRARY_H
#define CORE_LIBRARY_H

#include <volt/plugin.h>

/* Sets the folder that bare names are looked up in; NULL: the one volt was installed
 * with. */
void library_set_dir(const char *dir);

/*
 * What a spec means: "NAME" or "./my.so", with ",key=value..." after it. Fills `path`
 * with the file to load; returns the parameters ("" if none), or NULL (said in the log)
 * when a bare name is not there, naming the nearest that is.
 */
const char *library_resolve(const char *spec, char *path, unsigned path_size);

/* Checks and loads a file, once however often asked; it is never unloaded. *kind gets
 * what the note says even before loading. NULL on failure, said in the log. */
const struct volt_plugin *library_load(const char *path);
/* The checks alone, without loading: the kind, or -errno, said in the log. */
int library_probe(const char *path);
/* Closes the checked copies. Nothing can be loaded any more. */
void library_finish(void);

#endif
