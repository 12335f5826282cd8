/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * What is refused in the bytes of a plugin: bad plugins as a linker makes them, and a
 * good one in which a field was changed. Numbers such as O04 are cases of group O in
 * the list of hostile inputs.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/plugin/image.h"
#include "vet_kit.h"

/* After volt/plugin.h, whose member `fail` is a macro here. */
#include <cmocka.h>

static char why[256];

/* vet_image() or vet_contract() */
typedef int vetting(
    const uint8_t *image, uint64_t size, struct vet_result *out, char *why, unsigned why_size);

static int look_at(vetting *vet, const char *name, struct vet_result *r)
{
	size_t size;
	uint8_t *image = kit_read(kit_path(name), &size);
	int err = vet(image, size, r, why, sizeof(why));

	free(image);
	return err;
}

static int vet_file(const char *name, struct vet_result *r)
{
	return look_at(vet_image, name, r);
}

static void assert_refused(vetting *vet, const char *name, const char *because)
{
	struct vet_result r;

	why[0] = '\0';
	if (look_at(vet, name, &r) != -EINVAL)
		fail_msg("%s was accepted", name);
	if (!strstr(why, because))
		fail_msg("%s: \"%s\" does not say \"%s\"", name, why, because);
}

/* ------------------------------------------------------- as a linker makes them */

static void good_plugin_is_accepted_with_what_its_note_says(void **state)
{
	struct vet_result r;

	assert_int_equal(vet_file("good", &r), 0);
	assert_int_equal(r.abi_major, VOLT_ABI_MAJOR);
	assert_int_equal(r.abi_minor, VOLT_ABI_MINOR);
	assert_int_equal(r.kind, VOLT_KIND_DEVICE);
	assert_int_equal(r.descriptor_size, sizeof(struct volt_plugin));
	assert_int_equal(r.image_fd, -1);
}

static void sandbox_is_told_by_its_note(void **state)
{
	struct vet_result r;

	assert_int_equal(vet_file("good_sandbox", &r), 0);
	assert_int_equal(r.kind, VOLT_KIND_SANDBOX);
}

struct bad {
	const char *name, *because;
};

static const struct bad bad_plugins[] = {
    /* O02 */
    {"no_note", "no Volt note"},
    {"two_notes", "two Volt notes"},
    {"other_major", "built for plugin ABI 7.9; this volt has ABI 0.3"},
    {"highest_major", "built for plugin ABI 65535.9"},
    {"unknown_kind", "kind 9"},
    {"kind_zero", "kind 0"},
    {"descriptor_too_long", "does not lie in its data"},
    {"descriptor_too_short", "the descriptor has 4 bytes"},
    /* O03 */
    {"no_symbol", "does not export volt_plugin"},
    {"function", "is of type 2, not data"},
    {"old_hash", "no GNU hash"},
    /* O04 */
    {"constructor", "DT_INIT_ARRAY"},
    {"destructor", "DT_FINI_ARRAY"},
    {"init_function", "DT_INIT)"},
    {"fini_function", "DT_FINI)"},
    {"ifunc", "IRELATIVE"},
    {"ifunc_exported", "ifunc"},
    /* O05 */
    {"exec_stack", "executable stack"},
    {"text_relocation", "DT_TEXTREL"},
    {"writable_code", "writable and executable"},
    {"rpath", "DT_RPATH"},
    {"runpath", "DT_RUNPATH"},
    {"needed", "libjson-c.so"},
    {"auxiliary", "DT_AUXILIARY"},
    {"filter", "DT_FILTER"},
    {"audit", "DT_AUDIT"},
    {"global", "DF_1_GLOBAL"},
    {"init_first", "DT_FLAGS_1"},
    {"no_open", "DT_FLAGS_1"},
    {"lazy", "-z now"},
    {"no_relro", "-z relro"},
    {"packed_relocations", "DT_RELR"},
    {"impostor", "calls itself \"libm.so.6\""},
    {"impostor_of_json", "calls itself \"libjson-c.so.5\""},
    {"impostor_of_next", "calls itself \"/proc/self/fd/9\""},
    {"interpreter", "interpreter"},
    {"thread_local", "thread-local"},
};

/* HOLDS(R1, security) */
static void each_bad_plugin_is_refused_with_its_reason(void **state)
{
	for (size_t i = 0; i < sizeof(bad_plugins) / sizeof(bad_plugins[0]); i++) {
		assert_refused(vet_image, bad_plugins[i].name, bad_plugins[i].because);
		assert_refused(vet_contract, bad_plugins[i].name, bad_plugins[i].because);
	}
}

