/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * kernel - what a boot protocol gets and gives.
 *
 * A protocol is one file here and one row in boot.c: it recognises a file by its first
 * bytes, checks it, claims and fills guest memory, and says what it learnt.
 */
#ifndef CORE_BOOT_KERNEL_H
#define CORE_BOOT_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/boot/file.h"
#include "core/boot/map.h"
#include "core/memory.h"

/* Enough to recognise any protocol and for the whole setup header of a bzImage. */
#define KERNEL_HEAD_SIZE 1024u

/* The setup header in struct boot_params: from 0x1f1 up to the next field. */
#define KERNEL_SETUP_OFFSET 0x1f1u
#define KERNEL_SETUP_END    0x290u

struct kernel_image {
	struct boot_file file;
	uint8_t head[KERNEL_HEAD_SIZE];
	uint32_t head_size; /* less than the above only for a smaller file */
};

struct kernel_info {
	uint64_t entry;        /* 64-bit entry, identity mapped */
	uint64_t load_address; /* lowest byte of the kernel */
	uint64_t initrd_end;   /* the initrd must end at or below this */
	uint32_t cmdline_max;  /* bytes, without the final NUL */
	uint8_t setup[KERNEL_SETUP_END - KERNEL_SETUP_OFFSET];
};

struct kernel_protocol {
	const char *name;
	bool (*probe)(const struct kernel_image *image);
	/* 0 or -errno, said in the log. `info` comes zeroed. */
	int (*load)(const struct kernel_image *image, struct memory *memory, struct boot_map *map,
	    struct kernel_info *info);
};

extern const struct kernel_protocol elf_protocol;
extern const struct kernel_protocol bzimage_protocol;

#endif
