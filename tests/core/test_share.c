/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* The option --share: its value, whether a folder is named, and what becomes of one that is served.
 */
#include "tests/core/kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <stdio.h>
#include <string.h>

#include "core/base/exitcode.h"
#include "core/vm/option_parse.h"
#include "core/vm/share.h"
#include "core/vm/share_start.h"

static struct options options;
static struct share_spec spec;
static char why[128];

static int setup(void **state)
{
	kit_log_start();
	return 0;
}

#define W(text) ((char *)(uintptr_t)(text))

static int count(char **words)
{
	int n = 0;

	while (words[n])
		n++;
	return n;
}

#define WORDS(...) ((char *[]){W("volt"), __VA_ARGS__, NULL})
#define NAMED(...) share_is_named(count(WORDS(__VA_ARGS__)), WORDS(__VA_ARGS__))
#define PARSE(...) options_parse(&options, count(WORDS(__VA_ARGS__)), WORDS(__VA_ARGS__))

/* ---------------------------------------------------------------------- the value */

static void accepted(const char *text, const char *folder, bool read_only, const char *at)
{
	assert_int_equal(share_spec_parse(&spec, text, why, sizeof(why)), 0);
	assert_string_equal(spec.folder, folder);
	assert_int_equal(spec.read_only, read_only);
	assert_string_equal(spec.at, at);
	assert_int_equal(spec.fd, -1);
}

static void a_folder_has_words_behind_it(void **state)
{
	accepted("a", "a", false, "/mnt");
	accepted("/a b,ro", "/a b", true, "/mnt");
	accepted("a,at=/x/y", "a", false, "/x/y");
	accepted("a,ro,at=/x", "a", true, "/x");
	accepted("a,at=/x,ro", "a", true, "/x");
	accepted("./fd:4", "./fd:4", false, "/mnt");
}

static void a_comma_is_typed_twice(void **state)
{
	accepted("a,,b,,,ro", "a,b,", true, "/mnt");
	accepted("a,,ro", "a,ro", false, "/mnt");
	assert_string_equal(spec.words, "");
	accepted("a,,b,ro,at=/x", "a,b", true, "/x");
	assert_string_equal(spec.words, ",ro,at=/x");
}

static void refused(const char *text, const char *part)
{
	why[0] = '\0';
	assert_int_equal(share_spec_parse(&spec, text, why, sizeof(why)), -EINVAL);
	if (!strstr(why, part))
		fail_msg("%s: expected \"%s\" in \"%s\"", text, part, why);
}

static void a_bad_value_is_refused(void **state)
{
	static char longest[PATH_MAX + 8];

	memset(longest, 'a', PATH_MAX);
	refused("", "is empty");
	refused(",ro", "is empty");
	refused(longest, "too long");
	refused("a,", "give DIR");
	refused("a,r", "give DIR");
	refused("a,rox", "give DIR");
	refused("a,ro,b", "give DIR");
	refused("a,at=", "begins with /");
	refused("a,at=x", "begins with /");
	refused("a,at=/x y", "neither blanks");
	refused("a,at=/x\"y", "nor quotes");
	memset(longest, '/', 200);
	memcpy(longest, "a,at=", 5);
	longest[5 + SHARE_AT_MAX] = '\0';
	refused(longest, "at= takes");
}

static void a_number_is_a_socket(void **state)
{
	assert_int_equal(share_spec_parse(&spec, "fd:7,ro", why, sizeof(why)), 0);
	assert_int_equal(spec.fd, 7);
	assert_true(spec.read_only);
	assert_string_equal(spec.folder, "");
	refused("fd:", "number");
	refused("fd:2", "from 3 on");
	refused("fd:-4", "number");
	refused("fd:4x", "number");
	refused("fd:99999999999", "number");
}

/* ---------------------------------------------------------------------- the scan */

static void a_folder_is_found_wherever_it_stands(void **state)
{
	assert_true(NAMED(W("--share"), W("a")));
	assert_true(NAMED(W("--share=a")));
	assert_true(NAMED(W("explain"), W("--share"), W("a,ro")));
	assert_true(NAMED(
	    W("--hugepages"), W("--cpus"), W("2"), W("--share"), W("fd:4"), W("--share"), W("a")));
}

/* A value is not an option, and what comes behind a mistake is left to the parser. */
static void what_is_not_a_folder_is_left_alone(void **state)
{
	assert_false(NAMED(W("--kernel"), W("k")));
	assert_false(NAMED(W("--share"), W("fd:4")));
	assert_false(NAMED(W("--share")));
	assert_false(NAMED(W("--append"), W("--share"), W("--cpus"), W("1")));
	assert_false(NAMED(W("--kernal"), W("--share"), W("a")));
	assert_false(NAMED(W("run"), W("--share"), W("a")));
	assert_false(NAMED(W("--"), W("--share"), W("a")));
	assert_false(share_is_named(0, (char *[]){NULL}));
}

/* ---------------------------------------------------------------------- the option */

static void one_that_is_served_is_a_plugin_and_a_word(void **state)
{
	char text[128] = " before";

	assert_int_equal(PARSE(W("--kernel"), W("k"), W("--share"), W("fd:5"), W("--share"),
			     W("fd:6,ro,at=/data")),
	    OPTIONS_GO_ON);
	assert_int_equal(options.share_count, 2);
	assert_string_equal(options.shares[0].plugin, VOLT_SHARE_PLUGIN ",socket=fd:5,tag=share0");
	assert_string_equal(options.shares[1].plugin, VOLT_SHARE_PLUGIN ",socket=fd:6,tag=share1");
	assert_true(share_add_words(options.shares, options.share_count, text, sizeof(text)));
	assert_string_equal(
	    text, " before volt.share=TAG=share0,/mnt,rw volt.share=TAG=share1,/data");
	assert_false(share_add_words(options.shares, options.share_count, text, 80));
}

static void option_refused(int code, const char *part)
{
	assert_int_equal(code, EXIT_USAGE);
	assert_int_equal(kit_log_lines(), 1);
	if (!kit_logged(part))
		fail_msg("expected \"%s\" in \"%s\"", part, kit_log());
	kit_log_clear();
}

static void a_bad_option_is_refused(void **state)
{
	option_refused(PARSE(W("--share"), W("a,x")), "--share a,x: give DIR");
	option_refused(PARSE(W("--share"), W("a")), "--share a: the folder is not served");
	option_refused(PARSE(W("--share"), W("fd:4"), W("--share"), W("fd:5,ro")),
	    "two are on /mnt of the guest: give at=FOLDER");
	option_refused(
	    PARSE(W("--share=fd:4,at=/1"), W("--share=fd:4,at=/2"), W("--share=fd:4,at=/3"),
		W("--share=fd:4,at=/4"), W("--share=fd:4,at=/5"), W("--share=fd:4,at=/6"),
		W("--share=fd:4,at=/7"), W("--share=fd:4,at=/8"), W("--share=fd:4,at=/9")),
	    "at most 8");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_folder_has_words_behind_it),
	    cmocka_unit_test(a_comma_is_typed_twice),
	    cmocka_unit_test(a_bad_value_is_refused),
	    cmocka_unit_test(a_number_is_a_socket),
	    cmocka_unit_test(a_folder_is_found_wherever_it_stands),
	    cmocka_unit_test(what_is_not_a_folder_is_left_alone),
	    cmocka_unit_test_setup(one_that_is_served_is_a_plugin_and_a_word, setup),
	    cmocka_unit_test_setup(a_bad_option_is_refused, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