/* O03; these can do no harm by being loaded. */
static const struct bad breaking_the_contract[] = {
    {"two_symbols", "it exports second"},
    {"weak_symbol", "it exports second"},
    {"writable", "not constant"},
};

/* HOLDS(security) */
static void volt_plugin_check_refuses_what_breaks_the_contract(void **state)
{
	struct vet_result r;

	assert_int_equal(look_at(vet_contract, "good", &r), 0);
	for (size_t i = 0; i < sizeof(breaking_the_contract) / sizeof(struct bad); i++) {
		assert_refused(
		    vet_contract, breaking_the_contract[i].name, breaking_the_contract[i].because);
		assert_int_equal(vet_file(breaking_the_contract[i].name, &r), 0);
	}
}

/* ------------------------------------------------------------------ canary */

static int run_in_child(int (*body)(void))
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(body());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static int vet_constructor(void)
{
	struct vet_result r;

	return vet_file("constructor", &r) == -EINVAL ? 7 : 8;
}

static int load_constructor(void)
{
	return dlopen(kit_path("constructor"), RTLD_NOW) ? 7 : 8;
}

/* HOLDS(security) */
static void no_code_of_a_refused_plugin_runs(void **state)
{
	char dir[] = "/tmp/volt-canary-XXXXXX", canary[64];

	assert_non_null(mkdtemp(dir));
	snprintf(canary, sizeof(canary), "%s/canary", dir);
	setenv("VOLT_CANARY", canary, 1);

	assert_int_equal(run_in_child(vet_constructor), 7);
	assert_int_not_equal(access(canary, F_OK), 0);
	/* The canary does sing when the loader has its way. */
	assert_int_equal(run_in_child(load_constructor), 7);
	assert_int_equal(access(canary, F_OK), 0);

	unlink(canary);
	rmdir(dir);
}

/* ------------------------------------------------------ a field was changed */

typedef void change(uint8_t *image);

static Elf64_Ehdr *header(uint8_t *image)
{
	return (Elf64_Ehdr *)(void *)image;
}

static Elf64_Rela *first_reloc(uint8_t *image)
{
	return kit_mapped(image, kit_dyn(image, DT_RELA)->d_un.d_ptr);
}

static Elf64_Sym *first_import(uint8_t *image)
{
	return (Elf64_Sym *)kit_mapped(image, kit_dyn(image, DT_SYMTAB)->d_un.d_ptr) + 1;
}

static uint32_t *hash(uint8_t *image)
{
	return kit_mapped(image, kit_dyn(image, DT_GNU_HASH)->d_un.d_ptr);
}

static Elf64_Verneed *verneed(uint8_t *image)
{
	return kit_mapped(image, kit_dyn(image, DT_VERNEED)->d_un.d_ptr);
}

/* The n-th PT_LOAD, from 0. */
static Elf64_Phdr *load(uint8_t *image, unsigned n)
{
	Elf64_Phdr *p = kit_phdr(image, PT_LOAD);

	return p + n; /* linkers put them side by side */
}

/* No page is mapped for it, so nothing can be in it. */
static void plugin_without_constants_has_an_empty_segment(void **state)
{
	struct vet_result r;
	size_t size;
	uint8_t *image = kit_read(kit_path("no_constants"), &size);

	assert_int_equal(load(image, 2)->p_memsz, 0);
	free(image);
	assert_int_equal(vet_file("no_constants", &r), 0);
}

#define CHANGE(name, what) \
	static void name(uint8_t *image) \
	{ \
		what; \
	}

CHANGE(no_magic, image[0] = 'X')
CHANGE(class_32, image[EI_CLASS] = ELFCLASS32)
CHANGE(big_endian, image[EI_DATA] = ELFDATA2MSB)
CHANGE(ident_version, image[EI_VERSION] = 0)
CHANGE(os_abi, image[EI_OSABI] = ELFOSABI_FREEBSD)
CHANGE(abi_version, image[EI_ABIVERSION] = 1)
CHANGE(elf_version, header(image)->e_version = 2)
CHANGE(machine, header(image)->e_machine = EM_AARCH64)
CHANGE(executable, header(image)->e_type = ET_EXEC)
CHANGE(relocatable, header(image)->e_type = ET_REL)
CHANGE(header_size, header(image)->e_ehsize = 52)
CHANGE(phdr_size, header(image)->e_phentsize = 0)
CHANGE(no_phdrs, header(image)->e_phnum = 0)
CHANGE(many_phdrs, header(image)->e_phnum = PN_XNUM)
CHANGE(phdrs_past_end, header(image)->e_phoff = 1u << 20)
CHANGE(phdrs_wrap, header(image)->e_phoff = UINT64_MAX - 8)

