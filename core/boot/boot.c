/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/boot/boot.h"

#include <errno.h>
#include <string.h>

#include "core/boot/firmware.h"
#include "core/boot/gdt.h"
#include "core/boot/initrd.h"
#include "core/boot/kernel.h"
#include "core/boot/layout.h"
#include "core/boot/map.h"
#include "core/boot/pagetables.h"
#include "core/boot/params.h"
#include "core/log.h"

#define PAGE 4096u

/* Asked in this order; the first that knows the file loads it. */
static const struct kernel_protocol *const protocols[] = {
    &elf_protocol,
    &bzimage_protocol,
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

static int open_image(const struct boot_request *request, struct kernel_image *image)
{
	int err = file_init(&image->file, request->kernel_fd, request->kernel_name);

	if (err != 0)
		return err;
	image->head_size = KERNEL_HEAD_SIZE;
	if (image->file.size < KERNEL_HEAD_SIZE)
		image->head_size = (uint32_t)image->file.size;
	return file_read(&image->file, 0, image->head, image->head_size);
}

static const struct kernel_protocol *find_protocol(const struct kernel_image *image)
{
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		if (protocols[i]->probe(image))
			return protocols[i];
	return NULL;
}

static int load_kernel(const struct boot_request *request, struct boot_map *map,
    struct kernel_info *info, const char **name)
{
	struct kernel_image image;
	int err = open_image(request, &image);

	if (err != 0)
		return err;
	const struct kernel_protocol *protocol = find_protocol(&image);
	if (protocol == NULL)
		return log_error(ENOEXEC,
		    "%s: not a kernel: neither a vmlinux (ELF magic at 0) nor a bzImage (HdrS at "
		    "0x202)",
		    image.file.name);
	*name = protocol->name;
	return protocol->load(&image, request->memory, map, info);
}

static int load_initrd(
    const struct boot_request *request, struct boot_map *map, struct params_input *in)
{
	struct boot_file file;

	if (request->initrd_fd < 0)
		return 0;
	int err = file_init(&file, request->initrd_fd, request->initrd_name);
	if (err != 0)
		return err;
	in->initrd_size = file.size;
	return initrd_load(&file, request->memory, map, in->kernel->initrd_end, &in->initrd_start);
}

int boot_load(const struct boot_request *request, struct boot_entry *entry)
{
	struct memory *memory = request->memory;
	struct kernel_info info = {0};
	struct params_input in = {.kernel = &info, .cmdline = request->cmdline};
	struct boot_map map;

	memset(entry, 0, sizeof(*entry));
	int err = check_memory(memory);
	if (err != 0)
		return err;
	map_init(&map, memory->low_size);
	memset(memory->host, 0, LAYOUT_GDT); /* no BIOS data area, not even an earlier guest's */
	err = firmware_write(request->firmware, memory, &in.rsdp);
	if (err == 0)
		err = load_kernel(request, &map, &info, &entry->protocol);
	if (err == 0)
		err = params_check_cmdline(request->cmdline, info.cmdline_max);
	if (err == 0)
		err = load_initrd(request, &map, &in);
	if (err != 0)
		return err;
	entry->rip = info.entry;
	entry->rsi = params_write(memory, &in);
	entry->rsp = LAYOUT_STACK_END;
	entry->cr3 = pagetables_write(memory);
	gdt_write(memory, &entry->gdt_base, &entry->gdt_limit);
	return 0;
}
