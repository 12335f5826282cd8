/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Source: System V ABI, "Object Files" (gABI 4.1, chapters 4 and 5). Segments go to their
 * physical addresses. */
#include "core/boot/elf.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/log.h"

/* Where x86-64 Linux maps physical address 0 of its image: Documentation/arch/x86/x86_64/mm.rst. */
#define START_KERNEL_MAP 0xffffffff80000000ull

typedef unsigned long long ull; /* for %llx */

struct header {
	uint64_t entry, phoff;
	unsigned type, machine, version, ehsize, phentsize, phnum;
};

bool elf_has_magic(const struct kernel_image *image)
{
	return image->head_size >= SELFMAG && memcmp(image->head, ELFMAG, SELFMAG) == 0;
}

bool elf_is_64(const struct kernel_image *image)
{
	return elf_has_magic(image) && image->head_size > EI_CLASS &&
	       image->head[EI_CLASS] == ELFCLASS64;
}

VOLT_PRINTF(2, 3) static int refuse(struct elf_image *elf, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(elf->why, sizeof(elf->why), fmt, ap);
	va_end(ap);
	return -ENOEXEC;
}

static struct header header_of_64(const uint8_t *bytes)
{
	Elf64_Ehdr h;

	memcpy(&h, bytes, sizeof(h));
	return (struct header){h.e_entry, h.e_phoff, h.e_type, h.e_machine, h.e_version, h.e_ehsize,
	    h.e_phentsize, h.e_phnum};
}

static struct header header_of_32(const uint8_t *bytes)
{
	Elf32_Ehdr h;

	memcpy(&h, bytes, sizeof(h));
	return (struct header){h.e_entry, h.e_phoff, h.e_type, h.e_machine, h.e_version, h.e_ehsize,
	    h.e_phentsize, h.e_phnum};
}

static struct elf_segment segment_of_64(const uint8_t *bytes)
{
	Elf64_Phdr p;

	memcpy(&p, bytes, sizeof(p));
	return (struct elf_segment){
	    p.p_type, p.p_offset, p.p_vaddr, p.p_paddr, p.p_filesz, p.p_memsz, p.p_align};
}

static struct elf_segment segment_of_32(const uint8_t *bytes)
{
	Elf32_Phdr p;

	memcpy(&p, bytes, sizeof(p));
	return (struct elf_segment){
	    p.p_type, p.p_offset, p.p_vaddr, p.p_paddr, p.p_filesz, p.p_memsz, p.p_align};
}

static int check_kind(struct elf_image *elf, const uint8_t *ident, const struct header *h)
{
	bool is64 = elf->bits == 64;
	const struct {
		const char *field;
		unsigned is, must;
		const char *meaning;
	} rules[] = {
	    {"EI_DATA", ident[EI_DATA], ELFDATA2LSB, "little-endian"},
	    {"EI_VERSION", ident[EI_VERSION], EV_CURRENT, "current"},
	    {"e_type", h->type, ET_EXEC, "an executable at fixed addresses"},
	    {"e_machine", h->machine, is64 ? EM_X86_64 : EM_386, is64 ? "x86-64" : "i386"},
	    {"e_version", h->version, EV_CURRENT, "current"},
	    {"e_ehsize", h->ehsize, is64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr),
		is64 ? "that of ELF64" : "that of ELF32"},
	    {"e_phentsize", h->phentsize, is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr),
		is64 ? "that of ELF64" : "that of ELF32"},
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].is != rules[i].must)
			return refuse(elf, "ELF %s is %u, must be %u (%s)", rules[i].field,
			    rules[i].is, rules[i].must, rules[i].meaning);
	return 0;
}

static int read_segments(struct elf_image *elf, const struct header *h)
{
	const struct boot_file *file = elf->file;
	uint8_t bytes[ELF_SEGMENT_MAX * sizeof(Elf64_Phdr)];

	if (h->phnum == 0 || h->phnum > ELF_SEGMENT_MAX)
		return refuse(elf, "ELF e_phnum is %u, must be 1 to %u", h->phnum, ELF_SEGMENT_MAX);
	uint64_t len = (uint64_t)h->phnum * h->phentsize;
	if (h->phoff > file->size || len > file->size - h->phoff)
		return refuse(elf,
		    "ELF e_phoff 0x%llx and %u program headers pass the end of the file at 0x%llx",
		    (ull)h->phoff, h->phnum, (ull)file->size);
	if (!file_peek(file, h->phoff, bytes, len))
		return refuse(
		    elf, "the program headers at offset 0x%llx cannot be read", (ull)h->phoff);
	elf->count = h->phnum;
	for (uint32_t i = 0; i < elf->count; i++)
		elf->segments[i] = elf->bits == 64 ? segment_of_64(bytes + i * h->phentsize)
						   : segment_of_32(bytes + i * h->phentsize);
	return 0;
}

int elf_parse(const struct kernel_image *image, struct elf_image *elf)
{
	unsigned class = image->head_size > EI_CLASS ? image->head[EI_CLASS] : ELFCLASS64;
	size_t size = class == ELFCLASS32 ? sizeof(Elf32_Ehdr) : sizeof(Elf64_Ehdr);

	elf->file = &image->file;
	elf->count = 0;
	if (!elf_has_magic(image))
		return refuse(elf, "not an ELF file");
	if (image->head_size < size)
		return refuse(
		    elf, "the ELF header is cut short: %u bytes of %zu", image->head_size, size);
	if (class != ELFCLASS32 && class != ELFCLASS64)
		return refuse(elf, "ELF EI_CLASS is %u, must be 1 or 2", class);
	elf->bits = class == ELFCLASS64 ? 64 : 32;
	struct header h = elf->bits == 64 ? header_of_64(image->head) : header_of_32(image->head);
	elf->entry = h.entry;
	int err = check_kind(elf, image->head, &h);
	return err ? err : read_segments(elf, &h);
}

