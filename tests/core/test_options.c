/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* The command line. Numbers A20 and A21 are the cases of bad sizes and counts. */
#include "tests/core/kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/exitcode.h"
#include "core/base/log.h"
#include "core/vm/option_parse.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

static struct options options;

static int setup(void **state)
{
	kit_log_start();
	log_level = VOLT_LOG_INFO;
	return 0;
}

static int parse_words(char **words)
{
	int n = 0;

	while (words[n])
		n++;
	kit_log_clear();
	return options_parse(&options, n, words);
}

#define WORDS(...)    ((char *[]){(char *)"volt", __VA_ARGS__, NULL})
#define W(text)       ((char *)(uintptr_t)(text))
#define PARSE(...)    parse_words(WORDS(__VA_ARGS__))
#define KERNEL        W("--kernel"), W("k")
#define ACCEPTED(...) assert_int_equal(PARSE(KERNEL, __VA_ARGS__), OPTIONS_GO_ON)

/* The program itself ends with them. */
static void free_modules(void)
{
	for (uint32_t i = 0; i < options.module_count; i++)
		free(options.modules[i].file);
	options.module_count = 0;
}

/* Refused with the code of a wrong option and one line that has `part`. */
static void refused(int code, const char *part)
{
	assert_int_equal(code, EXIT_USAGE);
	assert_int_equal(kit_log_lines(), 1);
	if (!kit_logged(part))
		fail_msg("expected \"%s\" in \"%s\"", part, kit_log());
}

/* ------------------------------------------------------------- what is accepted */

static void defaults_are_a_small_machine(void **state)
{
	assert_int_equal(PARSE(KERNEL), OPTIONS_GO_ON);
	assert_int_equal(options.memory, 128 * MIB);
	assert_int_equal(options.cpus, 1);
	assert_string_equal(options.kernel, "k");
	assert_null(options.cmdline);
	assert_int_equal(options.plugin_count, 0);
	assert_false(
	    options.hugepages || options.no_seccomp || options.no_landlock || options.no_sandbox);
}

static void every_option_is_taken(void **state)
{
	ACCEPTED(W("--initrd"), W("i"), W("--cmdline"), W("c"), W("--append"), W("a"),
	    W("--memory"), W("64M"), W("--cpus"), W("2"), W("--hugepages"), W("--plugin"),
	    W("p,x=1"), W("--plugin"), W("./q.so"), W("--plugin-dir"), W("d"), W("--log-level"),
	    W("trace"), W("--log-file"), W("l"), W("--trace-file"), W("t"), W("--no-seccomp"),
	    W("--no-landlock"), W("--no-sandbox"), W("--seccomp-log"), W("--allowlist"), W("most"));
	assert_string_equal(options.kernel, "k");
	assert_string_equal(options.initrd, "i");
	assert_string_equal(options.cmdline, "c");
	assert_string_equal(options.append, "a");
	assert_int_equal(options.memory, 64 * MIB);
	assert_int_equal(options.cpus, 2);
	assert_int_equal(options.plugin_count, 2);
	assert_string_equal(options.plugins[0], "p,x=1");
	assert_string_equal(options.plugins[1], "./q.so");
	assert_string_equal(options.plugin_dir, "d");
	assert_string_equal(options.log_file, "l");
	assert_string_equal(options.trace_file, "t");
	assert_true(
	    options.hugepages && options.no_seccomp && options.no_landlock && options.no_sandbox);
	assert_true(options.seccomp_log);
	assert_string_equal(options.allowlist, "most");
	assert_false(options.explain || options.json);
	assert_int_equal(log_level, VOLT_LOG_TRACE);
}

static void old_names_of_options_are_taken(void **state)
{
	ACCEPTED(W("--witness"), W("--ceiling=most"));
	assert_true(options.seccomp_report);
	assert_string_equal(options.allowlist, "most");
}

static void explain_comes_first_and_takes_the_same_options(void **state)
{
	assert_int_equal(PARSE(W("explain"), W("--json"), W("--cpus"), W("2")), OPTIONS_GO_ON);
	assert_true(options.explain && options.json);
	assert_int_equal(options.cpus, 2);
	assert_int_equal(PARSE(W("explain")), OPTIONS_GO_ON);
	assert_false(options.json);
	refused(PARSE(KERNEL, W("--json")), "volt explain");
	refused(PARSE(W("--cpus"), W("2"), W("explain")), "\"explain\"");
	refused(PARSE(W("explain"), W("--kernal=k")), "did you mean --kernel?");
}

