/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Files with a Multiboot header through boot_load(). A25 is the case of bad input; offsets
 * are those of the Multiboot Specification 0.6.96, 3.1 and 3.3. */
#include "tests/unit/boot_kit.h" /* before cmocka.h, whose fail() is a macro */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "core/boot/layout.h"

#define MAGIC     0x1badb002u
#define ADDRESSES (1u << 16)
#define OFFSET    0x1010u /* of the header, in the first segment */
#define FLAT_SIZE 0x3000u

static struct kit kit;

static struct {
	uint32_t magic, flags, checksum;
	uint32_t header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
} header;

static int setup(void **state)
{
	kit_init(&kit, KIT_RAM);
	kit.choice = BOOT_MULTIBOOT;
	memset(&header, 0, sizeof(header));
	header.magic = MAGIC;
	header.header_addr = KIT_KERNEL + OFFSET;
	header.load_addr = KIT_KERNEL;
	header.load_end_addr = KIT_KERNEL + FLAT_SIZE;
	header.bss_end_addr = KIT_KERNEL + 2 * FLAT_SIZE;
	header.entry_addr = KIT_KERNEL + 0x20;
	return 0;
}

static int teardown(void **state)
{
	kit_finish(&kit);
	return 0;
}

static int with_header(int fd, uint32_t offset, uint64_t len)
{
	header.checksum = 0u - (header.magic + header.flags);
	kit_patch(fd, offset, &header, len);
	return fd;
}

static int elf(void)
{
	struct kit_elf32 image = kit_elf32_default();

	return with_header(kit_elf32_file(&image), OFFSET, 12);
}

static int flat(void)
{
	header.flags |= ADDRESSES;
	return with_header(kit_file(FLAT_SIZE), OFFSET, sizeof(header));
}

static void boot(int kernel_fd, const char *cmdline)
{
	if (kit_boot(&kit, kernel_fd, -1, cmdline) != 0)
		fail_msg("refused: %s", kit_message);
}

static void refused(int kernel_fd, int err, const char *reason)
{
	kit_errors = 0;
	assert_int_equal(kit_boot(&kit, kernel_fd, -1, "quiet"), -err);
	assert_int_equal(kit_errors, 1);
	if (!strstr(kit_message, reason))
		fail_msg("expected \"%s\" in \"%s\"", reason, kit_message);
}

static uint64_t info(unsigned offset)
{
	return kit_number(kit.memory.host + kit.entry.rbx + offset, 4);
}

static const char *text_at(uint64_t gpa)
{
	return (const char *)kit.memory.host + gpa;
}

/* Multiboot enters without paging and with an undefined ESP (3.2): neither is in the way. */
static void kernel_at_0x8000_boots(void **state)
{
	header.flags |= ADDRESSES;
	header.header_addr = 0x8010;
	header.load_addr = header.entry_addr = 0x8000;
	header.load_end_addr = header.bss_end_addr = 0x9000;
	boot(with_header(kit_file(0x1000), 0x10, sizeof(header)), "quiet");
	assert_int_equal(kit.entry.rip, 0x8000);
	header.load_end_addr = header.bss_end_addr = 0xa001;
	refused(with_header(kit_file(0x3000), 0x10, sizeof(header)), EINVAL,
	    "overlaps the command line at 0xa000");
}

/* ---------------------------------------------------------------- entering */

static void entry_has_the_loaders_magic_and_the_information(void **state)
{
	boot(elf(), "quiet");

	assert_int_equal(kit.entry.mode, BOOT_PROTECTED32);
	assert_int_equal(kit.entry.rip, KIT_KERNEL + 0x100);
	assert_int_equal(kit.entry.rax, 0x2badb002);
	assert_int_equal(kit.entry.rbx, LAYOUT_PARAMS);
	assert_string_equal(kit.entry.protocol, "multiboot");
	assert_int_equal(info(0), 1 << 0 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 9);
	assert_string_equal(text_at(info(64)), "volt");
}

static void memory_below_and_above_is_told_in_kib(void **state)
{
	boot(elf(), "quiet");

	assert_int_equal(info(4), 0x9f000 / 1024);
	assert_int_equal(info(8), (KIT_RAM >> 10) - 1024);
}

