/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * disk - a folder's files as an ext4 file system in an image, by mke2fs(8).
 */
#ifndef TOOLS_RUN_DISK_H
#define TOOLS_RUN_DISK_H

#include <stdbool.h>
#include <stdint.h>

struct disk_measure {
	uint64_t bytes; /* on an ext4 of 4 KiB blocks */
	uint64_t files;
};

struct disk_plan {
	const char *folder, *image, *label; /* the image is made; the label may be NULL */
	uint64_t free_bytes;                /* room to write, beside the files */
	uint64_t size;                      /* of the image; 0: as it comes */
	const char *fakeroot; /* a state of fakeroot(1), by which owners are; or NULL */
	bool journal;
};

/* Counts a folder's files. 0; -EFBIG: they are beyond `most`; -errno. */
int disk_measure(const char *folder, const struct disk_measure *most, struct disk_measure *found);
/* Makes the image. 0, or a status or -errno, with the reason in `why`. */
int disk_make(
    const struct disk_plan *p, const struct disk_measure *m, char *why, unsigned why_size);

#endif
