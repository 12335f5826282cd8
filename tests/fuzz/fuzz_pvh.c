/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* fuzz_pvh - ELF files of both classes whose notes are nearly right, with modules. */
#include "tests/fuzz/fuzz_kit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/boot/layout.h"

#define NOTES      0x5000u /* their offset */
#define NOTE_COUNT 4u

struct note {
	uint32_t namesz, descsz, type;
	char name[4];
	uint8_t desc[8];
};

static const struct fuzz_field note_fields[] = {
    FUZZ_FIELD(struct note, namesz),
    FUZZ_FIELD(struct note, descsz),
    FUZZ_FIELD(struct note, type),
    FUZZ_FIELD(struct note, name),
    FUZZ_FIELD(struct note, desc),
};

static const struct fuzz_field head_64[] = {
    FUZZ_FIELD(Elf64_Ehdr, e_ident[EI_CLASS]),
    FUZZ_FIELD(Elf64_Ehdr, e_machine),
    FUZZ_FIELD(Elf64_Ehdr, e_entry),
    FUZZ_FIELD(Elf64_Ehdr, e_phoff),
    FUZZ_FIELD(Elf64_Ehdr, e_phnum),
};

static const struct fuzz_field segment_64[] = {
    FUZZ_FIELD(Elf64_Phdr, p_type),
    FUZZ_FIELD(Elf64_Phdr, p_offset),
    FUZZ_FIELD(Elf64_Phdr, p_vaddr),
    FUZZ_FIELD(Elf64_Phdr, p_paddr),
    FUZZ_FIELD(Elf64_Phdr, p_filesz),
    FUZZ_FIELD(Elf64_Phdr, p_memsz),
    FUZZ_FIELD(Elf64_Phdr, p_align),
};

static const struct fuzz_field head_32[] = {
    FUZZ_FIELD(Elf32_Ehdr, e_ident[EI_CLASS]),
    FUZZ_FIELD(Elf32_Ehdr, e_machine),
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
    FUZZ_FIELD(Elf32_Phdr, p_align),
};

/* Notes of which one is PVH's, or more, or none. */
static void put_notes(int fd)
{
	struct note notes[NOTE_COUNT];
	uint64_t entry = KIT_KERNEL + 0x100, pvh = fuzz_below(NOTE_COUNT);

	for (uint32_t i = 0; i < NOTE_COUNT; i++) {
		notes[i] = (struct note){.namesz = 4, .descsz = 8, .type = 1 + i, .name = "Xen"};
		if (i != pvh)
			continue;
		notes[i].type = 18;
		memcpy(notes[i].desc, &entry, sizeof(entry));
	}
	for (uint64_t n = fuzz_below(3); n > 0; n--)
		fuzz_corrupt(&notes[fuzz_below(NOTE_COUNT)], note_fields, FUZZ_COUNT(note_fields));
	kit_patch(fd, NOTES, notes, sizeof(notes));
}

static int make_64(void)
{
	struct kit_elf elf = kit_elf_default();

	elf.head.e_phnum = 3;
	elf.segments[2] = (Elf64_Phdr){.p_type = PT_NOTE,
	    .p_offset = NOTES,
	    .p_filesz = NOTE_COUNT * sizeof(struct note),
	    .p_align = 4};
	elf.file_size = NOTES + NOTE_COUNT * sizeof(struct note);
	if (fuzz_below(4) == 0)
		elf.segments[0].p_vaddr = KIT_KERNEL; /* not linked as Linux is */
	for (uint64_t n = fuzz_below(3); n > 0; n--) {
		if (fuzz_below(3) == 0)
			fuzz_corrupt(&elf.head, head_64, FUZZ_COUNT(head_64));
		else
			fuzz_corrupt(
			    &elf.segments[fuzz_below(3)], segment_64, FUZZ_COUNT(segment_64));
	}
	return kit_elf_file(&elf);
}

