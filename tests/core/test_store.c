/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Kernels by name: what a word after --kernel may stand for. */
#include "core/vm/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/core/kit.h"

#define DEBIAN "debian-6.1.0-56-cloud-amd64-1a2b3c4d"
#define OTHER  "debian-6.1.0-57-cloud-amd64-99887766"
#define MICRO  "linux-6.6.1-0badcafe"

static char store[512], name[STORE_NAME_MAX], why[1024];

static void put(const char *kernel, const char *file)
{
	char path[1024];

	snprintf(path, sizeof(path), "%s/%s", store, kernel);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/%s/%s", store, kernel, file);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, file, strlen(file)), strlen(file));
	close(fd);
}

static void set_default(const char *target)
{
	char path[1024];

	snprintf(path, sizeof(path), "%s/default", store);
	unlink(path);
	assert_int_equal(symlink(target, path), 0);
}

static int setup(void **state)
{
	kit_log_start();
	snprintf(store, sizeof(store), "%s", kit_path("store"));
	mkdir(store, 0755);
	put(DEBIAN, "bzImage");
	put(DEBIAN, "vmlinux");
	put(OTHER, "bzImage");
	put(MICRO, "kernel");
	put(".import-abcdef", "vmlinux");
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	return remove(path);
}

static int teardown(void **state)
{
	nftw(store, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	kit_remove_dir();
	return 0;
}

static void found(const char *word, const char *kernel)
{
	assert_int_equal(store_find(store, word, name, why, sizeof(why)), 0);
	assert_string_equal(name, kernel);
}

static void refused(const char *word, int err, const char *part)
{
	assert_int_equal(store_find(store, word, name, why, sizeof(why)), err);
	if (!strstr(why, part))
		fail_msg("expected \"%s\" in \"%s\"", part, why);
}

static void whole_names_and_beginnings_that_fit_one_are_found(void **state)
{
	found(DEBIAN, DEBIAN);
	found("debian-6.1.0-57", OTHER);
	found("l", MICRO);
}

static void a_beginning_of_several_names_two_of_them(void **state)
{
	refused("debian", -ENOTUNIQ, "2 kernels in ");
	assert_non_null(strstr(why, DEBIAN));
	assert_non_null(strstr(why, OTHER));
}

static void a_whole_name_wins_over_a_longer_one(void **state)
{
	put("linux", "vmlinux");
	found("linux", "linux");
}

static void a_slip_is_told_the_name_it_may_have_meant(void **state)
{
	refused("linxu-6.6", -ENOENT, "did you mean " MICRO "?");
	refused("windows", -ENOENT, "has that name");
	assert_null(strstr(why, "did you mean"));
}

static void default_is_what_the_link_names(void **state)
{
	refused("default", -ENOENT, "no default kernel is set");
	set_default(MICRO);
	found("default", MICRO);
	set_default("gone");
	refused("default", -ENOENT, "the default kernel gone is no longer in ");
	set_default(MICRO "-x");
	refused("default", -ENOENT, "no longer in ");
}

static void default_cannot_lead_out_of_the_store(void **state)
{
	static const char *const targets[] = {
	    "../elsewhere", "/boot", "..", ".import-abcdef", "default", "a/b"};

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		set_default(targets[i]);
		refused("default", -ENOENT, "no default kernel is set");
	}
}

static void what_can_be_no_name_is_refused(void **state)
{
	char word[STORE_NAME_MAX + 1];

	memset(word, 'a', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	refused("", -EINVAL, "not the name");
	refused(".import-abcdef", -EINVAL, "not the name");
	refused("..", -EINVAL, "not the name");
	refused("a/b", -EINVAL, "not the name");
	refused("a\x1b[2J", -EINVAL, "not the name");
	refused(word, -EINVAL, "not the name");
}

static void a_store_that_cannot_be_read_is_said_of_its_default_too(void **state)
{
	struct rlimit old;

	set_default(MICRO);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	const struct rlimit none = {.rlim_cur = 0, .rlim_max = old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	int err = store_find(store, "default", name, why, sizeof(why));
	setrlimit(RLIMIT_NOFILE, &old);
	assert_int_equal(err, -EMFILE);
	assert_non_null(strstr(why, "cannot be read"));
}

static void the_file_that_boots_fastest_is_opened(void **state)
{
	static const char *const words[][2] = {
	    {DEBIAN, "vmlinux"}, {OTHER, "bzImage"}, {MICRO, "kernel"}};
	char text[16] = "";

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		int fd = store_open(store, words[i][0], name, why, sizeof(why));

		assert_true(fd >= 0);
		assert_int_equal(read(fd, text, sizeof(text)), strlen(words[i][1]));
		assert_memory_equal(text, words[i][1], strlen(words[i][1]));
		close(fd);
	}
}

static void a_folder_without_a_kernel_is_said_to_be_one(void **state)
{
	put("empty", "README");
	assert_int_equal(store_open(store, "empty", name, why, sizeof(why)), -ENOENT);
	assert_non_null(strstr(why, "/empty has no kernel in it"));
}

static void the_store_lies_where_the_environment_says(void **state)
{
	char path[256], small[8];

	setenv("HOME", "/home/me", 1);
	setenv("XDG_DATA_HOME", "/data", 1);
	assert_int_equal(store_locate(path, sizeof(path)), 0);
	assert_string_equal(path, "/data/volt/kernels");
	setenv("XDG_DATA_HOME", "relative", 1);
	assert_int_equal(store_locate(path, sizeof(path)), 0);
	assert_string_equal(path, "/home/me/.local/share/volt/kernels");
	assert_int_equal(store_locate(small, sizeof(small)), -ENAMETOOLONG);
	assert_string_equal(small, "");
	unsetenv("XDG_DATA_HOME");
	setenv("HOME", "", 1);
	assert_int_equal(store_locate(path, sizeof(path)), -ENOENT);
	assert_string_equal(path, "");
}

static void a_store_that_is_not_there_is_said_so(void **state)
{
	assert_int_equal(store_find("/nowhere/kernels", "x", name, why, sizeof(why)), -ENOENT);
	assert_string_equal(why, "the store /nowhere/kernels is not there");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    T(whole_names_and_beginnings_that_fit_one_are_found),
	    T(a_beginning_of_several_names_two_of_them),
	    T(a_whole_name_wins_over_a_longer_one),
	    T(a_slip_is_told_the_name_it_may_have_meant),
	    T(default_is_what_the_link_names),
	    T(default_cannot_lead_out_of_the_store),
	    T(what_can_be_no_name_is_refused),
	    T(a_store_that_cannot_be_read_is_said_of_its_default_too),
	    T(the_file_that_boots_fastest_is_opened),
	    T(a_folder_without_a_kernel_is_said_to_be_one),
	    T(the_store_lies_where_the_environment_says),
	    T(a_store_that_is_not_there_is_said_so),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
