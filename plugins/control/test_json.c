/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "test_json.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json.h"

#define VALUES 16

static int parse(const char *text)
{
	struct json_value values[VALUES];

	return json_parse(text, strlen(text), values, VALUES);
}

/* RFC 8259, sections 2 to 7. */
static void valid_texts_are_taken(void **state)
{
	static const char *const texts[] = {"null", " true ", "-0", "0", "10", "1.5", "-1e9",
	    "2E-3", "1e+4", "\"\"", "\"a\\n\\u00e9\\\"\"", "\"\xc3\xa9\"", "\"\xf0\x9f\x92\xa1\"",
	    "[]", "{}", "[ 1 , 2 ]", "{\"a\":1,\"b\":[{}]}", "[[[[[[[[]]]]]]]]",
	    "{ \"a\" : { \"b\" : null } }"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (parse(texts[i]) <= 0)
			fail_msg("not taken: %s", texts[i]);
}

static void other_texts_are_refused(void **state)
{
	static const char *const texts[] = {"", " ", "nul", "null0", "truefalse", "01", "-", "+1",
	    ".5", "1.", "1e", "1e+", "0x10", "NaN", "\"", "\"a", "\"\\x\"", "\"\\u12\"",
	    "\"\\u12g4\"", "\"\t\"", "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{", "}",
	    "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{1:1}", "{\"a\" 1}", "[}", "{]", "1 2",
	    "'a'", "\"\xc3\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf5\x80\x80\x80\"",
	    "\"\x80\"", "\"\xe0\x9f\xbf\"", "[[[[[[[[[]]]]]]]]]"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (parse(texts[i]) >= 0)
			fail_msg("taken: %s", texts[i]);
}

static void a_nul_byte_is_not_json(void **state)
{
	struct json_value values[VALUES];

	assert_int_equal(json_parse("1\0", 2, values, VALUES), -EINVAL);
	assert_int_equal(json_parse("\"\0\"", 3, values, VALUES), -EINVAL);
	assert_int_equal(json_parse("\0", 1, values, VALUES), -EINVAL);
}

static void more_values_than_there_is_room_for_are_refused(void **state)
{
	struct json_value values[3];

	assert_int_equal(json_parse("[1,2]", 5, values, 3), 3);
	assert_int_equal(json_parse("[1,2,3]", 7, values, 3), -E2BIG);
}

static void members_are_found_behind_nested_ones(void **state)
{
	static const char text[] = "{\"x\":{\"b\":[1,{\"c\":2}]},\"b\":\"right\",\"b\":\"wrong\"}";
	struct json_value values[VALUES];

	assert_true(json_parse(text, strlen(text), values, VALUES) > 0);
	const struct json_value *b = json_member(text, values, "b");
	assert_non_null(b);
	assert_true(json_equals(text, b, "right"));
	assert_null(json_member(text, values, "c"));
	assert_null(json_member(text, b, "b"));
}

static void escapes_become_characters(void **state)
{
	static const char text[] =
	    "\"\\\"\\\\\\/\\b\\f\\n\\r\\tA\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"";
	struct json_value v;
	char copy[64];

	assert_int_equal(json_parse(text, strlen(text), &v, 1), 1);
	assert_true(json_string(text, &v, copy, sizeof(copy)) > 0);
	assert_string_equal(copy, "\"\\/\b\f\n\r\tAA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
}

/* Unicode 15, section 3.9: an unpaired surrogate has no character. */
static void half_of_a_pair_becomes_the_replacement_character(void **state)
{
	static const char text[] = "\"\\ud83dx\\ude00\\ud83d\\u0041\"";
	struct json_value v;
	char copy[64];

	assert_int_equal(json_parse(text, strlen(text), &v, 1), 1);
	assert_true(json_string(text, &v, copy, sizeof(copy)) > 0);
	assert_string_equal(copy, "\xef\xbf\xbdx\xef\xbf\xbd\xef\xbf\xbd"
				  "A");
}

static void a_string_needs_room_for_its_end(void **state)
{
	struct json_value v;
	char copy[4];

	assert_int_equal(json_parse("\"abc\"", 5, &v, 1), 1);
	assert_int_equal(json_string("\"abc\"", &v, copy, 4), 3);
	assert_int_equal(json_string("\"abc\"", &v, copy, 3), -1);
	assert_int_equal(json_parse("\"\\u0000\"", 8, &v, 1), 1);
	assert_int_equal(json_string("\"\\u0000\"", &v, copy, 4), -1);
}

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* In a block of just its size, so that a sanitizer sees every byte too far. */
static void corrupted_texts_never_lead_out_of_the_text(void **state)
{
	static const char good[] = "{\"jsonrpc\":\"2.0\",\"id\":\"\\ud83d\\ude00\",\"params\":{"
				   "\"a\":[1.5e3,true,{}],\"b\":null}}";
	static const char bytes[] = "\"\\{}[],:eEu0-\xc3\xed\xf0\x80";
	uint32_t seed = 1;

	for (unsigned round = 0; round < 200000; round++) {
		struct json_value values[VALUES];
		size_t n = sizeof(good) - 1 - next(&seed) % 8 * (next(&seed) % 10);
		char *text = malloc(n), copy[32];

		memcpy(text, good, n);
		for (unsigned k = next(&seed) % 4; k > 0; k--)
			text[next(&seed) % n] = bytes[next(&seed) % (sizeof(bytes) - 1)];
		int count = json_parse(text, n, values, VALUES);
		for (int i = 0; i < count; i++) {
			assert_true((size_t)values[i].at + values[i].len <= n);
			assert_in_range(values[i].next, (unsigned)i + 1, (unsigned)count);
			if (values[i].type == JSON_STRING)
				json_string(text, &values[i], copy, sizeof(copy));
		}
		if (count > 0)
			json_member(text, values, "b");
		free(text);
	}
}

int test_json(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(valid_texts_are_taken),
	    cmocka_unit_test(other_texts_are_refused),
	    cmocka_unit_test(a_nul_byte_is_not_json),
	    cmocka_unit_test(more_values_than_there_is_room_for_are_refused),
	    cmocka_unit_test(members_are_found_behind_nested_ones),
	    cmocka_unit_test(escapes_become_characters),
	    cmocka_unit_test(half_of_a_pair_becomes_the_replacement_character),
	    cmocka_unit_test(a_string_needs_room_for_its_end),
	    cmocka_unit_test(corrupted_texts_never_lead_out_of_the_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
