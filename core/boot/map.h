/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * map - which guest memory is spoken for while a guest is put together.
 *
 * Starts with the areas of layout.h. Kernel segments and modules are claimed one
 * after the other; a claim that does not fit or meets another is refused.
 */
#ifndef CORE_BOOT_MAP_H
#define CORE_BOOT_MAP_H

#include <stdbool.h>
#include <stdint.h>

/* Those of layout.h, 128 segments, 33 modules. */
#define MAP_AREA_MAX 192

struct map_area {
	uint64_t start, end; /* end is exclusive */
	char what[32];
};

struct boot_map {
	uint64_t limit; /* end of the RAM below 4 GiB */
	uint32_t count;
	struct map_area areas[MAP_AREA_MAX];
};

void map_init(struct boot_map *map, uint64_t low_size);

/* 0, or -ENOMEM with the least --memory in the log, if RAM ends below `end`, where `what`
 * of `file` ends, and could reach there. */
int map_check_room(const struct boot_map *map, const char *file, const char *what, uint64_t end);

/* Gives the area of layout.h that begins at `start` to whoever claims it. */
void map_release(struct boot_map *map, uint64_t start);

/* Takes [start, start + len) for `what`; `file` is for the message. 0 or -errno, which is logged.
 * Nothing is taken by len 0. */
int map_claim(
    struct boot_map *map, const char *file, const char *what, uint64_t start, uint64_t len);

/* True if [start, start + len) is RAM that nobody has taken. */
bool map_is_free(const struct boot_map *map, uint64_t start, uint64_t len);

/* Lowest free multiple of `align` (a power of two) at or above `from`. */
bool map_find_above(
    const struct boot_map *map, uint64_t from, uint64_t len, uint64_t align, uint64_t *start);

/* Highest free multiple of `align` with start >= floor and start + len <= end. */
bool map_find_below(const struct boot_map *map, uint64_t floor, uint64_t end, uint64_t len,
    uint64_t align, uint64_t *start);

#endif
