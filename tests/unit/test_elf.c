/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* ELF vmlinux through boot_load(). Numbers A01.. are the cases of bad input. */
#include "tests/unit/boot_kit.h" /* before cmocka.h, whose fail() is a macro */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/boot/layout.h"

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

/* Refused with exactly one line, which contains `reason`. */
static void refused_fd(int fd, int err, const char *reason)
{
	assert_int_equal(kit_boot(&kit, fd, -1, "quiet"), -err);
	assert_int_equal(kit_errors, 1);
	if (!strstr(kit_message, reason))
		fail_msg("expected \"%s\" in \"%s\"", reason, kit_message);
	assert_null(strchr(kit_message, '\n'));
	kit_errors = 0;
}

static void refused(const struct kit_elf *elf, int err, const char *reason)
{
	refused_fd(kit_elf_file(elf), err, reason);
}

static void accepted(const struct kit_elf *elf)
{
	if (kit_boot(&kit, kit_elf_file(elf), -1, "quiet") != 0)
		fail_msg("refused: %s", kit_message);
}

static void segments_go_to_their_physical_addresses(void **state)
{
	struct kit_elf elf = kit_elf_default();

	accepted(&elf);

	assert_true(kit_holds(&kit, KIT_KERNEL, 0x1000, 0x3000));
	assert_true(kit_holds(&kit, KIT_KERNEL + 0x4000, 0x4000, 0x1000));
	assert_string_equal(kit.entry.protocol, "linux64 vmlinux");
}

static void bss_is_zero_and_what_follows_is_left_alone(void **state)
{
	struct kit_elf elf = kit_elf_default();

	kit.memory.host[KIT_KERNEL + 0x8000] = 0xee;
	accepted(&elf);

	assert_true(kit_is_zero(&kit, KIT_KERNEL + 0x5000, 0x3000));
	assert_int_equal(kit.memory.host[KIT_KERNEL + 0x8000], 0xee);
}

static void entry_is_e_entry_with_params_stack_and_tables(void **state)
{
	struct kit_elf elf = kit_elf_default();

	accepted(&elf);

	assert_int_equal(kit.entry.rip, KIT_KERNEL + 0x100);
	assert_int_equal(kit.entry.rsi, LAYOUT_PARAMS);
	assert_int_equal(kit.entry.rsp % 16, 0);
	assert_int_equal(kit.entry.cr3, LAYOUT_PAGE_TABLES);
	assert_int_equal(kit.entry.gdt_base, LAYOUT_GDT);
}

static void segments_other_than_load_are_ignored(void **state)
{
	struct kit_elf elf = kit_elf_default();

	elf.head.e_phnum = 3;
	elf.segments[2] = (Elf64_Phdr){.p_type = PT_NOTE,
	    .p_offset = UINT64_MAX,
	    .p_filesz = UINT64_MAX,
	    .p_memsz = 3,
	    .p_paddr = LAYOUT_GDT,
	    .p_align = 3};
	accepted(&elf); /* A11: notes are never read */
}

static void empty_load_segment_is_ignored(void **state)
{
	struct kit_elf elf = kit_elf_default();

	elf.head.e_phnum = 3;
	elf.segments[2] = (Elf64_Phdr){.p_type = PT_LOAD, .p_paddr = LAYOUT_GDT};
	accepted(&elf);
}

static void empty_file_is_refused(void **state)
{
	refused_fd(kit_file(0), EINVAL, "KERNEL: the file is empty");
}

static void files_of_a_few_bytes_are_refused(void **state)
{
	struct kit_elf elf = kit_elf_default();

	refused_fd(kit_file(1), ENOEXEC, "not a kernel");
	elf.file_size = 3;
	refused(&elf, ENOEXEC, "not a kernel");
	elf.file_size = 4;
	refused(&elf, ENOEXEC, "ELF header is cut short: 4 bytes of 64");
	elf.file_size = 63;
	refused(&elf, ENOEXEC, "ELF header is cut short: 63 bytes of 64");
	elf.file_size = 64;
	refused(&elf, ENOEXEC, "pass the end of the file at 0x40");
}

