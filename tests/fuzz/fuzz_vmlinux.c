/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* fuzz_vmlinux - ELF64 kernels that are nearly right, entered as Linux is. */
#include "tests/fuzz/fuzz_linux.h"

static const struct fuzz_field elf_head[] = {
    FUZZ_FIELD(Elf64_Ehdr, e_ident[EI_CLASS]),
    FUZZ_FIELD(Elf64_Ehdr, e_ident[EI_DATA]),
    FUZZ_FIELD(Elf64_Ehdr, e_type),
    FUZZ_FIELD(Elf64_Ehdr, e_machine),
    FUZZ_FIELD(Elf64_Ehdr, e_version),
    FUZZ_FIELD(Elf64_Ehdr, e_entry),
    FUZZ_FIELD(Elf64_Ehdr, e_phoff),
    FUZZ_FIELD(Elf64_Ehdr, e_ehsize),
    FUZZ_FIELD(Elf64_Ehdr, e_phentsize),
    FUZZ_FIELD(Elf64_Ehdr, e_phnum),
};

static const struct fuzz_field elf_segment[] = {
    FUZZ_FIELD(Elf64_Phdr, p_type),
    FUZZ_FIELD(Elf64_Phdr, p_offset),
    FUZZ_FIELD(Elf64_Phdr, p_paddr),
    FUZZ_FIELD(Elf64_Phdr, p_filesz),
    FUZZ_FIELD(Elf64_Phdr, p_memsz),
};

static int make_elf(void)
{
	struct kit_elf elf = kit_elf_default();

	elf.head.e_phnum = (uint16_t)(1 + fuzz_below(KIT_SEGMENTS));
	for (unsigned i = 2; i < KIT_SEGMENTS; i++) {
		elf.segments[i] = elf.segments[fuzz_below(2)];
		elf.segments[i].p_paddr = KIT_KERNEL + 0x10000 * i;
	}
	for (uint64_t n = fuzz_below(4); n > 0; n--) {
		if (fuzz_below(3) == 0)
			fuzz_corrupt(&elf.head, elf_head, FUZZ_COUNT(elf_head));
		else
			fuzz_corrupt(&elf.segments[fuzz_below(KIT_SEGMENTS)], elf_segment,
			    FUZZ_COUNT(elf_segment));
	}
	elf.file_size = fuzz_size(elf.file_size);
	return kit_elf_file(&elf);
}

static bool play(void)
{
	return fuzz_linux(make_elf);
}

int main(void)
{
	return fuzz_main(play);
}
