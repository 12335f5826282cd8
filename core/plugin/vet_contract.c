/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * What the contract asks of a plugin's file beyond what its loading needs: it exports its
 * descriptor alone, as constant data of the size that its note tells, and its unwind table is
 * mapped as it lies in the file. The loader is as well off without; so volt-plugin check looks, and
 * volt does not. Sources: volt-plugin(7); System V ABI, "Symbol Table"; LSB, "GNU_RELRO" and
 * "GNU_EH_FRAME".
 */
#include <inttypes.h>
#include <string.h>

#include "core/plugin/vet.h"
#include "core/plugin/vet_elf.h"

/* Read-only from the start, or by GNU_RELRO after relocation. */
static bool is_constant(const struct vet_image *v, uint64_t vaddr, uint64_t len)
{
	const Elf64_Phdr *s = vet_segment(v, vaddr, len);
	const uint64_t start = v->relro->p_vaddr;
	const uint64_t end = vet_page_down(start + v->relro->p_memsz);

	if (!s)
		return false;
	return !(s->p_flags & PF_W) || (vaddr >= start && vaddr < end && len <= end - vaddr);
}

static int check_descriptor(struct vet_image *v, const Elf64_Sym *s)
{
	const unsigned visibility = ELF64_ST_VISIBILITY(s->st_other);

	if (s->st_size < v->result->descriptor_size)
		return vet_refuse(v,
		    "its symbol " VET_EXPORT " has %" PRIu64 " bytes; its Volt note says %u",
		    s->st_size, v->result->descriptor_size);
	if (!vet_segment(v, s->st_value, s->st_size))
		return vet_refuse(v, "its symbol " VET_EXPORT " does not lie in its data");
	if (!is_constant(v, s->st_value, s->st_size))
		return vet_refuse(v, "its symbol " VET_EXPORT " is not constant");
	if (visibility == STV_HIDDEN || visibility == STV_INTERNAL)
		return vet_refuse(v, "its symbol " VET_EXPORT " is hidden from the loader");
	return 0;
}

static int check_export(struct vet_image *v, const Elf64_Sym *s)
{
	const char *name = vet_string(v, s->st_name);

	if (!vet_is_export(v, s))
		return 0;
	if (strcmp(name, VET_EXPORT) != 0)
		return vet_refuse(v,
		    "it exports %.64s; a plugin exports " VET_EXPORT
		    " alone: compile it with -fvisibility=hidden",
		    name);
	return check_descriptor(v, s);
}

static int check_exports(struct vet_image *v)
{
	Elf64_Sym s;
	int err = 0;

	for (uint32_t i = 1; !err && i < v->symbol_count && vet_symbol(v, i, &s); i++)
		err = check_export(v, &s);
	return err;
}

int vet_contract(
    const uint8_t *image, uint64_t size, struct vet_result *out, char *why, unsigned why_size)
{
	struct vet_image v = {
	    .bytes = image, .size = size, .result = out, .why = why, .why_size = why_size};
	int err = vet_load(&v);

	for (unsigned i = 0; !err && i < v.phdr_count; i++)
		if (v.phdrs[i].p_type == PT_GNU_EH_FRAME)
			err = vet_placed(&v, &v.phdrs[i], "unwind table");
	return err ? err : check_exports(&v);
}