static void files_that_are_not_regular_are_refused(void **state)
{
	int pair[2];

	refused_fd(open("/", O_RDONLY | O_CLOEXEC), EINVAL, "KERNEL: not a regular file");
	refused_fd(open("/dev/zero", O_RDONLY | O_CLOEXEC), EINVAL, "not a regular file");
	assert_int_equal(pipe(pair), 0);
	close(pair[1]);
	refused_fd(pair[0], EINVAL, "not a regular file");
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	close(pair[1]);
	refused_fd(pair[0], EINVAL, "not a regular file");
	refused_fd(open("/proc/version", O_RDONLY | O_CLOEXEC), EINVAL, "the file is empty");
	refused_fd(-1, EBADF, "Bad file descriptor");
}

static void sparse_tebibyte_is_refused_at_once(void **state)
{
	int fd = memfd_create("sparse", MFD_CLOEXEC);

	assert_int_equal(ftruncate(fd, 1ll << 40), 0);
	refused_fd(fd, ENOEXEC, "not a kernel");
}

static void unreadable_file_is_refused_with_the_systems_reason(void **state)
{
	refused_fd(
	    open("/tmp", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600), EINVAL, "the file is empty");
	int fd = open("/tmp", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, 4096), 0);
	refused_fd(fd, EBADF, "KERNEL: cannot read at offset 0: Bad file descriptor");
}