static int make_32(void)
{
	struct kit_elf32 elf = kit_elf32_default();

	elf.head.e_phnum = 3;
	elf.segments[2] = (Elf32_Phdr){.p_type = PT_NOTE,
	    .p_offset = NOTES,
	    .p_filesz = NOTE_COUNT * sizeof(struct note),
	    .p_align = 4};
	elf.file_size = NOTES + NOTE_COUNT * sizeof(struct note);
	for (uint64_t n = fuzz_below(3); n > 0; n--) {
		if (fuzz_below(3) == 0)
			fuzz_corrupt(&elf.head, head_32, FUZZ_COUNT(head_32));
		else
			fuzz_corrupt(
			    &elf.segments[fuzz_below(3)], segment_32, FUZZ_COUNT(segment_32));
	}
	return kit_elf32_file(&elf);
}

static int make_kernel(void)
{
	int fd = fuzz_below(2) != 0 ? make_64() : make_32();

	put_notes(fd);
	if (fuzz_below(4) == 0)
		fuzz_scatter(fd, 256);
	if (ftruncate(fd, (off_t)fuzz_size(NOTES + NOTE_COUNT * sizeof(struct note))) != 0)
		abort();
	return fd;
}

/* Sizes of the modules that are asked for, the initrd first. */
static uint64_t sizes[4];
static uint32_t asked;

static int ask_for_modules(void)
{
	static char room[3][3000];
	int initrd_fd = -1;

	asked = 0;
	if (fuzz_below(2) == 0)
		initrd_fd = fuzz_module(&sizes[asked++]);
	for (uint64_t n = fuzz_below(4); n > 0; n--) {
		uint32_t i = fuzz_vm.module_count++;

		fuzz_vm.modules[i] = (struct boot_module){
		    .fd = fuzz_module(&sizes[asked++]),
		    .name = "MODULE",
		    .string = fuzz_below(2) != 0 ? fuzz_words(room[i], sizeof(room[i])) : NULL,
		};
	}
	return initrd_fd;
}

static void check_modules(const uint8_t *list)
{
	uint64_t starts[FUZZ_COUNT(sizes)];

	for (uint32_t i = 0; i < asked; i++, list += 32) {
		starts[i] = kit_number(list, 8);
		fuzz_check_module(starts[i], kit_number(list + 8, 8));
		if (kit_number(list + 8, 8) != sizes[i])
			fuzz_wrong("a module's size is another");
		for (uint32_t k = 0; k < i; k++)
			if (fuzz_overlap(starts[i], sizes[i], starts[k], sizes[k]))
				fuzz_wrong("modules overlap");
	}
}

static void check_start_info(const char *cmdline)
{
	const uint8_t *host = fuzz_vm.memory.host, *info = host + fuzz_vm.entry.rbx;

	if (kit_number(info, 4) != 0x336ec578 || kit_number(info + 4, 4) != 1)
		fuzz_wrong("the start info is damaged");
	if (kit_number(info + 12, 4) != asked || kit_number(info + 48, 4) != 4)
		fuzz_wrong("not the modules and ranges that there are");
	fuzz_check_guest(cmdline, kit_number(info + 32, 8));
	check_modules(host + kit_number(info + 16, 8));
}

static bool play(void)
{
	static char room[40000];
	int initrd_fd = ask_for_modules();
	const char *cmdline = fuzz_below(3) != 0 ? "quiet" : fuzz_words(room, sizeof(room));

	fuzz_vm.choice = fuzz_below(8) != 0 ? BOOT_PVH : BOOT_AUTO;
	if (fuzz_boot(make_kernel(), initrd_fd, cmdline) != 0)
		return false;
	if (fuzz_vm.entry.mode == BOOT_PROTECTED32)
		check_start_info(cmdline);
	else if (fuzz_vm.choice == BOOT_PVH)
		fuzz_wrong("a PVH kernel enters in 64-bit mode");
	return true;
}

int main(void)
{
	return fuzz_main(play);
}
