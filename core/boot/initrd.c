/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/boot/initrd.h"

#include <errno.h>

#include "core/boot/layout.h"
#include "core/log.h"

#define PAGE 4096u

int initrd_load(const struct boot_file *file, struct memory *memory, struct boot_map *map,
    uint64_t end, uint64_t *start)
{
	typedef unsigned long long ull;

	if (!map_find_below(map, LAYOUT_KERNEL_MIN, end, file->size, PAGE, start))
		return log_error(ENOMEM,
		    "%s: initrd of 0x%llx bytes does not fit beside the kernel below 0x%llx: give "
		    "the "
		    "guest more memory or a smaller initrd",
		    file->name, (ull)file->size, (ull)(end < map->limit ? end : map->limit));
	int err = map_claim(map, file->name, "the initrd", *start, file->size);
	if (err != 0)
		return err;
	void *to = memory_at(memory, *start, file->size);
	if (to == NULL)
		return log_error(EFAULT, "%s: 0x%llx is not in RAM", file->name, (ull)*start);
	return file_read(file, 0, to, file->size);
}