static void every_wrong_identity_field_is_named(void **state)
{
	const struct {
		size_t offset;
		uint8_t value;
		const char *reason;
	} cases[] = {
	    {EI_CLASS, ELFCLASS32, "EI_CLASS is 1, must be 2"},
	    {EI_DATA, ELFDATA2MSB, "EI_DATA is 2, must be 1"},
	    {EI_VERSION, 0, "EI_VERSION is 0, must be 1"},
	    {offsetof(Elf64_Ehdr, e_type), ET_DYN, "e_type is 3, must be 2"},
	    {offsetof(Elf64_Ehdr, e_type), ET_REL, "e_type is 1, must be 2"},
	    {offsetof(Elf64_Ehdr, e_machine), EM_AARCH64, "e_machine is 183, must be 62 (x86-64)"},
	    {offsetof(Elf64_Ehdr, e_version), 2, "e_version is 2, must be 1"},
	    {offsetof(Elf64_Ehdr, e_ehsize), 52, "e_ehsize is 52, must be 64"},
	    {offsetof(Elf64_Ehdr, e_phentsize), 0, "e_phentsize is 0, must be 56"},
	    {offsetof(Elf64_Ehdr, e_phentsize), 1, "e_phentsize is 1, must be 56"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct kit_elf elf = kit_elf_default();

		((uint8_t *)&elf.head)[cases[i].offset] = cases[i].value;
		refused(&elf, ENOEXEC, cases[i].reason);
	}
}

static void program_headers_outside_the_file_are_refused(void **state)
{
	struct kit_elf elf = kit_elf_default();

	elf.head.e_phoff = elf.file_size - 2 * sizeof(Elf64_Phdr) + 1;
	refused(&elf, ENOEXEC, "pass the end of the file");
	elf.head.e_phoff = UINT64_MAX - 7;
	refused(&elf, ENOEXEC, "e_phoff 0xfffffffffffffff8 and 2 program headers pass the end");
}

static void program_header_count_is_bounded(void **state)
{
	struct kit_elf elf = kit_elf_default();

	elf.head.e_phnum = 0;
	refused(&elf, ENOEXEC, "e_phnum is 0, must be 1 to 128");
	elf.head.e_phnum = PN_XNUM;
	refused(&elf, ENOEXEC, "e_phnum is 65535, must be 1 to 128");
	elf.head.e_phnum = 10000; /* A09 */
	refused(&elf, ENOEXEC, "e_phnum is 10000, must be 1 to 128");
	elf.head.e_phentsize = 65535;
	refused(&elf, ENOEXEC, "e_phentsize is 65535");
}

static void segment_bytes_outside_the_file_are_refused(void **state)
{
	struct kit_elf elf = kit_elf_default();

	elf.segments[1].p_filesz = 0x1001; /* A06 */
	refused(&elf, ENOEXEC, "segment 1 has p_offset 0x4000 and p_filesz 0x1001, past the end");
	elf.segments[1].p_filesz = 0x1000;
	elf.segments[1].p_offset = UINT64_MAX - 0x7ff;
	refused(&elf, ENOEXEC, "segment 1 has p_offset 0xfffffffffffff800");
}

static void segment_larger_in_file_than_in_memory_is_refused(void **state)
{
	struct kit_elf elf = kit_elf_default();

	elf.segments[0].p_memsz = 0x2fff; /* A07 */
	refused(&elf, ENOEXEC, "segment 0 has p_filesz 0x3000 above p_memsz 0x2fff");
}

static void segment_sizes_that_wrap_or_exceed_ram_are_refused(void **state)
{
	struct kit_elf elf = kit_elf_default();

	elf.segments[1].p_memsz = 1ull << 63; /* A07 */
	refused(&elf, ENOMEM, "segment 1 of 0x8000000000000000 bytes at 0x1004000 does not fit");
	elf.segments[1].p_memsz = UINT64_MAX; /* A08 */
	refused(&elf, ENOEXEC, "segment 1 has p_paddr 0x1004000 and p_memsz 0xffffffffffffffff");
}

static void segment_may_end_where_ram_ends_and_no_further(void **state)
{
	struct kit_elf elf = kit_elf_default();

	elf.segments[1].p_paddr = KIT_RAM - 0x4000;
	accepted(&elf);
	elf.segments[1].p_paddr++;
	refused(&elf, ENOMEM,
	    "the kernel needs memory up to 0x4000001, but the guest's ends at 0x4000000; give "
	    "--memory 65M at least");
}

static void segments_in_the_device_hole_or_above_are_refused(void **state)
{
	struct kit_elf elf = kit_elf_default();

	elf.segments[1].p_paddr = 0xfec00000;
	refused(&elf, ENOMEM, "at 0xfec00000 does not fit: RAM for a kernel ends at 0x4000000");
	elf.segments[1].p_paddr = MEMORY_HIGH_START;
	refused(&elf, ENOMEM, "at 0x100000000 does not fit");
}

static void segments_over_what_volt_writes_are_refused(void **state)
{
	const struct {
		uint64_t at;
		const char *reason;
	} cases[] = {
	    {0x0, "overlaps the BIOS data area at 0x0 to 0xfff"},
	    {LAYOUT_GDT, "overlaps the GDT at 0x1000 to 0x1fff"},
	    {LAYOUT_PARAMS, "overlaps the boot parameters at 0x2000 to 0x2fff"},
	    {LAYOUT_STACK, "overlaps the boot stack at 0x3000 to 0x3fff"},
	    {LAYOUT_PAGE_TABLES + 0x1000, "overlaps the page tables at 0x4000 to 0x9fff"},
	    {LAYOUT_CMDLINE_END - 1, "overlaps the command line at 0xa000 to 0xffff"},
	    {LAYOUT_MP_TABLE - 0xfff, "overlaps the MP table at 0x9f000 to 0x9ffff"},
	    {0xb8000, "overlaps the video and ROM hole at 0xa0000 to 0xdffff"},
	    {LAYOUT_ACPI_END - 1, "overlaps the ACPI tables at 0xe0000 to 0xfffff"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct kit_elf elf = kit_elf_default();

		elf.segments[1].p_paddr = cases[i].at;
		elf.segments[1].p_memsz = 0x1000;
		refused(&elf, EINVAL, cases[i].reason);
	}
}

static void segments_between_volts_areas_are_accepted(void **state)
{
	struct kit_elf elf = kit_elf_default();

	elf.segments[1].p_paddr = LAYOUT_CMDLINE_END;
	elf.segments[1].p_memsz = LAYOUT_MP_TABLE - LAYOUT_CMDLINE_END;
	accepted(&elf);
	elf.segments[1].p_paddr = LAYOUT_ACPI_END;
	elf.segments[1].p_memsz = KIT_KERNEL - LAYOUT_ACPI_END;
	accepted(&elf);
}

static void overlapping_segments_are_refused(void **state)
{
	struct kit_elf elf = kit_elf_default();

	elf.segments[1].p_paddr = KIT_KERNEL + 0x2fff; /* A09 */
	refused(&elf, EINVAL,
	    "segment 1 at 0x1002fff to 0x1006ffe overlaps segment 0 at 0x1000000 to 0x1002fff");
	elf.segments[1].p_paddr = KIT_KERNEL - 0x3fff;
	refused(&elf, EINVAL, "overlaps segment 0");
	elf.segments[1].p_paddr = KIT_KERNEL + 0x3000;
	accepted(&elf);
}

static void entry_outside_the_files_bytes_is_refused(void **state)
{
	static const uint64_t bad[] = {0, 0xfec00000, KIT_KERNEL - 1, KIT_KERNEL + 0x3000,
	    KIT_KERNEL + 0x5000 /* .bss */, 0xffffffff81000100, 0x8000000000000000, UINT64_MAX};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct kit_elf elf = kit_elf_default();

		elf.head.e_entry = bad[i]; /* A10 */
		refused(&elf, ENOEXEC, "is not in the file's bytes of any PT_LOAD segment");
	}
}

static void entry_at_either_end_of_a_segment_is_accepted(void **state)
{
	struct kit_elf elf = kit_elf_default();

	elf.head.e_entry = KIT_KERNEL;
	accepted(&elf);
	elf.head.e_entry = KIT_KERNEL + 0x4fff;
	accepted(&elf);
}

static void file_without_load_segments_is_refused(void **state)
{
	struct kit_elf elf = kit_elf_default();

	elf.segments[0].p_type = PT_NOTE;
	elf.segments[1].p_memsz = 0;
	refused(&elf, ENOEXEC, "no segment of type PT_LOAD that is not empty");
}

static void nothing_is_copied_before_all_segments_are_checked(void **state)
{
	struct kit_elf elf = kit_elf_default();

	elf.segments[1].p_paddr = LAYOUT_GDT;
	refused(&elf, EINVAL, "overlaps");
	assert_true(kit_is_zero(&kit, KIT_KERNEL, 0x3000));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(segments_go_to_their_physical_addresses),
	    TEST(bss_is_zero_and_what_follows_is_left_alone),
	    TEST(entry_is_e_entry_with_params_stack_and_tables),
	    TEST(segments_other_than_load_are_ignored),
	    TEST(empty_load_segment_is_ignored),
	    TEST(empty_file_is_refused),
	    TEST(files_of_a_few_bytes_are_refused),
	    TEST(files_that_are_not_regular_are_refused),
	    TEST(sparse_tebibyte_is_refused_at_once),
	    TEST(unreadable_file_is_refused_with_the_systems_reason),
	    TEST(every_wrong_identity_field_is_named),
	    TEST(program_headers_outside_the_file_are_refused),
	    TEST(program_header_count_is_bounded),
	    TEST(segment_bytes_outside_the_file_are_refused),
	    TEST(segment_larger_in_file_than_in_memory_is_refused),
	    TEST(segment_sizes_that_wrap_or_exceed_ram_are_refused),
	    TEST(segment_may_end_where_ram_ends_and_no_further),
	    TEST(segments_in_the_device_hole_or_above_are_refused),
	    TEST(segments_over_what_volt_writes_are_refused),
	    TEST(segments_between_volts_areas_are_accepted),
	    TEST(overlapping_segments_are_refused),
	    TEST(entry_outside_the_files_bytes_is_refused),
	    TEST(entry_at_either_end_of_a_segment_is_accepted),
	    TEST(file_without_load_segments_is_refused),
	    TEST(nothing_is_copied_before_all_segments_are_checked),
	};
#undef TEST
	return cmocka_run_group_tests(tests, NULL, NULL);
}
