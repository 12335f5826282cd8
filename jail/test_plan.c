/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* What the jail reads and plans before it does anything: options, names, entries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jail/command.h"
#include "jail/entries.h"
#include "jail/libraries.h"
#include "jail/options.h"
#include "jail/path.h"
#include "jail/reaper.h"
#include "jail/say.h"

static struct options options;
static struct entries entries;
static struct command command;

static int setup(void **state)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	dup2(null, STDOUT_FILENO); /* the help text */
	return 0;
}

static int clear(void **state)
{
	for (uint32_t i = 0; i < entries.count; i++) {
		free(entries.list[i].host);
		free(entries.list[i].guest);
	}
	for (uint32_t i = 0; i < command.plugin_count; i++)
		free(command.plugins[i]);
	entries.count = command.plugin_count = 0;
	return 0;
}

static int parse_words(char **words)
{
	int n = 0;

	while (words[n])
		n++;
	optind = 0; /* glibc: start anew */
	return options_parse(&options, n, words);
}

#define W(text)    ((char *)(uintptr_t)(text))
#define PARSE(...) parse_words((char *[]){W("volt-jail"), __VA_ARGS__, NULL})
#define USER       W("--uid"), W("1000"), W("--gid"), W("1001")
#define PROGRAM    W("--"), W("volt"), W("--kernel"), W("k")

static const struct entry *find(const char *guest)
{
	for (uint32_t i = 0; i < entries.count; i++)
		if (strcmp(entries.list[i].guest, guest) == 0)
			return &entries.list[i];
	return NULL;
}

/* ---------------------------------------------------------------------- options */

static void every_option_is_read(void **state)
{
	int code = PARSE(USER, W("--memory-max"), W("512M"), W("--cpu-max"), W("150"),
	    W("--pids-max"), W("20"), W("--nofile"), W("64"), W("--fsize"), W("1G"), W("--cgroup"),
	    W("/vms"), W("--chroot-base"), W("/run"), W("--user-namespace"), W("--file"),
	    W("/a:rw"), PROGRAM);

	assert_int_equal(code, OPTIONS_GO_ON);
	assert_int_equal(options.uid, 1000);
	assert_int_equal(options.gid, 1001);
	assert_int_equal(options.memory_max, 512u << 20);
	assert_int_equal(options.cpu_max, 150);
	assert_int_equal(options.pids_max, 20);
	assert_int_equal(options.nofile, 64);
	assert_int_equal(options.fsize, 1u << 30);
	assert_string_equal(options.cgroup, "/vms");
	assert_string_equal(options.base, "/run");
	assert_true(options.user_namespace);
	assert_string_equal(options.files[0], "/a:rw");
	assert_string_equal(options.command[0], "volt");
}

static void options_of_volt_are_left_to_volt(void **state)
{
	int code = PARSE(USER, W("volt"), W("--cpus"), W("2"));

	assert_int_equal(code, OPTIONS_GO_ON);
	assert_string_equal(options.command[1], "--cpus");
}

static void a_user_and_a_group_are_required(void **state)
{
	assert_int_equal(PARSE(W("--uid"), W("1000"), PROGRAM), JAIL_USAGE);
	assert_int_equal(PARSE(W("--gid"), W("1000"), PROGRAM), JAIL_USAGE);
}

static void root_and_no_change_are_no_users(void **state)
{
	static const char *const bad[] = {
	    "0", "4294967295", "4294967296", "-1", "", "1x", "nobody"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(
		    PARSE(W("--uid"), W(bad[i]), W("--gid"), W("1"), PROGRAM), JAIL_USAGE);
		assert_int_equal(
		    PARSE(W("--uid"), W("1"), W("--gid"), W(bad[i]), PROGRAM), JAIL_USAGE);
	}
}

static void limits_that_mean_nothing_are_refused(void **state)
{
	static const char *const names[] = {
	    "--memory-max", "--cpu-max", "--pids-max", "--nofile", "--fsize"};
	static const char *const bad[] = {"0", "-1", "", "x", "1Q", "99999999999999999999"};

	for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++)
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
			assert_int_equal(PARSE(USER, W(names[n]), W(bad[i]), PROGRAM), JAIL_USAGE);
}

static void unknown_options_and_no_program_are_refused(void **state)
{
	assert_int_equal(PARSE(USER, W("--memorymax"), W("1G"), PROGRAM), JAIL_USAGE);
	assert_int_equal(PARSE(USER, W("--file")), JAIL_USAGE);
	assert_int_equal(PARSE(USER), JAIL_USAGE);
	assert_int_equal(PARSE(USER, W("--")), JAIL_USAGE);
}

