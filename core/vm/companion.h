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

/* True if `word`, the first of the command line, names one. */
bool companion_knows(const char *word);
/* True if that one is a user's own program, which runs a command with the user's environment. */
bool companion_wants_environment(const char *word);
/* Becomes the program of argv[1]; returns an exit code if that fails. `runtime_dir`: the
 * XDG_RUNTIME_DIR that it gets, or NULL; of the environment it gets what is left then. */
int companion_run(int argc, char **argv, const char *runtime_dir);
/* The words that name one, and a NULL. */
extern const char *const companion_words[];

#else /* installed alone */

static const char *const companion_words[] = {NULL};

static inline bool companion_knows(const char *word)
{
	return false;
}

static inline bool companion_wants_environment(const char *word)
{
	return false;
}

static inline int companion_run(int argc, char **argv, const char *runtime_dir)
{
	return EXIT_HOST;
}

#endif

#endif
