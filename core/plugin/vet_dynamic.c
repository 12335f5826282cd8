/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * The dynamic section: a list of what a plugin may ask of the loader. What is not on
 * it is refused, as some entries run code or load files (DT_INIT, DT_AUXILIARY,
 * DT_AUDIT) and the next one may too. Sources: System V ABI, "Dynamic Section"; glibc,
 * elf/dl-load.c, dl-reloc.c and dl-version.c for what is read and how.
 */
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <string.h>

#include "core/plugin/vet_elf.h"

/* What DF_1_* may be set: bind now, never unload. */
#define FLAGS_1_KNOWN (DF_1_NOW | DF_1_NODELETE)
#define FLAGS_KNOWN   (DF_SYMBOLIC | DF_BIND_NOW)

#ifndef DT_RELR /* glibc 2.36 has it; older headers do not */
#define DT_RELR 36
#endif

struct rule {
	int64_t tag;
	enum vet_tag slot;
};

static const struct rule allowed[] = {
    {DT_NEEDED, TAG_NEEDED},
    {DT_STRTAB, TAG_STRTAB},
    {DT_STRSZ, TAG_STRSZ},
    {DT_SYMTAB, TAG_SYMTAB},
    {DT_SYMENT, TAG_SYMENT},
    {DT_GNU_HASH, TAG_GNU_HASH},
    {DT_HASH, TAG_UNUSED}, /* the loader prefers GNU_HASH, which must be there */
    {DT_RELA, TAG_RELA},
    {DT_RELASZ, TAG_RELASZ},
    {DT_RELAENT, TAG_RELAENT},
    {DT_RELACOUNT, TAG_RELACOUNT},
    {DT_JMPREL, TAG_JMPREL},
    {DT_PLTRELSZ, TAG_PLTRELSZ},
    {DT_PLTREL, TAG_PLTREL},
    {DT_PLTGOT, TAG_PLTGOT},
    {DT_FLAGS, TAG_FLAGS},
    {DT_FLAGS_1, TAG_FLAGS_1},
    {DT_BIND_NOW, TAG_BIND_NOW},
    {DT_SYMBOLIC, TAG_UNUSED},
    {DT_VERSYM, TAG_VERSYM},
    {DT_VERNEED, TAG_VERNEED},
    {DT_VERNEEDNUM, TAG_VERNEEDNUM},
    {DT_SONAME, TAG_SONAME},
};

/* Those worth a better message than their number. */
static const struct {
	int64_t tag;
	const char *why;
} refused[] = {
    {DT_INIT, "it has code that runs when it is loaded (DT_INIT): link it with -nostartfiles"},
    {DT_FINI, "it has code that runs at exit (DT_FINI): link it with -nostartfiles"},
    {DT_INIT_ARRAY, "it has constructors (DT_INIT_ARRAY): no code of a plugin runs before init"},
    {DT_FINI_ARRAY, "it has destructors (DT_FINI_ARRAY): no code of a plugin runs at exit"},
    {DT_PREINIT_ARRAY, "it has constructors (DT_PREINIT_ARRAY)"},
    {DT_RPATH, "it brings its own search path for libraries (DT_RPATH)"},
    {DT_RUNPATH, "it brings its own search path for libraries (DT_RUNPATH)"},
    {DT_TEXTREL, "its code would be written to while it is loaded (DT_TEXTREL): compile it "
		 "with -fPIC"},
    {DT_RELR, "it has packed relocations (DT_RELR): link it with -z nopack-relative-relocs"},
    {DT_AUDIT, "it asks for an auditor of the loader (DT_AUDIT)"},
    {DT_AUXILIARY, "it asks for another object to be loaded (DT_AUXILIARY)"},
    {DT_FILTER, "it asks for another object to be loaded (DT_FILTER)"},
};

static bool is_start_code(int64_t tag)
{
	return tag == DT_INIT || tag == DT_FINI || tag == DT_INIT_ARRAY || tag == DT_FINI_ARRAY ||
	       tag == DT_INIT_ARRAYSZ || tag == DT_FINI_ARRAYSZ;
}

