/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * cpio - an archive as Linux unpacks it at boot: "newc", owners root, times 0.
 *
 * Source: Linux Documentation/driver-api/early-userspace/buffer-format.rst. The same files give the
 * same bytes.
 */
#ifndef TOOLS_KERNEL_CPIO_H
#define TOOLS_KERNEL_CPIO_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct cpio {
	FILE *out;
	uint32_t count; /* of members */
	uint64_t size;  /* bytes written */
};

/* Writes to `out`, which has `size` bytes already. Errors of writing stay in the stream. */
void cpio_begin(struct cpio *c, FILE *out, uint64_t size);
/* A folder, which must come before what is in it. The path has no slash at its start. */
void cpio_put_folder(struct cpio *c, const char *path);
/* A regular file of less than 4 GiB, which all may read. */
void cpio_put_file(struct cpio *c, const char *path, const void *bytes, size_t size);
void cpio_end(struct cpio *c);

#endif
