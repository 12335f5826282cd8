/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * lzo - the file format of the program lzop, in which Linux keeps a kernel packed by LZO.
 *
 * Source: lzop 1.04, its conf.h and p_lzo.c as documented in lzop(1), and what of it Linux
 * lib/decompress_unlzo.c reads. All numbers are big-endian.
 */
#ifndef TOOLS_KERNEL_LZO_H
#define TOOLS_KERNEL_LZO_H

#include "tools/kernel/unpack.h"

/* As unpack_payload(). */
int lzo_unpack(
    const uint8_t *file, size_t size, unpack_sink sink, void *arg, char *why, size_t why_size);

#endif
