/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* What the kernel finds at entry: boot_params, e820, command line, initrd, page tables
 * and GDT. */
#include "tests/unit/boot_kit.h" /* before cmocka.h, whose fail() is a macro */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/boot/gdt.h"
#include "core/boot/layout.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

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

static int elf(void)
{
	const struct kit_elf image = kit_elf_default();

	return kit_elf_file(&image);
}

static int bzimage(void)
{
	const struct kit_bzimage image = kit_bzimage_default();

	return kit_bzimage_file(&image);
}

static int sparse(uint64_t size)
{
	int fd = memfd_create("initrd", MFD_CLOEXEC);

	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static void boot(int kernel_fd, int initrd_fd, const char *cmdline)
{
	if (kit_boot(&kit, kernel_fd, initrd_fd, cmdline) != 0)
		fail_msg("refused: %s", kit_message);
}

static void refused(int kernel_fd, int initrd_fd, const char *cmdline, int err, const char *reason)
{
	assert_int_equal(kit_boot(&kit, kernel_fd, initrd_fd, cmdline), -err);
	assert_int_equal(kit_errors, 1);
	if (!strstr(kit_message, reason))
		fail_msg("expected \"%s\" in \"%s\"", reason, kit_message);
	kit_errors = 0;
}

static void assert_e820(unsigned i, uint64_t start, uint64_t end, uint32_t type)
{
	const struct boot_e820_entry *e = &kit_params(&kit)->e820_table[i];

	assert_int_equal(e->addr, start);
	assert_int_equal(e->addr + e->size, end);
	assert_int_equal(e->type, type);
}

static void restart_with(uint64_t ram)
{
	kit_finish(&kit);
	kit_init(&kit, ram);
	boot(elf(), -1, "");
}

/* ------------------------------------------------------------------ e820 */

static void e820_leaves_out_the_pc_hole_and_reserves_the_tables(void **state)
{
	boot(elf(), -1, "");

	assert_int_equal(kit_params(&kit)->e820_entries, 4);
	assert_e820(0, 0, 0x9f000, 1);
	assert_e820(1, 0x9f000, 0xa0000, 2);
	assert_e820(2, 0xe0000, 0x100000, 2);
	assert_e820(3, 0x100000, KIT_RAM, 1);
}

static void ram_up_to_the_device_hole_is_one_range(void **state)
{
	restart_with(3 * GIB - 4096); /* A20 */
	assert_int_equal(kit_params(&kit)->e820_entries, 4);
	assert_e820(3, 0x100000, 3 * GIB - 4096, 1);
	restart_with(3 * GIB);
	assert_int_equal(kit_params(&kit)->e820_entries, 4);
	assert_e820(3, 0x100000, 3 * GIB, 1);
}

static void ram_beyond_the_device_hole_lies_above_4_gib(void **state)
{
	restart_with(3 * GIB + 4096); /* A20 */
	assert_int_equal(kit_params(&kit)->e820_entries, 5);
	assert_e820(3, 0x100000, 3 * GIB, 1);
	assert_e820(4, 4 * GIB, 4 * GIB + 4096, 1);
	restart_with(16 * GIB);
	assert_e820(4, 4 * GIB, 17 * GIB, 1);
}

static void smallest_memory_is_enough_for_a_kernel_at_1_mib(void **state)
{
	struct kit_elf image = kit_elf_default();

	kit_finish(&kit);
	kit_init(&kit, MEMORY_MIN);
	image.segments[0].p_paddr = MIB;
	image.segments[1].p_paddr = MIB + 0x4000;
	image.head.e_entry = MIB;
	boot(kit_elf_file(&image), -1, "");
	assert_e820(3, MIB, MEMORY_MIN, 1);
}

static void memory_sizes_that_cannot_be_are_refused(void **state)
{
	struct memory whole = kit.memory;

	kit.memory.low_size = 0;
	refused(elf(), -1, "", EINVAL, "memory: 0x0 bytes, must be 0x200000 to 0x10000000000");
	kit.memory.low_size = MIB;
	refused(elf(), -1, "", EINVAL, "memory: 0x100000 bytes, must be");
	kit.memory.low_size = MEMORY_HOLE_START + 4096;
	refused(elf(), -1, "", EINVAL, "reach into the hole at 0xc0000000");
	kit.memory.low_size = KIT_RAM - 1;
	refused(elf(), -1, "", EINVAL, "must be multiples of 4096");
	kit.memory.low_size = KIT_RAM;
	kit.memory.high_size = UINT64_MAX - 4095;
	refused(elf(), -1, "", EINVAL, "must be 0x200000 to 0x10000000000");
	kit.memory = whole;
}

static void cpu_counts_that_cannot_be_are_refused(void **state)
{
	kit.firmware.cpus = 0; /* A21 */
	refused(elf(), -1, "", EINVAL, "firmware: 0 CPUs, must be 1 to 64");
	kit.firmware.cpus = 65;
	refused(elf(), -1, "", EINVAL, "firmware: 65 CPUs, must be 1 to 64");
	kit.firmware.cpus = UINT32_MAX;
	refused(elf(), -1, "", EINVAL, "must be 1 to 64");
	kit.firmware.cpus = 64;
	boot(elf(), -1, "");
}

/* ---------------------------------------------------------- command line */

static void command_line_arrives_byte_by_byte(void **state)
{
	static const char words[] =
	    "console=ttyS0 %s%n%x ~!\"'\\ virtio_mmio.device=4K@0xd0000000:5";

	boot(elf(), -1, words); /* A18, A19 */

	assert_int_equal(kit_params(&kit)->hdr.cmd_line_ptr, LAYOUT_CMDLINE);
	assert_int_equal(kit_params(&kit)->ext_cmd_line_ptr, 0);
	assert_string_equal((const char *)kit.memory.host + LAYOUT_CMDLINE, words);
}

static void command_line_of_a_vmlinux_ends_at_2047(void **state)
{
	static char words[2049];

	memset(words, 'x', 2047);
	boot(elf(), -1, words);
	words[2047] = 'x';
	refused(elf(), -1, words, E2BIG,
	    "command line: 2048 bytes, but this kernel takes at most 2047");
}

static void bad_byte_in_the_command_line_is_shown_with_its_offset(void **state)
{
	refused(elf(), -1, "quiet\nroot", EINVAL,
	    "command line: byte 0x0a at offset 5 is not printable ASCII");
	refused(elf(), -1, "\xc3\xa9", EINVAL, "byte 0xc3 at offset 0");
	refused(elf(), -1, "a\tb", EINVAL, "byte 0x09 at offset 1");
	refused(elf(), -1, "ab\x7f", EINVAL, "byte 0x7f at offset 2");
}

/* ---------------------------------------------------------------- initrd */

static void initrd_lies_page_aligned_at_the_top_of_ram(void **state)
{
	boot(elf(), kit_file(5000), "");

	const struct boot_params *bp = kit_params(&kit);
	assert_int_equal(bp->hdr.ramdisk_image, KIT_RAM - 8192);
	assert_int_equal(bp->hdr.ramdisk_size, 5000);
	assert_int_equal(bp->ext_ramdisk_image, 0);
	assert_int_equal(bp->ext_ramdisk_size, 0);
	assert_true(kit_holds(&kit, KIT_RAM - 8192, 0, 5000));
}

static void without_initrd_its_fields_are_zero(void **state)
{
	boot(bzimage(), -1, "");

	assert_int_equal(kit_params(&kit)->hdr.ramdisk_image, 0);
	assert_int_equal(kit_params(&kit)->hdr.ramdisk_size, 0);
}

static void initrd_stays_below_initrd_addr_max(void **state)
{
	struct kit_bzimage image = kit_bzimage_default();

	image.header.initrd_addr_max = 0x1ffffff;
	boot(kit_bzimage_file(&image), kit_file(4096), "");
	assert_int_equal(kit_params(&kit)->hdr.ramdisk_image, 0x1fff000);
	image.header.initrd_addr_max = 0x1fffffe;
	boot(kit_bzimage_file(&image), kit_file(4096), "");
	assert_int_equal(kit_params(&kit)->hdr.ramdisk_image, 0x1ffe000);
}

static void initrd_goes_below_the_kernel_if_there_is_no_room_above(void **state)
{
	struct kit_bzimage image = kit_bzimage_default();

	image.header.initrd_addr_max = (uint32_t)KIT_KERNEL + 0x8fff;
	boot(kit_bzimage_file(&image), kit_file(0x1001), "");
	assert_int_equal(kit_params(&kit)->hdr.ramdisk_image, KIT_KERNEL - 0x2000);
}

static void initrd_without_room_is_refused(void **state)
{
	struct kit_bzimage image = kit_bzimage_default();

	image.header.initrd_addr_max = 0x100000 + 4094; /* A16 */
	refused(kit_bzimage_file(&image), kit_file(4096), "", ENOMEM,
	    "INITRD: initrd of 0x1000 bytes does not fit beside the kernel below 0x100fff");
	image.header.initrd_addr_max = 0;
	refused(kit_bzimage_file(&image), kit_file(1), "", ENOMEM, "below 0x1:");
	image.header.initrd_addr_max = 0x100000 + 4095;
	boot(kit_bzimage_file(&image), kit_file(4096), "");
}

static unsigned warnings_for(const void *bytes, size_t size, uint64_t offset)
{
	int fd = kit_file(4096);

	kit_patch(fd, 0, (const uint8_t[4]){'r', 'o', 'o', 't'}, 4);
	kit_patch(fd, offset, bytes, size);
	kit_warnings = 0;
	boot(bzimage(), fd, "");
	return kit_warnings;
}

/* Linux passes over what it does not know, and only its log tells. */
static void initrd_that_linux_does_not_know_is_warned_of(void **state)
{
	assert_int_equal(warnings_for("root:x:0:0:root", 15, 0), 1); /* /etc/passwd */
	assert_int_equal(warnings_for("070707", 6, 0), 1);           /* an older cpio */
	assert_int_equal(warnings_for("070701", 6, 0), 0);
	assert_int_equal(warnings_for("\x1f\x8b", 2, 0), 0);
	assert_int_equal(warnings_for("\xfd"
				      "7zXZ",
			     6, 0),
	    0);
	assert_int_equal(warnings_for("\x28\xb5\x2f\xfd", 4, 0), 0);
	assert_int_equal(warnings_for("\0\0\0\0"
				      "070701",
			     10, 0),
	    0);
	assert_int_equal(warnings_for("\x53\xef", 2, 0x438), 0);
	assert_int_equal(warnings_for("hsqs", 4, 0), 0);
}

static void initrd_with_kernel_fills_ram_exactly_and_no_more(void **state)
{
	uint64_t room = KIT_RAM - (KIT_KERNEL + KIT_BZ_INIT);

	boot(bzimage(), sparse(room), ""); /* A16, A17 */
	assert_int_equal(kit_params(&kit)->hdr.ramdisk_image, KIT_KERNEL + KIT_BZ_INIT);
	boot(bzimage(), sparse(room - 4096), "");
	assert_int_equal(kit_params(&kit)->hdr.ramdisk_image, KIT_KERNEL + KIT_BZ_INIT + 4096);
	refused(bzimage(), sparse(room + 1), "", ENOMEM,
	    "INITRD: initrd needs memory up to 0x4000001, but the guest's ends at 0x4000000; give "
	    "--memory 65M at least");
	refused(bzimage(), sparse(1ull << 40), "", ENOMEM, "initrd of 0x10000000000 bytes");
}

static void empty_initrd_is_refused(void **state)
{
	refused(elf(), kit_file(0), "", EINVAL, "INITRD: the file is empty");
}

static void initrd_that_is_no_file_is_refused(void **state)
{
	int pair[2];

	assert_int_equal(pipe(pair), 0);
	close(pair[1]);
	refused(elf(), pair[0], "", EINVAL, "INITRD: not a regular file");
}

/* ---------------------------------------------------- header of a vmlinux */

static void vmlinux_gets_the_header_that_the_protocol_asks_for(void **state)
{
	boot(elf(), -1, "");

	const struct boot_params *bp = kit_params(&kit);
	assert_int_equal(bp->hdr.boot_flag, 0xaa55);
	assert_int_equal(bp->hdr.header, 0x53726448);
	assert_int_equal(bp->hdr.type_of_loader, 0xff);
	assert_true(bp->hdr.loadflags & LOADED_HIGH);
	assert_int_equal(bp->hdr.cmdline_size, 2047);
	assert_int_equal(bp->sentinel, 0);
	assert_int_equal(bp->hdr.setup_data, 0);
}

static void rsdp_is_where_boot_params_say(void **state)
{
	boot(elf(), -1, "");

	const uint8_t *rsdp = memory_at(&kit.memory, kit_params(&kit)->acpi_rsdp_addr, 36);
	assert_memory_equal(rsdp, "RSD PTR ", 8);
}

/* Each page costs the host memory and the start a fault. */
static void no_page_is_touched_that_holds_nothing(void **state)
{
	unsigned char resident[LAYOUT_KERNEL_MIN / 4096];
	unsigned count = 0;

	boot(elf(), -1, "console=ttyS0");
	assert_int_equal(mincore(kit.memory.host, LAYOUT_KERNEL_MIN, resident), 0);
	for (unsigned i = 0; i < sizeof(resident); i++) {
		if (resident[i] & 1 && kit_is_zero(&kit, i * 4096ull, 4096))
			fail_msg("page %u was touched", i);
		count += resident[i] & 1;
	}
	/* GDT, parameters, 6 of page tables, command line, MP table, ACPI. */
	assert_int_equal(count, 11);
}

/* ------------------------------------------------------ page tables, GDT */

static uint64_t word(uint64_t gpa)
{
	uint64_t value;

	memcpy(&value, kit.memory.host + gpa, sizeof(value));
	return value;
}

/* As the CPU walks it: present, writable, supervisor, 2 MiB leaf. */
static uint64_t translate(uint64_t va)
{
	uint64_t entry = word(kit.entry.cr3 + 8 * (va >> 39 & 511));

	assert_int_equal(entry & 0xfff, 3);
	entry = word((entry & ~0xfffull) + 8 * (va >> 30 & 511));
	assert_int_equal(entry & 0xfff, 3);
	entry = word((entry & ~0xfffull) + 8 * (va >> 21 & 511));
	assert_int_equal(entry & 0x1fffff, 0x83);
	return (entry & ~0x1fffffull) | (va & 0x1fffff);
}

static void first_4_gib_are_mapped_onto_themselves(void **state)
{
	boot(elf(), -1, "");

	for (uint64_t va = 0; va < 4 * GIB; va += 2 * MIB)
		assert_int_equal(translate(va + 0x1234), va + 0x1234);
}

static void nothing_else_is_mapped(void **state)
{
	boot(elf(), -1, "");

	assert_true(kit_is_zero(&kit, kit.entry.cr3 + 8, 4096 - 8));
	assert_true(kit_is_zero(&kit, (word(kit.entry.cr3) & ~0xfffull) + 32, 4096 - 32));
}

static void gdt_has_the_boot_segments(void **state)
{
	boot(elf(), -1, "");

	assert_int_equal(word(kit.entry.gdt_base), 0);
	assert_int_equal(word(kit.entry.gdt_base + 0x10), 0x00af9b000000ffff);
	assert_int_equal(word(kit.entry.gdt_base + 0x18), 0x00cf93000000ffff);
	assert_int_equal(GDT_CODE, 0x10);
	assert_int_equal(GDT_DATA, 0x18);
	assert_int_equal(kit.entry.gdt_limit, 6 * 8 - 1);
}

static void tss_is_busy_and_inside_its_page(void **state)
{
	boot(elf(), -1, "");

	uint64_t tss = word(kit.entry.gdt_base + GDT_TASK);
	assert_int_equal(tss >> 40 & 0xff, 0x8b); /* present, busy 64-bit TSS */
	assert_int_equal(tss & 0xffff, 0x67);
	assert_int_equal(tss >> 16 & 0xffffff, LAYOUT_TSS);
	assert_true(kit_is_zero(&kit, LAYOUT_TSS, 0x68));
	assert_true(LAYOUT_TSS >= kit.entry.gdt_base + kit.entry.gdt_limit);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(e820_leaves_out_the_pc_hole_and_reserves_the_tables),
	    TEST(ram_up_to_the_device_hole_is_one_range),
	    TEST(ram_beyond_the_device_hole_lies_above_4_gib),
	    TEST(smallest_memory_is_enough_for_a_kernel_at_1_mib),
	    TEST(memory_sizes_that_cannot_be_are_refused),
	    TEST(cpu_counts_that_cannot_be_are_refused),
	    TEST(command_line_arrives_byte_by_byte),
	    TEST(command_line_of_a_vmlinux_ends_at_2047),
	    TEST(bad_byte_in_the_command_line_is_shown_with_its_offset),
	    TEST(initrd_lies_page_aligned_at_the_top_of_ram),
	    TEST(without_initrd_its_fields_are_zero),
	    TEST(initrd_stays_below_initrd_addr_max),
	    TEST(initrd_goes_below_the_kernel_if_there_is_no_room_above),
	    TEST(initrd_without_room_is_refused),
	    TEST(initrd_that_linux_does_not_know_is_warned_of),
	    TEST(initrd_with_kernel_fills_ram_exactly_and_no_more),
	    TEST(empty_initrd_is_refused),
	    TEST(initrd_that_is_no_file_is_refused),
	    TEST(vmlinux_gets_the_header_that_the_protocol_asks_for),
	    TEST(rsdp_is_where_boot_params_say),
	    TEST(no_page_is_touched_that_holds_nothing),
	    TEST(first_4_gib_are_mapped_onto_themselves),
	    TEST(nothing_else_is_mapped),
	    TEST(gdt_has_the_boot_segments),
	    TEST(tss_is_busy_and_inside_its_page),
	};
#undef TEST
	return cmocka_run_group_tests(tests, NULL, NULL);
}
