/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* bzImages through boot_load(). Numbers A13.. are the cases of bad input. */
#include "tests/unit/boot_kit.h" /* before cmocka.h, whose fail() is a macro */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
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
static void refused(const struct kit_bzimage *bz, int err, const char *reason)
{
	assert_int_equal(kit_boot(&kit, kit_bzimage_file(bz), -1, "quiet"), -err);
	assert_int_equal(kit_errors, 1);
	if (!strstr(kit_message, reason))
		fail_msg("expected \"%s\" in \"%s\"", reason, kit_message);
	kit_errors = 0;
}

static void accepted(const struct kit_bzimage *bz)
{
	if (kit_boot(&kit, kit_bzimage_file(bz), -1, "quiet") != 0)
		fail_msg("refused: %s", kit_message);
}

static void code_goes_to_pref_address(void **state)
{
	struct kit_bzimage bz = kit_bzimage_default();

	accepted(&bz);

	assert_true(kit_holds(&kit, KIT_KERNEL, KIT_BZ_SETUP, KIT_BZ_CODE));
	assert_string_equal(kit.entry.protocol, "linux64 bzImage");
}

static void entry_lies_0x200_into_the_code(void **state)
{
	struct kit_bzimage bz = kit_bzimage_default();

	accepted(&bz);

	assert_int_equal(kit.entry.rip, KIT_KERNEL + 0x200);
}

static void setup_header_is_copied_through_its_end(void **state)
{
	struct kit_bzimage bz = kit_bzimage_default();

	bz.header.root_flags = 1;
	bz.header.vid_mode = 0xffff;
	accepted(&bz);

	const struct setup_header *h = &kit_params(&kit)->hdr;
	assert_int_equal(h->setup_sects, bz.header.setup_sects);
	assert_int_equal(h->root_flags, 1);
	assert_int_equal(h->vid_mode, 0xffff);
	assert_int_equal(h->header, 0x53726448);
	assert_int_equal(h->version, 0x020f);
	assert_int_equal(h->init_size, KIT_BZ_INIT);
	assert_int_equal(h->payload_offset, 0x300);
	assert_int_equal(h->xloadflags, bz.header.xloadflags);
}

static void bytes_after_the_setup_header_are_not_copied(void **state)
{
	struct kit_bzimage bz = kit_bzimage_default();

	bz.header.jump = 0xeb | (0x268 - 0x202) << 8; /* 2.12: no kernel_info_offset */
	bz.header.kernel_info_offset = 0xdeadbeef;
	accepted(&bz);

	const uint8_t *page = (const uint8_t *)kit_params(&kit);
	for (unsigned i = 0x268; i < 0x2d0; i++)
		assert_int_equal(page[i], 0);
}

static void header_longer_than_its_room_is_cut(void **state)
{
	struct kit_bzimage bz = kit_bzimage_default();

	bz.header.jump = 0xffeb;
	accepted(&bz);

	const uint8_t *page = (const uint8_t *)kit_params(&kit);
	assert_int_equal(page[0x28f], kit_pattern(0x28f));
	for (unsigned i = 0x290; i < 0x2d0; i++)
		assert_int_equal(page[i], 0);
}

static void loaders_fields_of_the_file_do_not_count(void **state)
{
	struct kit_bzimage bz = kit_bzimage_default();

	bz.header.type_of_loader = 0x21;
	bz.header.setup_data = 0x1234;
	bz.header.cmd_line_ptr = 0x5678;
	bz.header.ramdisk_image = 0x9abc;
	bz.header.ramdisk_size = 0xdef0;
	bz.header.hardware_subarch = 1;
	accepted(&bz);

	const struct setup_header *h = &kit_params(&kit)->hdr;
	assert_int_equal(h->type_of_loader, 0xff);
	assert_int_equal(h->setup_data, 0);
	assert_int_equal(h->cmd_line_ptr, LAYOUT_CMDLINE);
	assert_int_equal(h->ramdisk_image, 0);
	assert_int_equal(h->ramdisk_size, 0);
	assert_int_equal(h->hardware_subarch, 0);
	assert_int_equal(h->code32_start, KIT_KERNEL);
}