static bool is_loaded(const struct elf_segment *s)
{
	return s->type == PT_LOAD && s->memsz != 0;
}

bool elf_is_linux(const struct elf_image *elf)
{
	for (uint32_t i = 0; elf->bits == 64 && i < elf->count; i++) {
		const struct elf_segment *s = &elf->segments[i];

		if (is_loaded(s) && elf->entry >= s->paddr && elf->entry - s->paddr < s->filesz)
			return s->vaddr - s->paddr == START_KERNEL_MAP;
	}
	return false;
}

uint64_t elf_physical_entry(const struct elf_image *elf)
{
	for (uint32_t i = 0; i < elf->count; i++) {
		const struct elf_segment *s = &elf->segments[i];

		if (is_loaded(s) && elf->entry >= s->vaddr && elf->entry - s->vaddr < s->filesz)
			return elf->entry - s->vaddr + s->paddr;
	}
	return elf->entry;
}

static int check_segment(const struct boot_file *file, unsigned n, const struct elf_segment *s)
{
	uint64_t end;

	if (s->filesz > s->memsz)
		return log_error(ENOEXEC, "%s: segment %u has p_filesz 0x%llx above p_memsz 0x%llx",
		    file->name, n, (ull)s->filesz, (ull)s->memsz);
	if (s->offset > file->size || s->filesz > file->size - s->offset)
		return log_error(ENOEXEC,
		    "%s: segment %u has p_offset 0x%llx and p_filesz 0x%llx, past the end of the "
		    "file at 0x%llx",
		    file->name, n, (ull)s->offset, (ull)s->filesz, (ull)file->size);
	if (__builtin_add_overflow(s->paddr, s->memsz, &end))
		return log_error(ENOEXEC,
		    "%s: segment %u has p_paddr 0x%llx and p_memsz 0x%llx, which "
		    "wrap around",
		    file->name, n, (ull)s->paddr, (ull)s->memsz);
	return 0;
}

static int claim_segment(const struct elf_image *elf, uint32_t i, struct boot_map *map)
{
	const struct elf_segment *s = &elf->segments[i];
	char what[32];
	int err = check_segment(elf->file, i, s);

	if (err)
		return err;
	snprintf(what, sizeof(what), "segment %u", i);
	return map_claim(map, elf->file->name, what, s->paddr, s->memsz);
}

/* All checks of all segments come before the first byte is copied. */
static int claim_segments(
    const struct elf_image *elf, const char *what, struct boot_map *map, struct kernel_info *info)
{
	bool entry_found = false;

	info->load_address = UINT64_MAX;
	for (uint32_t i = 0; i < elf->count; i++) {
		const struct elf_segment *s = &elf->segments[i];

		if (!is_loaded(s))
			continue;
		int err = claim_segment(elf, i, map);
		if (err)
			return err;
		if (s->paddr < info->load_address)
			info->load_address = s->paddr;
		if (s->paddr + s->memsz > info->end)
			info->end = s->paddr + s->memsz;
		if (info->entry >= s->paddr && info->entry - s->paddr < s->filesz)
			entry_found = true;
	}
	if (info->load_address == UINT64_MAX)
		return log_error(
		    ENOEXEC, "%s: no segment of type PT_LOAD that is not empty", elf->file->name);
	if (!entry_found)
		return log_error(ENOEXEC,
		    "%s: %s 0x%llx is not in the file's bytes of any PT_LOAD segment "
		    "(it must be a physical address)",
		    elf->file->name, what, (ull)info->entry);
	return 0;
}

/* Memory is fresh: what follows a segment's bytes in the file is zero already. */
static int load_segments(const struct elf_image *elf, struct memory *memory)
{
	for (uint32_t i = 0; i < elf->count; i++) {
		const struct elf_segment *s = &elf->segments[i];

		if (!is_loaded(s))
			continue;
		uint8_t *to = memory_at(memory, s->paddr, s->memsz);
		if (!to)
			return log_error(
			    EFAULT, "%s: segment %u is not in RAM", elf->file->name, i);
		int err = file_place(elf->file, s->offset, to, s->filesz);
		if (err)
			return err;
	}
	return 0;
}

/* Where the last segment ends, of those that do not wrap around. */
static uint64_t last_end(const struct elf_image *elf)
{
	uint64_t last = 0, end;

	for (uint32_t i = 0; i < elf->count; i++) {
		const struct elf_segment *s = &elf->segments[i];

		if (is_loaded(s) && !__builtin_add_overflow(s->paddr, s->memsz, &end) && end > last)
			last = end;
	}
	return last;
}

int elf_load(const struct elf_image *elf, const char *what, uint64_t entry, struct memory *memory,
    struct boot_map *map, struct kernel_info *info)
{
	info->entry = entry;
	int err = map_check_room(map, elf->file->name, "the kernel", last_end(elf));
	if (err)
		return err;
	err = claim_segments(elf, what, map, info);
	return err ? err : load_segments(elf, memory);
}
