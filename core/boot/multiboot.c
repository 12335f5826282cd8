/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * multiboot - a kernel with a Multiboot 1 header, from an ELF file or by its addresses.
 *
 * Source: Multiboot Specification 0.6.96, chapter 3.
 */
#include <errno.h>
#include <string.h>

#include "core/base/log.h"
#include "core/boot/elf.h"
#include "core/boot/handover.h"
#include "core/boot/layout.h"

#define HEADER_MAGIC 0x1badb002u
#define LOADER_MAGIC 0x2badb002u /* for EAX */

/* Header flags: 0 to 15 are demands, of which the first two are always met. */
#define WANTS_VIDEO     (1u << 2)
#define WANTS_UNKNOWN   0xfff8u
#define HAS_ADDRESSES   (1u << 16)
#define HEADER_SIZE_MIN 12u

/* Information flags. */
#define HAS_MEMORY  (1u << 0)
#define HAS_CMDLINE (1u << 2)
#define HAS_MODULES (1u << 3)
#define HAS_MEMMAP  (1u << 6)
#define HAS_NAME    (1u << 9)

#define NAME_AT    (LAYOUT_PARAMS + 0x80)
#define MEMMAP_AT  (LAYOUT_PARAMS + 0x100)
#define MODULES_AT (LAYOUT_PARAMS + 0x200)

#define KIB 1024u

typedef unsigned long long ull; /* for %llx */

struct header {
	uint32_t magic, flags, checksum;
	uint32_t header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};

struct information {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline;
	uint32_t mods_count, mods_addr, syms[4];
	uint32_t mmap_length, mmap_addr, drives_length, drives_addr, config_table;
	uint32_t boot_loader_name;
};

struct memmap_entry {
	uint32_t size; /* of what follows */
	uint64_t start, len;
	uint32_t type;
} __attribute__((packed));

struct module_entry {
	uint32_t start, end, string, reserved;
};

_Static_assert(sizeof(struct header) == 32 && sizeof(struct information) == 68 &&
		   sizeof(struct memmap_entry) == 24 && sizeof(struct module_entry) == 16,
    "as specified");
_Static_assert(MEMMAP_AT + HANDOVER_RANGE_MAX * sizeof(struct memmap_entry) <= MODULES_AT &&
		   MODULES_AT + KERNEL_MODULE_MAX * sizeof(struct module_entry) <= LAYOUT_STACK,
    "all of it fits into one page");

/* -------------------------------------------------------------- the header */

/* The first header, with a good sum if `sound`. What lies behind the head's end is zero. */
static bool find_header(
    const struct kernel_image *image, bool sound, struct header *h, uint32_t *offset)
{
	for (uint32_t at = 0; at + HEADER_SIZE_MIN <= image->head_size; at += 4) {
		uint32_t left = image->head_size - at;

		memset(h, 0, sizeof(*h));
		memcpy(h, image->head + at, left < sizeof(*h) ? left : sizeof(*h));
		*offset = at;
		if (h->magic == HEADER_MAGIC && (!sound || h->magic + h->flags + h->checksum == 0))
			return true;
	}
	return false;
}

bool multiboot_has_header(const struct kernel_image *image)
{
	struct header h;
	uint32_t offset;

	return find_header(image, true, &h, &offset);
}

bool multiboot_has_magic(const struct kernel_image *image)
{
	struct header h;
	uint32_t offset;

	return find_header(image, false, &h, &offset);
}

static int check_header(const struct kernel_image *image, const struct header *h, uint32_t offset)
{
	const char *name = image->file.name;

	if (h->magic + h->flags + h->checksum != 0)
		return log_error(ENOEXEC,
		    "%s: Multiboot header at offset 0x%x has checksum 0x%08x, must be 0x%08x", name,
		    offset, h->checksum, 0u - (h->magic + h->flags));
	if (h->flags & WANTS_VIDEO)
		return log_error(ENOEXEC,
		    "%s: Multiboot flags 0x%08x demand a video mode (bit 2), and this machine has "
		    "no display",
		    name, h->flags);
	if (h->flags & WANTS_UNKNOWN)
		return log_error(ENOEXEC,
		    "%s: Multiboot flags 0x%08x demand what no one defined: bits 3 to 15 must be 0",
		    name, h->flags);
	if ((h->flags & HAS_ADDRESSES) && image->head_size - offset < sizeof(*h))
		return log_error(ENOEXEC,
		    "%s: Multiboot header at offset 0x%x is cut short: its addresses (flag 16) "
		    "pass offset 0x%x",
		    name, offset, image->head_size);
	return 0;
}

/* ------------------------------------------------- loading by the header's addresses */

/* Which bytes of the file go where. */
struct piece {
	uint64_t offset, size; /* in the file */
	uint64_t start, end;   /* in memory, .bss included */
};

static int check_addresses(
    const struct boot_file *file, const struct header *h, uint32_t offset, struct piece *p)
{
	uint64_t before = (uint64_t)h->header_addr - h->load_addr;

	if (h->load_addr > h->header_addr || before > offset)
		return log_error(ENOEXEC,
		    "%s: Multiboot load_addr 0x%x and header_addr 0x%x, but the header lies only "
		    "0x%x into the file",
		    file->name, h->load_addr, h->header_addr, offset);
	p->start = h->load_addr;
	p->offset = offset - before;
	p->size = file->size - p->offset;
	if (h->load_end_addr != 0 &&
	    (h->load_end_addr <= h->header_addr || h->load_end_addr - p->start > p->size))
		return log_error(ENOEXEC,
		    "%s: Multiboot load_end_addr 0x%x must be above header_addr 0x%x, and at most "
		    "0x%llx, where the file ends",
		    file->name, h->load_end_addr, h->header_addr, (ull)(p->start + p->size));
	if (h->load_end_addr != 0)
		p->size = h->load_end_addr - p->start;
	p->end = p->start + p->size;
	if (h->bss_end_addr != 0 && h->bss_end_addr < p->end)
		return log_error(ENOEXEC,
		    "%s: Multiboot bss_end_addr 0x%x is below the end of the data at 0x%llx",
		    file->name, h->bss_end_addr, (ull)p->end);
	if (h->entry_addr < p->start || h->entry_addr >= p->end)
		return log_error(ENOEXEC,
		    "%s: Multiboot entry_addr 0x%x is not in the data at 0x%llx to 0x%llx",
		    file->name, h->entry_addr, (ull)p->start, (ull)(p->end - 1));
	if (h->bss_end_addr != 0)
		p->end = h->bss_end_addr;
	return 0;
}