CHANGE(load_past_end, load(image, 0)->p_offset = 1ull << 40)
CHANGE(load_wraps, load(image, 0)->p_offset = UINT64_MAX - 0xfff)
CHANGE(load_far, load(image, 3)->p_vaddr += 1ull << 40)
CHANGE(load_vaddr_wraps, load(image, 3)->p_vaddr = 0 - 0x1000ull + load(image, 3)->p_vaddr % 0x1000)
CHANGE(load_short_memory, load(image, 0)->p_memsz = 1)
CHANGE(load_huge_memory, load(image, 3)->p_memsz = 1ull << 62)
CHANGE(load_empty, load(image, 1)->p_memsz = load(image, 1)->p_filesz = 0)
CHANGE(load_long_text, load(image, 1)->p_memsz += 16)
CHANGE(load_unaligned, load(image, 1)->p_align = 1)
CHANGE(load_odd_align, load(image, 1)->p_align = 0x1800)
CHANGE(load_offset_differs, load(image, 1)->p_vaddr += 8)
CHANGE(loads_overlap, load(image, 1)->p_vaddr = 0)
CHANGE(load_unreadable, load(image, 0)->p_flags = 0)
CHANGE(load_writable_text, load(image, 1)->p_flags |= PF_W)
CHANGE(no_dynamic, kit_phdr(image, PT_DYNAMIC)->p_type = PT_NULL)
CHANGE(two_dynamics, kit_phdr(image, PT_GNU_EH_FRAME)->p_type = PT_DYNAMIC)
CHANGE(dynamic_elsewhere, kit_phdr(image, PT_DYNAMIC)->p_vaddr -= 16)
CHANGE(dynamic_read_only, load(image, 3)->p_flags = PF_R)
CHANGE(no_stack, kit_phdr(image, PT_GNU_STACK)->p_type = PT_NULL)
CHANGE(stack_executable, kit_phdr(image, PT_GNU_STACK)->p_flags |= PF_X)
CHANGE(no_relro, kit_phdr(image, PT_GNU_RELRO)->p_type = PT_NULL)
CHANGE(short_relro, kit_phdr(image, PT_GNU_RELRO)->p_memsz = 16)
CHANGE(long_relro, kit_phdr(image, PT_GNU_RELRO)->p_memsz += 0x2000)
CHANGE(relro_wraps, kit_phdr(image, PT_GNU_RELRO)->p_memsz = UINT64_MAX)
CHANGE(note_elsewhere, kit_phdr(image, PT_NOTE)->p_vaddr = 0x100000)
CHANGE(note_longer_in_memory, kit_phdr(image, PT_NOTE)->p_memsz += 8)
CHANGE(unknown_phdr, kit_phdr(image, PT_GNU_EH_FRAME)->p_type = 0x6474e5ff)
CHANGE(interpreter, kit_phdr(image, PT_GNU_EH_FRAME)->p_type = PT_INTERP)
CHANGE(unwind_elsewhere, kit_phdr(image, PT_GNU_EH_FRAME)->p_vaddr = 0x100000)
CHANGE(tls, kit_phdr(image, PT_GNU_EH_FRAME)->p_type = PT_TLS)
CHANGE(false_phdr, kit_phdr(image, PT_GNU_EH_FRAME)->p_type = PT_PHDR)

CHANGE(
    note_name_long, *(uint32_t *)(void *)(image + kit_phdr(image, PT_NOTE)->p_offset) = UINT32_MAX)
CHANGE(note_desc_long,
    ((uint32_t *)(void *)(image + kit_phdr(image, PT_NOTE)->p_offset))[1] = UINT32_MAX)

CHANGE(dynamic_endless, kit_dyn(image, DT_NULL)->d_tag = DT_SYMBOLIC;
       kit_phdr(image, PT_DYNAMIC)->p_filesz =
	   (uint64_t)((uint8_t *)(kit_dyn(image, DT_SYMBOLIC) + 1) - image) -
	   kit_phdr(image, PT_DYNAMIC)->p_offset;
       kit_phdr(image, PT_DYNAMIC)->p_memsz = kit_phdr(image, PT_DYNAMIC)->p_filesz)
