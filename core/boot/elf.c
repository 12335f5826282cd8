/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * elf - an ELF64 vmlinux by the 64-bit Linux boot protocol.
 *
 * Sources: System V ABI, "Object Files" (gABI 4.1, chapters 4 and 5); Linux
 * Documentation/arch/x86/boot.rst, "64-bit Boot Protocol". Segments go to their
 * physical addresses. Notes (PVH and others) are not read.
 */
#include <asm/bootparam.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/boot/kernel.h"
#include "core/boot/layout.h"
#include "core/log.h"

/* A vmlinux has five to seven. Bounds the work that a hostile file can ask for. */
#define SEGMENT_MAX 128u

/* COMMAND_LINE_SIZE of x86 is 2048 and counts the NUL. */
#define CMDLINE_MAX 2047u

typedef unsigned long long ull; /* for %llx */

struct image {
	const struct boot_file *file;
	Elf64_Ehdr head;
	Elf64_Phdr segments[SEGMENT_MAX]; /* head.e_phnum of them */
};

static bool elf_probe(const struct kernel_image *image)
{
	return image->head_size >= SELFMAG && memcmp(image->head, ELFMAG, SELFMAG) == 0;
}

static int check_kind(const char *name, const Elf64_Ehdr *h)
{
	const struct {
		const char *field;
		unsigned is, must;
		const char *meaning;
	} rules[] = {
	    {"EI_CLASS", h->e_ident[EI_CLASS], ELFCLASS64, "64-bit"},
	    {"EI_DATA", h->e_ident[EI_DATA], ELFDATA2LSB, "little-endian"},
	    {"EI_VERSION", h->e_ident[EI_VERSION], EV_CURRENT, "current"},
	    {"e_type", h->e_type, ET_EXEC, "an executable at fixed addresses"},
	    {"e_machine", h->e_machine, EM_X86_64, "x86-64"},
	    {"e_version", h->e_version, EV_CURRENT, "current"},
	    {"e_ehsize", h->e_ehsize, sizeof(Elf64_Ehdr), "that of ELF64"},
	    {"e_phentsize", h->e_phentsize, sizeof(Elf64_Phdr), "that of ELF64"},
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].is != rules[i].must)
			return log_error(ENOEXEC, "%s: ELF %s is %u, must be %u (%s)", name,
			    rules[i].field, rules[i].is, rules[i].must, rules[i].meaning);
	return 0;
}

static int read_segments(struct image *elf)
{
	const Elf64_Ehdr *h = &elf->head;
	const struct boot_file *file = elf->file;

	if (h->e_phnum == 0 || h->e_phnum > SEGMENT_MAX)
		return log_error(ENOEXEC, "%s: ELF e_phnum is %u, must be 1 to %u", file->name,
		    h->e_phnum, SEGMENT_MAX);
	uint64_t len = h->e_phnum * sizeof(Elf64_Phdr);
	if (h->e_phoff > file->size || len > file->size - h->e_phoff)
		return log_error(ENOEXEC,
		    "%s: ELF e_phoff 0x%llx and %u program headers pass the end of the file at "
		    "0x%llx",
		    file->name, (ull)h->e_phoff, h->e_phnum, (ull)file->size);
	return file_read(file, h->e_phoff, elf->segments, len);
}

static int check_segment(const struct boot_file *file, unsigned n, const Elf64_Phdr *p)
{
	uint64_t end;

	if (p->p_filesz > p->p_memsz)
		return log_error(ENOEXEC, "%s: segment %u has p_filesz 0x%llx above p_memsz 0x%llx",
		    file->name, n, (ull)p->p_filesz, (ull)p->p_memsz);
	if (p->p_offset > file->size || p->p_filesz > file->size - p->p_offset)
		return log_error(ENOEXEC,
		    "%s: segment %u has p_offset 0x%llx and p_filesz 0x%llx, past the end of the "
		    "file "
		    "at 0x%llx",
		    file->name, n, (ull)p->p_offset, (ull)p->p_filesz, (ull)file->size);
	if (__builtin_add_overflow(p->p_paddr, p->p_memsz, &end))
		return log_error(ENOEXEC,
		    "%s: segment %u has p_paddr 0x%llx and p_memsz 0x%llx, which "
		    "wrap around",
		    file->name, n, (ull)p->p_paddr, (ull)p->p_memsz);
	return 0;
}