static void values_may_follow_an_equals_sign(void **state)
{
	assert_int_equal(
	    PARSE(W("--kernel=k=1"), W("--cmdline="), W("--memory=3G")), OPTIONS_GO_ON);
	assert_string_equal(options.kernel, "k=1");
	assert_string_equal(options.cmdline, "");
	assert_int_equal(options.memory, 3 * GIB);
}

static void parsing_again_starts_from_the_defaults(void **state)
{
	ACCEPTED(W("--no-sandbox"), W("--plugin"), W("p"), W("--memory"), W("1G"));
	assert_int_equal(PARSE(KERNEL), OPTIONS_GO_ON);
	assert_false(options.no_sandbox);
	assert_int_equal(options.plugin_count, 0);
	assert_int_equal(options.memory, 128 * MIB);
}

static void every_log_level_has_its_name(void **state)
{
	static const char *const names[] = {"error", "warn", "info", "debug", "trace"};

	for (uint32_t i = 0; i < 5; i++) {
		ACCEPTED(W("--log-level"), W(names[i]));
		assert_int_equal(log_level, i);
	}
	refused(PARSE(W("--log-level"), W("loud")), "error, warn, info, debug or trace");
	refused(PARSE(W("--log-level"), W("")), "error, warn");
}

/* ---------------------------------------------------------------------- memory */

static void memory_a20_takes_sizes_in_range(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} rows[] = {
	    {"2M", 2 * MIB},
	    {"2048K", 2 * MIB},
	    {"2097152", 2 * MIB},
	    {"2101248", 2 * MIB + 4096},
	    {"0x8000000", 128 * MIB},
	    {"128m", 128 * MIB},
	    {"3g", 3 * GIB},
	    {"3145732K", 3 * GIB + 4096},
	    {"4G", 4 * GIB},
	    {"1024G", 1024 * GIB},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ACCEPTED(W("--memory"), W(rows[i].text));
		assert_int_equal(options.memory, rows[i].bytes);
	}
}

static void memory_a20_refuses_the_rest(void **state)
{
	static const char *const rows[] = {"0", "1M", "2097151", "1025G", "2T", "1e9", "-1",
	    "-128M", "+128M", " 128M", "128 M", "128MB", "128.5M", "M", "", "abc", "0x",
	    "18446744073709551616", "17179869184G", "99999999999999999999999999G"};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		refused(PARSE(W("--memory"), W(rows[i])), "--memory");
	refused(PARSE(W("--memory"), W("3221225471")), "multiple of 4096"); /* 3 GiB - 1 */
	refused(PARSE(W("--memory"), W("3221225473")), "multiple of 4096"); /* 3 GiB + 1 */
	refused(PARSE(W("--memory"), W("1025G")), "2M to 1024G");
}

/* ------------------------------------------------------------------------ cpus */

static void cpus_a21_are_1_to_64(void **state)
{
	static const char *const bad[] = {"0", "65", "-1", "4294967296", "4294967297",
	    "18446744073709551617", "1.5", "", "two", "1K"};

	ACCEPTED(W("--cpus"), W("1"));
	ACCEPTED(W("--cpus"), W("64"));
	assert_int_equal(options.cpus, 64);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(PARSE(W("--cpus"), W(bad[i])), "1 to 64");
}

/* -------------------------------------------------------------------- mistakes */

static void unknown_options_name_the_nearest(void **state)
{
	refused(PARSE(W("--kernal"), W("k")), "did you mean --kernel?");
	refused(PARSE(W("--kernal=k")), "--kernal");
	refused(PARSE(W("--plugins"), W("p")), "did you mean --plugin?");
	refused(PARSE(W("--memroy"), W("1G")), "did you mean --memory?");
	refused(PARSE(W("--xyzzy")), "see volt --help");
	refused(PARSE(W("-x")), "-x");
}

