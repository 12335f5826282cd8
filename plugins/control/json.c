/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "json.h"

#include <errno.h>
#include <string.h>

struct reader {
	const unsigned char *text;
	size_t n, at;
	struct json_value *values;
	unsigned max, count;
	uint32_t open[JSON_DEPTH_MAX]; /* numbers of the arrays and objects around us */
	unsigned depth;
};

static bool at_end(const struct reader *r)
{
	return r->at >= r->n;
}

/* 0 stands for the end too: it is not part of any value. */
static unsigned char peek(const struct reader *r)
{
	return at_end(r) ? 0 : r->text[r->at];
}

static bool accept(struct reader *r, unsigned char c)
{
	if (at_end(r) || r->text[r->at] != c)
		return false;
	r->at++;
	return true;
}

static void skip_blanks(struct reader *r)
{
	while (!at_end(r) && strchr(" \t\n\r", r->text[r->at]) && r->text[r->at])
		r->at++;
}

static bool is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

static int hex_digit(unsigned char c)
{
	if (is_digit(c))
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -1;
}

/* ---------------------------------------------------------------- strings */

/* Bytes of the character at `s`, of which `n` are there; 0: not UTF-8 (RFC 3629, section 4). */
static size_t utf8_length(const unsigned char *s, size_t n)
{
	static const struct {
		unsigned char first, last, low, high; /* of the first byte; of the second */
		unsigned char size;
	} forms[] = {
	    {0x00, 0x7f, 0, 0, 1},
	    {0xc2, 0xdf, 0x80, 0xbf, 2},
	    {0xe0, 0xe0, 0xa0, 0xbf, 3},
	    {0xe1, 0xec, 0x80, 0xbf, 3},
	    {0xed, 0xed, 0x80, 0x9f, 3},
	    {0xee, 0xef, 0x80, 0xbf, 3},
	    {0xf0, 0xf0, 0x90, 0xbf, 4},
	    {0xf1, 0xf3, 0x80, 0xbf, 4},
	    {0xf4, 0xf4, 0x80, 0x8f, 4},
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (s[0] < forms[i].first || s[0] > forms[i].last)
			continue;
		if (forms[i].size > n)
			return 0;
		if (forms[i].size > 1 && (s[1] < forms[i].low || s[1] > forms[i].high))
			return 0;
		for (size_t k = 2; k < forms[i].size; k++)
			if ((s[k] & 0xc0) != 0x80)
				return 0;
		return forms[i].size;
	}
	return 0;
}

/* The four digits at `at`, or -1. */
static int32_t read_hex(const unsigned char *text, size_t n, size_t at)
{
	int32_t code = 0;

	if (n < 4 || at > n - 4)
		return -1;
	for (size_t i = 0; i < 4; i++) {
		int digit = hex_digit(text[at + i]);

		if (digit < 0)
			return -1;
		code = code << 4 | digit;
	}
	return code;
}

static bool skip_escape(struct reader *r)
{
	unsigned char c = peek(r);

	if (!c || !strchr("\"\\/bfnrtu", c))
		return false;
	r->at++;
	if (c != 'u')
		return true;
	if (read_hex(r->text, r->n, r->at) < 0)
		return false;
	r->at += 4;
	return true;
}

/* Behind the opening quote. */
static bool skip_string(struct reader *r)
{
	while (!at_end(r)) {
		unsigned char c = r->text[r->at];

		if (c == '"') {
			r->at++;
			return true;
		}
		if (c < 0x20)
			return false;
		if (c == '\\') {
			r->at++;
			if (!skip_escape(r))
				return false;
			continue;
		}
		size_t size = utf8_length(r->text + r->at, r->n - r->at);
		if (!size)
			return false;
		r->at += size;
	}
	return false;
}

/* ---------------------------------------------------------------- numbers */

static bool skip_digits(struct reader *r)
{
	size_t from = r->at;

	while (is_digit(peek(r)))
		r->at++;
	return r->at > from;
}

static bool skip_number(struct reader *r)
{
	accept(r, '-');
	if (!accept(r, '0') && !skip_digits(r))
		return false;
	if (accept(r, '.') && !skip_digits(r))
		return false;
	if (accept(r, 'e') || accept(r, 'E')) {
		if (!accept(r, '+'))
			accept(r, '-');
		return skip_digits(r);
	}
	return true;
}

/* ----------------------------------------------------------------- values */

static struct json_value *add(struct reader *r, enum json_type type, size_t at)
{
	if (r->count == r->max)
		return NULL;
	if (r->depth)
		r->values[r->open[r->depth - 1]].children++;
	struct json_value *v = &r->values[r->count++];
	*v = (struct json_value){.type = type, .at = (uint32_t)at, .next = r->count};
	return v;
}

static int read_scalar(struct reader *r)
{
	static const struct {
		const char *word;
		enum json_type type;
	} words[] = {{"null", JSON_NULL}, {"false", JSON_FALSE}, {"true", JSON_TRUE}};
	const size_t from = r->at;
	enum json_type type = JSON_NUMBER;
	bool good = false;

	if (accept(r, '"')) {
		struct json_value *v = add(r, JSON_STRING, from + 1);

		if (!v)
			return -E2BIG;
		if (!skip_string(r))
			return -EINVAL;
		v->len = (uint32_t)(r->at - 1 - v->at);
		return 0;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && !good; i++) {
		size_t len = strlen(words[i].word);

		if (r->n - from < len || memcmp(r->text + from, words[i].word, len) != 0)
			continue;
		type = words[i].type;
		r->at += len;
		good = true;
	}
	if (!good && !skip_number(r))
		return -EINVAL;
	struct json_value *v = add(r, type, from);
	if (!v)
		return -E2BIG;
	v->len = (uint32_t)(r->at - from);
	return 0;
}

