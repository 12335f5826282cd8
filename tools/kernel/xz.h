/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * xz - streams of xz and of LZMA alone, within a bound on memory. A few bytes of such a stream
 * name a dictionary of up to 4 GiB, and libarchive allocates what they name.
 */
#ifndef TOOLS_KERNEL_XZ_H
#define TOOLS_KERNEL_XZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lzma.h>

#include "tools/kernel/sink.h"

/* Linux and Debian pack with dictionaries of up to 128 MiB (Linux scripts/xz_wrap.sh). */
#define XZ_MEMORY_MAX (UINT64_C(192) << 20)

struct xz {
	lzma_stream stream;
	bool finished;
};

/* `alone`: LZMA without xz's container. 0, or -ENOMEM. xz_end() in either case. */
int xz_begin(struct xz *x, bool alone);
void xz_end(struct xz *x);

/* The next bytes of input, which stay the caller's and are used until xz_wants_input(). */
void xz_give(struct xz *x, const uint8_t *bytes, size_t size);
bool xz_wants_input(const struct xz *x);

/* Unpacks into `out`. `last`: there is no more input than was given. Returns how many bytes,
 * 0 if it wants input or has finished, or -errno with a clause in `why`. */
int xz_take(struct xz *x, bool last, uint8_t *out, uint32_t room, char *why, size_t why_size);

/* As unpack_stream(). */
int xz_unpack(const uint8_t *stream, size_t size, bool alone, unpack_sink sink, void *arg,
    char *why, size_t why_size);

#endif
