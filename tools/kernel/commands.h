/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * commands - what volt-kernel is told to do, and the functions that do it.
 */
#ifndef TOOLS_KERNEL_COMMANDS_H
#define TOOLS_KERNEL_COMMANDS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define REQUEST_PASSED_MAX 32

struct request {
	char store[PATH_MAX];
	bool json, quiet, make_default;
	const char *config, *name, *script;
	const char *base, *modules, *output;    /* of initramfs; NULL: not given */
	const char *passed[REQUEST_PASSED_MAX]; /* options for the script of build */
	int passed_count;
	char **args; /* what is no option; NULL at the end */
	int count;
};

/* Each returns an exit code of say.h, and has said what went wrong. */
int command_import(const struct request *q);
int command_list(const struct request *q);
int command_inspect(const struct request *q);
int command_default(const struct request *q);
int command_remove(const struct request *q);
int command_verify(const struct request *q);
int command_build(const struct request *q);
int command_initramfs(const struct request *q);

/* Points the store's `default` at a kernel. 0 or -errno, which is logged. */
int default_set(const char *store, const char *name);
/* Its name, or "" if there is none. */
void default_get(const char *store, char *name, unsigned size);

/* A file that comes with volt: `place` if that is whole, else from the program's folder. Whether it
 * is there is another matter. 0 or -errno, which is logged. */
int program_place(const char *place, char *path, size_t size);

/* One file, package or folder into the store, and a line about it. 0 or -errno, which is logged. */
int import_path(const struct request *q, const char *path);

#endif
