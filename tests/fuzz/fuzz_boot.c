/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* fuzz_boot - Linux kernels, initrds and command lines that are nearly right. */
#include "tests/fuzz/fuzz_kit.h"

#include <string.h>

#include "core/boot/layout.h"

/* ---------------------------------------------------------------- kernels */

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

static const struct fuzz_field bz_header[] = {
    FUZZ_FIELD(struct setup_header, setup_sects),
    FUZZ_FIELD(struct setup_header, syssize),
    FUZZ_FIELD(struct setup_header, boot_flag),
    FUZZ_FIELD(struct setup_header, jump),
    FUZZ_FIELD(struct setup_header, version),
    FUZZ_FIELD(struct setup_header, loadflags),
    FUZZ_FIELD(struct setup_header, initrd_addr_max),
    FUZZ_FIELD(struct setup_header, kernel_alignment),
    FUZZ_FIELD(struct setup_header, relocatable_kernel),
    FUZZ_FIELD(struct setup_header, xloadflags),
    FUZZ_FIELD(struct setup_header, cmdline_size),
    FUZZ_FIELD(struct setup_header, payload_offset),
    FUZZ_FIELD(struct setup_header, payload_length),
    FUZZ_FIELD(struct setup_header, setup_data),
    FUZZ_FIELD(struct setup_header, pref_address),
    FUZZ_FIELD(struct setup_header, init_size),
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
			fuzz_spoil(&elf.head, elf_head, FUZZ_COUNT(elf_head));
		else
			fuzz_spoil(&elf.segments[fuzz_below(KIT_SEGMENTS)], elf_segment,
			    FUZZ_COUNT(elf_segment));
	}
	elf.file_size = fuzz_size(elf.file_size);
	return kit_elf_file(&elf);
}

static int make_bzimage(void)
{
	struct kit_bzimage bz = kit_bzimage_default();

	for (uint64_t n = fuzz_below(4); n > 0; n--)
		fuzz_spoil(&bz.header, bz_header, FUZZ_COUNT(bz_header));
	bz.file_size = fuzz_size(bz.file_size);
	return kit_bzimage_file(&bz);
}

/* ---------------------------------------------------------------- verdict */

static void check_initrd(uint64_t size)
{
	const struct setup_header *h = &kit_params(&fuzz_vm)->hdr;

	if (h->ramdisk_size != size)
		fuzz_wrong("the initrd's size is another");
	if (size == 0)
		return;
	fuzz_check_module(h->ramdisk_image, size);
	if (h->initrd_addr_max != 0 && h->ramdisk_image + size - 1 > h->initrd_addr_max)
		fuzz_wrong("the initrd passes initrd_addr_max");
	if (h->init_size != 0 &&
	    fuzz_overlap(h->ramdisk_image, size, h->code32_start, h->init_size))
		fuzz_wrong("the initrd lies over the kernel");
}

static bool play(void)
{
	static char room[40000];
	uint64_t initrd_size = 0;
	int initrd_fd = -1;
	int kernel_fd = fuzz_below(2) != 0 ? make_elf() : make_bzimage();

	if (fuzz_below(4) == 0)
		fuzz_scatter(kernel_fd, 1024);
	if (fuzz_below(2) == 0)
		initrd_fd = fuzz_module(&initrd_size);
	const char *cmdline = fuzz_below(3) != 0 ? "quiet" : fuzz_words(room, sizeof(room));
	if (fuzz_boot(kernel_fd, initrd_fd, cmdline) != 0)
		return false;
	const struct boot_params *bp = kit_params(&fuzz_vm);
	if (bp->e820_entries != 4 || bp->hdr.setup_data != 0)
		fuzz_wrong("boot_params are damaged");
	fuzz_check_guest(cmdline, bp->acpi_rsdp_addr);
	check_initrd(initrd_size);
	return true;
}

int main(void)
{
	return fuzz_main(play);
}
