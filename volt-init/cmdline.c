/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
#include "cmdline.h"

#include <string.h>

#include "text.h"

struct word {
	const char *at;
	size_t len;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

static bool next_word(const char **cmdline, struct word *w)
{
	const char *at = *cmdline;
	bool quoted = false;

	while (is_blank(*at))
		at++;
	w->at = at;
	for (; *at && (quoted || !is_blank(*at)); at++) {
		if (*at == '"')
			quoted = !quoted;
	}
	w->len = (size_t)(at - w->at);
	*cmdline = at;
	return w->len > 0;
}

static void unquote(struct word *w)
{
	if (!w->len || w->at[0] != '"')
		return;
	w->at++;
	w->len--;
	if (w->len && w->at[w->len - 1] == '"')
		w->len--;
}

static bool copy(const struct word *w, char *buf, size_t size)
{
	if (w->len >= size)
		return false;
	memcpy(buf, w->at, w->len);
	buf[w->len] = '\0';
	return true;
}

static bool is_word(const struct word *w, const char *text)
{
	return w->len == strlen(text) && !memcmp(w->at, text, w->len);
}

static bool next_value(const char **cmdline, const char *key, struct word *w)
{
	const size_t key_len = strlen(key);

	while (next_word(cmdline, w)) {
		unquote(w);
		if (is_word(w, "--"))
			break;
		if (w->len <= key_len || memcmp(w->at, key, key_len) || w->at[key_len] != '=')
			continue;
		w->at += key_len + 1;
		w->len -= key_len + 1;
		unquote(w);
		return true;
	}
	return false;
}

bool cmdline_get(const char *cmdline, const char *key, char *buf, size_t size)
{
	bool found = false;
	struct word w;

	while (next_value(&cmdline, key, &w))
		found = copy(&w, buf, size);
	return found;
}

bool cmdline_next(const char **cmdline, const char *key, char *buf, size_t size)
{
	struct word w;

	while (next_value(cmdline, key, &w))
		if (copy(&w, buf, size))
			return true;
	return false;
}

bool cmdline_is_last(const char *cmdline, const char *yes, const char *no)
{
	bool is_yes = false;
	struct word w;

	while (next_word(&cmdline, &w)) {
		unquote(&w);
		if (is_word(&w, "--"))
			break;
		if (is_word(&w, yes) || is_word(&w, no))
			is_yes = is_word(&w, yes);
	}
	return is_yes;
}

bool cmdline_next_item(const char **list, char *buf, size_t size)
{
	while (**list) {
		struct word w = {*list, strcspn(*list, ",")};
		*list += w.len;
		if (**list == ',')
			++*list;
		if (w.len && copy(&w, buf, size))
			return true;
	}
	return false;
}

bool cmdline_port(const char *text, struct cmdline_port *port)
{
	char number[16];
	unsigned long value;
	const char *comma = strchr(text, ',');
	struct word w = {text, comma ? (size_t)(comma - text) : strlen(text)};

	if (!copy(&w, number, sizeof(number)) || !parse_number(number, 0xffff, &value))
		return false;
	port->port = (unsigned short)value;
	if (!comma)
		return true;
	if (!parse_number(comma + 1, 0xff, &value))
		return false;
	port->value = (unsigned char)value;
	return true;
}
