/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* ELF files with a PVH note through boot_load(). Numbers A11.. are the cases of bad input;
 * offsets are those of Xen's public/arch-x86/hvm/start_info.h. */
#include "tests/unit/boot_kit.h" /* before cmocka.h, whose fail() is a macro */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "core/boot/layout.h"

#define NOTES 0x5000u
#define ENTRY (KIT_KERNEL + 0x200)

static struct kit kit;

/* A file with a segment of notes, which the test fills. */
static struct {
	struct kit_elf elf;
	uint8_t notes[512];
	uint32_t len;
	int64_t cut; /* from the notes' end: p_filesz is that much less */
} file;

static int setup(void **state)
{
	kit_init(&kit, KIT_RAM);
	memset(&file, 0, sizeof(file));
	file.elf = kit_elf_default();
	file.elf.head.e_phnum = 3;
	return 0;
}

static int teardown(void **state)
{
	kit_finish(&kit);
	return 0;
}

static void add_note(const char *owner, uint32_t type, const void *desc, uint32_t size)
{
	const Elf64_Nhdr head = {(uint32_t)strlen(owner) + 1, size, type};
	uint8_t *at = file.notes + file.len;

	memcpy(at, &head, sizeof(head));
	memcpy(at + sizeof(head), owner, head.n_namesz);
	memcpy(at + sizeof(head) + (head.n_namesz + 3) / 4 * 4, desc, size);
	file.len += (uint32_t)sizeof(head) + (head.n_namesz + 3) / 4 * 4 + (size + 3) / 4 * 4;
}

static void add_pvh_note(uint64_t entry, uint32_t size)
{
	add_note("Xen", 18, &entry, size);
}

static int make_file(void)
{
	int fd;

	file.elf.segments[2] = (Elf64_Phdr){.p_type = PT_NOTE,
	    .p_offset = NOTES,
	    .p_filesz = (uint64_t)((int64_t)file.len - file.cut),
	    .p_align = file.elf.segments[2].p_align != 0 ? file.elf.segments[2].p_align : 4};
	file.elf.file_size = NOTES + file.len;
	fd = kit_elf_file(&file.elf);
	kit_patch(fd, NOTES, file.notes, file.len);
	return fd;
}

static void boot(int initrd_fd, const char *cmdline)
{
	kit.choice = BOOT_PVH;
	if (kit_boot(&kit, make_file(), initrd_fd, cmdline) != 0)
		fail_msg("refused: %s", kit_message);
}

static void refused(int err, const char *reason)
{
	kit.choice = BOOT_PVH;
	kit_errors = 0;
	assert_int_equal(kit_boot(&kit, make_file(), -1, "quiet"), -err);
	assert_int_equal(kit_errors, 1);
	if (!strstr(kit_message, reason))
		fail_msg("expected \"%s\" in \"%s\"", reason, kit_message);
	file.len = 0;
	file.cut = 0;
}

static uint64_t info(unsigned offset, unsigned bytes)
{
	return kit_number(kit.memory.host + kit.entry.rbx + offset, bytes);
}

static const char *text_at(uint64_t gpa)
{
	return (const char *)kit.memory.host + gpa;
}

/* ---------------------------------------------------------------- entering */

static void entry_is_the_notes_in_protected_mode_with_ebx_at_the_start_info(void **state)
{
	add_pvh_note(ENTRY, 8);
	boot(-1, "quiet");

	assert_int_equal(kit.entry.mode, BOOT_PROTECTED32);
	assert_int_equal(kit.entry.rip, ENTRY);
	assert_int_equal(kit.entry.rbx, LAYOUT_PARAMS);
	assert_string_equal(kit.entry.protocol, "pvh");
	assert_int_equal(info(0, 4), 0x336ec578);
	assert_int_equal(info(4, 4), 1);
	assert_int_equal(info(8, 4), 0);
	assert_int_equal(info(52, 4), 0);
}

