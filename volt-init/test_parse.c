/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "parse.h"

static struct pipeline p;

static const char *lookup(const char *name)
{
	if (!strcmp(name, "?"))
		return "42";
	if (!strcmp(name, "A"))
		return "a b";
	return NULL;
}

/* Parses the first pipeline and returns the rest of the line. */
static const char *first(const char *line)
{
	assert_null(parse_pipeline(&line, &p, lookup));
	return line;
}

static void assert_words(int command, int count, ...)
{
	va_list args;

	assert_int_equal(p.commands[command].argc, count);
	va_start(args, count);
	for (int i = 0; i < count; i++)
		assert_string_equal(p.commands[command].argv[i], va_arg(args, const char *));
	va_end(args);
	assert_null(p.commands[command].argv[count]);
}

static void blanks_separate_words(void **state)
{
	first("  ls\t-l   /tmp ");
	assert_int_equal(p.count, 1);
	assert_words(0, 3, "ls", "-l", "/tmp");
	assert_int_equal(p.join, JOIN_END);
}

static void quotes_join_and_backslash_escapes(void **state)
{
	first("'a $A'  \"b \\\"c\" d\\ e f'g'\"h\" '' \"\\n\"");
	assert_words(0, 6, "a $A", "b \"c", "d e", "fgh", "", "\\n");
}

static void variables_expand_without_splitting(void **state)
{
	first("x $A \"$A\" ${A}c $? $NONE \"$NONE\" $ a$");
	assert_words(0, 8, "x", "a b", "a b", "a bc", "42", "", "$", "a$");
}

static void operators_join_pipelines(void **state)
{
	const char *line = first("a && b || c ; d");
	assert_int_equal(p.join, JOIN_AND);
	line = first(line);
	assert_words(0, 1, "b");
	assert_int_equal(p.join, JOIN_OR);
	line = first(line);
	assert_int_equal(p.join, JOIN_ALWAYS);
	line = first(line);
	assert_words(0, 1, "d");
	assert_int_equal(p.join, JOIN_END);
	assert_string_equal(line, "");
}

static void a_pipe_makes_several_commands(void **state)
{
	first("a 1|b 2 | c;");
	assert_int_equal(p.count, 3);
	assert_words(0, 2, "a", "1");
	assert_words(1, 2, "b", "2");
	assert_words(2, 1, "c");
}

static void redirections_are_not_words(void **state)
{
	first("a <in >out 2>err b");
	assert_words(0, 2, "a", "b");
	assert_string_equal(p.commands[0].in, "in");
	assert_string_equal(p.commands[0].out, "out");
	assert_string_equal(p.commands[0].err, "err");
	assert_false(p.commands[0].append);
	first("a >> out");
	assert_true(p.commands[0].append);
}

static void a_digit_in_a_word_is_no_redirection(void **state)
{
	first("echo a2>f");
	assert_words(0, 2, "echo", "a2");
	assert_string_equal(p.commands[0].out, "f");
}

static void a_comment_ends_the_line(void **state)
{
	assert_string_equal(first("a # b; c"), "");
	assert_words(0, 1, "a");
	first("a b#c");
	assert_words(0, 2, "a", "b#c");
}

static void an_empty_line_is_an_empty_pipeline(void **state)
{
	first("   ");
	assert_int_equal(p.count, 0);
	assert_int_equal(p.join, JOIN_END);
}

static void bad_syntax_is_named(void **state)
{
	static const char *const bad[] = {"'a", "\"a", "a |", "| a", "a ||", "&& a", "a &", "a >",
	    "a > ; b", "${A", "${}", "a && ; b", "a | | b", "a <"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(parse_check(bad[i], &p));
}

static void good_syntax_passes_the_check(void **state)
{
	static const char *const good[] = {"", ";", "a;", "a;;b", "a && > f", "a&&b||c;d|e", "$A"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_null(parse_check(good[i], &p));
}

static void too_much_of_anything_is_an_error(void **state)
{
	static char line[3 * PARSE_TEXT];

	for (size_t i = 0; i < 2 * (PARSE_WORDS + 1); i++)
		line[i] = i % 2 ? ' ' : 'a';
	assert_non_null(parse_check(line, &p));
	memset(line, 'a', PARSE_TEXT + 1);
	assert_non_null(parse_check(line, &p));
	memset(line, 0, sizeof(line));
	for (size_t i = 0; i < PARSE_COMMANDS; i++)
		strcat(line, "a|");
	strcat(line, "a");
	assert_non_null(parse_check(line, &p));
}

/* Whatever bytes come, the parser ends and stays in its arrays; ASan watches. */
static void random_lines_are_survived(void **state)
{
	static const char alphabet[] = "ab2 $?{}\"'\\;&|<>#A\t";
	char line[64];

	srandom(1);
	for (int round = 0; round < 100000; round++) {
		size_t len = (size_t)random() % (sizeof(line) - 1);
		for (size_t i = 0; i < len; i++)
			line[i] = alphabet[(size_t)random() % (sizeof(alphabet) - 1)];
		line[len] = '\0';
		const char *at = line;
		for (int i = 0; i < 64 && !parse_pipeline(&at, &p, lookup) && p.join; i++)
			assert_in_range(at - line, 0, len);
		assert_in_range(at - line, 0, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(blanks_separate_words),
	    cmocka_unit_test(quotes_join_and_backslash_escapes),
	    cmocka_unit_test(variables_expand_without_splitting),
	    cmocka_unit_test(operators_join_pipelines),
	    cmocka_unit_test(a_pipe_makes_several_commands),
	    cmocka_unit_test(redirections_are_not_words),
	    cmocka_unit_test(a_digit_in_a_word_is_no_redirection),
	    cmocka_unit_test(a_comment_ends_the_line),
	    cmocka_unit_test(an_empty_line_is_an_empty_pipeline),
	    cmocka_unit_test(bad_syntax_is_named),
	    cmocka_unit_test(good_syntax_passes_the_check),
	    cmocka_unit_test(too_much_of_anything_is_an_error),
	    cmocka_unit_test(random_lines_are_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