CHANGE(dynamic_twice, kit_dyn(image, DT_SYMENT)->d_tag = DT_STRSZ)
CHANGE(dynamic_unknown, kit_dyn(image, DT_SYMENT)->d_tag = 0x6ffffd00)
CHANGE(dynamic_depaudit, kit_dyn(image, DT_SYMENT)->d_tag = DT_DEPAUDIT)
CHANGE(dynamic_preinit, kit_dyn(image, DT_SYMENT)->d_tag = DT_PREINIT_ARRAY)
CHANGE(flags_textrel, kit_dyn(image, DT_FLAGS)->d_un.d_val |= DF_TEXTREL)
CHANGE(flags_static_tls, kit_dyn(image, DT_FLAGS)->d_un.d_val |= DF_STATIC_TLS)
CHANGE(flags_interpose, kit_dyn(image, DT_FLAGS_1)->d_un.d_val |= DF_1_INTERPOSE)
CHANGE(strings_past_end, kit_dyn(image, DT_STRTAB)->d_un.d_ptr = 1ull << 50)
CHANGE(strings_writable, kit_dyn(image, DT_STRTAB)->d_un.d_ptr = load(image, 3)->p_vaddr)
CHANGE(strings_huge, kit_dyn(image, DT_STRSZ)->d_un.d_val = UINT64_MAX)
CHANGE(strings_open, kit_dyn(image, DT_STRSZ)->d_un.d_val -= 2)
CHANGE(strings_empty, kit_dyn(image, DT_STRSZ)->d_un.d_val = 0)
CHANGE(needed_outside, kit_dyn(image, DT_NEEDED)->d_un.d_val = UINT32_MAX)
CHANGE(
    needed_other, kit_dyn(image, DT_NEEDED)->d_un.d_val = kit_symbol(image, "volt_plugin")->st_name)
CHANGE(got_outside, kit_dyn(image, DT_PLTGOT)->d_un.d_ptr = 0)

CHANGE(hash_outside, kit_dyn(image, DT_GNU_HASH)->d_un.d_ptr = 1ull << 50)
CHANGE(hash_no_buckets, hash(image)[0] = 0)
CHANGE(hash_many_buckets, hash(image)[0] = UINT32_MAX)
CHANGE(hash_first_zero, hash(image)[1] = 0)
CHANGE(hash_first_high, hash(image)[1] = UINT32_MAX)
CHANGE(hash_no_bloom, hash(image)[2] = 0)
CHANGE(hash_odd_bloom, hash(image)[2] = 3)
CHANGE(hash_shift, hash(image)[3] = 64)
CHANGE(hash_bucket_low, hash(image)[4 + 2 * hash(image)[2]] = 1; hash(image)[1] = 5)
CHANGE(hash_bucket_high, hash(image)[4 + 2 * hash(image)[2]] = UINT32_MAX)
CHANGE(symbols_outside, kit_dyn(image, DT_SYMTAB)->d_un.d_ptr = 1ull << 50)
CHANGE(symbols_writable, kit_dyn(image, DT_SYMTAB)->d_un.d_ptr = load(image, 3)->p_vaddr)
CHANGE(symbol_size, kit_dyn(image, DT_SYMENT)->d_un.d_val = 16)
CHANGE(symbol_name, kit_symbol(image, "volt_plugin")->st_name = UINT32_MAX)
CHANGE(symbol_ifunc, first_import(image)->st_info = ELF64_ST_INFO(STB_GLOBAL, STT_GNU_IFUNC))
CHANGE(symbol_zero_ifunc, first_import(image)[-1].st_info = ELF64_ST_INFO(STB_LOCAL, STT_GNU_IFUNC))
CHANGE(symbol_zero_value, first_import(image)[-1].st_value = 8)
CHANGE(symbol_unique,
    kit_symbol(image, "volt_plugin")->st_info = ELF64_ST_INFO(STB_GNU_UNIQUE, STT_OBJECT))
CHANGE(symbol_binding, first_import(image)->st_info = ELF64_ST_INFO(STB_HIPROC, STT_FUNC))
CHANGE(symbol_hidden, kit_symbol(image, "volt_plugin")->st_other = STV_HIDDEN)
CHANGE(symbol_undefined, kit_symbol(image, "volt_plugin")->st_shndx = SHN_UNDEF)
CHANGE(symbol_absolute, kit_symbol(image, "volt_plugin")->st_shndx = SHN_ABS)
CHANGE(symbol_import_defined, first_import(image)->st_shndx = 1)
CHANGE(symbol_address, kit_symbol(image, "volt_plugin")->st_value = 1ull << 62)
CHANGE(symbol_unaligned, kit_symbol(image, "volt_plugin")->st_value += 4)
CHANGE(symbol_short, kit_symbol(image, "volt_plugin")->st_size = 8)
CHANGE(symbol_long, kit_symbol(image, "volt_plugin")->st_size = UINT64_MAX)
CHANGE(versions_outside, kit_dyn(image, DT_VERSYM)->d_un.d_ptr = 1ull << 50)
CHANGE(version_unknown,
    ((uint16_t *)kit_mapped(image, kit_dyn(image, DT_VERSYM)->d_un.d_ptr))[1] = 0x7f00)
