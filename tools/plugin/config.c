/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * config - values for parameters: what was typed, and what a required one may be.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

const struct volt_param *config_row(const struct volt_plugin *p, unsigned i)
{
	return (const void *)((const char *)p->params + (size_t)i * p->param_stride);
}

/* Length of "key=value" at `text`, a doubled comma being part of the value. */
static size_t token_length(const char *text)
{
	size_t n = 0;

	while (text[n] && (text[n] != ',' || text[n + 1] == ','))
		n += text[n] == ',' ? 2 : 1;
	return n;
}

static bool has_key(const char *token, size_t len, const char *key)
{
	size_t n = strlen(key);

	return len >= n && strncmp(token, key, n) == 0 && (len == n || token[n] == '=');
}

static bool gives(const char *text, const char *key)
{
	while (*text) {
		size_t n = token_length(text);

		if (has_key(text, n, key))
			return true;
		text += n + (text[n] == ',');
	}
	return false;
}

static void put(FILE *out, const char *key, const char *value, bool first)
{
	fprintf(out, "%s%s=", first ? "" : ",", key);
	for (; *value; value++)
		fputs(*value == ',' ? ",," : (char[]){*value, '\0'}, out);
}

char *config_with(const struct check *c, const char *key, const char *value)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	bool first = true;

	if (!out)
		abort();
	for (const char *at = c->base; *at;) {
		size_t n = token_length(at);

		if (!has_key(at, n, key)) {
			fprintf(out, "%s%.*s", first ? "" : ",", (int)n, at);
			first = false;
		}
		at += n + (at[n] == ',');
	}
	if (value)
		put(out, key, value, first);
	fclose(out);
	return text;
}

static const char *guess(const struct check *c, const struct volt_param *p, char buf[32])
{
	switch (p->type) {
	case VOLT_PARAM_BOOL:
		return "on";
	case VOLT_PARAM_ENUM:
		snprintf(buf, 32, "%.*s", (int)strcspn(p->choices, "|"), p->choices);
		return buf;
	case VOLT_PARAM_STRING:
		memset(buf, 'x', 31);
		buf[p->min && p->min < 31 ? p->min : 1] = '\0';
		return buf;
	case VOLT_PARAM_FILE_RO:
	case VOLT_PARAM_FILE_RW:
	case VOLT_PARAM_DISK:
		return c->input_path;
	case VOLT_PARAM_TAP:
		return "tap0";
	case VOLT_PARAM_SOCKET:
		return "unix:/far/end";
	case VOLT_PARAM_PEERS:
		return "/far/ends";
	case VOLT_PARAM_STREAM:
		return "null";
	}
	snprintf(buf, 32, "%" PRIu64, p->min);
	return buf;
}

void config_make_base(struct check *c)
{
	c->base = strdup(c->params);
	for (unsigned i = 0; i < c->plugin->param_count; i++) {
		const struct volt_param *p = config_row(c->plugin, i);
		char buf[32], *old = c->base;

		if (p->def || gives(c->params, p->name))
			continue;
		c->base = config_with(c, p->name, guess(c, p, buf));
		free(old);
	}
}
