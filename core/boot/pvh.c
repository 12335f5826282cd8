/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * pvh - an ELF executable whose note names a 32-bit entry point.
 *
 * Sources: Xen docs/misc/pvh.pandoc ("x86/HVM direct boot ABI"), public/elfnote.h and
 * public/arch-x86/hvm/start_info.h (structure version 1); gABI 4.1, "Note Section".
 */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/log.h"
#include "core/boot/elf.h"
#include "core/boot/handover.h"
#include "core/boot/layout.h"

#define NOTE_OWNER  "Xen" /* with its NUL */
#define PHYS32      18u   /* XEN_ELFNOTE_PHYS32_ENTRY */
#define MAGIC       0x336ec578u
#define VERSION     1u
#define MEMMAP_AT   (LAYOUT_PARAMS + 0x100)
#define MODULES_AT  (LAYOUT_PARAMS + 0x200)
#define ENTRY_LIMIT (1ull << 32)

/* A vmlinux has about twenty. Bounds the work that a hostile file can ask for. */
#define NOTE_MAX 4096u

typedef unsigned long long ull; /* for %llx */

struct start_info {
	uint32_t magic, version, flags, module_count;
	uint64_t modules, cmdline, rsdp, memmap;
	uint32_t memmap_count, reserved;
};

struct memmap_entry {
	uint64_t start, size;
	uint32_t type, reserved;
};

struct module_entry {
	uint64_t start, size, cmdline, reserved;
};

_Static_assert(sizeof(struct start_info) == 56, "as documented");
_Static_assert(sizeof(struct memmap_entry) == 24, "as documented");
_Static_assert(sizeof(struct module_entry) == 32, "as documented");
_Static_assert(MEMMAP_AT + HANDOVER_RANGE_MAX * sizeof(struct memmap_entry) <= MODULES_AT &&
		   MODULES_AT + KERNEL_MODULE_MAX * sizeof(struct module_entry) <= LAYOUT_STACK,
    "all of it fits into one page");

/* What the notes of a file say. */
struct notes {
	const struct boot_file *file;
	uint32_t read;  /* notes of any kind */
	uint32_t found; /* those that name an entry */
	uint64_t entry;
	char why[160]; /* the first thing wrong, or "" */
};

VOLT_PRINTF(2, 3) static bool spoilt(struct notes *n, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (n->why[0] == '\0')
		vsnprintf(n->why, sizeof(n->why), fmt, ap);
	va_end(ap);
	return false;
}

static bool is_phys32(const struct notes *n, const Elf32_Nhdr *note, uint64_t at)
{
	char owner[sizeof(NOTE_OWNER)];

	return note->n_type == PHYS32 && note->n_namesz == sizeof(owner) &&
	       file_peek(n->file, at + sizeof(*note), owner, sizeof(owner)) &&
	       memcmp(owner, NOTE_OWNER, sizeof(owner)) == 0;
}

/* A guest's pointer: 4 bytes, or 8 from a 64-bit assembler. */
static bool take_entry(struct notes *n, uint64_t at, uint32_t size)
{
	n->found++;
	if (n->found > 1)
		return spoilt(n, "two PVH notes (Xen, type 18), must be one");
	if (size != 4 && size != 8)
		return spoilt(n, "PVH note has n_descsz %u, must be 4 or 8", size);
	if (!file_peek(n->file, at, &n->entry, size))
		return spoilt(n, "PVH note at offset 0x%llx cannot be read", (ull)at);
	if (n->entry >= ENTRY_LIMIT)
		return spoilt(
		    n, "PVH note names the entry 0x%llx, must be below 4 GiB", (ull)n->entry);
	return true;
}

/* The note at *at, which `end` bounds; *at goes on to the next. False: no sense in it. */
static bool read_note(struct notes *n, uint64_t *at, uint64_t end, uint64_t align)
{
	uint64_t name, desc, here = *at;
	Elf32_Nhdr note; /* that of ELF64 is the same */

	if (end - here < sizeof(note))
		return spoilt(n, "note at offset 0x%llx is cut short", (ull)here);
	if (++n->read > NOTE_MAX)
		return spoilt(n, "more than %u notes", NOTE_MAX);
	if (!file_peek(n->file, here, &note, sizeof(note)))
		return spoilt(n, "note at offset 0x%llx cannot be read", (ull)here);
	/* 32-bit sizes in 64 bits: no sum wraps. */
	name = sizeof(note) + (uint64_t)note.n_namesz;
	desc = (name + align - 1) & ~(align - 1);
	bool phys32 = name <= end - here && is_phys32(n, &note, here);
	if (name > end - here || (note.n_descsz > 0 && desc > end - here) ||
	    (note.n_descsz > 0 && note.n_descsz > end - here - desc)) {
		n->found += phys32;
		return spoilt(n,
		    "%snote at offset 0x%llx has n_namesz 0x%x and n_descsz 0x%x, past its "
		    "segment's end at 0x%llx",
		    phys32 ? "PVH " : "", (ull)here, note.n_namesz, note.n_descsz, (ull)end);
	}
	if (phys32 && !take_entry(n, here + desc, note.n_descsz))
		return false;
	uint64_t next = (desc + note.n_descsz + align - 1) & ~(align - 1);
	*at = next < end - here ? here + next : end; /* the last may go without padding */
	return true;
}