static void memory_map_has_entries_of_20_bytes_and_their_size(void **state)
{
	const uint64_t ranges[4][3] = {
	    {0, 0x9f000, 1},
	    {0x9f000, 0x1000, 2},
	    {0xe0000, 0x20000, 2},
	    {0x100000, KIT_RAM - 0x100000, 1},
	};

	boot(elf(), "quiet");

	assert_int_equal(info(44), 4 * 24);
	for (unsigned i = 0; i < 4; i++) {
		const uint8_t *e = kit.memory.host + info(48) + 24 * (size_t)i;

		assert_int_equal(kit_number(e, 4), 20);
		assert_int_equal(kit_number(e + 4, 8), ranges[i][0]);
		assert_int_equal(kit_number(e + 12, 8), ranges[i][1]);
		assert_int_equal(kit_number(e + 20, 4), ranges[i][2]);
	}
}

static void command_line_comes_byte_by_byte_without_the_files_name(void **state)
{
	boot(elf(), "a=1 \"b c\" %s");
	assert_string_equal(text_at(info(16)), "a=1 \"b c\" %s");
}

static void kernel_without_modules_gets_none(void **state)
{
	boot(elf(), "");
	assert_int_equal(info(20), 0);
}

static void modules_follow_the_kernel_page_aligned_in_order(void **state)
{
	const uint8_t *list;

	kit.modules[0] = (struct boot_module){kit_file(4097), "M1", "one, two"};
	kit.modules[1] = (struct boot_module){kit_file(10), "M2", NULL};
	kit.module_count = 2;
	assert_int_equal(kit_boot(&kit, elf(), kit_file(100), "quiet"), 0);

	assert_int_equal(info(20), 3);
	list = kit.memory.host + info(24);
	assert_int_equal(kit_number(list, 4), KIT_KERNEL + 0x8000);
	assert_int_equal(kit_number(list + 4, 4), KIT_KERNEL + 0x8000 + 100);
	assert_string_equal(text_at(kit_number(list + 8, 4)), "");
	assert_int_equal(kit_number(list + 16, 4), KIT_KERNEL + 0x9000);
	assert_int_equal(kit_number(list + 20, 4), KIT_KERNEL + 0x9000 + 4097);
	assert_string_equal(text_at(kit_number(list + 24, 4)), "one, two");
	assert_int_equal(kit_number(list + 28, 4), 0);
	assert_int_equal(kit_number(list + 32, 4), KIT_KERNEL + 0xb000);
	assert_true(kit_holds(&kit, KIT_KERNEL + 0x8000, 0, 100));
	assert_true(kit_holds(&kit, KIT_KERNEL + 0x9000, 0, 4097));
}

static void modules_that_do_not_fit_above_the_kernel_go_below(void **state)
{
	kit.modules[0] = (struct boot_module){kit_file(8 << 20), "M", NULL};
	kit.module_count = 1;
	kit_finish(&kit);
	kit.memory = (struct memory){0};
	assert_int_equal(memory_init(&kit.memory, 20 << 20, false), 0);

	boot(elf(), "");

	assert_int_equal(kit_number(kit.memory.host + info(24), 4), KIT_KERNEL - (8 << 20));
}

static void module_that_fits_nowhere_is_refused_by_its_number(void **state)
{
	kit.modules[0] = (struct boot_module){kit_file(1), "M1", NULL};
	kit.modules[1] = (struct boot_module){kit_file(KIT_RAM), "M2", NULL};
	kit.module_count = 2;
	refused(elf(), ENOMEM,
	    "M2: module 2 needs memory up to 0x5009000, but the guest's ends at 0x4000000; give "
	    "--memory 81M at least");
}

static void empty_module_is_refused(void **state)
{
	kit.modules[0] = (struct boot_module){kit_file(0), "M1", NULL};
	kit.module_count = 1;
	refused(elf(), EINVAL, "M1: the file is empty");
}

