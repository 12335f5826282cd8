/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Which protocol a file is booted by, with and without --boot. */
#include "tests/unit/boot_kit.h" /* before cmocka.h, whose fail() is a macro */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

static struct kit kit;

static int setup(void **state)
{
	kit_init(&kit, KIT_RAM);
	return 0;
}

static int teardown(void **state)
{
	kit_finish(&kit);
	return 0;
}

static void boots_by(int fd, enum boot_choice choice, const char *protocol)
{
	kit.choice = choice;
	if (kit_boot(&kit, fd, -1, "quiet") != 0)
		fail_msg("refused: %s", kit_message);
	assert_string_equal(kit.entry.protocol, protocol);
}

static void refused(int fd, enum boot_choice choice, const char *reason)
{
	kit.choice = choice;
	kit_errors = 0;
	assert_int_equal(kit_boot(&kit, fd, -1, "quiet"), -ENOEXEC);
	assert_int_equal(kit_errors, 1);
	if (!strstr(kit_message, reason))
		fail_msg("expected \"%s\" in \"%s\"", reason, kit_message);
}

static void put_multiboot(int fd, uint32_t checksum)
{
	const uint32_t header[3] = {0x1badb002, 0, checksum};

	kit_patch(fd, 0x1010, header, sizeof(header));
}

static void put_note(int fd, uint32_t type, uint32_t descsz)
{
	const struct {
		Elf32_Nhdr head;
		char owner[4];
		uint32_t entry;
	} note = {{4, descsz, type}, "Xen", KIT_KERNEL + 0x200};

	kit_patch(fd, 0x800, &note, sizeof(note));
}

#define GOOD_SUM (0u - 0x1badb002u)

/* An ELF64 with a segment of notes; linked as Linux is, or elsewhere. */
static int elf64(bool as_linux)
{
	struct kit_elf elf = kit_elf_default();

	if (!as_linux)
		elf.segments[0].p_vaddr = KIT_KERNEL;
	elf.head.e_phnum = 3;
	elf.segments[2] =
	    (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = 0x800, .p_filesz = 20, .p_align = 4};
	int fd = kit_elf_file(&elf);
	put_note(fd, 1, 4);
	return fd;
}

static int elf32(void)
{
	struct kit_elf32 elf = kit_elf32_default();

	elf.head.e_phnum = 3;
	elf.segments[2] =
	    (Elf32_Phdr){.p_type = PT_NOTE, .p_offset = 0x800, .p_filesz = 20, .p_align = 4};
	int fd = kit_elf32_file(&elf);
	put_note(fd, 1, 4);
	return fd;
}

static void linux_goes_by_its_64_bit_entry_whatever_else_it_carries(void **state)
{
	int fd = elf64(true);

	put_note(fd, 18, 4);
	put_multiboot(fd, GOOD_SUM);
	boots_by(fd, BOOT_AUTO, "linux64 vmlinux");
}

static void linux_goes_by_pvh_if_told_so(void **state)
{
	int fd = elf64(true);

	put_note(fd, 18, 4);
	boots_by(fd, BOOT_PVH, "pvh");
}

static void bzimage_goes_by_its_own_protocol(void **state)
{
	struct kit_bzimage bz = kit_bzimage_default();
	int fd = kit_bzimage_file(&bz);

	put_multiboot(fd, GOOD_SUM);
	boots_by(fd, BOOT_AUTO, "linux64 bzImage");
	refused(kit_bzimage_file(&bz), BOOT_PVH, "not a kernel for that --boot: no ELF file");
}

static void pvh_note_goes_before_a_multiboot_header(void **state)
{
	int fds[] = {elf64(false), elf32()};

	for (unsigned i = 0; i < 2; i++) {
		put_note(fds[i], 18, 4);
		put_multiboot(fds[i], GOOD_SUM);
		boots_by(fds[i], BOOT_AUTO, "pvh");
	}
}

static void both_marks_leave_the_choice_to_the_option(void **state)
{
	int fd = elf32();

	put_note(fd, 18, 4);
	put_multiboot(fd, GOOD_SUM);
	boots_by(fd, BOOT_MULTIBOOT, "multiboot");
}

static void multiboot_header_counts_in_files_that_are_not_linux(void **state)
{
	int fds[] = {elf64(false), elf32()};

	for (unsigned i = 0; i < 2; i++) {
		put_multiboot(fds[i], GOOD_SUM);
		boots_by(fds[i], BOOT_AUTO, "multiboot");
	}
}

static void unmarked_elf64_goes_by_the_linux_protocol(void **state)
{
	boots_by(elf64(false), BOOT_AUTO, "linux64 vmlinux");
	boots_by(elf64(false), BOOT_LINUX, "linux64 vmlinux");
}

static void stray_magic_does_not_make_an_elf64_multiboot(void **state)
{
	int fd = elf64(false);

	put_multiboot(fd, 5);
	boots_by(fd, BOOT_AUTO, "linux64 vmlinux");
}

static void bad_marks_are_told_of(void **state)
{
	int fd = elf32();

	put_note(fd, 18, 3);
	refused(fd, BOOT_AUTO, "PVH note has n_descsz 3, must be 4 or 8");
	fd = elf32();
	put_multiboot(fd, 5);
	refused(fd, BOOT_AUTO, "checksum 0x00000005");
}

static void unmarked_elf32_is_told_what_it_lacks(void **state)
{
	refused(elf32(), BOOT_AUTO, "a 32-bit kernel needs a PVH note, or a Multiboot header");
}

static void linux_by_option_does_not_take_other_kernels(void **state)
{
	int fd = elf32();

	put_note(fd, 18, 4);
	refused(fd, BOOT_LINUX, "EI_CLASS is 1, must be 2");
}

static void file_of_no_kind_is_told_what_was_looked_for(void **state)
{
	refused(kit_file(9000), BOOT_AUTO, "not a kernel: no ELF file, no bzImage (HdrS at 0x202)");
	refused(kit_file(9000), BOOT_LINUX, "neither a vmlinux");
	refused(kit_file(9000), BOOT_MULTIBOOT, "no Multiboot header");
}

static void linux_takes_no_modules(void **state)
{
	kit.modules[0] = (struct boot_module){kit_file(1), "M1", NULL};
	kit.module_count = 1;
	kit.choice = BOOT_AUTO;
	assert_int_equal(kit_boot(&kit, elf64(true), -1, ""), -EINVAL);
	assert_non_null(
	    strstr(kit_message, "--module M1: this kernel boots by the Linux protocol"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(linux_goes_by_its_64_bit_entry_whatever_else_it_carries),
	    TEST(linux_goes_by_pvh_if_told_so),
	    TEST(bzimage_goes_by_its_own_protocol),
	    TEST(pvh_note_goes_before_a_multiboot_header),
	    TEST(both_marks_leave_the_choice_to_the_option),
	    TEST(multiboot_header_counts_in_files_that_are_not_linux),
	    TEST(unmarked_elf64_goes_by_the_linux_protocol),
	    TEST(stray_magic_does_not_make_an_elf64_multiboot),
	    TEST(bad_marks_are_told_of),
	    TEST(unmarked_elf32_is_told_what_it_lacks),
	    TEST(linux_by_option_does_not_take_other_kernels),
	    TEST(file_of_no_kind_is_told_what_was_looked_for),
	    TEST(linux_takes_no_modules),
	};
#undef TEST
	return cmocka_run_group_tests(tests, NULL, NULL);
}