static void gdt_has_flat_32_bit_segments_and_a_tss_at_0(void **state)
{
	const uint8_t *gdt;

	add_pvh_note(ENTRY, 8);
	boot(-1, "quiet");

	gdt = kit.memory.host + kit.entry.gdt_base;
	assert_int_equal(kit.entry.gdt_limit, 6 * 8 - 1);
	assert_int_equal(kit_number(gdt + 0x10, 8), 0x00cf9b000000ffff);
	assert_int_equal(kit_number(gdt + 0x18, 8), 0x00cf93000000ffff);
	assert_int_equal(kit_number(gdt + 0x20, 8), 0x00008b0000000067);
}

static void segments_of_both_classes_are_loaded(void **state)
{
	struct kit_elf32 elf = kit_elf32_default();
	const struct {
		Elf32_Nhdr head;
		char owner[4];
		uint32_t entry;
	} note = {{4, 4, 18}, "Xen", ENTRY};

	add_pvh_note(ENTRY, 8);
	boot(-1, "quiet");
	assert_true(kit_holds(&kit, KIT_KERNEL, 0x1000, 0x3000));
	assert_true(kit_is_zero(&kit, KIT_KERNEL + 0x5000, 0x3000));

	memset(kit.memory.host + KIT_KERNEL, 0xee, 0x3000);
	elf.head.e_phnum = 3;
	elf.segments[2] =
	    (Elf32_Phdr){.p_type = PT_NOTE, .p_offset = 0x800, .p_filesz = 20, .p_align = 4};
	int fd = kit_elf32_file(&elf);
	kit_patch(fd, 0x800, &note, sizeof(note));
	assert_int_equal(kit_boot(&kit, fd, -1, "quiet"), 0);
	assert_int_equal(kit.entry.rip, ENTRY);
	assert_true(kit_holds(&kit, KIT_KERNEL, 0x1000, 0x3000));
	assert_true(kit_is_zero(&kit, KIT_KERNEL + 0x5000, 0x3000));
}

static void memory_map_has_the_ranges_of_e820(void **state)
{
	const uint64_t ranges[4][3] = {
	    {0, 0x9f000, 1},
	    {0x9f000, 0x1000, 2},
	    {0xe0000, 0x20000, 2},
	    {0x100000, KIT_RAM - 0x100000, 1},
	};

	add_pvh_note(ENTRY, 8);
	boot(-1, "quiet");

	assert_int_equal(info(48, 4), 4);
	for (unsigned i = 0; i < 4; i++) {
		const uint8_t *e = kit.memory.host + info(40, 8) + 24 * (size_t)i;

		assert_int_equal(kit_number(e, 8), ranges[i][0]);
		assert_int_equal(kit_number(e + 8, 8), ranges[i][1]);
		assert_int_equal(kit_number(e + 16, 4), ranges[i][2]);
		assert_int_equal(kit_number(e + 20, 4), 0);
	}
}

static void command_line_and_rsdp_are_named(void **state)
{
	add_pvh_note(ENTRY, 8);
	boot(-1, "console=ttyS0 quiet");

	assert_string_equal(text_at(info(24, 8)), "console=ttyS0 quiet");
	assert_memory_equal(text_at(info(32, 8)), "RSD PTR ", 8);
}

static void kernel_without_modules_gets_none(void **state)
{
	add_pvh_note(ENTRY, 8);
	boot(-1, "");
	assert_int_equal(info(12, 4), 0);
	assert_int_equal(info(16, 8), 0);
}

