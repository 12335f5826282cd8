/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * params_text - numbers and names as people type them.
 */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <sdk/common/params.h>

#define NAME_MAX_LEN 64

bool params_is_name(const char *name, char joint, size_t max)
{
	size_t n = 0;

	if (!name || name[0] < 'a' || name[0] > 'z')
		return false;
	while ((name[n] >= 'a' && name[n] <= 'z') || (name[n] >= '0' && name[n] <= '9') ||
	       (name[n] != '\0' && name[n] == joint))
		n++;
	return n <= max && name[n] == '\0';
}

static unsigned digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return 16;
}

/* Reads digits up to `*end`. All are read even after an overflow, so that "not a
 * number" is said before "too big". */
static int scan_uint(const char *text, uint64_t *out, const char **end)
{
	unsigned base = 10;
	bool overflow = false;
	uint64_t value = 0;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		base = 16;
		text += 2;
	} else if (text[0] == '0') {
		base = 8;
	}
	if (digit_value(*text) >= base)
		return -EINVAL;
	for (; digit_value(*text) < base; text++)
		overflow |= __builtin_mul_overflow(value, (uint64_t)base, &value) ||
			    __builtin_add_overflow(value, (uint64_t)digit_value(*text), &value);
	*end = text;
	*out = value;
	return overflow ? -ERANGE : 0;
}

int parse_uint(const char *text, uint64_t *out)
{
	uint64_t value;
	const char *end;
	const int err = scan_uint(text, &value, &end);

	if (err == -EINVAL || *end)
		return -EINVAL;
	if (err)
		return err;
	*out = value;
	return 0;
}

int parse_size(const char *text, uint64_t *out)
{
	static const char suffixes[] = "KMG";
	uint64_t value, unit = 1;
	const char *end;
	int err = scan_uint(text, &value, &end);

	if (err == -EINVAL)
		return -EINVAL;
	const char *suffix = *end ? strchr(suffixes, toupper((unsigned char)*end)) : NULL;
	if (suffix) {
		unit <<= 10 * (suffix - suffixes + 1);
		end++;
	}
	if (*end)
		return -EINVAL;
	if (err || __builtin_mul_overflow(value, unit, &value))
		return -ERANGE;
	*out = value;
	return 0;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned least = a < b ? a : b;

	return least < c ? least : c;
}

/* Damerau-Levenshtein distance (insert, delete, replace, swap of neighbours; no part
 * is edited twice) by three rows of the usual table. */
static unsigned edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned rows[3][NAME_MAX_LEN + 1];
	unsigned *before = rows[0], *prev = rows[1], *cur = rows[2];

	for (size_t j = 0; j <= b_len; j++)
		prev[j] = (unsigned)j;
	for (size_t i = 1; i <= a_len; i++) {
		cur[0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++) {
			unsigned change = a[i - 1] != b[j - 1];

			cur[j] = min3(prev[j] + 1, cur[j - 1] + 1, prev[j - 1] + change);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < cur[j])
				cur[j] = before[j - 2] + 1;
		}
		unsigned *oldest = before;

		before = prev;
		prev = cur;
		cur = oldest;
	}
	return prev[b_len];
}

const char *nearest_name(const char *typed, const char *const *names)
{
	const char *best = NULL;
	unsigned best_distance = 0;
	size_t typed_len = strlen(typed);

	if (typed_len > NAME_MAX_LEN)
		return NULL;
	for (; *names; names++) {
		size_t len = strlen(*names);
		size_t longer = len > typed_len ? len : typed_len;

		if (longer > NAME_MAX_LEN)
			continue;
		unsigned distance = edit_distance(typed, typed_len, *names, len);
		/* One slip in three letters is a typing error; more is another word. */
		if (distance > (longer + 2) / 3 || distance >= longer)
			continue;
		if (!best || distance < best_distance) {
			best = *names;
			best_distance = distance;
		}
	}
	return best;
}
