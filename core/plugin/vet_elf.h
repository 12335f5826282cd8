/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * vet_elf - the parts of a plugin's image, each checked before the next relies on it.
 *
 *   vet_headers    ELF header and program headers; what is mapped where
 *   vet_note       Volt's note: ABI, kind, size of the descriptor
 *   vet_dynamic    what the dynamic section asks the loader to do
 *   vet_symbols    names: imports, and where the descriptor is
 *   vet_relocs     what the loader will write into the mapped image
 *   vet_load       all of these, in this order
 *
 * vet_contract.c asks for more than the loader needs.
 *
 * The checks follow what glibc's loader does with the same bytes: an image that passes
 * is mapped and relocated without a step outside of it and without running any of it.
 */
#ifndef CORE_VET_ELF_H
#define CORE_VET_ELF_H

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>

#include <volt/plugin.h> /* VOLT_PRINTF */

struct vet_result;

#define VET_EXPORT "volt_plugin"

#define VET_PHDRS   32
#define VET_NEEDED  8
#define VET_SYMBOLS 65536

/* Entries of the dynamic section whose values are used; each at most once. */
enum vet_tag {
	TAG_UNUSED, /* allowed, and not looked at */
	TAG_NEEDED, /* may come several times */
	TAG_STRTAB,
	TAG_STRSZ,
	TAG_SYMTAB,
	TAG_SYMENT,
	TAG_GNU_HASH,
	TAG_RELA,
	TAG_RELASZ,
	TAG_RELAENT,
	TAG_RELACOUNT,
	TAG_JMPREL,
	TAG_PLTRELSZ,
	TAG_PLTREL,
	TAG_PLTGOT,
	TAG_FLAGS,
	TAG_FLAGS_1,
	TAG_BIND_NOW,
	TAG_VERSYM,
	TAG_VERNEED,
	TAG_VERNEEDNUM,
	TAG_SONAME,
	TAG_COUNT
};

struct vet_image {
	const uint8_t *bytes;
	uint64_t size;
	struct vet_result *result;
	char *why;
	unsigned why_size;

	Elf64_Phdr phdrs[VET_PHDRS];
	unsigned phdr_count;
	uint64_t phdr_offset;
	const Elf64_Phdr *dynamic, *relro; /* in phdrs */

	uint64_t tags[TAG_COUNT];
	uint32_t tags_seen; /* bit n: tags[n] was there */
	const char *needed[VET_NEEDED];
	unsigned needed_count;

	uint32_t symbol_count;
};

int vet_headers(struct vet_image *v);
int vet_note(struct vet_image *v);
int vet_dynamic(struct vet_image *v);
int vet_symbols(struct vet_image *v);
int vet_relocs(struct vet_image *v);
int vet_load(struct vet_image *v);

/* Writes one clause into `why`. Always returns -EINVAL. */
VOLT_PRINTF(2, 3)
int vet_refuse(struct vet_image *v, const char *fmt, ...);

/* Copies `len` bytes at file offset `off` out of the image, if it has them. */
bool vet_copy(const struct vet_image *v, uint64_t off, void *to, uint64_t len);

/* The PT_LOAD that maps [vaddr, vaddr + len), or NULL; len 0 counts as 1. */
const Elf64_Phdr *vet_segment(const struct vet_image *v, uint64_t vaddr, uint64_t len);

/* The bytes of the file that are mapped at [vaddr, vaddr + len) and that the loader
 * cannot write to, or NULL. */
const uint8_t *vet_table(const struct vet_image *v, uint64_t vaddr, uint64_t len);

/* Refuses a header that points elsewhere than a PT_LOAD maps; `name` is of what it describes. */
int vet_placed(struct vet_image *v, const Elf64_Phdr *p, const char *name);

/* Symbol `i`, or false if that lies outside of the table. */
bool vet_symbol(const struct vet_image *v, uint32_t i, Elf64_Sym *s);

/* Can others see it? Its name was checked. */
bool vet_is_export(const struct vet_image *v, const Elf64_Sym *s);

/* The string at `off` of the string table, or NULL if that is outside. */
const char *vet_string(const struct vet_image *v, uint64_t off);

static inline bool vet_has(const struct vet_image *v, enum vet_tag tag)
{
	return v->tags_seen >> tag & 1;
}

static inline uint64_t vet_page_down(uint64_t x)
{
	return x & ~UINT64_C(4095);
}

/* What a sanitizer's runtime needs at load time is let pass in such builds only. */
#ifdef VOLT_SANITIZED
#define VET_SANITIZED true
#else
#define VET_SANITIZED false
#endif

#endif
