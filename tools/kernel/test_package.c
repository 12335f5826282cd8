/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Debian packages, as they should be and as somebody bad would make them. */
#include "tools/kernel/package.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/kernel/test_kit.h"

#define V "6.1.0-test"

static struct stage stage;
static struct package package;

static int start(void **state)
{
	kit_start(state);
	return stage_init(&stage, kit_path("store"));
}

static int end(void **state)
{
	stage_finish(&stage);
	return kit_end(state);
}

static struct bytes text(const char *words)
{
	return (struct bytes){(uint8_t *)(uintptr_t)words, strlen(words)};
}

static int unpack_bytes(struct bytes b)
{
	int fd = open(kit_write("a.deb", b), O_RDONLY | O_CLOEXEC);
	int err = package_unpack(&package, &stage, fd, "a.deb");

	close(fd);
	return err;
}

#define UNPACK(...) unpack_bytes(kit_package((const struct member[]){__VA_ARGS__, {0}}))
#define KERNEL \
	{ \
		"./boot/vmlinuz-" V, 'f', text("kernel"), NULL \
	}

/* Refused with this reason, and nothing lies beside the store. */
static void refused(int err, const char *reason)
{
	assert_true(err < 0);
	assert_true(kit_was_said(reason));
	assert_int_equal(access(kit_path("evil"), F_OK), -1);
	assert_int_equal(access(kit_path("store/evil"), F_OK), -1);
}

static void kernel_configuration_symbols_and_modules_are_kept(void **state)
{
	assert_int_equal(
	    UNPACK({"./boot/", 'd'}, KERNEL, {"./boot/config-" V, 'f', text("CONFIG_X=y\n"), NULL},
		{"./boot/System.map-" V, 'f', text("map"), NULL}, {"./lib/modules/" V "/", 'd'},
		{"./lib/modules/" V "/kernel/a/b.ko", 'f', text("module"), NULL},
		{"./usr/share/doc/x", 'f', text("not kept"), NULL}),
	    0);
	assert_int_equal(stage.count, 4);
	assert_non_null(stage_find(&stage, "kernel"));
	assert_non_null(stage_find(&stage, "config"));
	assert_non_null(stage_find(&stage, "System.map"));
	assert_non_null(stage_find(&stage, "modules/kernel/a/b.ko"));
	assert_string_equal(package.version, V);
	assert_int_equal(package.modules, 1);
}

static void modules_below_usr_are_modules_too(void **state)
{
	assert_int_equal(
	    UNPACK(KERNEL, {"usr/lib/modules/" V "/modules.order", 'f', text("o"), NULL}), 0);
	assert_non_null(stage_find(&stage, "modules/modules.order"));
}

static void no_path_leads_out_of_the_stage(void **state)
{
	static const char *const paths[] = {
	    "./lib/modules/" V "/../../../../evil",
	    "./lib/modules/" V "/a/../../../evil",
	    "./lib/modules/" V "/..",
	    "./lib/modules/" V "/./evil",
	    "./lib/modules/" V "//evil",
	    "/lib/modules/" V "/kernel/../../../evil",
	    "./lib/modules/" V "/a\nb",
	    "./lib/modules/" V "/a\x1b[2J",
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		refused(UNPACK({paths[i], 'f', text("evil"), NULL}), "may not be stored");
		stage_finish(&stage);
		stage_init(&stage, kit_path("store"));
	}
}

static void places_that_are_no_kernels_are_left_alone(void **state)
{
	assert_int_equal(
	    UNPACK(KERNEL, {"../../../evil", 'f', text("e"), NULL},
		{"/etc/passwd", 'f', text("e"), NULL}, {"boot/grub/grub.cfg", 'f', text("e"), NULL},
		{"boot/config-" V "/evil", 'f', text("e"), NULL},
		{"meta.json", 'f', text("e"), NULL}),
	    0);
	assert_int_equal(stage.count, 1);
	assert_int_equal(kit_count(stage.path), 1);
}

static void a_link_is_never_followed(void **state)
{
	assert_int_equal(UNPACK(KERNEL, {"./lib/modules/" V "/out", 'l', {0}, kit_path("")},
			     {"./lib/modules/" V "/out/evil", 'f', text("e"), NULL},
			     {"./lib/modules/" V "/dev", 'c'},
			     {"./lib/modules/" V "/hard", 'h', {0}, "./boot/vmlinuz-" V}),
	    0);
	assert_int_equal(package.left_out, 3);
	assert_int_equal(access(kit_path("evil"), F_OK), -1);
	assert_non_null(stage_find(&stage, "modules/out/evil"));
}

static void a_kernel_that_is_a_link_is_refused(void **state)
{
	refused(UNPACK({"./boot/vmlinuz-" V, 'l', {0}, "/etc/shadow"}), "is not a regular file");
}

