/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * listen - a Unix socket that programs of the same user connect to.
 */
#ifndef CORE_LISTEN_H
#define CORE_LISTEN_H

#include <stdbool.h>
#include <stddef.h>

/* Listens on `path`, which the helper removes at the end; a socket that a process which is gone
 * left there is replaced. *fd does not block. For volt explain, which only looks, it has no name.
 * 0, or -errno with the reason in `text`. */
int listen_unix(const char *path, bool looks_only, int *fd, char *text, size_t size);

#endif