static int load_piece(const struct boot_file *file, const struct header *h, uint32_t offset,
    struct memory *memory, struct boot_map *map, struct kernel_info *info)
{
	struct piece p = {0};
	int err = check_addresses(file, h, offset, &p);

	if (err)
		return err;
	err = map_check_room(map, file->name, "the kernel", p.end);
	if (err)
		return err;
	err = map_claim(map, file->name, "the kernel", p.start, p.end - p.start);
	if (err)
		return err;
	uint8_t *to = memory_at(memory, p.start, p.end - p.start);
	if (!to)
		return log_error(EFAULT, "%s: 0x%llx is not in RAM", file->name, (ull)p.start);
	info->entry = h->entry_addr;
	info->load_address = p.start;
	info->end = p.end;
	return file_read(file, p.offset, to, p.size);
}

/* ----------------------------------------------------------------- loading */

/* ELF32 and ELF64, as in GRUB: the entry is 32-bit code in both. */
static int load_elf(const struct kernel_image *image, struct memory *memory, struct boot_map *map,
    struct kernel_info *info)
{
	struct elf_image elf;

	if (elf_parse(image, &elf) != 0)
		return log_error(ENOEXEC,
		    "%s: %s; and the Multiboot header gives no addresses (flag 16)",
		    image->file.name, elf.why);
	return elf_load(&elf, "e_entry", elf_physical_entry(&elf), memory, map, info);
}

static int multiboot_load(const struct kernel_image *image, struct memory *memory,
    struct boot_map *map, struct kernel_info *info)
{
	struct header h;
	uint32_t offset;

	if (!find_header(image, true, &h, &offset) && !find_header(image, false, &h, &offset))
		return log_error(ENOEXEC, "%s: no Multiboot header", image->file.name);
	const int err = check_header(image, &h, offset);
	if (err)
		return err;
	info->modules_end = LAYOUT_MAPPED_END;
	info->cmdline_max = UINT32_MAX;
	if (h.flags & HAS_ADDRESSES)
		return load_piece(&image->file, &h, offset, memory, map, info);
	return load_elf(image, memory, map, info);
}

/* ---------------------------------------------------------------- entering */

static void put(struct memory *memory, uint64_t at, const void *bytes, size_t size)
{
	memcpy(memory->host + at, bytes, size);
}

static uint32_t put_memmap(struct memory *memory)
{
	struct handover_range ranges[HANDOVER_RANGE_MAX];
	uint32_t count = handover_ranges(memory, ranges);

	for (uint32_t i = 0; i < count; i++) {
		const struct memmap_entry entry = {
		    .size = sizeof(entry) - sizeof(entry.size),
		    .start = ranges[i].start,
		    .len = ranges[i].size,
		    .type = ranges[i].type,
		};

		put(memory, MEMMAP_AT + i * sizeof(entry), &entry, sizeof(entry));
	}
	return count * (uint32_t)sizeof(struct memmap_entry);
}

static void put_modules(struct memory *memory, const struct kernel_handover *handover)
{
	uint64_t strings[KERNEL_MODULE_MAX];

	handover_write_strings(memory, handover, strings);
	for (uint32_t i = 0; i < handover->module_count; i++) {
		const struct kernel_module *m = &handover->modules[i];
		const struct module_entry entry = {
		    .start = (uint32_t)m->start,
		    .end = (uint32_t)(m->start + m->size),
		    .string = (uint32_t)strings[i],
		};

		put(memory, MODULES_AT + i * sizeof(entry), &entry, sizeof(entry));
	}
}

static void multiboot_enter(
    struct memory *memory, const struct kernel_handover *handover, struct boot_entry *entry)
{
	static const char name[] = "volt";
	struct information info = {
	    .flags = HAS_MEMORY | HAS_CMDLINE | HAS_MODULES | HAS_MEMMAP | HAS_NAME,
	    .mem_lower = LAYOUT_MP_TABLE / KIB,
	    .mem_upper = (uint32_t)((memory->low_size - LAYOUT_KERNEL_MIN) / KIB),
	    .cmdline = LAYOUT_CMDLINE,
	    .mods_count = handover->module_count,
	    .mods_addr = MODULES_AT,
	    .mmap_addr = MEMMAP_AT,
	    .boot_loader_name = NAME_AT,
	};

	info.mmap_length = put_memmap(memory);
	put_modules(memory, handover);
	put(memory, NAME_AT, name, sizeof(name));
	put(memory, LAYOUT_PARAMS, &info, sizeof(info));
	handover_enter_protected32(memory, entry);
	entry->rax = LOADER_MAGIC;
	entry->rbx = LAYOUT_PARAMS;
}

const struct kernel_protocol multiboot_protocol = {
    .name = "multiboot",
    .choice = BOOT_MULTIBOOT,
    .takes_modules = true,
    .own_stack = true,
    .modules_low = true,
    .load = multiboot_load,
    .enter = multiboot_enter,
};
