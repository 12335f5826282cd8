/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/boot/map.h"

#include <errno.h>
#include <stdio.h>

#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/boot/layout.h"

static void add(struct boot_map *map, const char *what, uint64_t start, uint64_t end)
{
	struct map_area *area = &map->areas[map->count++];

	area->start = start;
	area->end = end;
	snprintf(area->what, sizeof(area->what), "%s", what);
}

void map_init(struct boot_map *map, uint64_t low_size)
{
	map->limit = low_size;
	map->count = 0;
	for (size_t i = 0; i < LAYOUT_AREA_COUNT; i++) {
		const struct layout_area *area = &layout_areas[i];

		if (area->kind != LAYOUT_FREE)
			add(map, area->what, area->start, area->end);
	}
}

void map_release(struct boot_map *map, uint64_t start)
{
	for (uint32_t i = 0; i < map->count; i++)
		if (map->areas[i].start == start) {
			map->areas[i] = map->areas[--map->count];
			return;
		}
}

/* The lowest area that [start, end) meets, or NULL. */
static const struct map_area *meets(const struct boot_map *map, uint64_t start, uint64_t end)
{
	const struct map_area *found = NULL;

	for (uint32_t i = 0; i < map->count; i++) {
		const struct map_area *area = &map->areas[i];

		if (start < area->end && area->start < end &&
		    (!found || area->start < found->start))
			found = area;
	}
	return found;
}

static bool fits(const struct boot_map *map, uint64_t start, uint64_t len)
{
	return start <= map->limit && len <= map->limit - start;
}

bool map_is_free(const struct boot_map *map, uint64_t start, uint64_t len)
{
	return fits(map, start, len) && !meets(map, start, start + len);
}

int map_check_room(const struct boot_map *map, const char *file, const char *what, uint64_t end)
{
	const uint64_t mib = 1ull << 20;

	if (end <= map->limit || end > MEMORY_HOLE_START)
		return 0;
	return log_error(ENOMEM,
	    "%s: %s needs memory up to 0x%llx, but the guest's ends at 0x%llx; give --memory %lluM "
	    "at "
	    "least, and more for the guest's own use",
	    file, what, (unsigned long long)end, (unsigned long long)map->limit,
	    (unsigned long long)((end + mib - 1) / mib));
}

int map_claim(
    struct boot_map *map, const char *file, const char *what, uint64_t start, uint64_t len)
{
	if (len == 0)
		return 0;
	if (!fits(map, start, len))
		return log_error(ENOMEM,
		    "%s: %s of 0x%llx bytes at 0x%llx does not fit: RAM for a kernel ends at "
		    "0x%llx",
		    file, what, (unsigned long long)len, (unsigned long long)start,
		    (unsigned long long)map->limit);
	const struct map_area *other = meets(map, start, start + len);
	if (other)
		return log_error(EINVAL,
		    "%s: %s at 0x%llx to 0x%llx overlaps %s at 0x%llx to 0x%llx", file, what,
		    (unsigned long long)start, (unsigned long long)(start + len - 1), other->what,
		    (unsigned long long)other->start, (unsigned long long)(other->end - 1));
	if (map->count == MAP_AREA_MAX)
		return log_error(ENOSPC, "%s: %s is one more than the %u areas that volt keeps",
		    file, what, MAP_AREA_MAX);
	add(map, what, start, start + len);
	return 0;
}

bool map_find_above(
    const struct boot_map *map, uint64_t from, uint64_t len, uint64_t align, uint64_t *start)
{
	for (uint64_t at = from;;) {
		if (at > map->limit || __builtin_add_overflow(at, align - 1, &at))
			return false;
		at &= ~(align - 1);
		if (!fits(map, at, len))
			return false;
		const struct map_area *other = meets(map, at, at + len);
		if (!other) {
			*start = at;
			return true;
		}
		at = other->end;
	}
}

bool map_find_below(const struct boot_map *map, uint64_t floor, uint64_t end, uint64_t len,
    uint64_t align, uint64_t *start)
{
	if (end > map->limit)
		end = map->limit;
	while (end >= len) {
		uint64_t at = (end - len) & ~(align - 1);

		if (at < floor)
			return false;
		const struct map_area *other = meets(map, at, at + len);
		if (!other) {
			*start = at;
			return true;
		}
		end = other->start;
	}
	return false;
}