static void missing_magic_is_no_kernel(void **state)
{
	struct kit_bzimage bz = kit_bzimage_default();

	bz.header.header = 0x53726449; /* A13 */
	refused(&bz, ENOEXEC, "not a kernel");
}

static void cut_short_images_are_refused(void **state)
{
	struct kit_bzimage bz = kit_bzimage_default();

	bz.file_size = 0x205;
	refused(&bz, ENOEXEC, "not a kernel");
	bz.file_size = 0x206;
	refused(&bz, ENOEXEC, "cut short: 518 bytes, the setup alone has 1024");
	bz.file_size = 1023;
	refused(&bz, ENOEXEC, "cut short: 1023 bytes");
	bz.file_size = KIT_BZ_SETUP;
	refused(&bz, ENOEXEC, "setup_sects 3 needs 0x800 bytes, but the file has 0x800");
}

/* boot.rst: syssize counts paragraphs of 16 bytes, and nothing pads the file to one. */
static void file_may_lack_what_syssize_was_rounded_up_by(void **state)
{
	struct kit_bzimage bz = kit_bzimage_default();

	for (unsigned missing = 1; missing <= 16; missing++) {
		int fd = kit_bzimage_file(&bz);

		assert_int_equal(ftruncate(fd, KIT_BZ_SETUP + KIT_BZ_CODE - missing), 0);
		assert_int_equal(kit_boot(&kit, fd, -1, "quiet"), missing < 16 ? 0 : -ENOEXEC);
		if (missing < 16)
			assert_true(
			    kit_holds(&kit, KIT_KERNEL, KIT_BZ_SETUP, KIT_BZ_CODE - missing));
	}
	assert_non_null(strstr(kit_message, "cut short?"));
}

static void wrong_boot_flag_is_refused(void **state)
{
	struct kit_bzimage bz = kit_bzimage_default();

	bz.header.boot_flag = 0x55aa; /* A13 */
	refused(&bz, ENOEXEC, "boot_flag is 0x55aa, must be 0xaa55");
}

static void wrong_setup_sects_are_refused(void **state)
{
	struct kit_bzimage bz = kit_bzimage_default();

	bz.header.setup_sects = 0; /* A13 */
	refused(&bz, ENOEXEC, "setup_sects is 0");
	bz.header.setup_sects = 255;
	refused(&bz, ENOEXEC, "setup_sects 255 needs 0x20000 bytes, but the file has 0x4800");
	bz.header.setup_sects = KIT_BZ_SETUP / 512;
	refused(&bz, ENOEXEC, "syssize says 0x4000 bytes of code, but the file has 0x3e00");
}

static void old_protocols_are_refused(void **state)
{
	static const uint16_t old[] = {0, 0x0200, 0x0205, 0x020b};

	for (size_t i = 0; i < sizeof(old) / sizeof(old[0]); i++) {
		struct kit_bzimage bz = kit_bzimage_default();

		bz.header.version = old[i]; /* A14 */
		refused(&bz, ENOEXEC, "must be 2.12 or newer");
	}
}

static void protocol_2_12_is_enough(void **state)
{
	struct kit_bzimage bz = kit_bzimage_default();

	bz.header.version = 0x020c;
	accepted(&bz);
}

static void header_without_the_fields_of_its_version_is_refused(void **state)
{
	struct kit_bzimage bz = kit_bzimage_default();

	bz.header.jump = 0xeb | (0x267 - 0x202) << 8;
	refused(&bz, ENOEXEC, "setup header ends at 0x267, must reach 0x268");
}

static void missing_load_flags_are_refused(void **state)
{
	struct kit_bzimage bz = kit_bzimage_default();

	bz.header.loadflags = 0x80; /* A14 */
	refused(&bz, ENOEXEC, "loadflags 0x80 lack LOADED_HIGH");
	bz = kit_bzimage_default();
	bz.header.xloadflags = 0x2;
	refused(&bz, ENOEXEC, "xloadflags 0x0002 lack XLF_KERNEL_64");
}

