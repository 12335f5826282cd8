/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * sink - where unpacked bytes go, for all that unpacks.
 */
#ifndef TOOLS_KERNEL_SINK_H
#define TOOLS_KERNEL_SINK_H

#include <stddef.h>

/* Takes the next bytes: 0, or -errno, which ends the unpacking. -EFBIG: that is too much. */
typedef int (*unpack_sink)(void *arg, const void *bytes, size_t size);

/* A sink's error as a clause in `why`. Returns `err`. */
int sink_refused(int err, char *why, size_t why_size);

#endif
