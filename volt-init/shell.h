/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
/*
 * The own shell's commands. Each gets argc and a NULL-terminated argv and returns its exit status.
 */
#ifndef VOLT_INIT_SHELL_H
#define VOLT_INIT_SHELL_H

#include <stdbool.h>

struct builtin {
	const char *name, *args, *help;
	int (*run)(int argc, char **argv);
	bool in_shell; /* must change the shell itself, so it runs in it and not in a child */
};

extern const struct builtin shell_files[];  /* builtin_files.c, ends with a NULL name */
extern const struct builtin shell_system[]; /* builtin_system.c */

/* "NAME: WHAT: cause of errno" on standard error; returns 1. */
int shell_fail(const char *name, const char *what);
/* "usage: NAME ARGS" from the tables; returns 2. */
int shell_usage(const char *name);

#endif
