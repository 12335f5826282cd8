/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * report - one line a case, or JSON.
 */
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"

static const char *const words[] = {
    [CHECK_UNDECIDED] = "?",
    [CHECK_PASSED] = "ok",
    [CHECK_FAILED] = "FAIL",
    [CHECK_SKIPPED] = "skip",
};

void report_head(const struct check_report *r)
{
	if (!r->json)
		printf("%s, seed 0x%" PRIx64 "\n", r->check->path, r->check->seed);
}

/* What reaches a terminal has no control characters: plugins choose some of the text. */
static void print_clean(const char *text)
{
	for (; *text; text++)
		putchar((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text);
}

void report_case(const struct check_report *r, unsigned i)
{
	const struct check_result *result = &r->results[i];

	if (r->json)
		return;
	printf("  %-4s  %-11s ", words[result->state], check_cases[i].name);
	print_clean(result->state == CHECK_PASSED ? check_cases[i].what : result->why);
	putchar('\n');
	fflush(stdout);
}

static unsigned count(const struct check_report *r, enum check_state state)
{
	unsigned n = 0;

	for (unsigned i = 0; i < check_case_count; i++)
		n += r->chosen[i] && r->results[i].state == state;
	return n;
}

static struct json_object *case_object(const struct check_report *r, unsigned i)
{
	static const char *const states[] = {"undecided", "passed", "failed", "skipped"};
	const struct check_result *result = &r->results[i];
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "name", json_object_new_string(check_cases[i].name));
	json_object_object_add(o, "result", json_object_new_string(states[result->state]));
	json_object_object_add(o, "what", json_object_new_string(check_cases[i].what));
	if (result->state != CHECK_PASSED)
		json_object_object_add(o, "why", json_object_new_string(result->why));
	json_object_object_add(o, "milliseconds", json_object_new_int64(result->ms));
	return o;
}

static void print_json(const struct check_report *r)
{
	struct json_object *o = json_object_new_object(), *tests = json_object_new_array();
	char seed[24];

	snprintf(seed, sizeof(seed), "0x%" PRIx64, r->check->seed);
	json_object_object_add(o, "file", json_object_new_string(r->check->path));
	json_object_object_add(o, "seed", json_object_new_string(seed));
	json_object_object_add(o, "rounds", json_object_new_int64(r->check->rounds));
	for (unsigned i = 0; i < check_case_count; i++)
		if (r->chosen[i])
			json_object_array_add(tests, case_object(r, i));
	json_object_object_add(o, "tests", tests);
	json_object_object_add(o, "passed", json_object_new_int64(count(r, CHECK_PASSED)));
	json_object_object_add(o, "failed", json_object_new_int64(count(r, CHECK_FAILED)));
	json_object_object_add(o, "skipped", json_object_new_int64(count(r, CHECK_SKIPPED)));
	puts(json_object_to_json_string_ext(
	    o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

unsigned report_end(const struct check_report *r)
{
	unsigned failed = count(r, CHECK_FAILED);

	if (r->json)
		print_json(r);
	else
		printf("%u passed, %u failed, %u skipped\n", count(r, CHECK_PASSED), failed,
		    count(r, CHECK_SKIPPED));
	return failed;
}