static void an_option_is_typed_whole(void **state)
{
	/* A unique beginning today may be another option's tomorrow. */
	refused(PARSE(W("--kern"), W("k")), "unknown option --kern; did you mean --kernel?");
	refused(PARSE(W("--kern=k")), "unknown option --kern=k");
	refused(PARSE(W("--no-sec")), "unknown option --no-sec");
	refused(PARSE(W("explain"), W("--js")), "unknown option --js");
	refused(PARSE(KERNEL, W("--plugin-d"), W("x")), "unknown option --plugin-d");
}

static void options_with_one_dash_are_named_as_typed(void **state)
{
	refused(PARSE(W("-kernel"), W("vmlinux")), "option -kernel; did you mean --kernel?");
	refused(PARSE(KERNEL, W("-m"), W("1G")), "option -m: it is --memory SIZE");
	refused(PARSE(KERNEL, W("-q")), "option -q;");
	refused(PARSE(KERNEL, W("--smp=2")), "--cpus N");
	refused(PARSE(W("explian")), "did you mean \"volt explain\"");
	refused(PARSE(KERNEL, W("--memory"), W("512")), "did you mean 512M?");
	refused(PARSE(W("--version"), W("x")), "nothing goes with it");
}

static void a_kernel_is_required_to_run(void **state)
{
	refused(parse_words((char *[]){W("volt"), NULL}), "no kernel given: volt --kernel FILE");
	refused(PARSE(W("--plugin"), W("serial")), "no kernel given");
	refused(PARSE(W("--plugin"), W("serial,helpful=1")), "no kernel given");
	assert_int_equal(PARSE(W("explain"), W("--cpus"), W("2")), OPTIONS_GO_ON);
}

static void help_of_a_plugin_needs_no_kernel(void **state)
{
	assert_int_equal(PARSE(W("--plugin"), W("a"), W("--plugin"), W("b,help")), OPTIONS_GO_ON);
	assert_true(options_help_spec(&options));
	ACCEPTED(W("--plugin"), W("b,help=1"));
	assert_false(options_help_spec(&options));
	ACCEPTED(W("--plugin"), W("help"));
	assert_string_equal(options_help_spec(&options), "help");
}

static void huge_pages_need_a_multiple_of_their_size(void **state)
{
	refused(PARSE(KERNEL, W("--hugepages"), W("--memory"), W("3M")), "2M");
	refused(PARSE(KERNEL, W("--memory"), W("2052K"), W("--hugepages")), "2M");
	ACCEPTED(W("--hugepages"), W("--memory"), W("4M"));
	ACCEPTED(W("--memory"), W("3M"));
}

static void missing_and_superfluous_values_are_said(void **state)
{
	refused(PARSE(W("--kernel")), "--kernel needs a value");
	refused(PARSE(W("--hugepages=1")), "--hugepages takes no value");
}

static void words_that_are_no_option_are_refused(void **state)
{
	refused(PARSE(W("vmlinux")), "--kernel FILE");
	refused(PARSE(W("--cpus"), W("2"), W("vmlinux"), W("--memory"), W("1G")), "\"vmlinux\"");
	refused(PARSE(W("--"), W("vmlinux")), "\"vmlinux\"");
}

static void files_are_named_once_and_not_empty(void **state)
{
	refused(PARSE(W("--kernel"), W("a"), W("--kernel"), W("b")), "twice: a and b");
	refused(PARSE(W("--kernel"), W("")), "--kernel");
	refused(PARSE(W("--initrd"), W("")), "--initrd");
	refused(PARSE(W("--log-file"), W("a"), W("--log-file"), W("a")), "twice");
	refused(PARSE(W("--append"), W("a"), W("--append"), W("b")), "--append is given twice");
	refused(PARSE(W("--cmdline="), W("--cmdline"), W("b")), "--cmdline is given twice");
}

static void at_most_64_plugins_are_taken(void **state)
{
	char *words[2 * OPTIONS_PLUGIN_MAX + 6] = {W("volt"), KERNEL};
	int n = 3;

	for (unsigned i = 0; i < OPTIONS_PLUGIN_MAX; i++) {
		words[n++] = W("--plugin");
		words[n++] = W("p");
	}
	assert_int_equal(parse_words(words), OPTIONS_GO_ON);
	assert_int_equal(options.plugin_count, OPTIONS_PLUGIN_MAX);
	words[n++] = W("--plugin");
	words[n] = W("p");
	refused(parse_words(words), "at most 64");
}

