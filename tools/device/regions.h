/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * regions - the guest's memory, as the front end hands it over: parts of files.
 *
 * The loop's thread changes them, and any thread reads. One more may come at any time; all other
 * changes are made only while no ring is served.
 */
#ifndef DEVICE_REGIONS_H
#define DEVICE_REGIONS_H

#include <stdint.h>

#include "tools/device/protocol.h"

#define REGIONS_MAX 32u

struct region {
	struct region_at where; /* guest physical, and where the front end has it */
	uint8_t *at;            /* where it lies here */
	void *map;              /* whole pages around it */
	uint64_t map_size;
};

struct regions {
	uint32_t count; /* atomic */
	struct region list[REGIONS_MAX];
};

struct ledger;

/* Maps a part of the file `fd`, which stays the caller's. 0; or -errno with a reason of a few
 * words: malformed, overlapping, not so long as it says, or the kernel refuses it. */
int regions_add(struct regions *r, const struct region_at *part, int fd, const char **why);
/* Takes the one that has the same addresses and size away. 0 or -ENOENT. */
int regions_remove(struct regions *r, const struct region_at *part);
void regions_clear(struct regions *r);
/* Where [gpa, gpa + n) lies, inside of one region; NULL: not all of it is memory, or n is 0. */
void *regions_at(const struct regions *r, uint64_t gpa, uint64_t n);
/* The guest physical address of the front end's address `user`. 0 or -EFAULT. */
int regions_to_gpa(const struct regions *r, uint64_t user, uint64_t *gpa);
/* The calls that it makes under the seal on files with those numbers. */
void regions_declare(struct ledger *l);

#endif