static void help_and_version_end_well(void **state)
{
	assert_int_equal(PARSE(W("--help")), 0);
	assert_int_equal(PARSE(W("--version")), 0);
}

/* ------------------------------------------------------------------------ --file */

static void a_file_has_a_host_name_a_guest_name_and_a_mode(void **state)
{
	char copy[64];
	const char *host, *guest;
	bool writable;

	assert_int_equal(
	    options_split_file("/a=/b:rw", copy, sizeof(copy), &host, &guest, &writable), 0);
	assert_string_equal(host, "/a");
	assert_string_equal(guest, "/b");
	assert_true(writable);
	assert_int_equal(options_split_file("c", copy, sizeof(copy), &host, &guest, &writable), 0);
	assert_string_equal(host, "c");
	assert_ptr_equal(host, guest);
	assert_false(writable);
}

static void a_file_without_names_is_refused(void **state)
{
	static const char *const bad[] = {"", ":rw", "=", "/a=", "=/b", "/a=b", "/a=:rw"};
	char copy[64];
	const char *host, *guest;
	bool writable;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(
		    options_split_file(bad[i], copy, sizeof(copy), &host, &guest, &writable),
		    -EINVAL);
	assert_int_equal(options_split_file("/abc", copy, 4, &host, &guest, &writable), -EINVAL);
}

/* ------------------------------------------------------------------------- paths */

static void dots_and_slashes_are_taken_out_of_a_path(void **state)
{
	static const char *const cases[][2] = {{"/", "/"}, {"//", "/"}, {"/..", "/"},
	    {"/a/../..", "/"}, {"/a//b/", "/a/b"}, {"/a/./b/../c", "/a/c"}, {"/a/...", "/a/..."},
	    {"/../../etc/passwd", "/etc/passwd"}, {"/a/.b", "/a/.b"}};
	char out[PATH_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(path_normalise(cases[i][0], out, sizeof(out)), 0);
		assert_string_equal(out, cases[i][1]);
	}
}

static void a_relative_path_starts_at_the_current_folder(void **state)
{
	char out[PATH_MAX];

	assert_int_equal(chdir("/usr/bin"), 0);
	assert_int_equal(path_normalise("../lib/x", out, sizeof(out)), 0);
	assert_string_equal(out, "/usr/lib/x");
}

static void a_path_that_does_not_fit_is_refused(void **state)
{
	char out[5];

	assert_int_equal(path_normalise("/abc", out, sizeof(out)), 0);
	assert_int_equal(path_normalise("/abcd", out, sizeof(out)), -ENAMETOOLONG);
	assert_int_equal(path_normalise("", out, sizeof(out)), -ENOENT);
}

