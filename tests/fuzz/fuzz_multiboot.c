/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* fuzz_multiboot - Multiboot headers that are nearly right, in flat and in ELF files. */
#include "tests/fuzz/fuzz_kit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/boot/layout.h"

#define FILE_SIZE 0x5000u
#define MAGIC     0x1badb002u

struct header {
	uint32_t magic, flags, checksum;
	uint32_t header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};

static const struct fuzz_field header_fields[] = {
    FUZZ_FIELD(struct header, flags),
    FUZZ_FIELD(struct header, header_addr),
    FUZZ_FIELD(struct header, load_addr),
    FUZZ_FIELD(struct header, load_end_addr),
    FUZZ_FIELD(struct header, bss_end_addr),
    FUZZ_FIELD(struct header, entry_addr),
};

static const struct fuzz_field head_32[] = {
    FUZZ_FIELD(Elf32_Ehdr, e_ident[EI_CLASS]),
    FUZZ_FIELD(Elf32_Ehdr, e_type),
    FUZZ_FIELD(Elf32_Ehdr, e_entry),
    FUZZ_FIELD(Elf32_Ehdr, e_phoff),
    FUZZ_FIELD(Elf32_Ehdr, e_phnum),
};

static const struct fuzz_field segment_32[] = {
    FUZZ_FIELD(Elf32_Phdr, p_type),
    FUZZ_FIELD(Elf32_Phdr, p_offset),
    FUZZ_FIELD(Elf32_Phdr, p_vaddr),
    FUZZ_FIELD(Elf32_Phdr, p_paddr),
    FUZZ_FIELD(Elf32_Phdr, p_filesz),
    FUZZ_FIELD(Elf32_Phdr, p_memsz),
};

static int make_file(void)
{
	struct kit_elf32 elf = kit_elf32_default();

	if (fuzz_below(3) == 0)
		return kit_file(FILE_SIZE);
	for (uint64_t n = fuzz_below(3); n > 0; n--) {
		if (fuzz_below(3) == 0)
			fuzz_corrupt(&elf.head, head_32, FUZZ_COUNT(head_32));
		else
			fuzz_corrupt(
			    &elf.segments[fuzz_below(2)], segment_32, FUZZ_COUNT(segment_32));
	}
	return kit_elf32_file(&elf);
}

/* At the places where a search may go wrong, now and then. */
static uint32_t pick_offset(void)
{
	switch (fuzz_below(8)) {
	case 0:
		return 8192 - 32 + 4 * (uint32_t)fuzz_below(9);
	case 1:
		return (uint32_t)fuzz_below(8192);
	default:
		return 0x1000 + 4 * (uint32_t)fuzz_below(16);
	}
}

static void put_header(int fd)
{
	uint32_t offset = pick_offset();
	struct header h = {
	    .magic = MAGIC,
	    .flags = (uint32_t)fuzz_below(4) | (fuzz_below(2) != 0 ? 1u << 16 : 0),
	    .header_addr = KIT_KERNEL + offset,
	    .load_addr = KIT_KERNEL,
	    .load_end_addr = fuzz_below(2) != 0 ? KIT_KERNEL + FILE_SIZE : 0,
	    .bss_end_addr = fuzz_below(2) != 0 ? KIT_KERNEL + 2 * FILE_SIZE : 0,
	    .entry_addr = KIT_KERNEL + 0x100,
	};

	for (uint64_t n = fuzz_below(3); n > 0; n--)
		fuzz_corrupt(&h, header_fields, FUZZ_COUNT(header_fields));
	h.checksum = 0u - (h.magic + h.flags);
	if (fuzz_below(16) == 0)
		h.checksum += (uint32_t)fuzz_edge(1);
	kit_patch(fd, offset, &h, sizeof(h));
}

static int make_kernel(void)
{
	int fd = make_file();

	put_header(fd);
	if (fuzz_below(4) == 0)
		fuzz_scatter(fd, 256);
	if (ftruncate(fd, (off_t)fuzz_size(FILE_SIZE)) != 0)
		abort();
	return fd;
}

static void check_module(const uint8_t *entry, uint64_t size, const char *words)
{
	const uint8_t *host = fuzz_vm.memory.host;
	uint64_t start = kit_number(entry, 4), end = kit_number(entry + 4, 4);

	if (end - start != size)
		fuzz_wrong("the module's size is another");
	fuzz_check_module(start, size);
	if (strcmp((const char *)host + kit_number(entry + 8, 4), words) != 0)
		fuzz_wrong("the module's string is another");
}

static void check_information(const char *cmdline, uint64_t size, const char *words)
{
	const uint8_t *host = fuzz_vm.memory.host, *info = host + fuzz_vm.entry.rbx;

	if (fuzz_vm.entry.mode != BOOT_PROTECTED32 || fuzz_vm.entry.rax != 0x2badb002)
		fuzz_wrong("not entered as a Multiboot kernel");
	if (kit_number(info, 4) != 0x24d || kit_number(info + 4, 4) != 636 ||
	    kit_number(info + 8, 4) != (FUZZ_RAM >> 10) - 1024)
		fuzz_wrong("the information is damaged");
	if (kit_number(info + 20, 4) != (size != 0) || kit_number(info + 44, 4) != 4 * 24)
		fuzz_wrong("not the modules and ranges that there are");
	fuzz_check_guest(cmdline, LAYOUT_ACPI);
	if (size != 0)
		check_module(host + kit_number(info + 24, 4), size, words);
}

static bool play(void)
{
	static char room[40000], module_room[3000];
	uint64_t size = 0;

	if (fuzz_below(2) != 0) {
		fuzz_vm.modules[0] = (struct boot_module){.fd = fuzz_module(&size),
		    .name = "MODULE",
		    .string = fuzz_words(module_room, sizeof(module_room))};
		fuzz_vm.module_count = 1;
	}
	const char *cmdline = fuzz_below(3) != 0 ? "quiet" : fuzz_words(room, sizeof(room));
	fuzz_vm.choice = fuzz_below(2) != 0 ? BOOT_MULTIBOOT : BOOT_AUTO;
	if (fuzz_boot(make_kernel(), -1, cmdline) != 0)
		return false;
	check_information(cmdline, size, module_room);
	return true;
}

int main(void)
{
	return fuzz_main(play);
}
