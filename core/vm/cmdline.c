/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/cmdline.h"

#include <stdio.h>
#include <string.h>

/* Where the words for the kernel end: at a lone "--", behind which Linux (next_arg() in
 * lib/cmdline.c) finds its first program's arguments, or at the end. */
static size_t kernel_part(const char *text)
{
	bool quoted = false, start = true;
	size_t at = 0;

	for (; text[at] != '\0'; at++) {
		if (start && strncmp(text + at, "--", 2) == 0 &&
		    (text[at + 2] == ' ' || text[at + 2] == '\0'))
			break;
		quoted ^= text[at] == '"';
		start = !quoted && text[at] == ' ';
	}
	return at;
}

const char *cmdline_find(const char *text, const char *word)
{
	const size_t n = strlen(word), end = kernel_part(text);

	for (const char *p = text; p < text + end; p++)
		if ((p == text || p[-1] == ' ') && strncmp(p, word, n) == 0 &&
		    (p[n] == '\0' || p[n] == ' ' || p[n] == ','))
			return p;
	return NULL;
}

static bool add_devices(char *text, size_t size, const char *devices)
{
	const size_t len = strlen(text), n = strlen(devices), at = kernel_part(text);
	const size_t inside = at < len;

	if (n >= size - len)
		return false;
	if (n == 0)
		return true;
	memmove(text + at + n, text + at, len - at + 1);
	memcpy(text + at, devices + inside, n - inside);
	if (inside)
		text[at + n - 1] = ' ';
	return true;
}

bool cmdline_has(const char *text, const char *word)
{
	const size_t end = kernel_part(text), n = strlen(word);
	bool quoted = false, start = true;

	for (size_t at = 0; at < end; at++) {
		if (start && !quoted && end - at >= n && strncmp(text + at, word, n) == 0 &&
		    (text[at + n] == ' ' || text[at + n] == '\0'))
			return true;
		quoted ^= text[at] == '"';
		start = text[at] == ' ';
	}
	return false;
}

bool cmdline_make(
    char *to, size_t size, const char *cmdline, const char *append, const char *devices)
{
	int n = snprintf(to, size, "%s%s%s", cmdline, append ? " " : "", append ? append : "");

	return n >= 0 && (size_t)n < size && add_devices(to, size, devices);
}
