/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Symbols, their versions and relocations. A plugin may import from the libraries that
 * it may load, and exports its descriptor. Sources: System V ABI, "Symbol Table" and
 * "Relocation"; its AMD64 supplement, 4.4; "GNU Hash ELF Sections" (Drepper's and
 * Jelinek's proposal as glibc reads it); LSB, "Symbol Versioning".
 */
#include <inttypes.h>
#include <string.h>

#include "core/plugin/vet.h"
#include "core/plugin/vet_elf.h"

#define ODR_PREFIX   "__odr_asan" /* what AddressSanitizer adds to each global */
#define VERSION_MASK 0x7fffu
#define VERSIONS_MAX 256u

/* ------------------------------------------------------------------- hash */

static uint32_t word_at(const uint8_t *table, uint64_t index)
{
	uint32_t w;

	memcpy(&w, table + index * sizeof(w), sizeof(w));
	return w;
}

/* The last chain starts at the highest bucket; all others end before it does. */
static int count_symbols(struct vet_image *v, uint64_t chains, uint32_t first, uint32_t highest)
{
	uint64_t i = highest;

	if (highest == 0) {
		v->symbol_count = first;
		return 0;
	}
	for (; i < VET_SYMBOLS; i++) {
		const uint8_t *link = vet_table(v, chains + (i - first) * 4, 4);

		if (!link)
			break;
		if (word_at(link, 0) & 1) {
			v->symbol_count = (uint32_t)i + 1;
			return 0;
		}
	}
	return vet_refuse(v, "its symbol hash has no end");
}

static int check_hash(struct vet_image *v)
{
	uint64_t at = v->tags[TAG_GNU_HASH], buckets_at, chains_at;
	const uint8_t *head = vet_table(v, at, 16), *buckets;
	uint32_t bucket_count, first, bloom, highest = 0, lowest = UINT32_MAX;

	if (!vet_has(v, TAG_GNU_HASH) || !head)
		return vet_refuse(v, "it has no GNU hash of its symbols in a read-only segment");
	bucket_count = word_at(head, 0);
	first = word_at(head, 1);
	bloom = word_at(head, 2);
	buckets_at = at + 16 + (uint64_t)bloom * 8;
	chains_at = buckets_at + (uint64_t)bucket_count * 4;
	if (bucket_count == 0 || bloom == 0 || (bloom & (bloom - 1)) || word_at(head, 3) > 63 ||
	    first == 0 || first > VET_SYMBOLS || at % 8 != 0 || !vet_table(v, at, chains_at - at))
		return vet_refuse(v, "its GNU hash is malformed");
	buckets = vet_table(v, buckets_at, (uint64_t)bucket_count * 4);
	for (uint32_t i = 0; i < bucket_count && buckets; i++) {
		uint32_t bucket = word_at(buckets, i);

		if (bucket > highest)
			highest = bucket;
		if (bucket && bucket < lowest)
			lowest = bucket;
	}
	/* The loader starts a chain at `bucket - first`: in front of the table, if negative. */
	if (lowest < first)
		return vet_refuse(v, "its symbol hash points below its symbols");
	return count_symbols(v, chains_at, first, highest);
}

/* ---------------------------------------------------------------- symbols */

bool vet_symbol(const struct vet_image *v, uint32_t i, Elf64_Sym *s)
{
	const uint8_t *at =
	    vet_table(v, v->tags[TAG_SYMTAB] + (uint64_t)i * sizeof(*s), sizeof(*s));

	if (!at)
		return false;
	memcpy(s, at, sizeof(*s));
	return true;
}

bool vet_is_export(const struct vet_image *v, const Elf64_Sym *s)
{
	if (s->st_shndx == SHN_UNDEF || ELF64_ST_BIND(s->st_info) == STB_LOCAL)
		return false;
	return !VET_SANITIZED ||
	       strncmp(vet_string(v, s->st_name), ODR_PREFIX, strlen(ODR_PREFIX)) != 0;
}

/* What volt will read at the address that the loader finds for it. vet_contract() asks for more. */
static int check_descriptor(struct vet_image *v, const Elf64_Sym *s)
{
	if (ELF64_ST_TYPE(s->st_info) != STT_OBJECT)
		return vet_refuse(v, "its symbol " VET_EXPORT " is of type %u, not data",
		    ELF64_ST_TYPE(s->st_info));
	if (s->st_shndx >= SHN_LORESERVE || s->st_value % 8 != 0 ||
	    !vet_segment(v, s->st_value, v->result->descriptor_size))
		return vet_refuse(v, "its symbol " VET_EXPORT " does not lie in its data");
	v->result->descriptor_at = s->st_value;
	return 0;
}

/* The loader looks at symbol 0 as at any other when a relocation names it; the ABI reserves it. */
static int check_reserved(struct vet_image *v)
{
	static const Elf64_Sym zeros;
	Elf64_Sym s;

	if (!vet_symbol(v, 0, &s) || memcmp(&s, &zeros, sizeof(s)) != 0)
		return vet_refuse(v, "its symbol 0 is not empty");
	return 0;
}

/* STB_GNU_UNIQUE is one symbol for the whole process: the first file's answers for the second. */
static int check_binding(struct vet_image *v, const Elf64_Sym *s, const char *name)
{
	unsigned bind = ELF64_ST_BIND(s->st_info), type = ELF64_ST_TYPE(s->st_info);

	if (type == STT_GNU_IFUNC)
		return vet_refuse(
		    v, "its symbol %.64s is resolved by code when it is loaded (ifunc)", name);
	if (bind == STB_GNU_UNIQUE)
		return vet_refuse(
		    v, "its symbol %.64s is one for the whole process (STB_GNU_UNIQUE)", name);
	if (bind > STB_WEAK || type > STT_FILE)
		return vet_refuse(v,
		    "its symbol %.64s has binding %u and type %u; plugins may "
		    "have 0 to 2 and 0 to 4",
		    name, bind, type);
	return 0;
}

static int check_symbol(struct vet_image *v, const Elf64_Sym *s, bool *exported)
{
	const char *name = vet_string(v, s->st_name);
	int err;

	if (!name)
		return vet_refuse(v, "the name of a symbol lies outside of its strings");
	err = check_binding(v, s, name);
	if (err)
		return err;
	if (!vet_is_export(v, s) || strcmp(name, VET_EXPORT) != 0)
		return 0;
	if (*exported)
		return vet_refuse(v, "it exports " VET_EXPORT " twice");
	*exported = true;
	return check_descriptor(v, s);
}

static int check_symbols(struct vet_image *v)
{
	bool exported = false;
	Elf64_Sym s;
	int err;

	if (!vet_has(v, TAG_SYMTAB) || v->tags[TAG_SYMENT] != sizeof(s) ||
	    v->tags[TAG_SYMTAB] % 8 != 0 ||
	    !vet_table(v, v->tags[TAG_SYMTAB], v->symbol_count * sizeof(s)))
		return vet_refuse(v, "its table of symbols is not in a read-only segment");
	err = check_reserved(v);
	if (err)
		return err;
	for (uint32_t i = 1; i < v->symbol_count; i++) {
		err = vet_symbol(v, i, &s) ? check_symbol(v, &s, &exported)
					   : vet_refuse(v, "its table of symbols has no end");

		if (err)
			return err;
	}
	if (!exported)
		return vet_refuse(v, "it does not export " VET_EXPORT);
	return 0;
}

/* --------------------------------------------------------------- versions */

static bool is_needed(const struct vet_image *v, const char *name)
{
	for (unsigned i = 0; i < v->needed_count; i++)
		if (strcmp(v->needed[i], name) == 0)
			return true;
	return false;
}

/* The versions asked of one library, a list from `at`. */
static int check_versions_of(struct vet_image *v, uint64_t at, uint32_t *highest)
{
	for (unsigned i = 0; i < VERSIONS_MAX; i++) {
		const uint8_t *entry = vet_table(v, at, sizeof(Elf64_Vernaux));
		Elf64_Vernaux a;

		if (!entry || at % 4 != 0)
			break;
		memcpy(&a, entry, sizeof(a));
		if (!vet_string(v, a.vna_name))
			break;
		if ((a.vna_other & VERSION_MASK) > *highest)
			*highest = a.vna_other & VERSION_MASK;
		if (a.vna_next == 0)
			return 0;
		at += a.vna_next; /* 32 bits on top of 30: no wrap */
	}
	return vet_refuse(v, "its list of needed versions is malformed");
}

static int check_needed_versions(struct vet_image *v, uint32_t *highest)
{
	uint64_t at = v->tags[TAG_VERNEED];

	for (unsigned i = 0; i < VET_NEEDED; i++) {
		const uint8_t *entry = vet_table(v, at, sizeof(Elf64_Verneed));
		const char *file;
		Elf64_Verneed n;
		int err;

		if (!entry || at % 4 != 0)
			break;
		memcpy(&n, entry, sizeof(n));
		file = vet_string(v, n.vn_file);
		if (!file || !is_needed(v, file))
			return vet_refuse(
			    v, "it needs versions of a library that it does not name");
		err = check_versions_of(v, at + n.vn_aux, highest);
		if (err || n.vn_next == 0)
			return err;
		at += n.vn_next;
	}
	return vet_refuse(v, "its list of needed versions is malformed");
}

/* The loader indexes its list of versions by what the symbols say. */
static int check_versions(struct vet_image *v)
{
	const uint8_t *of = vet_table(v, v->tags[TAG_VERSYM], v->symbol_count * 2ull);
	uint32_t highest = 0;
	int err = 0;

	if (vet_has(v, TAG_VERNEED) != vet_has(v, TAG_VERSYM))
		return vet_refuse(v, "its symbol versions are there only in part");
	if (vet_has(v, TAG_VERNEED))
		err = check_needed_versions(v, &highest);
	if (err || !vet_has(v, TAG_VERSYM))
		return err;
	if (!of || v->tags[TAG_VERSYM] % 2 != 0 || highest == 0)
		return vet_refuse(v, "its table of symbol versions is malformed");
	for (uint32_t i = 0; i < v->symbol_count; i++) {
		uint16_t version;

		memcpy(&version, of + i * 2ull, sizeof(version));
		if ((version & VERSION_MASK) > highest)
			return vet_refuse(v, "symbol %u has a version that is not needed", i);
	}
	return 0;
}

int vet_symbols(struct vet_image *v)
{
	int err = check_hash(v);

	if (err)
		return err;
	err = check_symbols(v);
	if (err)
		return err;
	return check_versions(v);
}

/* ------------------------------------------------------------- relocations */

static bool overlaps(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a < b + b_len && b < a + a_len;
}

static int check_type(struct vet_image *v, const Elf64_Rela *r)
{
	switch (ELF64_R_TYPE(r->r_info)) {
	case R_X86_64_NONE:
	case R_X86_64_64:
	case R_X86_64_GLOB_DAT:
	case R_X86_64_JUMP_SLOT:
	case R_X86_64_RELATIVE:
		return 0;
	case R_X86_64_IRELATIVE:
		return vet_refuse(v, "a relocation runs code when it is loaded (IRELATIVE)");
	}
	return vet_refuse(v, "it has a relocation of type %u, which plugins may not have",
	    (unsigned)ELF64_R_TYPE(r->r_info));
}

/* Eight bytes of the writable segment, but not of the dynamic section: the loader goes
 * on reading that while it relocates. */
static int check_reloc(struct vet_image *v, const Elf64_Rela *r)
{
	const Elf64_Phdr *s = vet_segment(v, r->r_offset, 8);
	int err = check_type(v, r);

	if (err)
		return err;
	if (!s || !(s->p_flags & PF_W))
		return vet_refuse(v, "a relocation writes outside of its writable segment");
	if (overlaps(r->r_offset, 8, v->dynamic->p_vaddr, v->dynamic->p_memsz))
		return vet_refuse(v, "a relocation writes into its dynamic section");
	if (ELF64_R_SYM(r->r_info) >= v->symbol_count)
		return vet_refuse(v, "a relocation names symbol %u of %u",
		    (unsigned)ELF64_R_SYM(r->r_info), v->symbol_count);
	return 0;
}

/* The loader takes the first `relative` entries for what they should be. */
static int check_table(struct vet_image *v, enum vet_tag at, enum vet_tag size, uint64_t relative)
{
	uint64_t len = v->tags[size], count = len / sizeof(Elf64_Rela);
	const uint8_t *table;

	if (!vet_has(v, at))
		return 0;
	table = vet_table(v, v->tags[at], len);
	if (!table || len % sizeof(Elf64_Rela) != 0 || v->tags[at] % 8 != 0 || relative > count)
		return vet_refuse(v, "its table of relocations is not in a read-only segment");
	for (uint64_t i = 0; i < count; i++) {
		Elf64_Rela r;
		int err;

		memcpy(&r, table + i * sizeof(r), sizeof(r));
		err = check_reloc(v, &r);
		if (err)
			return err;
		if (i < relative && ELF64_R_TYPE(r.r_info) != R_X86_64_RELATIVE)
			return vet_refuse(v, "its DT_RELACOUNT counts other relocations");
	}
	return 0;
}

/* The loader takes the rest of such a group for granted when it finds one of it. */
static int check_group(struct vet_image *v, const enum vet_tag *tags, unsigned count)
{
	unsigned seen = 0;

	for (unsigned i = 0; i < count; i++)
		seen += vet_has(v, tags[i]);
	if (seen != 0 && seen != count)
		return vet_refuse(v, "its dynamic section describes relocations only in part");
	return 0;
}

int vet_relocs(struct vet_image *v)
{
	static const enum vet_tag rela[] = {TAG_RELA, TAG_RELASZ, TAG_RELAENT};
	static const enum vet_tag plt[] = {TAG_JMPREL, TAG_PLTRELSZ, TAG_PLTREL};
	int err = check_group(v, rela, 3);

	if (err)
		return err;
	err = check_group(v, plt, 3);
	if (err)
		return err;
	if (vet_has(v, TAG_RELA) && v->tags[TAG_RELAENT] != sizeof(Elf64_Rela))
		return vet_refuse(v, "its relocations have the wrong size");
	if (vet_has(v, TAG_JMPREL) && v->tags[TAG_PLTREL] != DT_RELA)
		return vet_refuse(v, "its DT_PLTREL is not DT_RELA");
	err = check_table(v, TAG_RELA, TAG_RELASZ, v->tags[TAG_RELACOUNT]);
	if (err)
		return err;
	return check_table(v, TAG_JMPREL, TAG_PLTRELSZ, 0);
}