static int refuse_tag(struct vet_image *v, int64_t tag)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (refused[i].tag == tag)
			return vet_refuse(v, "%s", refused[i].why);
	return vet_refuse(v,
	    "its dynamic section has an entry of type 0x%" PRIx64 ", which plugins may not have",
	    (uint64_t)tag);
}

static int take_entry(struct vet_image *v, const Elf64_Dyn *d)
{
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		enum vet_tag slot = allowed[i].slot;

		if (allowed[i].tag != d->d_tag)
			continue;
		if (slot == TAG_UNUSED || slot == TAG_NEEDED)
			return 0;
		if (vet_has(v, slot))
			return vet_refuse(v, "its dynamic section has entry 0x%" PRIx64 " twice",
			    (uint64_t)d->d_tag);
		v->tags_seen |= 1u << slot;
		v->tags[slot] = d->d_un.d_val;
		return 0;
	}
	if (VET_SANITIZED && is_start_code(d->d_tag))
		return 0;
	return refuse_tag(v, d->d_tag);
}

/* Entry `i`, or false at the end of the table. */
static bool entry_at(const struct vet_image *v, uint64_t i, Elf64_Dyn *d)
{
	const Elf64_Phdr *p = v->dynamic;

	return i < p->p_filesz / sizeof(*d) &&
	       vet_copy(v, p->p_offset + i * sizeof(*d), d, sizeof(*d));
}

static int take_entries(struct vet_image *v)
{
	Elf64_Dyn d;

	for (uint64_t i = 0; entry_at(v, i, &d); i++) {
		int err;

		if (d.d_tag == DT_NULL)
			return 0;
		err = take_entry(v, &d);
		if (err)
			return err;
	}
	/* The loader would read on. */
	return vet_refuse(v, "its dynamic section has no end");
}

/* ----------------------------------------------------------------- strings */

const char *vet_string(const struct vet_image *v, uint64_t off)
{
	const uint8_t *table = vet_table(v, v->tags[TAG_STRTAB], v->tags[TAG_STRSZ]);

	if (!table || off >= v->tags[TAG_STRSZ])
		return NULL;
	return (const char *)table + off; /* the table ends with a NUL, see check_strings() */
}

static int check_strings(struct vet_image *v)
{
	uint64_t size = v->tags[TAG_STRSZ];
	const uint8_t *table = vet_table(v, v->tags[TAG_STRTAB], size);

	if (!vet_has(v, TAG_STRTAB) || !table || size == 0 || table[size - 1] != '\0')
		return vet_refuse(
		    v, "its table of strings is not in a read-only segment, or has no end");
	return 0;
}

/* ------------------------------------------------------------ other objects */

static const char *const libraries[] = {
    "libc.so.6",
    "libm.so.6",
    "ld-linux-x86-64.so.2",
    "libgcc_s.so.1",
    "libseccomp.so.2", /* the sandbox */
    "libcap.so.2",
};
static const char *const sanitizer_libraries[] = {"libasan.so.[0-9]*", "libubsan.so.[0-9]*",
    "libtsan.so.[0-9]*", "liblsan.so.[0-9]*", "libclang_rt.*"};

#define ONE_OF(name, list) one_of(name, list, sizeof(list) / sizeof((list)[0]))

static bool one_of(const char *name, const char *const *patterns, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (fnmatch(patterns[i], name, FNM_NOESCAPE) == 0)
			return true;
	return false;
}

static bool may_load(const struct vet_image *v, const char *name)
{
	if (strchr(name, '/'))
		return false;
	if (ONE_OF(name, libraries))
		return true;
	return VET_SANITIZED && ONE_OF(name, sanitizer_libraries);
}

/* The loader takes an object for whatever is asked for by this name from now on: a library
 * ("libm.so.6") or the next plugin ("/proc/self/fd/9"). Nobody asks for "NAME.so". */