static void boot_takes_each_protocol_by_its_name(void **state)
{
	static const struct {
		const char *name;
		enum boot_choice choice;
	} names[] = {{"auto", BOOT_AUTO}, {"linux", BOOT_LINUX}, {"pvh", BOOT_PVH},
	    {"multiboot", BOOT_MULTIBOOT}};

	assert_int_equal(PARSE(KERNEL), OPTIONS_GO_ON);
	assert_int_equal(options.boot, BOOT_AUTO);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ACCEPTED(W("--boot"), W(names[i].name));
		assert_int_equal(options.boot, names[i].choice);
	}
	refused(PARSE(KERNEL, W("--boot"), W("")), "auto, linux, pvh or multiboot");
	refused(PARSE(KERNEL, W("--boot"), W("PVH")), "--boot PVH: give auto");
	refused(PARSE(KERNEL, W("--boot"), W("multiboot2")), "--boot multiboot2");
}

static void modules_are_a_file_and_the_rest_after_its_comma(void **state)
{
	ACCEPTED(W("--module"), W("a"), W("--module"), W("b,one,two"), W("--module"), W("c,"),
	    W("--module"), W("d,,e,,f,x,,y"));
	assert_int_equal(options.module_count, 4);
	assert_string_equal(options.modules[0].file, "a");
	assert_null(options.modules[0].string);
	assert_string_equal(options.modules[1].file, "b");
	assert_string_equal(options.modules[1].string, "one,two");
	assert_string_equal(options.modules[2].file, "c");
	assert_string_equal(options.modules[2].string, "");
	assert_string_equal(options.modules[3].file, "d,e,f");
	assert_string_equal(options.modules[3].string, "x,,y");
	free_modules();
}

static void a_module_has_a_name(void **state)
{
	refused(PARSE(KERNEL, W("--module"), W("")), "--module: the name is empty");
	free_modules();
	refused(PARSE(KERNEL, W("--module"), W(",words")), "--module: the name is empty");
	free_modules();
	refused(PARSE(KERNEL, W("--module")), "--module needs a value");
}

static void at_most_32_modules_are_taken(void **state)
{
	char *words[2 * BOOT_MODULE_MAX + 6] = {W("volt"), KERNEL};
	int n = 3;

	for (unsigned i = 0; i < BOOT_MODULE_MAX; i++) {
		words[n++] = W("--module");
		words[n++] = W("m");
	}
	assert_int_equal(parse_words(words), OPTIONS_GO_ON);
	assert_int_equal(options.module_count, BOOT_MODULE_MAX);
	free_modules();
	words[n++] = W("--module");
	words[n] = W("m");
	refused(parse_words(words), "at most 32");
	free_modules();
}

static void a_kernel_may_be_a_name(void **state)
{
	assert_int_equal(PARSE(W("--kernel"), W("debian-6.1")), OPTIONS_GO_ON);
	assert_string_equal(options.kernel, "debian-6.1");
}

static void no_terminal_is_driven_by_a_bad_option(void **state)
{
	refused(PARSE(W("--\x1b[2J")), "unknown option --?[2J");
	refused(PARSE(W("--memory"), W("\x1b[31m")), "?[31m");
}

/* ------------------------------------------------------------------------ help */

