/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/boot/boot.h"

#include <errno.h>
#include <string.h>

#include "core/base/log.h"
#include "core/boot/elf.h"
#include "core/boot/firmware.h"
#include "core/boot/handover.h"
#include "core/boot/kernel.h"
#include "core/boot/layout.h"
#include "core/boot/map.h"
#include "core/boot/modules.h"

#define PAGE 4096u

/* The first that fits a file, among those that --boot allows, loads it. docs/boot.md gives
 * the reasons for the order. The last four only fit so that a file with one thing wrong is
 * told what it is. */
static const struct {
	const struct kernel_protocol *protocol;
	bool (*fits)(const struct kernel_image *image);
} rows[] = {
    {&vmlinux_protocol, vmlinux_is_linux},
    {&bzimage_protocol, bzimage_has_magic},
    {&pvh_protocol, pvh_has_note},
    {&multiboot_protocol, multiboot_has_header},
    {&vmlinux_protocol, elf_is_64}, /* of unknown making: as it always was */
    {&multiboot_protocol, multiboot_has_magic},
    {&vmlinux_protocol, elf_has_magic},
    {&pvh_protocol, elf_has_magic},
};

static const char *const missing[] = {
    [BOOT_AUTO] = "no ELF file, no bzImage (HdrS at 0x202), no Multiboot header",
    [BOOT_LINUX] = "neither a vmlinux (ELF magic at 0) nor a bzImage (HdrS at 0x202)",
    [BOOT_PVH] = "no ELF file, which a PVH kernel is",
    [BOOT_MULTIBOOT] = "no Multiboot header (0x1badb002) in its first 8192 bytes",
};

static int check_memory(const struct memory *m)
{
	typedef unsigned long long ull;
	uint64_t size = m->low_size + m->high_size;

	if (m->low_size < MEMORY_MIN || m->high_size > MEMORY_MAX || size > MEMORY_MAX)
		return log_error(EINVAL, "memory: 0x%llx bytes, must be 0x%llx to 0x%llx",
		    (ull)size, MEMORY_MIN, MEMORY_MAX);
	if (m->low_size > MEMORY_HOLE_START)
		return log_error(EINVAL,
		    "memory: 0x%llx bytes below 4 GiB reach into the hole at 0x%llx",
		    (ull)m->low_size, MEMORY_HOLE_START);
	if (m->low_size % PAGE != 0 || m->high_size % PAGE != 0)
		return log_error(EINVAL,
		    "memory: 0x%llx and 0x%llx bytes, must be multiples of 4096", (ull)m->low_size,
		    (ull)m->high_size);
	return 0;
}

int kernel_open(struct kernel_image *image, int fd, const char *name)
{
	int err = file_init(&image->file, fd, name);

	if (err)
		return err;
	image->head_size = KERNEL_HEAD_SIZE;
	if (image->file.size < KERNEL_HEAD_SIZE)
		image->head_size = (uint32_t)image->file.size;
	err = file_read(&image->file, 0, image->head, image->head_size);
	if (err)
		return err;
	image->file.head = image->head;
	image->file.head_size = image->head_size;
	return 0;
}

static const struct kernel_protocol *find_protocol(
    const struct kernel_image *image, enum boot_choice choice)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if ((choice == BOOT_AUTO || choice == rows[i].protocol->choice) &&
		    rows[i].fits(image))
			return rows[i].protocol;
	return NULL;
}

/* Only what the protocol needs may be in a kernel's way. */
static void make_room(const struct kernel_protocol *protocol, struct boot_map *map)
{
	if (!protocol->own_stack)
		return;
	map_release(map, LAYOUT_PAGE_TABLES);
	map_release(map, LAYOUT_STACK);
}

static int load_image(const struct kernel_image *image, enum boot_choice choice,
    struct memory *memory, struct boot_map *map, struct kernel_info *info,
    const struct kernel_protocol **protocol)
{
	*protocol = find_protocol(image, choice);
	if (!*protocol)
		return log_error(ENOEXEC, "%s: not a kernel%s: %s", image->file.name,
		    choice == BOOT_AUTO ? "" : " for that --boot", missing[choice]);
	/* Linux was known by its addresses; for any other, a PVH note would have come first. */
	if (choice == BOOT_AUTO && *protocol != &pvh_protocol && !vmlinux_is_linux(image))
		pvh_warn_of_notes(image, (*protocol)->name);
	make_room(*protocol, map);
	return (*protocol)->load(image, memory, map, info);
}

/* Linux lives long and uses much of its kernel: huge pages serve it better. */
static bool may_map(enum boot_files files, bool is_linux)
{
	return files == BOOT_FILES_MAP || (files == BOOT_FILES_AUTO && !is_linux);
}

static int load_kernel(const struct boot_request *request, struct boot_map *map,
    struct kernel_handover *handover, const struct kernel_protocol **protocol)
{
	struct kernel_image image;
	int err = kernel_open(&image, request->kernel_fd, request->kernel_name);

	if (err)
		return err;
	handover->is_linux = vmlinux_is_linux(&image) || bzimage_has_magic(&image);
	image.file.map = handover->map_files = may_map(request->files, handover->is_linux);
	return load_image(&image, request->choice, request->memory, map, &handover->info, protocol);
}

int kernel_try(const struct kernel_image *image, enum boot_choice choice, struct memory *memory,
    struct kernel_info *info, const struct kernel_protocol **protocol)
{
	struct boot_map map;

	memset(info, 0, sizeof(*info));
	map_init(&map, memory->low_size);
	return load_image(image, choice, memory, &map, info, protocol);
}

static int enter(const struct boot_request *request, const struct kernel_protocol *protocol,
    struct kernel_handover *handover, struct boot_map *map, struct boot_entry *entry)
{
	int err = handover_check(handover, request);

	if (err)
		return err;
	err = modules_load(request, protocol, map, handover);
	if (err)
		return err;
	entry->protocol = protocol->name;
	entry->is_linux = handover->is_linux;
	entry->rip = handover->info.entry;
	entry->rsp = LAYOUT_STACK_END;
	protocol->enter(request->memory, handover, entry);
	return 0;
}

int boot_load(const struct boot_request *request, struct boot_entry *entry)
{
	struct memory *memory = request->memory;
	struct kernel_handover handover = {.cmdline = request->cmdline};
	const struct kernel_protocol *protocol;
	struct boot_map map;

	memset(entry, 0, sizeof(*entry));
	int err = check_memory(memory);
	if (err)
		return err;
	map_init(&map, memory->low_size);
	err = firmware_write(request->firmware, memory, &handover.rsdp);
	if (err)
		return err;
	err = load_kernel(request, &map, &handover, &protocol);
	if (err)
		return err;
	return enter(request, protocol, &handover, &map, entry);
}