CHANGE(version_file, verneed(image)->vn_file = 0)
CHANGE(version_list, verneed(image)->vn_aux = UINT32_MAX)
CHANGE(version_next, verneed(image)->vn_next = 0xfffffff0)
CHANGE(version_of_none, kit_dyn(image, DT_VERSYM)->d_tag = DT_SYMBOLIC)
CHANGE(version_none, kit_dyn(image, DT_VERNEED)->d_tag = DT_SYMBOLIC)

CHANGE(relocs_outside, kit_dyn(image, DT_RELA)->d_un.d_ptr = 1ull << 50)
CHANGE(relocs_writable, kit_dyn(image, DT_RELA)->d_un.d_ptr = load(image, 3)->p_vaddr)
CHANGE(relocs_long, kit_dyn(image, DT_RELASZ)->d_un.d_val = 24ull << 50)
CHANGE(relocs_part, kit_dyn(image, DT_RELASZ)->d_un.d_val -= 8)
CHANGE(reloc_size, kit_dyn(image, DT_RELAENT)->d_un.d_val = 16)
CHANGE(reloc_count, kit_dyn(image, DT_RELACOUNT)->d_un.d_val += 1000)
CHANGE(reloc_copy, first_reloc(image)->r_info = ELF64_R_INFO(0, R_X86_64_COPY))
CHANGE(reloc_irelative, first_reloc(image)->r_info = ELF64_R_INFO(0, R_X86_64_IRELATIVE))
CHANGE(reloc_tls, first_reloc(image)->r_info = ELF64_R_INFO(0, R_X86_64_TPOFF64))
CHANGE(reloc_not_counted, first_reloc(image)->r_info = ELF64_R_INFO(0, R_X86_64_64))
CHANGE(reloc_symbol, first_reloc(image)->r_info = ELF64_R_INFO(99, R_X86_64_64))
CHANGE(reloc_into_text, first_reloc(image)->r_offset = load(image, 1)->p_vaddr)
CHANGE(reloc_past_end,
    first_reloc(image)->r_offset = load(image, 3)->p_vaddr + load(image, 3)->p_memsz - 4)
CHANGE(reloc_far, first_reloc(image)->r_offset = UINT64_MAX - 3)
CHANGE(reloc_into_dynamic, first_reloc(image)->r_offset = kit_phdr(image, PT_DYNAMIC)->p_vaddr + 8)
CHANGE(
    reloc_before_dynamic, first_reloc(image)->r_offset = kit_phdr(image, PT_DYNAMIC)->p_vaddr - 7)
CHANGE(plt_kind, kit_dyn(image, DT_PLTREL)->d_un.d_val = DT_REL)
CHANGE(relocs_no_size, kit_dyn(image, DT_RELASZ)->d_tag = DT_SYMBOLIC)
CHANGE(plt_no_table, kit_dyn(image, DT_JMPREL)->d_tag = DT_SYMBOLIC)
CHANGE(plt_long, kit_dyn(image, DT_PLTRELSZ)->d_un.d_val = 1ull << 40)

#define CASE(change, because) \
	{ \
#change, change, because \
	}

/* The room of the unwind table, which the loader does not need. */
static uint32_t *room(uint8_t *image)
{
	Elf64_Phdr *p = kit_phdr(image, PT_GNU_EH_FRAME);

	p->p_vaddr = p->p_paddr = (p->p_vaddr + 7) & ~7ull;
	p->p_offset = (p->p_offset + 7) & ~7ull;
	p->p_filesz = p->p_memsz = 40;
	p->p_align = 8;
	return kit_mapped(image, p->p_vaddr);
}