static void initrd_comes_first_then_the_modules_in_order(void **state)
{
	const uint8_t *list;

	kit.modules[0] = (struct boot_module){kit_file(4097), "M1", "one two"};
	kit.modules[1] = (struct boot_module){kit_file(10), "M2", NULL};
	kit.module_count = 2;
	add_pvh_note(ENTRY, 8);
	boot(kit_file(5000), "quiet");

	assert_int_equal(info(12, 4), 3);
	list = kit.memory.host + info(16, 8);
	assert_int_equal(kit_number(list, 8), KIT_RAM - 0x2000);
	assert_int_equal(kit_number(list + 8, 8), 5000);
	assert_int_equal(kit_number(list + 16, 8), 0);
	assert_int_equal(kit_number(list + 32, 8), KIT_RAM - 0x4000);
	assert_int_equal(kit_number(list + 40, 8), 4097);
	assert_string_equal(text_at(kit_number(list + 48, 8)), "one two");
	assert_int_equal(kit_number(list + 64, 8), KIT_RAM - 0x5000);
	assert_int_equal(kit_number(list + 72, 8), 10);
	assert_int_equal(kit_number(list + 80, 8), 0);
	assert_int_equal(kit_number(list + 88, 8), 0);
	assert_true(kit_holds(&kit, KIT_RAM - 0x2000, 0, 5000));
	assert_true(kit_holds(&kit, KIT_RAM - 0x4000, 0, 4097));
}

static void as_many_modules_as_there_may_be_fit(void **state)
{
	for (unsigned i = 0; i < BOOT_MODULE_MAX; i++)
		kit.modules[i] = (struct boot_module){kit_file(1), "M", "w"};
	kit.module_count = BOOT_MODULE_MAX;
	add_pvh_note(ENTRY, 8);
	boot(kit_file(1), "quiet");

	assert_int_equal(info(12, 4), BOOT_MODULE_MAX + 1);
	const uint8_t *last = kit.memory.host + info(16, 8) + 32 * BOOT_MODULE_MAX;
	assert_true(info(16, 8) + 32 * (BOOT_MODULE_MAX + 1) <= LAYOUT_STACK);
	assert_string_equal(text_at(kit_number(last + 16, 8)), "w");
}

static void long_command_line_is_refused_only_by_linux(void **state)
{
	static char line[2049];

	memset(line, 'a', 2048);
	add_pvh_note(ENTRY, 8);
	kit.choice = BOOT_PVH;
	assert_int_equal(kit_boot(&kit, make_file(), -1, line), -E2BIG);
	assert_non_null(strstr(kit_message, "2048 bytes, but this kernel takes at most 2047"));
	file.elf.segments[0].p_vaddr = KIT_KERNEL; /* not linked as Linux is */
	boot(-1, line);
	assert_string_equal(text_at(info(24, 8)), line);
}

/* ------------------------------------------------------------------- notes */

static void other_notes_and_owners_are_passed_over(void **state)
{
	const uint64_t other = 0xdead;

	add_note("GNU", 18, &other, 8);
	add_note("Linux", 0x100, &other, 7);
	add_note("Xen", 6, "linux", 6);
	add_note("Xen!", 18, &other, 4);
	add_pvh_note(ENTRY, 4);
	add_note("", 0, "", 0);
	boot(-1, "quiet");
	assert_int_equal(kit.entry.rip, ENTRY);
}

static void notes_aligned_to_8_are_read_so(void **state)
{
	/* A name of 5 ends at 17, so the description is at 20, or at 24. */
	const struct {
		Elf64_Nhdr head;
		char owner[12];
		uint64_t desc;
		Elf64_Nhdr pvh;
		char xen[4];
		uint64_t entry;
	} notes = {{5, 8, 1}, "1234", 0, {4, 8, 18}, "Xen", ENTRY};

	_Static_assert(sizeof(notes) == 56, "no gaps");
	memcpy(file.notes, &notes, sizeof(notes));
	file.len = sizeof(notes);
	file.elf.segments[2].p_align = 8;
	boot(-1, "quiet");
	assert_int_equal(kit.entry.rip, ENTRY);
}

static void last_note_may_go_without_padding(void **state)
{
	add_pvh_note(ENTRY, 8);
	add_note("Xen", 5, "abcde", 5);
	file.cut = 3;
	boot(-1, "quiet");
	assert_int_equal(kit.entry.rip, ENTRY);
}

