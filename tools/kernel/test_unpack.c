/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Payloads of every compression that Linux has, packed by the programs that Linux uses. */
#include "tools/kernel/unpack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <errno.h>
#include <lzma.h>
#include <string.h>

#include "tools/kernel/test_kit.h"

#define RELEASE "6.1.0-test"

/* Linux scripts/Makefile.lib, with the levels that it gives. */
static const struct {
	const char *name, *command;
} compressors[] = {
    {"gzip", "gzip -n -9"},
    {"bzip2", "bzip2 -9"},
    {"lzma", "xz --format=lzma -9"},
    {"xz", "xz --check=crc32 --x86 --lzma2=dict=32MiB"},
    {"lz4", "lz4 -l -9"},
    {"zstd", "zstd -22 --ultra -q"},
};

#define COUNT (sizeof(compressors) / sizeof(compressors[0]))

struct pail {
	uint8_t bytes[1 << 20];
	size_t size, limit;
};

static struct pail pail;
static char why[512];

static int pour(void *arg, const void *bytes, size_t size)
{
	struct pail *p = arg;

	if (size > p->limit - p->size)
		return -EFBIG;
	memcpy(p->bytes + p->size, bytes, size);
	p->size += size;
	return 0;
}

static int unpack(struct bytes payload)
{
	pail.size = 0;
	why[0] = '\0';
	return unpack_payload(payload.at, payload.size, pour, &pail, why, sizeof(why));
}

static int start(void **state)
{
	pail.limit = sizeof(pail.bytes);
	return kit_start(state);
}

/* More than one block of lz4 would be better: 600 kB. */
static struct bytes kernel(void)
{
	static char more[600000];

	for (size_t i = 0; i < sizeof(more); i++)
		more[i] = (char)(i * i >> 7);
	return kit_vmlinux(RELEASE, more, sizeof(more));
}

static void every_compression_gives_the_kernel_back(void **state)
{
	struct bytes whole = kernel();

	for (size_t i = 0; i < COUNT; i++) {
		struct bytes payload = kit_payload(compressors[i].command, whole);

		assert_string_equal(unpack_name(payload.at, payload.size), compressors[i].name);
		if (unpack(payload) != 0)
			fail_msg("%s: %s", compressors[i].name, why);
		assert_int_equal(pail.size, whole.size);
		assert_memory_equal(pail.bytes, whole.at, whole.size);
	}
}

static void what_does_not_shrink_is_given_back_too(void **state)
{
	struct bytes whole = kit_vmlinux(RELEASE, NULL, 0);
	uint64_t seed = 1;

	for (size_t i = 200; i < whole.size; i++) {
		seed = seed * 6364136223846793005ull + 1;
		whole.at[i] = (uint8_t)(seed >> 56);
	}
	for (size_t i = 0; i < COUNT; i++) {
		if (unpack(kit_payload(compressors[i].command, whole)) != 0)
			fail_msg("%s: %s", compressors[i].name, why);
		assert_memory_equal(pail.bytes, whole.at, whole.size);
	}
}

static void an_unpacked_payload_is_taken_as_it_is(void **state)
{
	struct bytes whole = kernel();

	assert_int_equal(unpack(whole), 0);
	assert_memory_equal(pail.bytes, whole.at, whole.size);
}

static void a_payload_cut_short_anywhere_is_refused(void **state)
{
	for (size_t i = 0; i < COUNT; i++) {
		struct bytes payload = kit_payload(compressors[i].command, kernel());

		for (size_t part = 0; part < 16; part++) {
			struct bytes cut = {payload.at, payload.size * part / 16};

			if (unpack(cut) == 0)
				fail_msg("%s of %zu/16 was taken", compressors[i].name, part);
			assert_true(why[0] != '\0');
		}
	}
}

static void a_payload_of_another_size_than_it_says_is_refused(void **state)
{
	for (size_t i = 0; i < COUNT; i++) {
		struct bytes payload = kit_payload(compressors[i].command, kernel());

		payload.at[payload.size - 4] ^= 1;
		if (unpack(payload) == 0)
			fail_msg("%s was taken", compressors[i].name);
	}
	assert_non_null(strstr(why, "and says to be of"));
}

static void a_bomb_stops_at_the_limit(void **state)
{
	struct bytes zeros = kit_bytes(8 << 20);

	memcpy(zeros.at, kernel().at, 4096);
	for (size_t i = 0; i < COUNT; i++) {
		const char *quick = strcmp(compressors[i].name, "zstd") == 0
					? "zstd -3 -q"
					: compressors[i].command;

		assert_int_equal(unpack(kit_payload(quick, zeros)), -EFBIG);
		assert_non_null(strstr(why, "unpacks to more than a kernel has"));
		assert_true(pail.size <= pail.limit);
	}
}

/* The .xz file format, 3.1 and 5.3.1: 12 bytes of stream header, then the block's: its size in
 * words less one, flags, filter LZMA2 with one byte of properties, the CRC32 last. */
