/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * What can be told from the file, before a byte of it runs: `file` is what volt itself
 * asks of it and what the contract asks, `statics` looks for state that two instances would share.
 */
#include <elf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cases.h"
#include "core/plugin/vet.h"

struct image {
	const uint8_t *bytes;
	size_t size;
	const Elf64_Ehdr *head;
	uint64_t relro, relro_end; /* addresses */
};

/* The vetted bytes: their program headers are known to be sound. */
static struct image map_image(struct check *c)
{
	struct vet_result found;
	struct stat st;

	if (vet_open(c->path, &found) != 0 || fstat(found.image_fd, &st) != 0)
		check_fail(c, "%s", ""); /* the log says why */
	void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, found.image_fd, 0);

	if (bytes == MAP_FAILED)
		check_fail(c, "cannot be mapped");
	close(found.image_fd);
	return (struct image){.bytes = bytes, .size = (size_t)st.st_size, .head = bytes};
}

void case_file(struct check *c)
{
	const struct image i = map_image(c);
	struct vet_result found;
	char why[200];

	if (vet_contract(i.bytes, i.size, &found, why, sizeof(why)) != 0)
		check_fail(c, "%s", why);
}

/* ------------------------------------------------------------------ statics */

static const void *at(const struct image *i, uint64_t off, uint64_t len)
{
	return off <= i->size && len <= i->size - off ? i->bytes + off : NULL;
}

static const Elf64_Phdr *segment(const struct image *i, unsigned n)
{
	static const Elf64_Phdr none;
	const Elf64_Phdr *p = at(i, i->head->e_phoff + n * sizeof(*p), sizeof(*p));

	return p ? p : &none;
}

static const Elf64_Shdr *section(const struct image *i, unsigned n)
{
	uint64_t off;

	if (n >= i->head->e_shnum || i->head->e_shentsize != sizeof(Elf64_Shdr) ||
	    __builtin_add_overflow(i->head->e_shoff, n * sizeof(Elf64_Shdr), &off))
		return NULL;
	return at(i, off, sizeof(Elf64_Shdr));
}

/* Bytes that stay writable once the loader is done. */
static uint64_t writable_bytes(struct image *i)
{
	uint64_t bytes = 0;

	for (unsigned n = 0; n < i->head->e_phnum; n++) {
		const Elf64_Phdr *p = segment(i, n);

		if (p->p_type == PT_GNU_RELRO) {
			i->relro = p->p_vaddr;
			i->relro_end = p->p_vaddr + p->p_memsz;
		}
	}
	for (unsigned n = 0; n < i->head->e_phnum; n++) {
		const Elf64_Phdr *p = segment(i, n);
		uint64_t end = p->p_vaddr + p->p_memsz;

		if (p->p_type == PT_LOAD && (p->p_flags & PF_W))
			bytes += end > i->relro_end && p->p_vaddr <= i->relro_end
				     ? end - i->relro_end
				 : p->p_vaddr >= i->relro && end <= i->relro_end ? 0
										 : p->p_memsz;
	}
	return bytes;
}

static bool is_writable(const struct image *i, const Elf64_Sym *s)
{
	for (unsigned n = 0; n < i->head->e_phnum; n++) {
		const Elf64_Phdr *p = segment(i, n);

		if (p->p_type == PT_LOAD && (p->p_flags & PF_W) && s->st_value >= p->p_vaddr &&
		    s->st_value - p->p_vaddr < p->p_memsz)
			return s->st_value < i->relro || s->st_value >= i->relro_end;
	}
	return false;
}

/* The name of the first writable object, if the file still has its names. */
static const char *name_in(const struct image *i, const Elf64_Shdr *table)
{
	const Elf64_Shdr *names = section(i, table->sh_link);
	const Elf64_Sym *s = at(i, table->sh_offset, table->sh_size);
	const char *text = names ? at(i, names->sh_offset, names->sh_size) : NULL;

	if (!s || !text || !names->sh_size || text[names->sh_size - 1])
		return NULL;
	for (size_t n = 0; n < table->sh_size / sizeof(*s); n++)
		if (ELF64_ST_TYPE(s[n].st_info) == STT_OBJECT && s[n].st_name < names->sh_size &&
		    is_writable(i, &s[n]))
			return text + s[n].st_name;
	return NULL;
}

static const char *find_name(const struct image *i)
{
	const char *name = NULL;

	for (unsigned n = 0; n < i->head->e_shnum && !name; n++) {
		const Elf64_Shdr *s = section(i, n);

		if (s && s->sh_type == SHT_SYMTAB && s->sh_offset % 8 == 0)
			name = name_in(i, s);
	}
	return name;
}

void case_statics(struct check *c)
{
	if (CHECK_SANITIZED)
		check_skip(c, "a sanitizer adds data of its own");
	struct image i = map_image(c);
	uint64_t bytes = writable_bytes(&i);
	const char *name = bytes ? find_name(&i) : NULL;

	if (bytes)
		check_fail(c,
		    "%" PRIu64 " bytes of writable static data%s%s: all state belongs in the "
		    "instance",
		    bytes, name ? ", among them " : "", name ? name : "");
}
