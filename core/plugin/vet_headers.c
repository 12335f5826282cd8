/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * ELF header, program headers and Volt's note. Sources: System V ABI, "Object Files"
 * and "Program Loading"; its AMD64 supplement; Linux Standard Base, "GNU_RELRO" and
 * "GNU_STACK".
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/plugin/vet.h"
#include "core/plugin/vet_elf.h"

#define PAGE       4096u
#define MAPPED_MAX (1ull << 30) /* of address space, for one plugin */
#define ALIGN_MAX  (2ull << 20)
#define NOTE_DESC  12u /* of struct volt_note; later ones may be longer */
#define DESC_MIN   8u  /* size, abi_major, abi_minor of struct volt_plugin */
#define DESC_MAX   65536u

int vet_refuse(struct vet_image *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(v->why, v->why_size, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

bool vet_copy(const struct vet_image *v, uint64_t off, void *to, uint64_t len)
{
	if (off > v->size || len > v->size - off)
		return false;
	memcpy(to, v->bytes + off, len);
	return true;
}

const Elf64_Phdr *vet_segment(const struct vet_image *v, uint64_t vaddr, uint64_t len)
{
	if (len == 0)
		len = 1;
	for (unsigned i = 0; i < v->phdr_count; i++) {
		const Elf64_Phdr *p = &v->phdrs[i];

		if (p->p_type == PT_LOAD && vaddr >= p->p_vaddr &&
		    vaddr - p->p_vaddr < p->p_memsz && len <= p->p_memsz - (vaddr - p->p_vaddr))
			return p;
	}
	return NULL;
}

const uint8_t *vet_table(const struct vet_image *v, uint64_t vaddr, uint64_t len)
{
	const Elf64_Phdr *p = vet_segment(v, vaddr, len);

	if (!p || (p->p_flags & PF_W))
		return NULL;
	/* Such a segment has p_filesz == p_memsz, see check_load(). */
	return v->bytes + p->p_offset + (vaddr - p->p_vaddr);
}

/* -------------------------------------------------------------- ELF header */

static int check_ident(struct vet_image *v, const Elf64_Ehdr *h)
{
	if (memcmp(h->e_ident, ELFMAG, SELFMAG) != 0)
		return vet_refuse(v, "it is not an ELF file");
	if (h->e_ident[EI_CLASS] != ELFCLASS64)
		return vet_refuse(v, "it is not a 64-bit ELF file");
	if (h->e_ident[EI_DATA] != ELFDATA2LSB)
		return vet_refuse(v, "it is not a little-endian ELF file");
	if (h->e_ident[EI_VERSION] != EV_CURRENT || h->e_version != EV_CURRENT)
		return vet_refuse(v, "its ELF version is %u, not 1", h->e_version);
	if ((h->e_ident[EI_OSABI] != ELFOSABI_SYSV && h->e_ident[EI_OSABI] != ELFOSABI_GNU) ||
	    h->e_ident[EI_ABIVERSION] != 0)
		return vet_refuse(
		    v, "it is for operating system ABI %u, not Linux", h->e_ident[EI_OSABI]);
	return 0;
}

static int check_header(struct vet_image *v, const Elf64_Ehdr *h)
{
	int err = check_ident(v, h);

	if (err)
		return err;
	if (h->e_machine != EM_X86_64)
		return vet_refuse(v, "it is for ELF machine %u, not x86-64", h->e_machine);
	if (h->e_type != ET_DYN)
		return vet_refuse(v, "its ELF type is %u, not a shared object (3)", h->e_type);
	if (h->e_ehsize != sizeof(*h) || h->e_phentsize != sizeof(Elf64_Phdr))
		return vet_refuse(v, "its header sizes are %u and %u, not 64 and 56", h->e_ehsize,
		    h->e_phentsize);
	if (h->e_phnum == 0 || h->e_phnum > VET_PHDRS)
		return vet_refuse(
		    v, "it has %u program headers; 1 to %u are fine", h->e_phnum, VET_PHDRS);
	return 0;
}

/* ---------------------------------------------------------- program headers */

/* `end` is where the mapping of the segment before ends. */
static int check_load(struct vet_image *v, const Elf64_Phdr *p, uint64_t *end)
{
	uint64_t mapped_end;

	/* GNU ld makes an empty one where there would be constants; nothing is mapped. */
	if (p->p_filesz > p->p_memsz || (p->p_memsz == 0 && p->p_flags != PF_R))
		return vet_refuse(v,
		    "a segment has %" PRIu64 " bytes in the file for %" PRIu64 " in memory",
		    p->p_filesz, p->p_memsz);
	if (__builtin_add_overflow(p->p_vaddr, p->p_memsz, &mapped_end) || mapped_end > MAPPED_MAX)
		return vet_refuse(v, "a segment lies beyond 1 GiB");
	if (p->p_align < PAGE || p->p_align > ALIGN_MAX || (p->p_align & (p->p_align - 1)) ||
	    ((p->p_vaddr - p->p_offset) & (p->p_align - 1)))
		return vet_refuse(v,
		    "a segment is aligned to 0x%" PRIx64 ", not to pages as in the file",
		    p->p_align);
	if (vet_page_down(p->p_vaddr) < *end)
		return vet_refuse(v, "its segments overlap or are out of order");
	if ((p->p_flags & PF_W) && (p->p_flags & PF_X))
		return vet_refuse(v, "a segment is writable and executable");
	if (!(p->p_flags & PF_R))
		return vet_refuse(v, "a segment is not readable");
	if (p->p_memsz > p->p_filesz && !(p->p_flags & PF_W))
		return vet_refuse(v, "a read-only segment is longer than in the file");
	*end = vet_page_down(mapped_end + PAGE - 1);
	return 0;
}

/* Every header that the loader reads but PT_LOAD points into what a PT_LOAD maps, at the same file
 * offset: the loader reads memory, and this file reads the file. */
int vet_placed(struct vet_image *v, const Elf64_Phdr *p, const char *name)
{
	const Elf64_Phdr *s = vet_segment(v, p->p_vaddr, p->p_filesz);

	if (!s || p->p_memsz != p->p_filesz || p->p_vaddr - s->p_vaddr > s->p_filesz ||
	    p->p_filesz > s->p_filesz - (p->p_vaddr - s->p_vaddr) ||
	    p->p_offset != s->p_offset + (p->p_vaddr - s->p_vaddr))
		return vet_refuse(v, "its %s does not lie in a segment", name);
	return 0;
}

/* The loader takes the mapped copy for the table that it read before. */
static int check_phdr(struct vet_image *v, const Elf64_Phdr *p)
{
	if (p->p_offset != v->phdr_offset || p->p_filesz != v->phdr_count * sizeof(*p))
		return vet_refuse(v, "its PT_PHDR is not its table of program headers");
	return vet_placed(v, p, "table of program headers");
}

static int check_stack(struct vet_image *v, const Elf64_Phdr *p)
{
	if (p->p_flags & PF_X)
		return vet_refuse(
		    v, "it asks for an executable stack: link it with -z noexecstack");
	return 0;
}

/* The linker may round the end up to the page, past the segment. */
static int check_relro(struct vet_image *v, const Elf64_Phdr *p)
{
	const Elf64_Phdr *s = vet_segment(v, p->p_vaddr, 1);
	uint64_t end;

	if (!s || !(s->p_flags & PF_W) || __builtin_add_overflow(p->p_vaddr, p->p_memsz, &end) ||
	    end > vet_page_down(s->p_vaddr + s->p_memsz + PAGE - 1))
		return vet_refuse(v, "its GNU_RELRO does not lie in the writable segment");
	return 0;
}

static int check_other(struct vet_image *v, const Elf64_Phdr *p)
{
	switch (p->p_type) {
	case PT_DYNAMIC:
		return vet_placed(v, p, "dynamic section");
	case PT_NOTE:
		return vet_placed(v, p, "note");
	case PT_PHDR:
		return check_phdr(v, p);
	case PT_GNU_PROPERTY:
		return vet_placed(v, p, "property note");
	case PT_GNU_STACK:
		return check_stack(v, p);
	case PT_GNU_RELRO:
		return check_relro(v, p);
	case PT_INTERP:
		return vet_refuse(v, "it names an interpreter: it is a program, not a plugin");
	case PT_TLS:
		return vet_refuse(v, "it has thread-local variables; a plugin keeps its state in "
				     "its instance");
	case PT_NULL:
	case PT_LOAD:
	case PT_GNU_EH_FRAME: /* read when an exception is thrown, if ever; vet_contract() looks */
		return 0;
	}
	return vet_refuse(v, "it has a program header of unknown type 0x%x", p->p_type);
}

static const Elf64_Phdr *find_one(const struct vet_image *v, uint32_t type, unsigned *count)
{
	const Elf64_Phdr *found = NULL;

	*count = 0;
	for (unsigned i = 0; i < v->phdr_count; i++) {
		if (v->phdrs[i].p_type != type)
			continue;
		found = &v->phdrs[i];
		++*count;
	}
	return found;
}

static int require_one(
    struct vet_image *v, uint32_t type, const char *missing, const Elf64_Phdr **out)
{
	unsigned count;

	*out = find_one(v, type, &count);
	if (count == 0)
		return vet_refuse(v, "%s", missing);
	if (count > 1)
		return vet_refuse(v, "it has %u program headers of type 0x%x", count, type);
	return 0;
}

static int check_phdrs(struct vet_image *v)
{
	const Elf64_Phdr *stack;
	uint64_t end = 0;
	int err = 0;

	for (unsigned i = 0; i < v->phdr_count && !err; i++) {
		const Elf64_Phdr *p = &v->phdrs[i];

		if (p->p_offset > v->size || p->p_filesz > v->size - p->p_offset)
			return vet_refuse(
			    v, "program header %u points past the end of the file", i);
		if (p->p_type == PT_LOAD)
			err = check_load(v, p, &end);
	}
	if (err)
		return err;
	for (unsigned i = 0; i < v->phdr_count; i++) {
		err = check_other(v, &v->phdrs[i]);
		if (err)
			return err;
	}
	err = require_one(v, PT_GNU_STACK,
	    "it has no GNU_STACK header and would get an executable stack: link it with "
	    "-z noexecstack",
	    &stack);
	if (err)
		return err;
	err = require_one(v, PT_DYNAMIC, "it has no dynamic section", &v->dynamic);
	if (err)
		return err;
	return require_one(
	    v, PT_GNU_RELRO, "its tables stay writable: link it with -z relro -z now", &v->relro);
}

int vet_headers(struct vet_image *v)
{
	Elf64_Ehdr h;
	int err;

	if (!vet_copy(v, 0, &h, sizeof(h)))
		return vet_refuse(v, "it is too short for an ELF file: %" PRIu64 " bytes", v->size);
	err = check_header(v, &h);
	if (err)
		return err;
	if (!vet_copy(v, h.e_phoff, v->phdrs, h.e_phnum * sizeof(Elf64_Phdr)))
		return vet_refuse(v, "its program headers lie past the end of the file");
	v->phdr_offset = h.e_phoff;
	v->phdr_count = h.e_phnum;
	return check_phdrs(v);
}

/* -------------------------------------------------------------------- note */

static int read_volt_note(struct vet_image *v, uint64_t desc, uint32_t desc_size)
{
	struct vet_result *r = v->result;
	struct {
		uint16_t abi_major, abi_minor;
		uint32_t kind, descriptor_size;
	} d;

	if (desc_size < NOTE_DESC || !vet_copy(v, desc, &d, sizeof(d)))
		return vet_refuse(v, "its Volt note has %u bytes, not %u", desc_size, NOTE_DESC);
	if (r->kind != 0)
		return vet_refuse(v, "it has two Volt notes");
	if (d.abi_major != VOLT_ABI_MAJOR)
		return vet_refuse(v, "it was built for plugin ABI %u.%u; this volt has ABI %d.%d",
		    d.abi_major, d.abi_minor, VOLT_ABI_MAJOR, VOLT_ABI_MINOR);
	if (d.kind < VOLT_KIND_DEVICE || d.kind > VOLT_KIND_FILTER)
		return vet_refuse(v, "its Volt note says kind %u, which is unknown", d.kind);
	if (d.descriptor_size < DESC_MIN || d.descriptor_size > DESC_MAX)
		return vet_refuse(
		    v, "its Volt note says that the descriptor has %u bytes", d.descriptor_size);
	r->abi_major = d.abi_major;
	r->abi_minor = d.abi_minor;
	r->kind = d.kind;
	r->descriptor_size = d.descriptor_size;
	return 0;
}

static bool is_volt_note(const struct vet_image *v, const Elf64_Nhdr *n, uint64_t name)
{
	char text[sizeof(VOLT_NOTE_NAME)];

	return n->n_type == VOLT_NOTE_TYPE && n->n_namesz == sizeof(text) &&
	       vet_copy(v, name, text, sizeof(text)) &&
	       memcmp(text, VOLT_NOTE_NAME, sizeof(text)) == 0;
}

/* Sizes are 32 bits wide and offsets below 2^30, so the sums cannot wrap. */
static int read_notes(struct vet_image *v, const Elf64_Phdr *p)
{
	uint64_t align = p->p_align == 8 ? 8 : 4;
	uint64_t off = p->p_offset, end = p->p_offset + p->p_filesz;

	while (end - off >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr n;
		uint64_t name = off + sizeof(n), desc, mask = align - 1;
		int err = 0;

		if (!vet_copy(v, off, &n, sizeof(n)))
			break;
		/* Counted from the start of the note, as glibc does. */
		desc = off + ((sizeof(n) + (uint64_t)n.n_namesz + mask) & ~mask);
		if (desc > end || n.n_descsz > end - desc)
			return vet_refuse(v, "a note ends past its segment");
		if (is_volt_note(v, &n, name))
			err = read_volt_note(v, desc, n.n_descsz);
		if (err)
			return err;
		off += (desc - off + (uint64_t)n.n_descsz + mask) & ~mask;
		if (off > end)
			break;
	}
	return 0;
}

int vet_note(struct vet_image *v)
{
	for (unsigned i = 0; i < v->phdr_count; i++) {
		const Elf64_Phdr *p = &v->phdrs[i];
		int err = 0;

		/* The loader reads PT_GNU_PROPERTY too, and believes its lengths. */
		if (p->p_type == PT_NOTE || p->p_type == PT_GNU_PROPERTY)
			err = read_notes(v, p);
		if (err)
			return err;
	}
	if (v->result->kind == 0)
		return vet_refuse(v, "it has no Volt note: it is not a plugin");
	return 0;
}
