/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "volume.h"

static int disk = -1;

static int setup(void **state)
{
	disk = memfd_create("disk", MFD_CLOEXEC);
	return disk < 0 || ftruncate(disk, 1 << 20);
}

static int teardown(void **state)
{
	return close(disk);
}

static void put(off_t at, const void *bytes, size_t len)
{
	assert_int_equal(pwrite(disk, bytes, len, at), (ssize_t)len);
}

static const uint8_t id[16] = {
    0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe};

static void an_empty_disk_has_nothing(void **state)
{
	struct volume v;
	char uuid[VOLUME_UUID];

	assert_false(volume_read(disk, &v));
	assert_false(volume_read_partition(disk, 1, uuid));
	assert_int_equal(ftruncate(disk, 0), 0);
	assert_false(volume_read(disk, &v));
	assert_false(volume_read_partition(disk, 1, uuid));
}

/* Places and magic numbers as the file systems' own headers have them. */
static void file_systems_are_told_apart(void **state)
{
	static const struct {
		const char *type, *magic;
		off_t magic_at, uuid_at, label_at;
	} rows[] = {
	    {"ext4", "\x53\xef", 1024 + 56, 1024 + 104, 1024 + 120},
	    {"xfs", "XFSB", 0, 32, 108},
	    {"btrfs", "_BHRfS_M", 65536 + 64, 65536 + 32, 65536 + 299},
	    {"erofs", "\xe2\xe1\xf5\xe0", 1024, 1024 + 48, 1024 + 64},
	};
	struct volume v;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(ftruncate(disk, 0), 0);
		assert_int_equal(ftruncate(disk, 1 << 20), 0);
		put(rows[i].magic_at, rows[i].magic, strlen(rows[i].magic));
		put(rows[i].uuid_at, id, sizeof(id));
		put(rows[i].label_at, "my root", 7);
		assert_true(volume_read(disk, &v));
		assert_string_equal(v.type, rows[i].type);
		assert_string_equal(v.uuid, "01234567-89ab-cdef-1032-547698badcfe");
		assert_string_equal(v.label, "my root");
	}
}

static void a_label_may_fill_its_place(void **state)
{
	struct volume v;

	put(1024 + 56, "\x53\xef", 2);
	put(1024 + 120, "0123456789abcdefXXXX", 20);
	assert_true(volume_read(disk, &v));
	assert_string_equal(v.label, "0123456789abcdef");
}

static void case_matters_in_labels_only(void **state)
{
	const struct volume v = {.uuid = "01234567-89ab-cdef-1032-547698badcfe", .label = "Root"};
	const struct volume none = {0};

	assert_true(volume_has_uuid(&v, "01234567-89AB-CDEF-1032-547698BADCFE"));
	assert_false(volume_has_uuid(&v, "01234567-89AB-CDEF-1032-547698BADCF"));
	assert_true(volume_has_label(&v, "Root"));
	assert_false(volume_has_label(&v, "root"));
	assert_false(volume_has_uuid(&none, ""));
	assert_false(volume_has_label(&none, ""));
}

static void put_gpt(off_t block, uint8_t count, uint8_t size)
{
	uint8_t header[92] = "EFI PART";

	header[72] = 2; /* the table's first block */
	header[80] = count;
	header[84] = size;
	put(block, header, sizeof(header));
	put(2 * block + size + 16, id, sizeof(id)); /* the second partition's */
}

/* UEFI 2.10, appendix A: the first three numbers are little-endian. */
static void a_gpt_names_its_partitions(void **state)
{
	static const off_t blocks[] = {512, 4096};
	char uuid[VOLUME_UUID];

	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(ftruncate(disk, 0), 0);
		assert_int_equal(ftruncate(disk, 1 << 20), 0);
		put_gpt(blocks[i], 4, 128);
		assert_true(volume_read_partition(disk, 2, uuid));
		assert_string_equal(uuid, "67452301-ab89-efcd-1032-547698badcfe");
		assert_false(volume_read_partition(disk, 5, uuid));
		assert_false(volume_read_partition(disk, 0, uuid));
	}
}

static void a_gpt_that_lies_is_not_believed(void **state)
{
	static const uint8_t far[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
	char uuid[VOLUME_UUID];

	put_gpt(512, 4, 16); /* too small for an entry */
	assert_false(volume_read_partition(disk, 2, uuid));
	put_gpt(512, 4, 128);
	put(512 + 72, far, sizeof(far));
	assert_false(volume_read_partition(disk, 2, uuid));
}

static void an_mbr_has_a_signature_and_numbers(void **state)
{
	static const uint8_t signature[4] = {0x78, 0x56, 0x34, 0x0a};
	char uuid[VOLUME_UUID];

	put(440, signature, 4);
	assert_false(volume_read_partition(disk, 1, uuid));
	put(510, "\x55\xaa", 2);
	assert_true(volume_read_partition(disk, 1, uuid));
	assert_string_equal(uuid, "0a345678-01");
	assert_true(volume_read_partition(disk, 11, uuid));
	assert_string_equal(uuid, "0a345678-0b");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(an_empty_disk_has_nothing),
	    T(file_systems_are_told_apart),
	    T(a_label_may_fill_its_place),
	    T(case_matters_in_labels_only),
	    T(a_gpt_names_its_partitions),
	    T(a_gpt_that_lies_is_not_believed),
	    T(an_mbr_has_a_signature_and_numbers),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