static void no_link_on_the_way_is_followed(void **state)
{
	char folder[] = "/tmp/volt-jail-XXXXXX", path[64];

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/link", folder);
	assert_int_equal(symlink("/etc", path), 0);
	assert_int_equal(path_open(path, O_PATH, 0), -1);
	assert_int_equal(errno, ELOOP);
	snprintf(path, sizeof(path), "%s/link/passwd", folder);
	assert_int_equal(path_open(path, O_RDONLY, 0), -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(path_open("/proc/self/fd/0", O_PATH, 0), -1);
	assert_int_equal(errno, ELOOP);
	snprintf(path, sizeof(path), "%s/link", folder);
	unlink(path);
	rmdir(folder);
}

/* ----------------------------------------------------------------------- entries */

static void a_folder_comes_before_what_lies_in_it(void **state)
{
	entries_add(&entries, "t", 101, "/a/b/c", NULL, 0);
	entries_add(&entries, "t", 101, "/a-b", NULL, 0);
	entries_add(&entries, "t", 101, "/a", NULL, 0);

	assert_int_equal(entries_order(&entries), 0);
	assert_string_equal(entries.list[0].guest, "/a");
	assert_string_equal(entries.list[2].guest, "/a/b/c");
}

static void the_same_file_asked_for_twice_is_one_entry_with_both_rights(void **state)
{
	entries_add(&entries, "t", 101, "/a", NULL, ENTRY_EXEC);
	entries_add(&entries, "t", 101, "/x/../a", NULL, ENTRY_WRITE);

	assert_int_equal(entries_order(&entries), 0);
	assert_int_equal(entries.count, 1);
	assert_int_equal(entries.list[0].flags, ENTRY_EXEC | ENTRY_WRITE);
}

static void two_files_under_one_name_are_refused(void **state)
{
	entries_add(&entries, "t", 101, "/a", "/x", 0);
	entries_add(&entries, "t", 101, "/b", "/x", 0);

	assert_int_equal(entries_order(&entries), JAIL_USAGE);
}

static void the_root_is_no_entry(void **state)
{
	assert_int_equal(entries_add(&entries, "t", 101, "/a", "/b/..", 0), 101);
	assert_int_equal(entries.count, 0);
}

/* ----------------------------------------------------------- volt's command line */

static void files_in_volts_options_become_entries(void **state)
{
	PARSE(USER, W("--"), W("/bin/volt"), W("--kernel"), W("/k"), W("--initrd=/i"),
	    W("--append"), W("/not/a/file"), W("--log-file"), W("/l"), W("--plugin"),
	    W("/p/x.so,stream=stdio"), W("--plugin"), W("serial"), W("--kernels=/no"));

	assert_int_equal(command_plan(&command, &options, &entries), 0);
	assert_int_equal(find("/bin/volt")->flags, ENTRY_EXEC);
	assert_int_equal(find("/k")->flags, 0);
	assert_int_equal(find("/i")->flags, 0);
	assert_int_equal(find("/l")->flags, ENTRY_WRITE | ENTRY_CREATE);
	assert_int_equal(find("/p/x.so")->flags, ENTRY_EXEC);
	assert_null(find("/not/a/file"));
	assert_null(find("/no"));
}

static void an_option_without_its_value_is_left_to_volt(void **state)
{
	PARSE(USER, W("--"), W("/bin/volt"), W("--kernel"));

	assert_int_equal(command_plan(&command, &options, &entries), 0);
}

/* --------------------------------------------------------------------- libraries */

static void what_the_loader_lists_becomes_entries(void **state)
{
	char search[LIBRARIES_PATH_SIZE] = "";
	char text[] = "\tlinux-vdso.so.1 (0x00007ffc)\n"
		      "\t/proc/self/fd/5 (0x00007f00)\n"
		      "\tnull.so => /dev/null (0x00007f01)\n"
		      "\t/dev/zero (0x00007f02)\n"
		      "\tpasswd => /etc/passwd (0x00007f03)\n";

	assert_int_equal(libraries_read_list(&entries, text, search), 0);
	assert_int_equal(entries.count, 3);
	assert_int_equal(find("/dev/null")->flags, ENTRY_EXEC);
	assert_non_null(find("/dev/zero"));
	assert_string_equal(search, "/dev:/etc");
}

static void a_missing_library_is_refused(void **state)
{
	char search[LIBRARIES_PATH_SIZE] = "", text[] = "\tlibx.so.1 => not found\n";

	assert_int_equal(libraries_read_list(&entries, text, search), JAIL_PROGRAM);
}

/* ----------------------------------------------------------------------- signals */

static void a_signal_of_the_terminal_is_not_handed_on_twice(void **state)
{
	assert_true(reaper_should_pass(SIGTERM, SI_USER));
	assert_false(reaper_should_pass(SIGINT, SI_KERNEL));
	assert_false(reaper_should_pass(SIGCHLD, CLD_EXITED));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_option_is_read),
	    cmocka_unit_test(options_of_volt_are_left_to_volt),
	    cmocka_unit_test(a_user_and_a_group_are_required),
	    cmocka_unit_test(root_and_no_change_are_no_users),
	    cmocka_unit_test(limits_that_mean_nothing_are_refused),
	    cmocka_unit_test(unknown_options_and_no_program_are_refused),
	    cmocka_unit_test(help_and_version_end_well),
	    cmocka_unit_test(a_file_has_a_host_name_a_guest_name_and_a_mode),
	    cmocka_unit_test(a_file_without_names_is_refused),
	    cmocka_unit_test(dots_and_slashes_are_taken_out_of_a_path),
	    cmocka_unit_test(a_relative_path_starts_at_the_current_folder),
	    cmocka_unit_test(a_path_that_does_not_fit_is_refused),
	    cmocka_unit_test(no_link_on_the_way_is_followed),
	    cmocka_unit_test_teardown(a_folder_comes_before_what_lies_in_it, clear),
	    cmocka_unit_test_teardown(
		the_same_file_asked_for_twice_is_one_entry_with_both_rights, clear),
	    cmocka_unit_test_teardown(two_files_under_one_name_are_refused, clear),
	    cmocka_unit_test_teardown(the_root_is_no_entry, clear),
	    cmocka_unit_test_teardown(files_in_volts_options_become_entries, clear),
	    cmocka_unit_test_teardown(an_option_without_its_value_is_left_to_volt, clear),
	    cmocka_unit_test_teardown(what_the_loader_lists_becomes_entries, clear),
	    cmocka_unit_test_teardown(a_missing_library_is_refused, clear),
	    cmocka_unit_test(a_signal_of_the_terminal_is_not_handed_on_twice),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