static void strings_that_are_not_printable_or_too_long_are_refused(void **state)
{
	static char words[24571];

	kit.modules[0] = (struct boot_module){kit_file(1), "M1", "a\nb"};
	kit.module_count = 1;
	refused(elf(), EINVAL, "M1: byte 0x0a at offset 1 is not printable ASCII");

	memset(words, 'w', 24570); /* with "quiet" and both NULs: one too many */
	kit.modules[0] = (struct boot_module){kit_file(1), "M1", words};
	kit.module_count = 1;
	refused(elf(), E2BIG, "command line and strings of modules: 24577 bytes");

	words[24569] = '\0';
	kit.modules[0] = (struct boot_module){kit_file(1), "M1", words};
	kit.module_count = 1;
	boot(elf(), "quiet");
	assert_string_equal(text_at(info(16)), "quiet");
	assert_string_equal(text_at(kit_number(kit.memory.host + info(24) + 8, 4)), words);
}

/* --------------------------------------------------------------------- ELF */

static void elf_segments_go_to_their_physical_addresses(void **state)
{
	struct kit_elf32 image = kit_elf32_default();

	image.segments[0].p_vaddr = 0xc0000000 + KIT_KERNEL;
	image.segments[1].p_vaddr = 0xc0004000 + KIT_KERNEL;
	image.head.e_entry = 0xc0000100 + KIT_KERNEL;
	kit.memory.host[KIT_KERNEL + 0x8000] = 0xee;
	boot(with_header(kit_elf32_file(&image), OFFSET, 12), "");

	assert_int_equal(kit.entry.rip, KIT_KERNEL + 0x100);
	assert_true(kit_holds(&kit, KIT_KERNEL + 0x100, 0x1100, 0x2f00));
	assert_true(kit_is_zero(&kit, KIT_KERNEL + 0x5000, 0x3000));
	assert_int_equal(kit.memory.host[KIT_KERNEL + 0x8000], 0xee);
}

static void physical_entry_of_a_kernel_linked_high_is_taken_as_it_is(void **state)
{
	struct kit_elf32 image = kit_elf32_default();

	image.segments[0].p_vaddr = 0xc0000000 + KIT_KERNEL;
	boot(with_header(kit_elf32_file(&image), OFFSET, 12), "");
	assert_int_equal(kit.entry.rip, KIT_KERNEL + 0x100);
}

static void elf64_is_loaded_too(void **state)
{
	struct kit_elf image = kit_elf_default();

	boot(with_header(kit_elf_file(&image), OFFSET, 12), "");
	assert_int_equal(kit.entry.mode, BOOT_PROTECTED32);
	assert_int_equal(kit.entry.rip, KIT_KERNEL + 0x100);
}

static void elf_entry_elsewhere_is_refused(void **state)
{
	struct kit_elf32 image = kit_elf32_default();

	image.head.e_entry = KIT_KERNEL + 0x3000;
	refused(with_header(kit_elf32_file(&image), OFFSET, 12), ENOEXEC,
	    "e_entry 0x1003000 is not in the file's bytes of any PT_LOAD segment");
}

static void bad_elf_without_addresses_is_refused_for_what_it_is(void **state)
{
	struct kit_elf32 image = kit_elf32_default();

	image.head.e_type = ET_DYN;
	refused(with_header(kit_elf32_file(&image), OFFSET, 12), ENOEXEC,
	    "ELF e_type is 3, must be 2 (an executable at fixed addresses); and the Multiboot "
	    "header gives no addresses (flag 16)");
	refused(with_header(kit_file(0x3000), OFFSET, 12), ENOEXEC, "not an ELF file; and the");
}

/* --------------------------------------------------------------- addresses */

static void addresses_of_the_header_place_a_flat_file(void **state)
{
	kit.memory.host[KIT_KERNEL + 2 * FLAT_SIZE] = 0xee;
	boot(flat(), "");

	assert_int_equal(kit.entry.rip, KIT_KERNEL + 0x20);
	assert_true(kit_holds(&kit, KIT_KERNEL, 0, OFFSET));
	assert_true(kit_holds(&kit, KIT_KERNEL + OFFSET + 32, OFFSET + 32, 0x1000));
	assert_true(kit_is_zero(&kit, KIT_KERNEL + FLAT_SIZE, FLAT_SIZE));
	assert_int_equal(kit.memory.host[KIT_KERNEL + 2 * FLAT_SIZE], 0xee);
}