/* All checks of all segments come before the first byte is copied. */
static int claim_segments(const struct image *elf, struct boot_map *map, struct kernel_info *info)
{
	const Elf64_Ehdr *h = &elf->head;
	bool entry_found = false;

	info->load_address = UINT64_MAX;
	for (unsigned i = 0; i < h->e_phnum; i++) {
		const Elf64_Phdr *p = &elf->segments[i];
		char what[32];

		if (p->p_type != PT_LOAD || p->p_memsz == 0)
			continue;
		int err = check_segment(elf->file, i, p);
		if (err != 0)
			return err;
		snprintf(what, sizeof(what), "segment %u", i);
		err = map_claim(map, elf->file->name, what, p->p_paddr, p->p_memsz);
		if (err != 0)
			return err;
		if (p->p_paddr < info->load_address)
			info->load_address = p->p_paddr;
		if (h->e_entry >= p->p_paddr && h->e_entry - p->p_paddr < p->p_filesz)
			entry_found = true;
	}
	if (info->load_address == UINT64_MAX)
		return log_error(
		    ENOEXEC, "%s: no segment of type PT_LOAD that is not empty", elf->file->name);
	if (!entry_found)
		return log_error(ENOEXEC,
		    "%s: e_entry 0x%llx is not in the file's bytes of any PT_LOAD segment "
		    "(it must be a physical address)",
		    elf->file->name, (ull)h->e_entry);
	return 0;
}

static int load_segments(const struct image *elf, struct memory *memory)
{
	for (unsigned i = 0; i < elf->head.e_phnum; i++) {
		const Elf64_Phdr *p = &elf->segments[i];

		if (p->p_type != PT_LOAD || p->p_memsz == 0)
			continue;
		uint8_t *to = memory_at(memory, p->p_paddr, p->p_memsz);
		if (to == NULL)
			return log_error(
			    EFAULT, "%s: segment %u is not in RAM", elf->file->name, i);
		int err = file_read(elf->file, p->p_offset, to, p->p_filesz);
		if (err != 0)
			return err;
		memset(to + p->p_filesz, 0, p->p_memsz - p->p_filesz);
	}
	return 0;
}

/* A vmlinux carries no setup header, so it gets the one that a bzImage made from it
 * would have, as far as a loader's fields go. */
static void fill_setup(struct kernel_info *info)
{
	struct setup_header header = {
	    .boot_flag = 0xaa55,
	    .header = 0x53726448, /* "HdrS" */
	    .version = 0x020c,
	    .loadflags = LOADED_HIGH,
	    .kernel_alignment = 0x1000000,
	    .xloadflags = XLF_KERNEL_64,
	    .cmdline_size = CMDLINE_MAX,
	};

	_Static_assert(sizeof(header) <= sizeof(info->setup), "boot_params has room");
	memcpy(info->setup, &header, sizeof(header));
}

static int elf_load(const struct kernel_image *image, struct memory *memory, struct boot_map *map,
    struct kernel_info *info)
{
	struct image elf = {.file = &image->file};

	if (image->head_size < sizeof(elf.head))
		return log_error(ENOEXEC, "%s: the ELF header is cut short: %u bytes of %zu",
		    image->file.name, image->head_size, sizeof(elf.head));
	memcpy(&elf.head, image->head, sizeof(elf.head));
	int err = check_kind(image->file.name, &elf.head);
	if (err == 0)
		err = read_segments(&elf);
	if (err == 0)
		err = claim_segments(&elf, map, info);
	if (err == 0)
		err = load_segments(&elf, memory);
	if (err != 0)
		return err;
	info->entry = elf.head.e_entry;
	info->initrd_end = LAYOUT_MAPPED_END;
	info->cmdline_max = CMDLINE_MAX;
	fill_setup(info);
	return 0;
}

const struct kernel_protocol elf_protocol = {
    .name = "linux64 vmlinux",
    .probe = elf_probe,
    .load = elf_load,
};