/* What options_parse prints to standard output. */
static const char *printed(char **words, int *code)
{
	static char text[8192];
	int keep = dup(STDOUT_FILENO), file = memfd_create("out", MFD_CLOEXEC);

	fflush(stdout);
	dup2(file, STDOUT_FILENO);
	*code = parse_words(words);
	fflush(stdout);
	dup2(keep, STDOUT_FILENO);
	ssize_t n = pread(file, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	close(keep);
	close(file);
	return text;
}

static void kernel_memory_is_one_of_three(void **state)
{
	assert_int_equal(PARSE(KERNEL), OPTIONS_GO_ON);
	assert_int_equal(options.kernel_memory, BOOT_FILES_AUTO);
	ACCEPTED(W("--kernel-memory"), W("map"));
	assert_int_equal(options.kernel_memory, BOOT_FILES_MAP);
	ACCEPTED(W("--kernel-memory"), W("copy"), W("--hugepages"));
	assert_int_equal(options.kernel_memory, BOOT_FILES_COPY);
	ACCEPTED(W("--kernel-memory"), W("map"), W("--kernel-memory"), W("auto"));
	assert_int_equal(options.kernel_memory, BOOT_FILES_AUTO);
	refused(PARSE(KERNEL, W("--kernel-memory"), W("mmap")), "give auto, map or copy");
	refused(PARSE(KERNEL, W("--hugepages"), W("--kernel-memory"), W("map")), "--hugepages");
}

static void help_lists_every_option_and_exit_code(void **state)
{
	static const char *const options_there[] = {"--kernel FILE", "--initrd FILE",
	    "--cmdline TEXT", "--append TEXT", "--memory SIZE", "--cpus N", "--hugepages",
	    "--kernel-memory HOW", "--plugin ", "--plugin-dir DIR", "--log-level LEVEL",
	    "--log-file FILE", "--trace-file FILE", "--no-seccomp", "--no-landlock", "--no-sandbox",
	    "--seccomp-log", "--allowlist FILE", "--json", "--version", "--help"};
	static const int codes[] = {0, 100, 101, 102, 103, 104, 105, 106, 110, 111, 112, 113};
	int code;
	const char *text = printed(WORDS(W("--help")), &code);

	assert_int_equal(code, 0);
	for (size_t i = 0; i < sizeof(options_there) / sizeof(options_there[0]); i++)
		if (!strstr(text, options_there[i]))
			fail_msg("no %s in the help", options_there[i]);
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		char line[16];

		snprintf(line, sizeof(line), "\n  %3d  ", codes[i]);
		assert_non_null(strstr(text, line));
	}
	assert_int_equal(kit_log_lines(), 0);
}

static void version_is_one_line(void **state)
{
	int code;
	const char *text = printed(WORDS(W("--version")), &code);

	assert_int_equal(code, 0);
	assert_int_equal(strncmp(text, "volt ", 5), 0);
	assert_string_equal(strchr(text, '\n'), "\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(defaults_are_a_small_machine, setup),
	    cmocka_unit_test_setup(every_option_is_taken, setup),
	    cmocka_unit_test_setup(old_names_of_options_are_taken, setup),
	    cmocka_unit_test_setup(explain_comes_first_and_takes_the_same_options, setup),
	    cmocka_unit_test_setup(values_may_follow_an_equals_sign, setup),
	    cmocka_unit_test_setup(parsing_again_starts_from_the_defaults, setup),
	    cmocka_unit_test_setup(every_log_level_has_its_name, setup),
	    cmocka_unit_test_setup(memory_a20_takes_sizes_in_range, setup),
	    cmocka_unit_test_setup(memory_a20_refuses_the_rest, setup),
	    cmocka_unit_test_setup(cpus_a21_are_1_to_64, setup),
	    cmocka_unit_test_setup(unknown_options_name_the_nearest, setup),
	    cmocka_unit_test_setup(an_option_is_typed_whole, setup),
	    cmocka_unit_test_setup(options_with_one_dash_are_named_as_typed, setup),
	    cmocka_unit_test_setup(a_kernel_is_required_to_run, setup),
	    cmocka_unit_test_setup(help_of_a_plugin_needs_no_kernel, setup),
	    cmocka_unit_test_setup(huge_pages_need_a_multiple_of_their_size, setup),
	    cmocka_unit_test_setup(missing_and_superfluous_values_are_said, setup),
	    cmocka_unit_test_setup(words_that_are_no_option_are_refused, setup),
	    cmocka_unit_test_setup(files_are_named_once_and_not_empty, setup),
	    cmocka_unit_test_setup(at_most_64_plugins_are_taken, setup),
	    cmocka_unit_test_setup(boot_takes_each_protocol_by_its_name, setup),
	    cmocka_unit_test_setup(modules_are_a_file_and_the_rest_after_its_comma, setup),
	    cmocka_unit_test_setup(a_module_has_a_name, setup),
	    cmocka_unit_test_setup(at_most_32_modules_are_taken, setup),
	    cmocka_unit_test_setup(a_kernel_may_be_a_name, setup),
	    cmocka_unit_test_setup(no_terminal_is_driven_by_a_bad_option, setup),
	    cmocka_unit_test_setup(kernel_memory_is_one_of_three, setup),
	    cmocka_unit_test_setup(help_lists_every_option_and_exit_code, setup),
	    cmocka_unit_test_setup(version_is_one_line, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
