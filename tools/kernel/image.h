/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * image - what one kernel file is: its protocols, its place in memory, its version.
 *
 * The file is given to volt's own loaders, once by each protocol, with guest memory that no
 * guest will ever see. So what is said here is what volt will do, and why it will refuse.
 */
#ifndef TOOLS_KERNEL_IMAGE_H
#define TOOLS_KERNEL_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/boot/request.h"

enum image_kind {
	IMAGE_NONE, /* no kernel */
	IMAGE_ELF,
	IMAGE_BZIMAGE,
	IMAGE_OTHER, /* a kernel by its Multiboot header alone */
};

struct image_protocol {
	const char *choice;         /* as --boot has it */
	const char *name;           /* as volt calls it in its log; NULL: not offered */
	bool preferred;             /* by --boot auto */
	uint64_t entry, start, end; /* physical; `end` after .bss and room to unpack */
	char why[512];              /* not offered: the reason */
};

#define IMAGE_PROTOCOLS 3

struct image {
	enum image_kind kind;
	uint64_t size;       /* of the file */
	uint64_t memory_min; /* --memory with which the kernel alone can be loaded */
	struct image_protocol protocols[IMAGE_PROTOCOLS];
};

/* True if the kernel is any. `fd` is a regular file; `name` is for messages. If none of the
 * protocols takes it, protocols[] tell why and `why` what --boot auto would say. 0 or -errno. */
int image_look(struct image *image, int fd, const char *name, char *why, size_t why_size);

/* "Linux version ..." of an unpacked kernel, and the release in it; "" if there is none. */
void image_find_banner(const uint8_t *bytes, size_t size, char *banner, size_t room, char *release,
    size_t release_room);

/* The whole file, to be freed. NULL with errno. A file of more than `limit` is EFBIG. */
uint8_t *image_read(int fd, uint64_t limit, size_t *size);

#endif