/* Two buckets; the other one is right, and the highest. */
static void hash_lower_bucket_low(uint8_t *image)
{
	uint32_t *old = hash(image), *new = room(image);
	uint32_t first = old[1], bucket = old[6];

	assert_true(first > 1);
	memcpy(
	    new, (uint32_t[]){2, first, 1, 6, UINT32_MAX, UINT32_MAX, first - 1, bucket, 1, 1}, 40);
	kit_dyn(image, DT_GNU_HASH)->d_un.d_ptr = kit_phdr(image, PT_GNU_EH_FRAME)->p_vaddr;
}

static void property_long(uint8_t *image)
{
	memcpy(room(image), (uint32_t[]){4, 0x20000000, 5, 0x00554e47, 1, 0x10000000}, 24);
	kit_phdr(image, PT_GNU_EH_FRAME)->p_type = PT_GNU_PROPERTY;
}

static const struct {
	const char *name;
	change *change;
	const char *because;
} changes[] = {
    CASE(no_magic, "not an ELF file"),
    CASE(class_32, "64-bit"),
    CASE(big_endian, "little-endian"),
    CASE(ident_version, "ELF version"),
    CASE(os_abi, "operating system ABI 9"),
    CASE(abi_version, "operating system ABI"),
    CASE(elf_version, "ELF version is 2"),
    CASE(machine, "machine 183"),
    CASE(executable, "type is 2"),
    CASE(relocatable, "type is 1"),
    CASE(header_size, "header sizes"),
    CASE(phdr_size, "header sizes"),
    CASE(no_phdrs, "0 program headers"),
    CASE(many_phdrs, "65535 program headers"),
    CASE(phdrs_past_end, "past the end"),
    CASE(phdrs_wrap, "past the end"),
    CASE(load_past_end, "past the end"),
    CASE(load_wraps, "past the end"),
    CASE(load_far, "beyond 1 GiB"),
    CASE(load_vaddr_wraps, "beyond 1 GiB"),
    CASE(load_short_memory, "bytes in the file for 1 in memory"),
    CASE(load_huge_memory, "beyond 1 GiB"),
    CASE(load_empty, "in memory"),
    CASE(load_long_text, "longer than in the file"),
    CASE(load_unaligned, "aligned"),
    CASE(load_odd_align, "aligned"),
    CASE(load_offset_differs, "aligned"),
    CASE(loads_overlap, "overlap"),
    CASE(load_unreadable, "not readable"),
    CASE(load_writable_text, "writable and executable"),
    CASE(no_dynamic, "no dynamic section"),
    CASE(two_dynamics, "2 program headers"),
    CASE(dynamic_elsewhere, "dynamic section does not lie"),
    CASE(dynamic_read_only, "writable segment"),
    CASE(no_stack, "no GNU_STACK"),
    CASE(stack_executable, "executable stack"),
    CASE(no_relro, "-z relro"),
    CASE(short_relro, "leaves tables writable"),
    CASE(long_relro, "GNU_RELRO does not lie"),
    CASE(relro_wraps, "GNU_RELRO does not lie"),
    CASE(note_elsewhere, "note does not lie"),
    CASE(note_longer_in_memory, "note does not lie"),
    CASE(unknown_phdr, "0x6474e5ff"),
    CASE(interpreter, "interpreter"),
    CASE(tls, "thread-local"),
    CASE(false_phdr, "PT_PHDR"),
    CASE(note_name_long, "a note ends past"),
    CASE(note_desc_long, "a note ends past"),
    CASE(property_long, "a note ends past"),
    CASE(dynamic_endless, "no end"),
    CASE(dynamic_twice, "twice"),
    CASE(dynamic_unknown, "0x6ffffd00"),
    CASE(dynamic_depaudit, "may not have"),
    CASE(dynamic_preinit, "PREINIT"),
    CASE(flags_textrel, "DT_TEXTREL"),
    CASE(flags_static_tls, "DT_FLAGS"),
    CASE(flags_interpose, "DT_FLAGS_1"),
    CASE(strings_past_end, "strings"),
    CASE(strings_writable, "strings"),
    CASE(strings_huge, "strings"),
    CASE(strings_open, "strings"),
    CASE(strings_empty, "strings"),
    CASE(needed_outside, "name of a library"),
    CASE(needed_other, "library \"volt_plugin\""),
    CASE(got_outside, "leaves tables writable"),
    CASE(hash_outside, "GNU hash"),
    CASE(hash_no_buckets, "malformed"),
    CASE(hash_many_buckets, "malformed"),
    CASE(hash_first_zero, "malformed"),
    CASE(hash_first_high, "malformed"),
    CASE(hash_no_bloom, "malformed"),
    CASE(hash_odd_bloom, "malformed"),
    CASE(hash_shift, "malformed"),
    CASE(hash_bucket_low, "below its symbols"),
    CASE(hash_lower_bucket_low, "below its symbols"),
    CASE(hash_bucket_high, "no end"),
    CASE(symbols_outside, "table of symbols"),
    CASE(symbols_writable, "table of symbols"),
    CASE(symbol_size, "table of symbols"),
    CASE(symbol_name, "name of a symbol"),
    CASE(symbol_ifunc, "ifunc"),
    CASE(symbol_zero_ifunc, "symbol 0"),
    CASE(symbol_zero_value, "symbol 0"),
    CASE(symbol_unique, "STB_GNU_UNIQUE"),
    CASE(symbol_binding, "binding 15"),
    CASE(symbol_undefined, "does not export"),
    CASE(symbol_absolute, "does not lie in its data"),
    CASE(symbol_address, "does not lie in its data"),
    CASE(symbol_unaligned, "does not lie in its data"),
    CASE(versions_outside, "versions is malformed"),
    CASE(version_unknown, "version that is not needed"),
    CASE(version_file, "does not name"),
    CASE(version_list, "malformed"),
    CASE(version_next, "malformed"),
    CASE(version_none, "only in part"),
    CASE(version_of_none, "only in part"),
    CASE(relocs_outside, "table of relocations"),
    CASE(relocs_writable, "table of relocations"),
    CASE(relocs_long, "table of relocations"),
    CASE(relocs_part, "table of relocations"),
    CASE(reloc_size, "wrong size"),
    CASE(reloc_count, "table of relocations"),
    CASE(reloc_copy, "type 5"),
    CASE(reloc_irelative, "IRELATIVE"),
    CASE(reloc_tls, "type 18"),
    CASE(reloc_not_counted, "RELACOUNT"),
    CASE(reloc_symbol, "symbol 99"),
    CASE(reloc_into_text, "outside of its writable"),
    CASE(reloc_past_end, "outside of its writable"),
    CASE(reloc_far, "outside of its writable"),
    CASE(reloc_into_dynamic, "into its dynamic"),
    CASE(reloc_before_dynamic, "into its dynamic"),
    CASE(plt_kind, "DT_PLTREL"),
    CASE(relocs_no_size, "only in part"),
    CASE(plt_no_table, "only in part"),
    CASE(plt_long, "table of relocations"),
};

