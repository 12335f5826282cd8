/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * companion - programs of their own that volt starts: what examines hosts, talks to VMs or reads
 * configuration files has no place in what runs guests.
 */
#ifndef CORE_COMPANION_H
#define CORE_COMPANION_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/exitcode.h"
#include "core/config.h"

#if VOLT_HAS_OPERATE

/* True if the first word of the command line names one, or after "explain" the second. */
bool companion_is_called(int argc, char **argv);
/* True if that one gets the user's environment: it runs a command, or volt again. */
bool companion_wants_environment(int argc, char **argv);
/* Becomes that program; returns an exit code if that fails. `runtime_dir`: the
 * XDG_RUNTIME_DIR that it gets, or NULL; of the environment it gets what is left then. */
int companion_run(int argc, char **argv, const char *runtime_dir);
/* Becomes `program`, which is looked for beside volt and, as `built`, in a build folder. `args` has
 * room for COMPANION_WORDS in front, for its name, --volt and volt's path, and is freed. Returns an
 * exit code if that fails; `asked` is who asked. */
#define COMPANION_WORDS 3
int companion_become(const char *asked, const char *program, const char *built, char **args);
/* The words that name one, and a NULL. */
extern const char *const companion_words[];

#else /* installed alone */

static const char *const companion_words[] = {NULL};

static inline bool companion_is_called(int argc, char **argv)
{
	return false;
}

static inline bool companion_wants_environment(int argc, char **argv)
{
	return false;
}

static inline int companion_run(int argc, char **argv, const char *runtime_dir)
{
	return EXIT_HOST;
}

#endif

#endif
