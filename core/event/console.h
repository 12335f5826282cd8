/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * console - clients that attach to a stream beside its own peer, and detach again.
 *
 * They come by a Unix socket, several at once. Each gets the last 64 KiB of output, then what
 * comes; what any of them types is input of the device. A client that does not read loses output,
 * and is told how much; it never holds up the guest or another client.
 */
#ifndef CORE_CONSOLE_H
#define CORE_CONSOLE_H

#include <stddef.h>

#include "core/config.h"
#include "core/event/stream.h"

#define CONSOLE_CLIENTS 4u

#if VOLT_HAS_OPERATE

/* The stream that a console is of: the one on standard input and output, else the first that goes
 * nowhere; NULL: none. */
struct stream *console_find(struct streams *all);

/* Listens on `path` for clients of that stream, if there is one. When all plugins have their
 * streams. 0 or -errno, which is logged. */
int console_open(struct streams *all, const char *path);

#else /* without names */

static inline struct stream *console_find(struct streams *all)
{
	return NULL;
}

static inline int console_open(struct streams *all, const char *path)
{
	return 0;
}

#endif

#endif