static void set_xz_dictionary(struct bytes xz, uint8_t properties)
{
	uint8_t *block = xz.at + 12;
	const size_t size = (block[0] + 1u) * 4 - 4;

	assert_memory_equal(block + 2, "\x21\x01", 2);
	block[4] = properties;
	const uint32_t crc = lzma_crc32(block, size, 0);
	memcpy(block + size, &crc, sizeof(crc));
}

/* As Linux 6 packs (128 MiB), and more than liblzma may have. */
static void an_xz_dictionary_is_bounded(void **state)
{
	struct bytes whole = kernel(), payload = kit_payload("xz --check=crc32", whole);

	set_xz_dictionary(payload, 30);
	assert_int_equal(unpack(payload), 0);
	assert_int_equal(pail.size, whole.size);
	for (uint8_t properties = 32; properties <= 40; properties++) {
		set_xz_dictionary(payload, properties);
		assert_int_equal(unpack(payload), -ENOMEM);
		assert_non_null(strstr(why, "the xz payload needs "));
		assert_non_null(strstr(why, " MiB of memory to unpack, and may use 192"));
	}
}

/* LZMA SDK, lzma-file-format: a byte of properties, then the dictionary in four. */
static void an_lzma_dictionary_is_bounded(void **state)
{
	static const uint32_t sizes[] = {256u << 20, 2560u << 20, 0xffffff00};
	struct bytes payload = kit_payload("xz --format=lzma", kernel());

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		memcpy(payload.at + 1, &sizes[i], sizeof(sizes[i]));
		assert_int_equal(unpack(payload), -ENOMEM);
		assert_non_null(strstr(why, "MiB of memory to unpack"));
	}
}

/* RFC 8878, 3.1.1.1.2: a window descriptor's exponent is its upper five bits. */
static void a_zstd_window_is_bounded(void **state)
{
	/* Neither size nor dictionary nor checksum; one raw block, the last, of 8 bytes. */
	struct bytes payload = kit_bytes(4 + 2 + 3 + 8 + 4);

	memcpy(payload.at,
	    "\x28\xb5\x2f\xfd\0\0\x41\0\0\x7f"
	    "ELF1234",
	    17);
	payload.at[17] = 8;
	payload.at[5] = (27 - 10) << 3;
	assert_int_equal(unpack(payload), 0);
	for (unsigned log = 28; log <= 41; log++) {
		payload.at[5] = (uint8_t)((log - 10) << 3);
		assert_int_equal(unpack(payload), -ENOMEM);
		assert_non_null(strstr(why, "the zstd payload needs "));
	}
}

/* RFC 8878, 3.1.1.1: with one segment the size of the content, in 1 to 8 bytes, is the window. */
static void a_zstd_segment_is_bounded(void **state)
{
	static const struct {
		const char *head;
		size_t size;
	} heads[] = {
	    {"\xa0\xff\xff\xff\xff", 5},
	    {"\xe0\0\0\0\0\x1\0\0\0", 9},
	    {"\xe3\1\2\3\4\0\0\0\0\x1\0\0\0", 13},
	};

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		struct bytes payload = kit_bytes(64);

		memcpy(payload.at, "\x28\xb5\x2f\xfd", 4);
		memcpy(payload.at + 4, heads[i].head, heads[i].size);
		assert_int_equal(unpack(payload), -ENOMEM);
		assert_non_null(strstr(why, "the zstd payload needs 4"));
	}
}

static void unknown_bytes_are_said_to_be_so(void **state)
{
	struct bytes b = kit_bytes(64);

	assert_int_equal(unpack(b), -ENOEXEC);
	assert_non_null(strstr(why, "none of the compressions"));
	assert_int_equal(unpack((struct bytes){b.at, 0}), -ENOEXEC);
	memcpy(b.at, "\x1f\x8b\x08", 3);
	assert_int_equal(unpack((struct bytes){b.at, 4}), -ENOEXEC);
}

/* By name, as volt-kernel has no library for it. */
static void an_lzo_payload_is_refused_by_name(void **state)
{
	struct bytes b = kit_bytes(64);

	memcpy(b.at, "\x89LZO\0\r\n\x1a\n", 9);
	assert_int_equal(unpack(b), -ENOEXEC);
	assert_non_null(strstr(why, "the lzo payload cannot be unpacked here"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, start, kit_end)
	    T(every_compression_gives_the_kernel_back),
	    T(what_does_not_shrink_is_given_back_too),
	    T(an_unpacked_payload_is_taken_as_it_is),
	    T(a_payload_cut_short_anywhere_is_refused),
	    T(a_payload_of_another_size_than_it_says_is_refused),
	    T(a_bomb_stops_at_the_limit),
	    T(an_xz_dictionary_is_bounded),
	    T(an_lzma_dictionary_is_bounded),
	    T(a_zstd_window_is_bounded),
	    T(a_zstd_segment_is_bounded),
	    T(unknown_bytes_are_said_to_be_so),
	    T(an_lzo_payload_is_refused_by_name),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
