/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/kernel/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/kernel/unpack.h"

#define PREFIX "CONFIG_"

static size_t name_length(const char *line)
{
	return strcspn(line, "=");
}

static int by_name(const void *left, const void *right)
{
	const char *a = *(const char *const *)left, *b = *(const char *const *)right;
	size_t a_len = name_length(a), b_len = name_length(b);
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

static int add(struct config *c, const char *line)
{
	if ((c->count & (c->count - 1)) == 0) { /* room doubles at the powers of two */
		size_t room = c->count == 0 ? 1 : 2 * (size_t)c->count;
		const char **lines = realloc(c->lines, room * sizeof(*lines));

		if (!lines)
			return -ENOMEM;
		c->lines = lines;
	}
	c->lines[c->count++] = line;
	return 0;
}

static int add_lines(struct config *c, char *text, size_t size)
{
	for (size_t at = 0; at < size;) {
		char *line = text + at;
		char *end = memchr(line, '\n', size - at);

		if (!end)
			break; /* a line that is cut short has no value */
		*end = '\0';
		at = (size_t)(end - text) + 1;
		if (strncmp(line, PREFIX, strlen(PREFIX)) != 0 || !strchr(line, '='))
			continue;
		const int err = add(c, line);
		if (err)
			return err;
	}
	return c->count == 0 ? -ENOEXEC : 0;
}

int config_parse(struct config *c, char *text, size_t size)
{
	*c = (struct config){.text = text, .size = size};
	const int err = add_lines(c, text, size);

	if (err) {
		config_finish(c);
		return err;
	}
	qsort(c->lines, c->count, sizeof(c->lines[0]), by_name);
	return 0;
}

void config_finish(struct config *c)
{
	free(c->text);
	free(c->lines);
	*c = (struct config){0};
}

/* What follows the equals sign, or NULL. */
static const char *find(const struct config *c, const char *option)
{
	char name[128];
	const char *key = name;

	if ((size_t)snprintf(name, sizeof(name), PREFIX "%s", option) >= sizeof(name) ||
	    c->count == 0)
		return NULL;
	const char **line = bsearch(&key, c->lines, c->count, sizeof(c->lines[0]), by_name);
	return line ? *line + name_length(*line) + 1 : NULL;
}

enum config_value config_value(const struct config *c, const char *option)
{
	const char *value = find(c, option);

	if (!value || strcmp(value, "n") == 0)
		return CONFIG_NO;
	return strcmp(value, "m") == 0 ? CONFIG_MODULE : CONFIG_YES;
}

uint64_t config_number(const struct config *c, const char *option)
{
	const char *value = find(c, option);

	return value ? strtoull(value, NULL, 0) : 0;
}

/* ------------------------------------------------------- in a kernel's own bytes */

struct text {
	char *bytes;
	size_t size;
};

static int append(void *arg, const void *bytes, size_t size)
{
	struct text *t = arg;

	if (size > CONFIG_SIZE_MAX - t->size)
		return -EFBIG;
	char *more = realloc(t->bytes, t->size + size + 1);
	if (!more)
		return -ENOMEM;
	memcpy(more + t->size, bytes, size);
	t->bytes = more;
	t->size += size;
	return 0;
}

/* Linux puts eight letters before the stream, and eight behind. */
static const uint8_t *find_stream(const uint8_t *kernel, size_t size, size_t *length)
{
	static const char start[] = "IKCFG_ST\x1f\x8b\x08", end[] = "IKCFG_ED";
	const uint8_t *at = memmem(kernel, size, start, sizeof(start) - 1);

	if (!at)
		return NULL;
	at += 8;
	size_t left = size - (size_t)(at - kernel);
	const uint8_t *last = memmem(at, left, end, sizeof(end) - 1);
	*length = last ? (size_t)(last - at) : left;
	return at;
}

char *config_find(const uint8_t *kernel, size_t size, size_t *text_size, char *why, size_t why_size)
{
	struct text text = {0};
	size_t length;
	const uint8_t *stream = find_stream(kernel, size, &length);

	why[0] = '\0';
	if (!stream)
		return NULL;
	if (unpack_gzip(stream, length, append, &text, why, why_size) != 0) {
		free(text.bytes);
		return NULL;
	}
	*text_size = text.size;
	return text.bytes;
}