static void kernel_alignment_must_be_a_power_of_two(void **state)
{
	static const uint32_t bad[] = {0, 1, 0x800, 0x300000, UINT32_MAX};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct kit_bzimage bz = kit_bzimage_default();

		bz.header.kernel_alignment = bad[i]; /* A14 */
		refused(&bz, ENOEXEC, "must be a power of two from 0x1000 on");
	}
}

static void sizes_beyond_the_file_are_refused(void **state)
{
	struct kit_bzimage bz = kit_bzimage_default();

	bz.header.syssize++; /* A15 */
	refused(&bz, ENOEXEC, "syssize says 0x4010 bytes of code, but the file has 0x4000");
	bz.header.syssize = UINT32_MAX;
	refused(&bz, ENOEXEC, "syssize says 0xffffffff0 bytes");
	bz.header.syssize = 0x200 / 16;
	refused(&bz, ENOEXEC, "syssize says 0x200 bytes of code; it must be more than 0x200");
	bz = kit_bzimage_default();
	bz.header.payload_length = KIT_BZ_CODE - 0x300;
	accepted(&bz);
	bz.header.payload_length++;
	refused(
	    &bz, ENOEXEC, "payload_offset 0x300 and payload_length 0x3d01 pass the code's 0x4000");
	bz.header.payload_offset = UINT32_MAX;
	refused(&bz, ENOEXEC, "payload_offset 0xffffffff");
}

static void bytes_after_the_code_are_a_signature(void **state)
{
	struct kit_bzimage bz = kit_bzimage_default();

	bz.file_size += 1000;
	accepted(&bz);
	assert_true(kit_is_zero(&kit, KIT_KERNEL + KIT_BZ_CODE, 1000));
}

static void init_size_is_respected(void **state)
{
	struct kit_bzimage bz = kit_bzimage_default();

	bz.header.init_size = KIT_BZ_CODE - 1;
	refused(&bz, ENOEXEC, "init_size 0x3fff is less than its own code of 0x4000");
	bz.header.init_size = UINT32_MAX; /* A14 */
	refused(&bz, ENOMEM, "needs 0xffffffff bytes (init_size) at or above 0x1000000");
	bz.header.init_size = KIT_RAM - KIT_KERNEL;
	accepted(&bz);
	bz.header.init_size++;
	refused(&bz, ENOMEM,
	    "the kernel needs memory up to 0x4000001, but the guest's ends at 0x4000000; give "
	    "--memory 65M at least");
}

static void huge_pref_address_is_refused(void **state)
{
	struct kit_bzimage bz = kit_bzimage_default();

	bz.header.pref_address = 1ull << 62; /* A14 */
	refused(&bz, ENOMEM, "at or above 0x4000000000000000 (pref_address)");
	bz.header.pref_address = UINT64_MAX - 0xfff;
	refused(&bz, ENOMEM, "(pref_address)");
	bz.header.pref_address = KIT_KERNEL + 1;
	refused(&bz, ENOEXEC, "pref_address 0x1000001 is not page aligned");
}

static void relocatable_kernel_moves_up_to_its_alignment(void **state)
{
	struct kit_bzimage bz = kit_bzimage_default();

	bz.header.pref_address = 0x1001000;
	accepted(&bz);
	assert_int_equal(kit.entry.rip, 0x1200200);
	assert_true(kit_holds(&kit, 0x1200000, KIT_BZ_SETUP, KIT_BZ_CODE));
}

static void relocatable_kernel_is_kept_out_of_volts_areas(void **state)
{
	struct kit_bzimage bz = kit_bzimage_default();

	bz.header.pref_address = LAYOUT_PARAMS;
	bz.header.kernel_alignment = 0x1000;
	accepted(&bz);
	assert_int_equal(kit.entry.rip, LAYOUT_KERNEL_MIN + 0x200);
}

