/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/identity_parse.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "core/base/log.h"

#define KEY_MAX   32u
#define VALUE_MAX 255u

static bool is_key(const char *key)
{
	const size_t n = strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n > 0 && n <= KEY_MAX && key[n] == '\0' && key[0] >= 'a' && key[0] <= 'z';
}

static bool is_value(const char *value)
{
	for (const char *c = value; *c; c++)
		if (*c < ' ' || *c > '~')
			return false;
	return strlen(value) <= VALUE_MAX;
}

static bool has_key(const struct volt_identity_pair *pairs, uint32_t count, const char *key)
{
	for (uint32_t i = 0; i < count; i++)
		if (strcmp(pairs[i].key, key) == 0)
			return true;
	return false;
}

int identity_parse(char *text, struct volt_identity_pair *pairs)
{
	uint32_t count = 0;

	/* The '=' and ',' of each pair are the two bytes more. */
	if (strlen(text) >= VOLT_IDENTITY_BYTES)
		return log_error(
		    EINVAL, "--identity: it is longer than %u characters", VOLT_IDENTITY_BYTES - 1);
	for (char *next; text; text = next) {
		next = strchr(text, ',');
		if (next)
			*next++ = '\0';
		char *value = strchr(text, '=');
		if (!value)
			return log_error(EINVAL, "--identity %s: give KEY=VALUE,...", text);
		*value++ = '\0';
		if (!is_key(text))
			return log_error(EINVAL,
			    "--identity: a key is 1 to %u small letters, digits and '-', the first "
			    "a letter, and \"%s\" is not",
			    KEY_MAX, text);
		if (!is_value(value))
			return log_error(EINVAL,
			    "--identity %s: a value is %u printable ASCII characters at most", text,
			    VALUE_MAX);
		if (has_key(pairs, count, text))
			return log_error(EINVAL, "--identity %s: it is given twice", text);
		if (count == VOLT_IDENTITY_PAIRS)
			return log_error(
			    EINVAL, "--identity: at most %u pairs", VOLT_IDENTITY_PAIRS);
		pairs[count++] = (struct volt_identity_pair){text, value};
	}
	return (int)count;
}
