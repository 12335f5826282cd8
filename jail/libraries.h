/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * libraries - which shared libraries volt and its plugins load, and from where. The dynamic
 * loader that the program names lists them (--list), so that its rules for the search are not
 * repeated here. It runs as the jail's user without any privilege, and no code of the program is
 * run.
 */
#ifndef JAIL_LIBRARIES_H
#define JAIL_LIBRARIES_H

#include "jail/command.h"
#include "jail/entries.h"
#include "jail/options.h"

#define LIBRARIES_PATH_SIZE 8192

/* Adds the loader and the libraries. `search` becomes the folders that hold them, for
 * LD_LIBRARY_PATH: the loader's cache is not inside. Empty for a static program. */
int libraries_plan(const struct command *c, const struct options *o, struct entries *es,
    char search[LIBRARIES_PATH_SIZE]);

/* Adds the libraries that `text`, the output of the loader, names. `text` is changed. */
int libraries_read_list(struct entries *es, char *text, char search[LIBRARIES_PATH_SIZE]);

#endif