static void bytes_before_load_addr_are_left_out(void **state)
{
	header.load_addr = KIT_KERNEL + 0x1000;
	header.entry_addr = KIT_KERNEL + 0x1000;
	boot(flat(), "");
	assert_true(kit_is_zero(&kit, KIT_KERNEL, 0x1000));
	assert_true(kit_holds(&kit, KIT_KERNEL + 0x1000, 0x1000, 0x10));
}

static void zero_ends_mean_the_files_end_and_no_bss(void **state)
{
	header.load_end_addr = header.bss_end_addr = 0;
	kit.memory.host[KIT_KERNEL + FLAT_SIZE] = 0xee;
	boot(flat(), "");
	assert_true(kit_holds(&kit, KIT_KERNEL + FLAT_SIZE - 0x100, FLAT_SIZE - 0x100, 0x100));
	assert_int_equal(kit.memory.host[KIT_KERNEL + FLAT_SIZE], 0xee);
}

static void addresses_count_more_than_elf_headers(void **state)
{
	struct kit_elf32 image = kit_elf32_default();

	header.flags = ADDRESSES;
	header.entry_addr = KIT_KERNEL + 0x2000;
	boot(with_header(kit_elf32_file(&image), OFFSET, sizeof(header)), "");
	assert_int_equal(kit.entry.rip, KIT_KERNEL + 0x2000);
}

