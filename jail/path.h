/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * path - names of host files, and opening them without following a symbolic link anywhere on
 * the way. Whoever can write to a directory on the way could otherwise choose, by a link, what
 * root puts into the jail.
 */
#ifndef JAIL_PATH_H
#define JAIL_PATH_H

#include <stddef.h>

/*
 * Makes `path` absolute and takes ".", ".." and doubled slashes out of it, by its letters alone:
 * with no link on the way that changes no meaning. Returns 0 or -errno.
 */
int path_normalise(const char *path, char *out, size_t size);

/*
 * openat2(2) of an absolute path with O_CLOEXEC and no symbolic link followed; `flags` and
 * `mode` as for open(2). Returns the fd or -1 and errno; ELOOP means a link.
 */
int path_open(const char *path, int flags, unsigned mode);

/* Says why path_open() failed, for `what`, such as "--kernel"; returns `code`. */
int path_complain(int code, const char *what, const char *path);

#endif
