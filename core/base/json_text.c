/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/base/json_text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/base/log.h"

#define END_SIZE 3u /* brace, line feed, NUL: always kept free */

static bool put(struct json_text *t, const char *bytes, size_t n)
{
	if (n > t->room - END_SIZE - t->size)
		return false;
	memcpy(t->bytes + t->size, bytes, n);
	t->size += n;
	return true;
}

static bool put_name(struct json_text *t, const char *name)
{
	char head[64];
	const int n = snprintf(head, sizeof(head), "%s\"%s\":", t->size > 1 ? "," : "", name);

	return put(t, head, (size_t)n);
}

/* Moves *p behind the character that it puts. */
static bool put_character(struct json_text *t, const char **p)
{
	const unsigned n = log_printable_length((const unsigned char *)*p);
	const char *from = *p;
	char escape[8];

	*p += n > 0 ? n : 1;
	if (n > 0 && *from != '"' && *from != '\\')
		return put(t, from, n);
	return put(
	    t, escape, (size_t)snprintf(escape, sizeof(escape), "\\u%04x", (unsigned char)*from));
}

void json_begin(struct json_text *t)
{
	t->size = 0;
	put(t, "{", 1);
}

void json_put_string(struct json_text *t, const char *name, const char *value)
{
	const size_t before = t->size;

	if (!value)
		return;
	bool fits = put_name(t, name) && put(t, "\"", 1);
	while (fits && *value)
		fits = put_character(t, &value);
	if (!fits || !put(t, "\"", 1))
		t->size = before;
}

void json_put_number(struct json_text *t, const char *name, uint64_t value)
{
	const size_t before = t->size;
	char text[24];
	const int n = snprintf(text, sizeof(text), "%" PRIu64, value);

	if (!put_name(t, name) || !put(t, text, (size_t)n))
		t->size = before;
}

size_t json_end(struct json_text *t)
{
	memcpy(t->bytes + t->size, "}\n", END_SIZE);
	t->size += 2;
	return t->size;
}