static void lying_addresses_are_refused(void **state)
{
	const struct {
		size_t field;
		uint32_t value;
		const char *reason;
	} cases[] = {
	    /* A25. Fields: header, load, load_end, bss_end, entry. */
	    {12, KIT_KERNEL - 4, "load_addr 0x1000000 and header_addr 0xfffffc"},
	    {12, KIT_KERNEL + OFFSET + 4, "but the header lies only 0x1010 into the file"},
	    {12, UINT32_MAX, "but the header lies only"},
	    {16, KIT_KERNEL - 1, "but the header lies only"},
	    {16, 0, "but the header lies only"},
	    {16, UINT32_MAX, "load_addr 0xffffffff and header_addr"},
	    {20, KIT_KERNEL + FLAT_SIZE + 1, "load_end_addr 0x1003001 must be above"},
	    {20, KIT_KERNEL + OFFSET, "load_end_addr 0x1001010 must be above header_addr"},
	    {20, KIT_KERNEL - 1, "load_end_addr 0xffffff must be above"},
	    {20, UINT32_MAX, "at most 0x1003000, where the file ends"},
	    {24, KIT_KERNEL + FLAT_SIZE - 1, "bss_end_addr 0x1002fff is below the end of the data"},
	    {24, 1, "bss_end_addr 0x1 is below"},
	    {28, KIT_KERNEL - 1, "entry_addr 0xffffff is not in the data"},
	    {28, KIT_KERNEL + FLAT_SIZE, "entry_addr 0x1003000 is not in the data"},
	    {28, 0, "entry_addr 0x0 is not in the data at 0x1000000 to 0x1002fff"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		setup(NULL);
		memcpy((uint8_t *)&header + cases[i].field, &cases[i].value, 4);
		refused(flat(), ENOEXEC, cases[i].reason);
		teardown(NULL);
	}
	setup(NULL);
}

static void addresses_outside_ram_or_over_volts_memory_are_refused(void **state)
{
	header.bss_end_addr = KIT_RAM + 1;
	refused(flat(), ENOMEM, "the kernel needs memory up to 0x4000001");
	header.bss_end_addr = UINT32_MAX;
	refused(flat(), ENOMEM, "does not fit");
	header = (typeof(header)){MAGIC, 0, 0, 0xff010, 0xfe000, 0, 0, 0xfe000};
	refused(flat(), EINVAL, "the kernel at 0xfe000 to 0x100fff overlaps the ACPI tables");
}

/* ---------------------------------------------------------------- the header */

static void header_is_found_anywhere_in_the_first_8192_bytes(void **state)
{
	struct kit_elf32 image = kit_elf32_default();
	const uint32_t good[] = {0x100, 0x104, 8192 - 12};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		boot(with_header(kit_elf32_file(&image), good[i], 12), "");
	refused(with_header(kit_elf32_file(&image), 8192 - 8, 12), ENOEXEC,
	    "no Multiboot header (0x1badb002) in its first 8192 bytes");
	refused(with_header(kit_elf32_file(&image), 0x102, 12), ENOEXEC, "no Multiboot header");
}

static void header_with_addresses_must_end_in_the_first_8192_bytes(void **state)
{
	struct kit_elf32 image = kit_elf32_default();

	header.flags = ADDRESSES;
	header.header_addr = KIT_KERNEL + 8192 - 32;
	boot(with_header(kit_elf32_file(&image), 8192 - 32, 32), "");
	refused(with_header(kit_elf32_file(&image), 8192 - 28, 32), ENOEXEC,
	    "header at offset 0x1fe4 is cut short: its addresses (flag 16) pass offset 0x2000");
}

static void header_with_a_wrong_sum_is_refused_with_the_right_one(void **state)
{
	const uint32_t wrong = 1;
	int fd = elf();

	header.flags = 3;
	kit_patch(fd, OFFSET + 4, &header.flags, 4);
	kit_patch(fd, OFFSET + 8, &wrong, 4);
	refused(fd, ENOEXEC, /* A25 */
	    "header at offset 0x1010 has checksum 0x00000001, must be 0xe4524ffb");
}

static void magic_without_a_good_sum_before_the_header_is_passed_over(void **state)
{
	const uint32_t magic = MAGIC;
	int fd = elf();

	kit_patch(fd, 0x800, &magic, sizeof(magic));
	boot(fd, "");
}

static void aligned_modules_and_memory_may_be_demanded(void **state)
{
	header.flags = 3;
	boot(elf(), "");
}

static void optional_features_are_ignored(void **state)
{
	header.flags = 0xfffe0000;
	boot(elf(), "");
}

static void demands_that_cannot_be_met_are_refused(void **state)
{
	header.flags = 1 << 2;
	refused(elf(), ENOEXEC, "flags 0x00000004 demand a video mode (bit 2)");
	for (unsigned bit = 3; bit < 16; bit++) {
		header.flags = 1u << bit;
		refused(elf(), ENOEXEC, "demand what no one defined: bits 3 to 15 must be 0");
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(kernel_at_0x8000_boots),
	    TEST(entry_has_the_loaders_magic_and_the_information),
	    TEST(memory_below_and_above_is_told_in_kib),
	    TEST(memory_map_has_entries_of_20_bytes_and_their_size),
	    TEST(command_line_comes_byte_by_byte_without_the_files_name),
	    TEST(kernel_without_modules_gets_none),
	    TEST(modules_follow_the_kernel_page_aligned_in_order),
	    TEST(modules_that_do_not_fit_above_the_kernel_go_below),
	    TEST(module_that_fits_nowhere_is_refused_by_its_number),
	    TEST(empty_module_is_refused),
	    TEST(strings_that_are_not_printable_or_too_long_are_refused),
	    TEST(elf_segments_go_to_their_physical_addresses),
	    TEST(physical_entry_of_a_kernel_linked_high_is_taken_as_it_is),
	    TEST(elf64_is_loaded_too),
	    TEST(elf_entry_elsewhere_is_refused),
	    TEST(bad_elf_without_addresses_is_refused_for_what_it_is),
	    TEST(addresses_of_the_header_place_a_flat_file),
	    TEST(bytes_before_load_addr_are_left_out),
	    TEST(zero_ends_mean_the_files_end_and_no_bss),
	    TEST(addresses_count_more_than_elf_headers),
	    TEST(lying_addresses_are_refused),
	    TEST(addresses_outside_ram_or_over_volts_memory_are_refused),
	    TEST(header_is_found_anywhere_in_the_first_8192_bytes),
	    TEST(header_with_addresses_must_end_in_the_first_8192_bytes),
	    TEST(header_with_a_wrong_sum_is_refused_with_the_right_one),
	    TEST(magic_without_a_good_sum_before_the_header_is_passed_over),
	    TEST(aligned_modules_and_memory_may_be_demanded),
	    TEST(optional_features_are_ignored),
	    TEST(demands_that_cannot_be_met_are_refused),
	};
#undef TEST
	return cmocka_run_group_tests(tests, NULL, NULL);
}
