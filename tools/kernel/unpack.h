/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * unpack - the compressed kernel in a bzImage, by whichever of Linux's compressions.
 *
 * Source: Linux lib/decompress.c (magic numbers) and scripts/Makefile.lib (what is put
 * behind the stream: its unpacked size in four bytes, except by gzip, which ends so anyway).
 * Untrusted: what comes out goes to a sink that can refuse more of it.
 */
#ifndef TOOLS_KERNEL_UNPACK_H
#define TOOLS_KERNEL_UNPACK_H

#include <stddef.h>
#include <stdint.h>

#include "tools/kernel/sink.h"

/* "gzip", "xz" ... by the first bytes, or NULL. */
const char *unpack_name(const uint8_t *payload, size_t size);

/* Unpacks a bzImage's payload of any kind, and checks its size. 0, or -errno with a clause
 * in `why`. */
int unpack_payload(
    const uint8_t *payload, size_t size, unpack_sink sink, void *arg, char *why, size_t why_size);

/* A file in one of these compressions, or an ELF file as it is: nothing follows it. Likewise. */
int unpack_stream(
    const uint8_t *stream, size_t size, unpack_sink sink, void *arg, char *why, size_t why_size);

/* A gzip stream with anything behind it, as the configuration in a kernel is. Likewise. */
int unpack_gzip(
    const uint8_t *stream, size_t size, unpack_sink sink, void *arg, char *why, size_t why_size);

#endif