static const struct {
	const char *name;
	change *change;
	const char *because;
} contract_changes[] = {
    CASE(symbol_hidden, "hidden"),
    CASE(symbol_import_defined, "; a plugin exports volt_plugin alone"),
    CASE(symbol_short, "has 8 bytes"),
    CASE(symbol_long, "does not lie in its data"),
    CASE(unwind_elsewhere, "unwind table does not lie"),
};

static void each_changed_field_of_the_contract_is_refused_with_its_reason(void **state)
{
	for (size_t i = 0; i < sizeof(contract_changes) / sizeof(contract_changes[0]); i++) {
		struct vet_result r;
		size_t size;
		uint8_t *image = kit_read(kit_path("good"), &size);

		contract_changes[i].change(image);
		const int start = vet_image(image, size, &r, why, sizeof(why));
		const int err = vet_contract(image, size, &r, why, sizeof(why));
		free(image);
		if (start != 0 || err != -EINVAL || !strstr(why, contract_changes[i].because))
			fail_msg("%s: %d, %d, \"%s\"", contract_changes[i].name, start, err, why);
	}
}

/* HOLDS(security) */
static void each_changed_field_is_refused_with_its_reason(void **state)
{
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct vet_result r;
		size_t size;
		uint8_t *image = kit_read(kit_path("good"), &size);
		int err;

		changes[i].change(image);
		why[0] = '\0';
		err = vet_image(image, size, &r, why, sizeof(why));
		free(image);
		if (err != -EINVAL)
			fail_msg("%s was accepted", changes[i].name);
		if (!strstr(why, changes[i].because))
			fail_msg("%s: \"%s\" does not say \"%s\"", changes[i].name, why,
			    changes[i].because);
	}
}

/* An 8-byte aligned note as compilers make them: the loader counts from its start. */
static void property_of_a_compiler_is_accepted(void **state)
{
	struct vet_result r;
	size_t size;
	uint8_t *image = kit_read(kit_path("good"), &size);

	memcpy(room(image), (uint32_t[]){4, 16, 5, 0x00554e47, 0xc0008002, 4, 1, 0}, 32);
	kit_phdr(image, PT_GNU_EH_FRAME)->p_type = PT_GNU_PROPERTY;
	kit_phdr(image, PT_GNU_PROPERTY)->p_filesz = kit_phdr(image, PT_GNU_PROPERTY)->p_memsz = 32;
	assert_int_equal(vet_image(image, size, &r, why, sizeof(why)), 0);
	free(image);
}