static void a_package_is_of_one_version(void **state)
{
	refused(UNPACK(KERNEL, {"./boot/config-6.2", 'f', text("e"), NULL}), "two versions");
	stage_finish(&stage);
	stage_init(&stage, kit_path("store"));
	refused(UNPACK(KERNEL, {"./lib/modules/7/x", 'f', text("e"), NULL}), "two versions");
}

static void a_file_comes_once(void **state)
{
	refused(UNPACK(KERNEL, KERNEL), "File exists");
}

static void a_package_without_a_kernel_is_refused(void **state)
{
	refused(UNPACK({"./lib/modules/" V "/x.ko", 'f', text("m"), NULL}), "modules alone");
}

static void too_many_files_are_refused(void **state)
{
	stage.limits.count = 2;
	refused(UNPACK(KERNEL, {"./lib/modules/" V "/a", 'f', text("m"), NULL},
		    {"./lib/modules/" V "/b", 'f', text("m"), NULL}),
	    "more than 2 files");
}

static void too_deep_folders_are_refused(void **state)
{
	stage.limits.depth = 3;
	refused(UNPACK(KERNEL, {"./lib/modules/" V "/a/b/c", 'f', text("m"), NULL}),
	    "may not be stored");
}

static void a_bomb_stops_at_the_limit_of_a_file_and_of_all(void **state)
{
	struct bytes zeros = kit_bytes(4 << 20);

	stage.limits.file = 1 << 20;
	refused(UNPACK({"./boot/vmlinuz-" V, 'f', zeros, NULL}), "larger than a kernel's files");
	stage_finish(&stage);
	stage_init(&stage, kit_path("store"));
	stage.limits.total = 6 << 20;
	refused(UNPACK({"./boot/vmlinuz-" V, 'f', zeros, NULL},
		    {"./boot/System.map-" V, 'f', zeros, NULL}),
	    "larger than a kernel's files");
}

static void a_bomb_beside_the_kernel_costs_no_more_than_the_limit(void **state)
{
	stage.limits.inspected = 4096;
	refused(UNPACK({"a", 'd'}, {"b", 'd'}, {"c", 'd'}, {"d", 'd'}, {"e", 'd'}, {"f", 'd'},
		    {"g", 'd'}, {"h", 'd'}, {"i", 'd'}, KERNEL),
	    "the package unpacks to more than");
}

static void a_package_cut_short_anywhere_is_refused(void **state)
{
	struct bytes b = kit_package((const struct member[]){
	    KERNEL, {"./lib/modules/" V "/a", 'f', kit_bytes(100000), NULL}, {0}});

	for (size_t part = 1; part < 16; part++) {
		assert_true(unpack_bytes((struct bytes){b.at, b.size * part / 16}) < 0);
		stage_finish(&stage);
		stage_init(&stage, kit_path("store"));
	}
}

/* The .xz file format, as in test_unpack.c: the block's header follows 12 bytes of the stream's. */
static void a_dictionary_of_gigabytes_is_refused(void **state)
{
	struct bytes b = kit_package((const struct member[]){KERNEL, {0}});
	uint8_t *data = memmem(b.at, b.size, "data.tar", 8);

	assert_non_null(data);
	uint8_t *xz = memmem(data, (size_t)(b.at + b.size - data),
	    "\xfd"
	    "7zXZ",
	    5);
	assert_non_null(xz);
	uint8_t *block = xz + 12;
	const size_t size = (block[0] + 1u) * 4 - 4;
	assert_memory_equal(block + 2, "\x21\x01", 2);
	block[4] = 38; /* 2 GiB */
	const uint32_t crc = lzma_crc32(block, size, 0);
	memcpy(block + size, &crc, sizeof(crc));
	refused(unpack_bytes(b), "needs 2048 MiB of memory to unpack, and may use 192");
}

static void an_archive_that_is_no_package_is_refused(void **state)
{
	assert_true(unpack_bytes(text("!<arch>\n")) < 0);
	assert_true(kit_was_said("no data.tar in it"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, start, end)
	    T(kernel_configuration_symbols_and_modules_are_kept),
	    T(modules_below_usr_are_modules_too),
	    T(no_path_leads_out_of_the_stage),
	    T(places_that_are_no_kernels_are_left_alone),
	    T(a_link_is_never_followed),
	    T(a_kernel_that_is_a_link_is_refused),
	    T(a_package_is_of_one_version),
	    T(a_file_comes_once),
	    T(a_package_without_a_kernel_is_refused),
	    T(too_many_files_are_refused),
	    T(too_deep_folders_are_refused),
	    T(a_bomb_stops_at_the_limit_of_a_file_and_of_all),
	    T(a_bomb_beside_the_kernel_costs_no_more_than_the_limit),
	    T(a_package_cut_short_anywhere_is_refused),
	    T(a_dictionary_of_gigabytes_is_refused),
	    T(an_archive_that_is_no_package_is_refused),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