static void file_without_the_note_is_refused(void **state)
{
	add_note("Xen", 17, "12345678", 8);
	refused(ENOEXEC, "no PVH note (Xen, type 18: XEN_ELFNOTE_PHYS32_ENTRY)");
	refused(ENOEXEC, "no PVH note");
}

static void pvh_notes_that_agree_are_one(void **state)
{
	add_pvh_note(ENTRY, 8);
	add_pvh_note(ENTRY, 4);
	boot(-1, "quiet");
	assert_int_equal(kit.entry.rip, ENTRY);
	file.len = 0;
	add_pvh_note(ENTRY, 8); /* A11 */
	add_pvh_note(ENTRY + 0x10, 8);
	refused(ENOEXEC, "PVH notes (Xen, type 18) name several entries");
}

static void booted_by_auto_as_pvh(void)
{
	file.elf.segments[0].p_vaddr = KIT_KERNEL; /* not linked as Linux is */
	kit.choice = BOOT_AUTO;
	if (kit_boot(&kit, make_file(), -1, "") != 0)
		fail_msg("refused: %s", kit_message);
	assert_string_equal(kit.entry.protocol, "pvh");
	assert_int_equal(kit.entry.rip, ENTRY);
	assert_int_equal(kit_warnings, 0);
	file.len = 0;
}

/* Linkers give a segment the alignment of its widest section, and pad between sections. */
static void notes_are_words_whatever_the_segment_is_aligned_to(void **state)
{
	static const uint64_t aligns[] = {0, 1, 2, 3, 4, 8, 16, 4096, UINT64_MAX};
	static const uint8_t zeroes[64], property[16] = {0x02, 0, 0, 0xc0, 4};

	for (size_t i = 0; i < sizeof(aligns) / sizeof(aligns[0]); i++)
		for (uint32_t gap = 0; gap <= 64; gap += 4) {
			add_note("GNU", 5, property, sizeof(property));
			add_note("Xen", 6, "mine", 4); /* ends at no multiple of 8 */
			memcpy(file.notes + file.len, zeroes, gap);
			file.len += gap;
			add_pvh_note(ENTRY, 4);
			memcpy(file.notes + file.len, zeroes, gap);
			file.len += gap;
			file.elf.segments[2].p_align = aligns[i];
			booted_by_auto_as_pvh();
		}
}

/* A note of 4-byte words ends 4 bytes before the next one, which is aligned to 8. */
static void notes_of_a_merged_segment_are_found_behind_the_padding(void **state)
{
	add_note("Xen", 6, "mine", 4);
	add_pvh_note(ENTRY, 4);
	file.len += file.len % 8;
	add_note("GNU", 5, "12345678", 8);
	file.elf.segments[2].p_align = 8;
	booted_by_auto_as_pvh();
}

static void a_good_note_is_enough_whatever_is_wrong_elsewhere(void **state)
{
	const uint64_t high = UINT64_MAX;
	const Elf64_Nhdr absurd = {0x7fffffff, 0x7fffffff, 1};

	add_note("Xen", 18, &high, 3);
	add_note("Xen", 18, &high, 8);
	memcpy(file.notes + file.len, &absurd, sizeof(absurd));
	file.len += (uint32_t)sizeof(absurd);
	add_pvh_note(ENTRY, 8);
	memcpy(file.notes + file.len, &absurd, sizeof(absurd));
	file.len += (uint32_t)sizeof(absurd);
	file.cut = 4;
	booted_by_auto_as_pvh();
	file.cut = 0;
	add_pvh_note(ENTRY, 8);
	file.elf.head.e_phnum = 4;
	file.elf.segments[3] = (Elf64_Phdr){
	    .p_type = PT_NOTE, .p_offset = UINT64_MAX - 3, .p_filesz = 100, .p_align = 5};
	booted_by_auto_as_pvh();
}

