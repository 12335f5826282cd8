/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * bzimage - a bzImage by its 64-bit entry.
 *
 * Source: Linux Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header" and
 * "64-bit Boot Protocol". Offsets named there count from the start of the file; the
 * protected-mode code follows the setup sectors, and its 64-bit entry lies 0x200 in.
 */
#include <asm/bootparam.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "core/base/log.h"
#include "core/boot/kernel.h"
#include "core/boot/layout.h"
#include "core/boot/params.h"

#define MAGIC_OFFSET 0x202u
#define MAGIC        0x53726448u /* "HdrS" */
#define BOOT_FLAG    0xaa55u
#define SECTOR       512u
#define PARAGRAPH    16u /* the unit of syssize */
#define ENTRY_64     0x200u
#define VERSION_MIN  0x020cu /* 2.12 brought xloadflags */
#define PAGE         4096u
#define SETUP_MIN    1024u /* boot sector and one more */

/* Through handover_offset, the last field that protocol 2.12 has. */
#define HEADER_END_MIN 0x268u

typedef unsigned long long ull; /* for %llx */

struct image {
	const struct boot_file *file;
	struct setup_header h;
	uint64_t setup_size, code_size; /* bytes before and of the protected-mode code */
};

bool bzimage_has_magic(const struct kernel_image *image)
{
	uint32_t magic;

	if (image->head_size < MAGIC_OFFSET + sizeof(magic))
		return false;
	memcpy(&magic, image->head + MAGIC_OFFSET, sizeof(magic));
	return magic == MAGIC;
}

/* The jump at 0x200 goes over the header, so its distance tells where that ends. */
static uint32_t header_end(const struct setup_header *h)
{
	return MAGIC_OFFSET + (h->jump >> 8);
}

static int check_header(const struct image *bz)
{
	const struct setup_header *h = &bz->h;
	const char *name = bz->file->name;

	if (h->boot_flag != BOOT_FLAG)
		return log_error(
		    ENOEXEC, "%s: bzImage boot_flag is 0x%04x, must be 0xaa55", name, h->boot_flag);
	if (h->version < VERSION_MIN)
		return log_error(ENOEXEC,
		    "%s: bzImage boot protocol is %u.%02u, must be 2.12 or newer (Linux 3.8)", name,
		    h->version >> 8, h->version & 0xffu);
	if (header_end(h) < HEADER_END_MIN)
		return log_error(ENOEXEC, "%s: bzImage setup header ends at 0x%x, must reach 0x%x",
		    name, header_end(h), HEADER_END_MIN);
	if (!(h->loadflags & LOADED_HIGH))
		return log_error(ENOEXEC, "%s: bzImage loadflags 0x%02x lack LOADED_HIGH: a zImage",
		    name, h->loadflags);
	if (!(h->xloadflags & XLF_KERNEL_64))
		return log_error(ENOEXEC,
		    "%s: bzImage xloadflags 0x%04x lack XLF_KERNEL_64: no 64-bit kernel", name,
		    h->xloadflags);
	return 0;
}

static int check_sizes(struct image *bz)
{
	const struct setup_header *h = &bz->h;
	const struct boot_file *file = bz->file;

	/* 0 stood for 4 in kernels far older than protocol 2.12. */
	if (h->setup_sects == 0)
		return log_error(
		    ENOEXEC, "%s: bzImage setup_sects is 0, must be 1 or more", file->name);
	bz->setup_size = (h->setup_sects + 1ull) * SECTOR;
	bz->code_size = h->syssize * (uint64_t)PARAGRAPH;
	if (bz->setup_size >= file->size)
		return log_error(ENOEXEC,
		    "%s: bzImage setup_sects %u needs 0x%llx bytes, but the file has 0x%llx",
		    file->name, h->setup_sects, (ull)bz->setup_size, (ull)file->size);
	/* More than that may follow: a signature. Less by what rounding up to paragraphs added
	 * may be there: the file need not be padded. */
	const uint64_t there = file->size - bz->setup_size;
	if (bz->code_size > there && bz->code_size - there < PARAGRAPH)
		bz->code_size = there;
	if (bz->code_size > there)
		return log_error(ENOEXEC,
		    "%s: bzImage syssize says 0x%llx bytes of code, but the file has 0x%llx: cut "
		    "short?",
		    file->name, (ull)bz->code_size, (ull)there);
	if (bz->code_size <= ENTRY_64)
		return log_error(ENOEXEC,
		    "%s: bzImage syssize says 0x%llx bytes of code; it must be more than 0x200",
		    file->name, (ull)bz->code_size);
	if (h->payload_offset > bz->code_size ||
	    h->payload_length > bz->code_size - h->payload_offset)
		return log_error(ENOEXEC,
		    "%s: bzImage payload_offset 0x%x and payload_length 0x%x pass the code's "
		    "0x%llx "
		    "bytes",
		    file->name, h->payload_offset, h->payload_length, (ull)bz->code_size);
	if (h->init_size < bz->code_size)
		return log_error(ENOEXEC,
		    "%s: bzImage init_size 0x%x is less than its own code of 0x%llx bytes",
		    file->name, h->init_size, (ull)bz->code_size);
	return 0;
}