static void read_segment(struct notes *n, uint32_t i, const struct elf_segment *s)
{
	/* The gABI's 8 for ELF64 is used by few: p_align tells. */
	uint64_t align = s->align == 8 ? 8 : 4, at = s->offset;

	if (s->align > 8 || (s->align & (s->align - 1)) != 0) {
		spoilt(
		    n, "segment %u of notes has p_align 0x%llx, must be 4 or 8", i, (ull)s->align);
		return;
	}
	if (s->offset > n->file->size || s->filesz > n->file->size - s->offset) {
		spoilt(n,
		    "segment %u of notes has p_offset 0x%llx and p_filesz 0x%llx, past the end of "
		    "the file at 0x%llx",
		    i, (ull)s->offset, (ull)s->filesz, (ull)n->file->size);
		return;
	}
	while (at < s->offset + s->filesz)
		if (!read_note(n, &at, s->offset + s->filesz, align))
			return;
}

static void read_notes(struct notes *n, const struct elf_image *elf)
{
	*n = (struct notes){.file = elf->file};
	for (uint32_t i = 0; i < elf->count; i++)
		if (elf->segments[i].type == PT_NOTE)
			read_segment(n, i, &elf->segments[i]);
}

bool pvh_has_note(const struct kernel_image *image)
{
	struct elf_image elf;
	struct notes notes;

	if (elf_parse(image, &elf) != 0)
		return false;
	read_notes(&notes, &elf);
	return notes.found > 0;
}

static int pvh_load(const struct kernel_image *image, struct memory *memory, struct boot_map *map,
    struct kernel_info *info)
{
	const char *name = image->file.name;
	struct elf_image elf;
	struct notes notes;

	if (elf_parse(image, &elf) != 0)
		return log_error(ENOEXEC, "%s: %s", name, elf.why);
	read_notes(&notes, &elf);
	if (notes.why[0] != '\0')
		return log_error(ENOEXEC, "%s: %s", name, notes.why);
	if (notes.found == 0)
		return log_error(ENOEXEC,
		    "%s: no PVH note (Xen, type 18: XEN_ELFNOTE_PHYS32_ENTRY); Linux has it with "
		    "CONFIG_PVH",
		    name);
	int err = elf_load(&elf, "PVH entry", notes.entry, memory, map, info);
	if (err != 0)
		return err;
	info->modules_end = LAYOUT_MAPPED_END;
	/* Linux would cut a longer one without a word. */
	info->cmdline_max = elf_is_linux(&elf) ? KERNEL_LINUX_CMDLINE_MAX : UINT32_MAX;
	return 0;
}

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
		    .start = ranges[i].start, .size = ranges[i].size, .type = ranges[i].type};

		put(memory, MEMMAP_AT + i * sizeof(entry), &entry, sizeof(entry));
	}
	return count;
}

static void put_modules(struct memory *memory, const struct kernel_handover *handover)
{
	uint64_t words[KERNEL_MODULE_MAX];

	handover_write_words(memory, handover, words);
	for (uint32_t i = 0; i < handover->module_count; i++) {
		const struct kernel_module *m = &handover->modules[i];
		const struct module_entry entry = {
		    .start = m->start, .size = m->size, .cmdline = m->words != NULL ? words[i] : 0};

		put(memory, MODULES_AT + i * sizeof(entry), &entry, sizeof(entry));
	}
}

static void pvh_enter(
    struct memory *memory, const struct kernel_handover *handover, struct boot_entry *entry)
{
	struct start_info info = {
	    .magic = MAGIC,
	    .version = VERSION,
	    .module_count = handover->module_count,
	    .modules = handover->module_count > 0 ? MODULES_AT : 0,
	    .cmdline = LAYOUT_CMDLINE,
	    .rsdp = handover->rsdp,
	    .memmap = MEMMAP_AT,
	};

	info.memmap_count = put_memmap(memory);
	put_modules(memory, handover);
	put(memory, LAYOUT_PARAMS, &info, sizeof(info));
	handover_enter_protected32(memory, entry);
	entry->rbx = LAYOUT_PARAMS;
}

const struct kernel_protocol pvh_protocol = {
    .name = "pvh",
    .choice = BOOT_PVH,
    .takes_modules = true,
    .load = pvh_load,
    .enter = pvh_enter,
};