static int open_group(struct reader *r, enum json_type type)
{
	if (r->depth == JSON_DEPTH_MAX)
		return -E2BIG;
	if (!add(r, type, r->at - 1))
		return -E2BIG;
	r->open[r->depth++] = r->count - 1;
	return 0;
}

static void close_group(struct reader *r)
{
	struct json_value *v = &r->values[r->open[--r->depth]];

	v->len = (uint32_t)(r->at - v->at);
	v->next = r->count;
}

static enum json_type group_type(const struct reader *r)
{
	return r->values[r->open[r->depth - 1]].type;
}

/* The name of an object's member, and the colon. */
static int read_name(struct reader *r)
{
	skip_blanks(r);
	if (peek(r) != '"')
		return -EINVAL;
	int err = read_scalar(r);
	if (err)
		return err;
	skip_blanks(r);
	return accept(r, ':') ? 0 : -EINVAL;
}

/* One value, or the opening of one. *whole: it is read to its end. */
static int read_value(struct reader *r, bool *whole)
{
	skip_blanks(r);
	*whole = true;
	for (int object = 0; object < 2; object++) {
		if (!accept(r, object ? '{' : '['))
			continue;
		int err = open_group(r, object ? JSON_OBJECT : JSON_ARRAY);

		if (err)
			return err;
		skip_blanks(r);
		*whole = accept(r, object ? '}' : ']');
		if (*whole)
			close_group(r);
		return !*whole && object ? read_name(r) : 0;
	}
	return read_scalar(r);
}

/* After a whole value: closes what ends here. *more: a further value follows. */
static int read_end(struct reader *r, bool *more)
{
	*more = false;
	while (r->depth) {
		const bool object = group_type(r) == JSON_OBJECT;

		skip_blanks(r);
		if (accept(r, ',')) {
			*more = true;
			return object ? read_name(r) : 0;
		}
		if (!accept(r, object ? '}' : ']'))
			return -EINVAL;
		close_group(r);
	}
	return 0;
}

int json_parse(const char *text, size_t n, struct json_value *values, unsigned max)
{
	struct reader r = {
	    .text = (const unsigned char *)text, .n = n, .values = values, .max = max};
	bool whole, more = true;

	if (n > UINT32_MAX)
		return -E2BIG;
	while (more) {
		int err = read_value(&r, &whole);

		if (err)
			return err;
		if (whole)
			err = read_end(&r, &more);
		if (err)
			return err;
	}
	skip_blanks(&r);
	return at_end(&r) ? (int)r.count : -EINVAL;
}

/* ---------------------------------------------------------------- looking */

static size_t put_utf8(uint32_t code, char *to)
{
	if (code < 0x80) {
		to[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		to[0] = (char)(0xc0 | code >> 6);
		to[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		to[0] = (char)(0xe0 | code >> 12);
		to[1] = (char)(0x80 | (code >> 6 & 0x3f));
		to[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | code >> 18);
	to[1] = (char)(0x80 | (code >> 12 & 0x3f));
	to[2] = (char)(0x80 | (code >> 6 & 0x3f));
	to[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

/* The character of the escape at `at`, behind its backslash; *used: bytes of it. Half of a
 * surrogate pair alone becomes U+FFFD. */
static uint32_t read_escape(const unsigned char *text, size_t n, size_t at, size_t *used)
{
	static const char names[] = "bfnrt", codes[] = "\b\f\n\r\t";
	const char *name = strchr(names, text[at]);

	*used = 1;
	if (text[at] != 'u')
		return name ? (uint32_t)codes[name - names] : text[at];
	uint32_t code = (uint32_t)read_hex(text, n, at + 1);
	*used = 5;
	if (code < 0xd800 || code > 0xdfff)
		return code;
	if (code > 0xdbff || n - at < 11 || text[at + 5] != '\\' || text[at + 6] != 'u')
		return 0xfffd;
	int32_t low = read_hex(text, n, at + 7);
	if (low < 0xdc00 || low > 0xdfff)
		return 0xfffd;
	*used = 11;
	return 0x10000 + ((code - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
}

int json_string(const char *text, const struct json_value *v, char *to, size_t size)
{
	const unsigned char *in = (const unsigned char *)text + v->at;
	size_t put = 0;

	for (size_t at = 0, used; at < v->len; at += used) {
		char utf8[4];
		size_t len = 1;

		used = 1;
		utf8[0] = (char)in[at];
		if (in[at] == '\\') {
			uint32_t code = read_escape(in, v->len, at + 1, &used);

			used++;
			len = put_utf8(code, utf8);
		}
		if (!utf8[0] || put + len >= size)
			return -1;
		memcpy(to + put, utf8, len);
		put += len;
	}
	if (!size)
		return -1;
	to[put] = '\0';
	return (int)put;
}

bool json_equals(const char *text, const struct json_value *v, const char *string)
{
	char copy[64];

	return v->type == JSON_STRING && json_string(text, v, copy, sizeof(copy)) >= 0 &&
	       strcmp(copy, string) == 0;
}

const struct json_value *json_member(
    const char *text, const struct json_value *object, const char *name)
{
	const struct json_value *v = object + 1;

	if (object->type != JSON_OBJECT)
		return NULL;
	for (uint32_t i = 0; i + 1 < object->children; i += 2) {
		const struct json_value *value = v + 1; /* names have nothing inside */

		if (json_equals(text, v, name))
			return value;
		/* `next` counts from the array's start; the object's own number is next minus
		 * what it holds, so go by the difference. */
		v = value + (value->next - (v[0].next));
	}
	return NULL;
}