static int check_alignment(const struct image *bz)
{
	uint32_t align = bz->h.kernel_alignment;

	if (align < PAGE || (align & (align - 1)) != 0)
		return log_error(ENOEXEC,
		    "%s: bzImage kernel_alignment is 0x%x, must be a power of two from 0x1000 on",
		    bz->file->name, align);
	if (bz->h.pref_address % PAGE != 0)
		return log_error(ENOEXEC, "%s: bzImage pref_address 0x%llx is not page aligned",
		    bz->file->name, (ull)bz->h.pref_address);
	return 0;
}

/* Where to put the kernel so that init_size bytes from there are its own. A relocatable
 * one that is loaded below pref_address moves itself up to it, so Volt places it above. */
static int place(const struct image *bz, const struct boot_map *map, uint64_t *at)
{
	const struct setup_header *h = &bz->h;
	uint64_t from = h->pref_address;

	*at = from;
	if (!h->relocatable_kernel)
		return 0; /* there or nowhere, as the claim will tell */
	if (from < LAYOUT_KERNEL_MIN)
		from = LAYOUT_KERNEL_MIN;
	if (map_find_above(map, from, h->init_size, h->kernel_alignment, at))
		return 0;
	const uint64_t start = (from + h->kernel_alignment - 1) & -(uint64_t)h->kernel_alignment;
	int err = map_check_room(map, bz->file->name, "the kernel", start + h->init_size);
	if (err)
		return err;
	return log_error(ENOMEM,
	    "%s: the kernel needs 0x%x bytes (init_size) at or above 0x%llx (pref_address), "
	    "aligned "
	    "to 0x%x, but RAM for it ends at 0x%llx",
	    bz->file->name, h->init_size, (ull)h->pref_address, h->kernel_alignment,
	    (ull)map->limit);
}

static int load_code(const struct image *bz, struct memory *memory, uint64_t at)
{
	void *to = memory_at(memory, at, bz->code_size);

	if (!to)
		return log_error(EFAULT, "%s: 0x%llx is not in RAM", bz->file->name, (ull)at);
	return file_read(bz->file, bz->setup_size, to, bz->code_size);
}

/* What the file says in fields that are the loader's to write does not count. */
static void fill_setup(
    const struct kernel_image *image, const struct image *bz, struct kernel_info *info)
{
	struct setup_header *h = (struct setup_header *)info->setup;
	uint32_t end = header_end(&bz->h);

	if (end > KERNEL_SETUP_END)
		end = KERNEL_SETUP_END; /* a later protocol's fields that boot_params has no room
					   for */
	memcpy(info->setup, image->head + KERNEL_SETUP_OFFSET, end - KERNEL_SETUP_OFFSET);
	h->setup_data = 0;
	h->hardware_subarch = 0; /* a PC */
	h->hardware_subarch_data = 0;
	h->code32_start = (uint32_t)info->load_address;
	h->heap_end_ptr = 0;
	h->loadflags &= (uint8_t) ~(CAN_USE_HEAP | KEEP_SEGMENTS | KASLR_FLAG);
}

static int read_header(const struct kernel_image *image, struct image *bz)
{
	*bz = (struct image){.file = &image->file};
	if (image->head_size < SETUP_MIN)
		return log_error(ENOEXEC, "%s: bzImage cut short: %u bytes, the setup alone has %u",
		    image->file.name, image->head_size, SETUP_MIN);
	memcpy(&bz->h, image->head + KERNEL_SETUP_OFFSET, sizeof(bz->h));
	int err = check_header(bz);
	return err ? err : check_sizes(bz);
}

static int bzimage_load(const struct kernel_image *image, struct memory *memory,
    struct boot_map *map, struct kernel_info *info)
{
	struct image bz;
	uint64_t at;
	int err = read_header(image, &bz);

	if (err)
		return err;
	err = check_alignment(&bz);
	if (err)
		return err;
	err = place(&bz, map, &at);
	if (err)
		return err;
	err = map_claim(map, image->file.name, "the kernel", at, bz.h.init_size);
	if (err)
		return err;
	err = load_code(&bz, memory, at);
	if (err)
		return err;
	info->entry = at + ENTRY_64;
	info->load_address = at;
	info->end = at + bz.h.init_size;
	info->modules_end = bz.h.initrd_addr_max + 1ull;
	info->cmdline_max = bz.h.cmdline_size;
	fill_setup(image, &bz, info);
	return 0;
}

/* A pointer into the setup sectors, less 0x200, to a text that ends with a NUL. */
static void read_version(const struct image *bz, char *text, size_t size)
{
	uint64_t at = bz->h.kernel_version + 0x200ull;
	size_t n = 0;

	text[0] = '\0';
	if (bz->h.kernel_version == 0 || at >= bz->setup_size)
		return;
	uint64_t room = bz->setup_size - at < size - 1 ? bz->setup_size - at : size - 1;
	if (file_peek(bz->file, at, text, room))
		while (n < room && text[n] >= ' ' && text[n] <= '~')
			n++;
	text[n] = '\0';
}

int bzimage_read_facts(const struct kernel_image *image, struct bzimage_facts *facts)
{
	struct image bz;
	int err = read_header(image, &bz);

	if (err)
		return err;
	facts->payload_offset = bz.setup_size + bz.h.payload_offset;
	facts->payload_size = bz.h.payload_length;
	read_version(&bz, facts->version, sizeof(facts->version));
	return 0;
}

const struct kernel_protocol bzimage_protocol = {
    .name = "linux64 bzImage",
    .choice = BOOT_LINUX,
    .load = bzimage_load,
    .enter = params_enter,
};
