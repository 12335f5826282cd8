/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/boot/modules.h"

#include <errno.h>
#include <stdio.h>

#include "core/base/log.h"
#include "core/boot/initrd.h"
#include "core/boot/layout.h"

#define PAGE 4096u

/* What loading one module needs to know. */
struct place {
	struct memory *memory;
	struct boot_map *map;
	const struct kernel_info *info;
	bool low, map_files;
};

static bool find(const struct place *p, uint64_t size, uint64_t *start)
{
	uint64_t from = p->info->end, end = p->info->modules_end;

	if (from < LAYOUT_KERNEL_MIN)
		from = LAYOUT_KERNEL_MIN;
	if (p->low && map_find_above(p->map, from, size, PAGE, start) && *start + size <= end)
		return true;
	return map_find_below(p->map, LAYOUT_KERNEL_MIN, end, size, PAGE, start);
}

/* Where a module ends in the smallest memory that holds it; UINT64_MAX: in none. */
static uint64_t least_end(const struct place *p, uint64_t size)
{
	struct boot_map larger = *p->map;
	uint64_t start;

	larger.limit =
	    p->info->modules_end < MEMORY_HOLE_START ? p->info->modules_end : MEMORY_HOLE_START;
	return map_find_above(&larger, LAYOUT_KERNEL_MIN, size, PAGE, &start) ? start + size
									      : UINT64_MAX;
}

static int load(
    const struct place *p, int fd, const char *name, const char *what, struct kernel_module *module)
{
	typedef unsigned long long ull;
	uint64_t end = p->info->modules_end;
	struct boot_file file;
	int err = file_init(&file, fd, name);

	if (err)
		return err;
	if (!find(p, file.size, &module->start)) {
		err = map_check_room(p->map, name, what, least_end(p, file.size));
		if (err)
			return err;
		return log_error(ENOMEM,
		    "%s: %s of 0x%llx bytes does not fit beside the kernel below 0x%llx: use a "
		    "smaller %s",
		    name, what, (ull)file.size, (ull)(end < p->map->limit ? end : p->map->limit),
		    what);
	}
	module->size = file.size;
	err = map_claim(p->map, name, what, module->start, file.size);
	if (err)
		return err;
	uint8_t *to = memory_at(p->memory, module->start, file.size);
	if (!to)
		return log_error(EFAULT, "%s: 0x%llx is not in RAM", name, (ull)module->start);
	file.map = p->map_files;
	return file_place(&file, 0, to, file.size);
}

int modules_load(const struct boot_request *request, const struct kernel_protocol *protocol,
    struct boot_map *map, struct kernel_handover *handover)
{
	struct place place = {
	    request->memory, map, &handover->info, protocol->modules_low, handover->map_files};
	struct kernel_module *module = handover->modules;
	int err = 0;

	if (request->module_count > 0 && !protocol->takes_modules)
		return log_error(EINVAL,
		    "--module %s: this kernel boots by the Linux protocol (%s), which has none: an "
		    "initial RAM disk is given by --initrd",
		    request->modules[0].name, protocol->name);
	if (request->initrd_fd >= 0 && !protocol->takes_modules) /* Linux's protocol */
		initrd_warn(request->initrd_fd, request->initrd_name);
	if (request->initrd_fd >= 0)
		err = load(&place, request->initrd_fd, request->initrd_name, "initrd", module++);
	for (uint32_t i = 0; !err && i < request->module_count; i++, module++) {
		char what[32];

		snprintf(what, sizeof(what), "module %u", i + 1);
		module->string = request->modules[i].string;
		err = load(&place, request->modules[i].fd, request->modules[i].name, what, module);
	}
	handover->module_count = (uint32_t)(module - handover->modules);
	return err;
}