static void own_name_of_a_plugin_is_accepted(void **state)
{
	struct vet_result r;

	assert_int_equal(vet_file("own_soname", &r), 0);
}

/* In a child, as nothing is unloaded. 0: loaded; 2: refused, as it is another object. */
static int load_shifted(void)
{
	struct vet_result r;

	if (vet_file("good", &r) != 0)
		return 1;
	r.image_fd = open(kit_path("good"), O_RDONLY);
	r.descriptor_at += 8;
	return image_load(&r, why, sizeof(why)) ? 0 : strstr(why, "another object") ? 2 : 1;
}

static int load_behind_impostor(void)
{
	struct vet_result r;

	if (vet_file("good", &r) != 0)
		return 1;
	r.image_fd = 9;
	if (dup2(open(kit_path("impostor_of_next"), O_RDONLY), 8) != 8 ||
	    !dlopen("/proc/self/fd/8", RTLD_NOW) || dup2(open(kit_path("good"), O_RDONLY), 9) != 9)
		return 1;
	return image_load(&r, why, sizeof(why)) ? 0 : strstr(why, "another object") ? 2 : 1;
}

/* HOLDS(security) */
static void object_that_was_not_vetted_is_refused(void **state)
{
	assert_int_equal(run_in_child(load_shifted), 2);
	assert_int_equal(run_in_child(load_behind_impostor), 2);
}

/* O01: every length that is too short, in memory of just that length. */
/* HOLDS(security) */
static void every_truncation_is_refused_without_reading_past_it(void **state)
{
	size_t size, end = 0;
	uint8_t *image = kit_read(kit_path("good"), &size);

	for (unsigned i = 0; i < header(image)->e_phnum; i++) {
		const Elf64_Phdr *p = (Elf64_Phdr *)(void *)(image + header(image)->e_phoff) + i;

		if (p->p_offset + p->p_filesz > end)
			end = p->p_offset + p->p_filesz;
	}
	for (size_t len = 0; len < end; len += len < 1024 ? 1 : 97) {
		struct vet_result r;
		uint8_t *part = malloc(len ? len : 1);

		memcpy(part, image, len);
		if (vet_image(part, len, &r, why, sizeof(why)) != -EINVAL)
			fail_msg("the first %zu bytes were accepted", len);
		free(part);
	}
	free(image);
}

static void text_is_refused(void **state)
{
	static const uint8_t text[] = "#!/bin/sh\nexit 0\n0123456789012345678901234567890123456789"
				      "012345678901234567890123456789";
	struct vet_result r;

	assert_int_equal(vet_image(text, sizeof(text), &r, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "not an ELF file"));
}

static void reason_never_passes_the_room_for_it(void **state)
{
	static const uint8_t text[128] = "no ELF";
	char small[8] = "1234567";
	struct vet_result r;

	assert_int_equal(vet_image(text, sizeof(text), &r, small, 4), -EINVAL);
	assert_string_equal(small, "it ");
	assert_int_equal(small[4], '5');
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(good_plugin_is_accepted_with_what_its_note_says),
	    cmocka_unit_test(sandbox_is_told_by_its_note),
	    cmocka_unit_test(plugin_without_constants_has_an_empty_segment),
	    cmocka_unit_test(each_bad_plugin_is_refused_with_its_reason),
	    cmocka_unit_test(volt_plugin_check_refuses_what_breaks_the_contract),
	    cmocka_unit_test(no_code_of_a_refused_plugin_runs),
	    cmocka_unit_test(each_changed_field_is_refused_with_its_reason),
	    cmocka_unit_test(each_changed_field_of_the_contract_is_refused_with_its_reason),
	    cmocka_unit_test(property_of_a_compiler_is_accepted),
	    cmocka_unit_test(own_name_of_a_plugin_is_accepted),
	    cmocka_unit_test(object_that_was_not_vetted_is_refused),
	    cmocka_unit_test(every_truncation_is_refused_without_reading_past_it),
	    cmocka_unit_test(text_is_refused),
	    cmocka_unit_test(reason_never_passes_the_room_for_it),
	};

	if (argc > 1)
		kit_dir = argv[1];
	return cmocka_run_group_tests_name("vet image", tests, NULL, NULL);
}
