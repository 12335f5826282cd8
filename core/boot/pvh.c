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

/* A vmlinux has about twenty notes; what pads them counts by the word. Bounds the work that a
 * hostile file can ask for. */
#define STEP_MAX 16384u

/* Xen's notes, and all of x86 but GNU's properties, are laid out by words of 4 bytes, in ELF64 too
 * and whatever p_align says: a linker gives the segment the largest of its sections'. */
#define WORD 4u

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
	uint32_t steps;
	bool lost;      /* in this segment: where notes begin is unknown */
	uint32_t named; /* notes that name an entry, good and bad */
	uint32_t good;
	uint64_t entry; /* of the good ones */
	bool differ;    /* these name several */
	char why[160];  /* the first thing wrong, or "" */
};

VOLT_PRINTF(2, 3) static void corrupt(struct notes *n, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (n->why[0] == '\0')
		vsnprintf(n->why, sizeof(n->why), fmt, ap);
	va_end(ap);
}

static bool is_phys32(const struct notes *n, const Elf32_Nhdr *note, uint64_t at)
{
	char owner[sizeof(NOTE_OWNER)];

	return note->n_type == PHYS32 && note->n_namesz == sizeof(owner) &&
	       file_peek(n->file, at + sizeof(*note), owner, sizeof(owner)) &&
	       memcmp(owner, NOTE_OWNER, sizeof(owner)) == 0;
}

/* A guest's pointer: 4 bytes, or 8 from a 64-bit assembler. */
static void take_entry(struct notes *n, uint64_t at, uint32_t size)
{
	uint64_t entry = 0;

	if (size != 4 && size != 8) {
		corrupt(n, "PVH note has n_descsz %u, must be 4 or 8", size);
	} else if (!file_peek(n->file, at, &entry, size)) {
		corrupt(n, "PVH note at offset 0x%llx cannot be read", (ull)at);
	} else if (entry >= ENTRY_LIMIT) {
		corrupt(n, "PVH note names the entry 0x%llx, must be below 4 GiB", (ull)entry);
	} else {
		n->differ |= n->good > 0 && entry != n->entry;
		n->entry = entry;
		n->good++;
	}
}

/* What is no note: a linker pads between two sections of notes and behind the last, with zeroes.
 * Behind anything else, only a PVH note itself is recognized. */
static uint64_t skip_word(struct notes *n, uint64_t at, bool lost)
{
	n->lost |= lost;
	return at + WORD;
}

/* The note at `here`, which `end` bounds; returns where to go on. */
static uint64_t read_note(struct notes *n, uint64_t here, uint64_t end)
{
	const uint64_t left = end - here;
	Elf32_Nhdr note = {0}; /* that of ELF64 is the same */

	if (!file_peek(n->file, here, &note, left < sizeof(note) ? left : sizeof(note))) {
		corrupt(n, "note at offset 0x%llx cannot be read", (ull)here);
		return end;
	}
	if (note.n_namesz == 0) /* zeroes, or a note that nobody owns */
		return skip_word(n, here, false);
	if (left < sizeof(note)) {
		corrupt(n, "note at offset 0x%llx is cut short", (ull)here);
		return end;
	}
	/* 32-bit sizes in 64 bits: no sum wraps. */
	const uint64_t name = sizeof(note) + (uint64_t)note.n_namesz;
	const uint64_t desc = (name + WORD - 1) & ~(uint64_t)(WORD - 1);
	const bool phys32 = name <= left && is_phys32(n, &note, here);
	if (n->lost && !phys32)
		return skip_word(n, here, true);
	n->named += phys32;
	if (name > left || (note.n_descsz > 0 && (desc > left || note.n_descsz > left - desc))) {
		corrupt(n,
		    "%snote at offset 0x%llx has n_namesz 0x%x and n_descsz 0x%x, past its "
		    "segment's end at 0x%llx",
		    phys32 ? "PVH " : "", (ull)here, note.n_namesz, note.n_descsz, (ull)end);
		return skip_word(n, here, true);
	}
	if (phys32)
		take_entry(n, here + desc, note.n_descsz);
	return here + ((desc + note.n_descsz + WORD - 1) & ~(uint64_t)(WORD - 1));
}

static void read_segment(struct notes *n, uint32_t i, const struct elf_segment *s)
{
	if (s->offset > n->file->size || s->filesz > n->file->size - s->offset) {
		corrupt(n,
		    "segment %u of notes has p_offset 0x%llx and p_filesz 0x%llx, past the end of "
		    "the file at 0x%llx",
		    i, (ull)s->offset, (ull)s->filesz, (ull)n->file->size);
		return;
	}
	n->lost = false;
	for (uint64_t at = s->offset; at < s->offset + s->filesz;
	     at = read_note(n, at, s->offset + s->filesz))
		if (++n->steps > STEP_MAX) {
			corrupt(
			    n, "more than %u words and notes in its segments of notes", STEP_MAX);
			return;
		}
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
	return notes.named > 0;
}

void pvh_warn_of_notes(const struct kernel_image *image, const char *instead)
{
	struct elf_image elf;
	struct notes notes;

	if (elf_parse(image, &elf) != 0)
		return;
	read_notes(&notes, &elf);
	if (notes.why[0] != '\0')
		log_warn("%s: %s; no PVH note was found, so it is booted as %s (--boot says how)",
		    image->file.name, notes.why, instead);
}

/* One good note is enough, whatever is wrong elsewhere. */
static int check_notes(const struct notes *n, const char *name)
{
	if (n->differ)
		return log_error(ENOEXEC,
		    "%s: PVH notes (Xen, type 18) name several entries, must be one", name);
	if (n->good > 0)
		return 0;
	if (n->why[0] != '\0')
		return log_error(ENOEXEC, "%s: %s", name, n->why);
	return log_error(ENOEXEC,
	    "%s: no PVH note (Xen, type 18: XEN_ELFNOTE_PHYS32_ENTRY); Linux has it with "
	    "CONFIG_PVH",
	    name);
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
	int err = check_notes(&notes, name);
	if (err)
		return err;
	err = elf_load(&elf, "PVH entry", notes.entry, memory, map, info);
	if (err)
		return err;
	info->modules_end = LAYOUT_MAPPED_END;
	/* Linux would cut a longer one silently. */
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
	uint64_t strings[KERNEL_MODULE_MAX];

	handover_write_strings(memory, handover, strings);
	for (uint32_t i = 0; i < handover->module_count; i++) {
		const struct kernel_module *m = &handover->modules[i];
		const struct module_entry entry = {
		    .start = m->start, .size = m->size, .cmdline = m->string ? strings[i] : 0};

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
    .own_stack = true,
    .load = pvh_load,
    .enter = pvh_enter,
};