/* Another protocol may be right for the file; but nobody must have to guess that it was taken. */
static void auto_says_that_it_could_not_read_the_notes(void **state)
{
	file.elf.segments[0].p_vaddr = KIT_KERNEL;
	kit.choice = BOOT_AUTO;
	add_note("Xen", 6, "mine", 4);
	file.cut = 1;
	assert_int_equal(kit_boot(&kit, make_file(), -1, ""), 0);
	assert_string_equal(kit.entry.protocol, "linux64 vmlinux");
	assert_int_equal(kit_warnings, 1);
	file.len = 0;
	file.cut = 0;
	add_note("Xen", 6, "mine", 4);
	assert_int_equal(kit_boot(&kit, make_file(), -1, ""), 0);
	assert_int_equal(kit_warnings, 1);
	file.len = 0;
	add_pvh_note(UINT64_MAX, 8); /* a bad one is no other protocol's */
	assert_int_equal(kit_boot(&kit, make_file(), -1, ""), -ENOEXEC);
}

static void note_sizes_past_the_segment_are_refused(void **state)
{
	const struct {
		uint32_t namesz, descsz;
	} cases[] = {{UINT32_MAX, 8}, {4, UINT32_MAX}, {UINT32_MAX, UINT32_MAX}, {4, 9}, {13, 0},
	    {UINT32_MAX - 3, UINT32_MAX - 3}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		add_pvh_note(ENTRY, 8); /* A11: 24 bytes */
		memcpy(file.notes, &cases[i], sizeof(cases[i]));
		refused(ENOEXEC, "note at offset 0x5000 has n_namesz 0x");
	}
}

static void truncated_pvh_note_is_refused_as_such(void **state)
{
	add_pvh_note(ENTRY, 8); /* A11 */
	file.cut = 1;
	refused(ENOEXEC, "PVH note at offset 0x5000 has n_namesz 0x4 and n_descsz 0x8, past");
	add_pvh_note(ENTRY, 8);
	file.cut = 8;
	refused(ENOEXEC, "PVH note at offset 0x5000");
	add_pvh_note(ENTRY, 8);
	file.cut = 13;
	refused(ENOEXEC, "note at offset 0x5000 is cut short");
}

static void descriptions_of_other_sizes_are_refused(void **state)
{
	const uint32_t bad[] = {0, 1, 2, 3, 5, 7, 9, 16};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint8_t desc[16] = {0};

		add_note("Xen", 18, desc, bad[i]); /* A12 */
		refused(ENOEXEC, "must be 4 or 8");
	}
}

static void entry_from_4_gib_on_is_refused(void **state)
{
	add_pvh_note(0x100000000 + ENTRY, 8); /* A12 */
	refused(ENOEXEC, "PVH note names the entry 0x101000200, must be below 4 GiB");
	add_pvh_note(UINT64_MAX, 8);
	refused(ENOEXEC, "must be below 4 GiB");
}

static void entry_outside_the_files_bytes_is_refused(void **state)
{
	const uint64_t bad[] = {
	    0, KIT_KERNEL - 1, KIT_KERNEL + 0x3000, KIT_KERNEL + 0x5000, 0xfec00000, UINT32_MAX};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		add_pvh_note(bad[i], 8); /* A10 */
		refused(ENOEXEC, "is not in the file's bytes of any PT_LOAD segment");
		assert_non_null(strstr(kit_message, "PVH entry 0x"));
	}
}

static void segment_of_notes_past_the_file_is_refused(void **state)
{
	add_pvh_note(ENTRY, 8);
	file.cut = -1;
	refused(ENOEXEC, "segment 2 of notes has p_offset 0x5000 and p_filesz 0x19, past the end");
	add_pvh_note(ENTRY, 8);
	file.cut = INT64_MIN / 2;
	refused(ENOEXEC, "segment 2 of notes");
}