static bool is_harmless_soname(const char *name)
{
	size_t n = strlen(name);

	return n > 3 && strcmp(name + n - 3, ".so") == 0 && !strchr(name, '/');
}

static int check_soname(struct vet_image *v)
{
	const char *name;

	if (!vet_has(v, TAG_SONAME))
		return 0;
	name = vet_string(v, v->tags[TAG_SONAME]);
	if (!name)
		return vet_refuse(v, "its soname lies outside of its strings");
	if (!is_harmless_soname(name))
		return vet_refuse(v,
		    "it calls itself \"%.64s\" (DT_SONAME), which another file may be asked for "
		    "by: NAME.so is fine",
		    name);
	return 0;
}

static int check_needed(struct vet_image *v)
{
	Elf64_Dyn d;

	for (uint64_t i = 0; entry_at(v, i, &d) && d.d_tag != DT_NULL; i++) {
		const char *name;

		if (d.d_tag != DT_NEEDED)
			continue;
		name = vet_string(v, d.d_un.d_val);
		if (!name)
			return vet_refuse(v, "the name of a library lies outside of its strings");
		if (!may_load(v, name))
			return vet_refuse(
			    v, "it needs the library \"%.64s\", which plugins may not load", name);
		if (v->needed_count == VET_NEEDED)
			return vet_refuse(v, "it needs more than %u libraries", VET_NEEDED);
		v->needed[v->needed_count++] = name;
	}
	return 0;
}

/* ------------------------------------------------------------------- flags */

static int check_flags(struct vet_image *v)
{
	uint64_t flags = v->tags[TAG_FLAGS], flags_1 = v->tags[TAG_FLAGS_1];

	if (flags & DF_TEXTREL)
		return refuse_tag(v, DT_TEXTREL);
	if (flags & ~(uint64_t)FLAGS_KNOWN)
		return vet_refuse(
		    v, "its DT_FLAGS are 0x%" PRIx64 "; plugins may have 0x%x", flags, FLAGS_KNOWN);
	if (flags_1 & DF_1_GLOBAL)
		return vet_refuse(v, "it would show its symbols to all others (DF_1_GLOBAL)");
	if (flags_1 & ~(uint64_t)FLAGS_1_KNOWN)
		return vet_refuse(v, "its DT_FLAGS_1 are 0x%" PRIx64 "; plugins may have 0x%x",
		    flags_1, FLAGS_1_KNOWN);
	if (!vet_has(v, TAG_BIND_NOW) && !(flags & DF_BIND_NOW) && !(flags_1 & DF_1_NOW))
		return vet_refuse(v,
		    "it binds functions late, through a writable table: link it with "
		    "-z now");
	return 0;
}

/* What the loader relies on after relocation must be read-only then. It protects whole
 * pages only. */
static int check_protected(struct vet_image *v)
{
	uint64_t start = v->relro->p_vaddr;
	uint64_t end = vet_page_down(start + v->relro->p_memsz);
	uint64_t dyn = v->dynamic->p_vaddr, got = v->tags[TAG_PLTGOT];

	if (dyn < start || dyn > end || v->dynamic->p_memsz > end - dyn ||
	    (vet_has(v, TAG_PLTGOT) && (got < start || got >= end)))
		return vet_refuse(
		    v, "its GNU_RELRO leaves tables writable: link it with -z relro -z now");
	return 0;
}

int vet_dynamic(struct vet_image *v)
{
	const Elf64_Phdr *p = v->dynamic;
	const Elf64_Phdr *s = vet_segment(v, p->p_vaddr, p->p_memsz);
	int err;

	if (!s || !(s->p_flags & PF_W) || p->p_memsz != p->p_filesz || p->p_vaddr % 8 != 0)
		return vet_refuse(v, "its dynamic section is not in the writable segment");
	err = take_entries(v);
	if (err)
		return err;
	err = check_strings(v);
	if (err)
		return err;
	err = check_soname(v);
	if (err)
		return err;
	err = check_needed(v);
	if (err)
		return err;
	err = check_flags(v);
	if (err)
		return err;
	return check_protected(v);
}