static void fixed_kernel_lies_at_pref_address_or_nowhere(void **state)
{
	struct kit_bzimage bz = kit_bzimage_default();

	bz.header.relocatable_kernel = 0;
	bz.header.pref_address = 0x1001000;
	accepted(&bz);
	assert_int_equal(kit.entry.rip, 0x1001200);
	bz.header.pref_address = LAYOUT_PARAMS;
	refused(&bz, EINVAL, "the kernel at 0x2000 to 0x9fff overlaps the boot parameters");
	bz.header.pref_address = UINT64_MAX - 0xfff;
	refused(&bz, ENOMEM, "the kernel of 0x8000 bytes at 0xfffffffffffff000 does not fit");
	bz.header.pref_address = KIT_RAM - 0x1000;
	refused(&bz, ENOMEM, "the kernel of 0x8000 bytes at 0x3fff000 does not fit");
}

static void command_line_may_be_as_long_as_cmdline_size(void **state)
{
	struct kit_bzimage bz = kit_bzimage_default();

	bz.header.cmdline_size = 4;
	assert_int_equal(kit_boot(&kit, kit_bzimage_file(&bz), -1, "four"), 0);
	assert_int_equal(kit_boot(&kit, kit_bzimage_file(&bz), -1, "five5"), -E2BIG);
	assert_string_equal(kit_message, "command line: 5 bytes, but this kernel takes at most 4");
	bz.header.cmdline_size = 0;
	assert_int_equal(kit_boot(&kit, kit_bzimage_file(&bz), -1, ""), 0);
}

static void lying_cmdline_size_does_not_leave_its_area(void **state)
{
	struct kit_bzimage bz = kit_bzimage_default();
	static char words[(1 << 20) + 1];

	memset(words, 'x', sizeof(words) - 1);
	bz.header.cmdline_size = UINT32_MAX; /* A18 */
	assert_int_equal(kit_boot(&kit, kit_bzimage_file(&bz), -1, words), -E2BIG);
	assert_non_null(strstr(kit_message, "1048576 bytes, but this kernel takes at most 24575"));
	words[24575] = '\0';
	assert_int_equal(kit_boot(&kit, kit_bzimage_file(&bz), -1, words), 0);
	assert_string_equal((const char *)kit.memory.host + LAYOUT_CMDLINE, words);
	assert_true(kit_is_zero(&kit, LAYOUT_CMDLINE_END, 4096));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(code_goes_to_pref_address),
	    TEST(entry_lies_0x200_into_the_code),
	    TEST(setup_header_is_copied_through_its_end),
	    TEST(bytes_after_the_setup_header_are_not_copied),
	    TEST(header_longer_than_its_room_is_cut),
	    TEST(loaders_fields_of_the_file_do_not_count),
	    TEST(missing_magic_is_no_kernel),
	    TEST(cut_short_images_are_refused),
	    TEST(file_may_lack_what_syssize_was_rounded_up_by),
	    TEST(wrong_boot_flag_is_refused),
	    TEST(wrong_setup_sects_are_refused),
	    TEST(old_protocols_are_refused),
	    TEST(protocol_2_12_is_enough),
	    TEST(header_without_the_fields_of_its_version_is_refused),
	    TEST(missing_load_flags_are_refused),
	    TEST(kernel_alignment_must_be_a_power_of_two),
	    TEST(sizes_beyond_the_file_are_refused),
	    TEST(bytes_after_the_code_are_a_signature),
	    TEST(init_size_is_respected),
	    TEST(huge_pref_address_is_refused),
	    TEST(relocatable_kernel_moves_up_to_its_alignment),
	    TEST(relocatable_kernel_is_kept_out_of_volts_areas),
	    TEST(fixed_kernel_lies_at_pref_address_or_nowhere),
	    TEST(command_line_may_be_as_long_as_cmdline_size),
	    TEST(lying_cmdline_size_does_not_leave_its_area),
	};
#undef TEST
	return cmocka_run_group_tests(tests, NULL, NULL);
}