static void number_of_notes_is_bounded(void **state)
{
	struct kit_elf elf = kit_elf_default();
	static const uint8_t zeroes[4 * 16385];

	elf.head.e_phnum = 3;
	elf.segments[2] = (Elf64_Phdr){
	    .p_type = PT_NOTE, .p_offset = 0x10000, .p_filesz = sizeof(zeroes), .p_align = 4};
	elf.file_size = 0x40000;
	int fd = kit_elf_file(&elf);
	kit_patch(fd, 0x10000, zeroes, sizeof(zeroes));
	kit.choice = BOOT_PVH;
	assert_int_equal(kit_boot(&kit, fd, -1, ""), -ENOEXEC);
	assert_non_null(strstr(kit_message, "more than 16384 words and notes"));
}

/* PVH enters without paging, and promises no stack. */
static void only_what_pvh_needs_is_in_the_kernels_way(void **state)
{
	add_pvh_note(ENTRY, 8);
	file.elf.segments[1].p_paddr = LAYOUT_STACK;
	file.elf.segments[1].p_filesz = 0x1000;
	file.elf.segments[1].p_memsz = LAYOUT_CMDLINE - LAYOUT_STACK;
	boot(-1, "quiet");
	assert_int_equal(kit.entry.rip, ENTRY);
}

static void segments_over_volts_own_memory_are_refused(void **state)
{
	add_pvh_note(ENTRY, 8);
	file.elf.segments[1].p_paddr = LAYOUT_PARAMS;
	refused(EINVAL, "overlaps the boot parameters at 0x2000");
}

static void other_files_are_refused(void **state)
{
	kit.choice = BOOT_PVH;
	assert_int_equal(kit_boot(&kit, kit_file(5000), -1, ""), -ENOEXEC);
	assert_non_null(strstr(kit_message, "no ELF file, which a PVH kernel is"));
	file.elf.head.e_machine = EM_AARCH64;
	refused(ENOEXEC, "ELF e_machine is 183, must be 62 (x86-64)");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(entry_is_the_notes_in_protected_mode_with_ebx_at_the_start_info),
	    TEST(gdt_has_flat_32_bit_segments_and_a_tss_at_0),
	    TEST(segments_of_both_classes_are_loaded),
	    TEST(memory_map_has_the_ranges_of_e820),
	    TEST(command_line_and_rsdp_are_named),
	    TEST(kernel_without_modules_gets_none),
	    TEST(initrd_comes_first_then_the_modules_in_order),
	    TEST(as_many_modules_as_there_may_be_fit),
	    TEST(long_command_line_is_refused_only_by_linux),
	    TEST(other_notes_and_owners_are_passed_over),
	    TEST(notes_aligned_to_8_are_read_so),
	    TEST(last_note_may_go_without_padding),
	    TEST(file_without_the_note_is_refused),
	    TEST(pvh_notes_that_agree_are_one),
	    TEST(notes_are_words_whatever_the_segment_is_aligned_to),
	    TEST(notes_of_a_merged_segment_are_found_behind_the_padding),
	    TEST(a_good_note_is_enough_whatever_is_wrong_elsewhere),
	    TEST(auto_says_that_it_could_not_read_the_notes),
	    TEST(note_sizes_past_the_segment_are_refused),
	    TEST(truncated_pvh_note_is_refused_as_such),
	    TEST(descriptions_of_other_sizes_are_refused),
	    TEST(entry_from_4_gib_on_is_refused),
	    TEST(entry_outside_the_files_bytes_is_refused),
	    TEST(segment_of_notes_past_the_file_is_refused),
	    TEST(number_of_notes_is_bounded),
	    TEST(only_what_pvh_needs_is_in_the_kernels_way),
	    TEST(segments_over_volts_own_memory_are_refused),
	    TEST(other_files_are_refused),
	};
#undef TEST
	return cmocka_run_group_tests(tests, NULL, NULL);
}
