/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* A configuration file, as words and back. volt.conf(5) tells its keys. */
#include "tools/config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX  (1u << 20)
#define DEPTH_MAX 8

/* --------------------------------------------------------------------- text */

/* A string that grows. */
struct text {
	char *bytes;
	size_t len;
};

static void text_add(struct text *t, const char *bytes, size_t len)
{
	t->bytes = needed(realloc(t->bytes, t->len + len + 1));
	memcpy(t->bytes + t->len, bytes, len);
	t->len += len;
	t->bytes[t->len] = '\0';
}

/* A comma in a parameter's value is typed as two. */
static void text_add_value(struct text *t, const char *value)
{
	for (; *value; value++)
		text_add(t, *value == ',' ? ",," : value, *value == ',' ? 2 : 1);
}

/* ------------------------------------------------------------------ reading */

/* Where in the file something is wrong: its key, and in a list its place, from 1. */
struct place {
	const char *path, *key;
	size_t item;
};

static bool __attribute__((format(printf, 2, 3)))
wrong(const struct place *at, const char *format, ...)
{
	char said[200], item[32] = "";
	va_list args;

	va_start(args, format);
	vsnprintf(said, sizeof(said), format, args);
	va_end(args);
	if (at->item)
		snprintf(item, sizeof(item), "[%zu]", at->item);
	complain("%s: \"%s\"%s: %s", at->path, at->key, item, said);
	return false;
}

static bool is_text(const struct place *at, struct json_object *o)
{
	const char *text = json_object_get_string(o);

	if (strlen(text) == (size_t)json_object_get_string_len(o))
		return true;
	return wrong(at, "a text cannot have a character of value 0");
}

/* A string or an integer as volt would have it typed. False, which is printed: it is something
 * else. */
static bool scalar(const struct place *at, struct json_object *o, const char **text)
{
	if (json_object_is_type(o, json_type_string)) {
		*text = json_object_get_string(o);
		return is_text(at, o);
	}
	if (!json_object_is_type(o, json_type_int))
		return wrong(at, "give a text or a whole number");
	*text = json_object_to_json_string(o);
	return true;
}

static bool add_parameter(
    const struct place *at, struct text *spec, const char *key, struct json_object *o)
{
	const char *text = "";

	if (strpbrk(key, ",=") || !key[0])
		return wrong(at, "the parameter's name \"%s\" is empty or has a comma or '='", key);
	if (json_object_is_type(o, json_type_boolean))
		text = json_object_get_boolean(o) ? "on" : "off";
	else if (!scalar(at, o, &text))
		return false;
	text_add(spec, ",", 1);
	text_add(spec, key, strlen(key));
	text_add(spec, "=", 1);
	text_add_value(spec, text);
	return true;
}

static bool add_parameters(const struct place *at, struct text *spec, struct json_object *o)
{
	if (!json_object_is_type(o, json_type_object))
		return wrong(at, "\"parameters\" is not an object");
	json_object_object_foreach(o, key, value)
	{
		if (!add_parameter(at, spec, key, value))
			return false;
	}
	return true;
}

/* {"name": NAME, "parameters": {KEY: VALUE...}} as NAME,KEY=VALUE... */
static bool build_spec(const struct place *at, struct json_object *o, struct text *spec)
{
	struct json_object *name, *parameters;

	json_object_object_foreach(o, key, value)
	{
		(void)value;
		if (strcmp(key, "name") != 0 && strcmp(key, "parameters") != 0)
			return wrong(
			    at, "unknown key \"%s\"; it has \"name\" and \"parameters\"", key);
	}
	if (!json_object_object_get_ex(o, "name", &name) ||
	    !json_object_is_type(name, json_type_string))
		return wrong(at, "give the plugin's \"name\" as a text");
	if (!is_text(at, name))
		return false;
	text_add_value(spec, json_object_get_string(name));
	return !json_object_object_get_ex(o, "parameters", &parameters) ||
	       add_parameters(at, spec, parameters);
}

static bool add_spec(
    const struct place *at, struct words *to, const struct row *row, struct json_object *o)
{
	struct text spec = {NULL, 0};

	if (!json_object_is_type(o, json_type_object))
		return wrong(at, "give a text or an object with \"name\" and \"parameters\"");
	const bool good = build_spec(at, o, &spec);
	if (good)
		words_add(to, row, spec.bytes);
	free(spec.bytes);
	return good;
}

static bool add_item(
    const struct place *at, struct words *to, const struct row *row, struct json_object *o)
{
	if (json_object_is_type(o, json_type_string)) {
		if (!is_text(at, o))
			return false;
		words_add(to, row, json_object_get_string(o));
		return true;
	}
	return row->kind == SPECS ? add_spec(at, to, row, o) : wrong(at, "give a text");
}

static bool add_list(
    const struct place *in, struct words *to, const struct row *row, struct json_object *o)
{
	struct place at = *in;

	if (!json_object_is_type(o, json_type_array))
		return wrong(in, "give a list: [...]");
	for (size_t i = 0; i < json_object_array_length(o); i++) {
		at.item = i + 1;
		if (!add_item(&at, to, row, json_object_array_get_idx(o, i)))
			return false;
	}
	return true;
}

static bool add_option(
    const struct place *at, struct words *to, const struct row *row, struct json_object *o)
{
	const char *text = "";

	if (row->kind == LIST || row->kind == SPECS)
		return add_list(at, to, row, o);
	if (row->kind == SINGLE) {
		if (!scalar(at, o, &text))
			return false;
		words_add(to, row, text);
		return true;
	}
	if (!json_object_is_type(o, json_type_boolean))
		return wrong(at, "give true or false");
	if (json_object_get_boolean(o))
		words_add(to, row, NULL);
	return true;
}

static bool add_key(const char *path, struct words *to, const char *key, struct json_object *o)
{
	const struct place at = {.path = path, .key = key};
	const struct row *row = rows_find(key, strlen(key));

	if (strcmp(key, "$schema") == 0)
		return true;
	if (row && row->kind < WHERE)
		return add_option(&at, to, row, o);
	if (row)
		return wrong(&at, "this option has no place in a file");
	const char *near = rows_near(key);
	if (near)
		return wrong(&at, "unknown key; did you mean \"%s\"?", near);
	return wrong(&at, "unknown key; volt --help lists the options, whose names are the keys");
}

static char *read_all(const char *path, size_t *len)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char *bytes = needed(malloc(FILE_MAX + 1));
	struct stat st;
	ssize_t n = 0;

	*len = 0;
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		n = -1;
	}
	while (fd >= 0 && n >= 0 && *len <= FILE_MAX) {
		n = read(fd, bytes + *len, FILE_MAX + 1 - *len);
		if (n <= 0)
			break;
		*len += (size_t)n;
	}
	const int err = errno;
	if (fd >= 0)
		close(fd);
	if (fd >= 0 && n >= 0 && *len <= FILE_MAX)
		return bytes;
	complain("%s: cannot read: %s", path,
	    *len > FILE_MAX ? "it has more than 1 MiB" : strerror(err));
	free(bytes);
	return NULL;
}

static void say_where(const char *path, const char *bytes, size_t at, const char *why)
{
	size_t line = 1, column = 1;

	for (size_t i = 0; i < at; i++) {
		column = bytes[i] == '\n' ? 1 : column + 1;
		line += bytes[i] == '\n';
	}
	complain("%s: line %zu, column %zu: cannot parse JSON: %s", path, line, column, why);
}

static struct json_object *parse(const char *path, const char *bytes, size_t len)
{
	struct json_tokener *t = needed(json_tokener_new_ex(DEPTH_MAX));

	json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	struct json_object *o = json_tokener_parse_ex(t, bytes, (int)len);
	const enum json_tokener_error err = json_tokener_get_error(t);
	size_t end = json_tokener_get_parse_end(t);
	const char *why =
	    err == json_tokener_continue ? "the text ends too early" : json_tokener_error_desc(err);

	if (err == json_tokener_success) {
		end += strspn(bytes + end, " \t\r\n");
		why = end < len ? "something follows the object" : NULL;
	}
	if (!why && !json_object_is_type(o, json_type_object)) {
		end = 0;
		why = "it is not an object: {...}";
	}
	if (why) {
		say_where(path, bytes, end, why);
		json_object_put(o);
		o = NULL;
	}
	json_tokener_free(t);
	return o;
}

bool file_read(const char *path, struct words *to)
{
	size_t len;
	char *bytes = read_all(path, &len);

	if (!bytes)
		return false;
	bytes[len] = '\0';
	struct json_object *o = parse(path, bytes, len);
	bool good = o != NULL;

	free(bytes);
	if (!o)
		return false;
	json_object_object_foreach(o, key, value)
	{
		good = good && add_key(path, to, key, value);
	}
	json_object_put(o);
	return good;
}

/* ------------------------------------------------------------------ writing */

/* The next part of a spec, which ends at a single comma; NULL: there are no more. */
static char *next_part(const char **at)
{
	struct text part = {NULL, 0};
	const char *p = *at;

	if (!p)
		return NULL;
	text_add(&part, "", 0);
	for (; *p && (*p != ',' || p[1] == ','); p++) {
		text_add(&part, p, 1);
		p += *p == ',';
	}
	*at = *p ? p + 1 : NULL;
	return part.bytes;
}

/* False: the part is not KEY=VALUE, so the whole spec stays a text. */
static bool put_parameter(struct json_object *parameters, char *part)
{
	char *equals = strchr(part, '=');

	if (!equals || equals == part)
		return false;
	*equals = '\0';
	if (json_object_object_get_ex(parameters, part, NULL))
		return false;
	return json_object_object_add(parameters, part, json_object_new_string(equals + 1)) == 0;
}

static struct json_object *object_of(const char *spec)
{
	struct json_object *o = json_object_new_object(), *parameters = json_object_new_object();
	const char *at = spec;
	char *part = next_part(&at);
	bool good = true;

	json_object_object_add(o, "name", json_object_new_string(part));
	free(part);
	while (good && (part = next_part(&at))) {
		good = put_parameter(parameters, part);
		free(part);
	}
	if (good && json_object_object_length(parameters) > 0)
		json_object_object_add(o, "parameters", json_object_get(parameters));
	json_object_put(parameters);
	if (good)
		return o;
	json_object_put(o);
	return json_object_new_string(spec);
}

static struct json_object *item_of(const struct word *w)
{
	return w->row->kind == SPECS && strchr(w->value, ',') ? object_of(w->value)
							      : json_object_new_string(w->value);
}

static void put_word(struct json_object *o, const struct word *w)
{
	struct json_object *list;

	if (w->row->kind == FLAG) {
		json_object_object_add(o, w->row->name, json_object_new_boolean(true));
		return;
	}
	if (w->row->kind == SINGLE) {
		json_object_object_add(o, w->row->name, json_object_new_string(w->value));
		return;
	}
	if (!json_object_object_get_ex(o, w->row->name, &list)) {
		list = json_object_new_array();
		json_object_object_add(o, w->row->name, list);
	}
	json_object_array_add(list, item_of(w));
}

struct json_object *file_of(const struct words *w)
{
	struct json_object *o = json_object_new_object();

	for (size_t i = 0; i < w->count; i++)
		put_word(o, &w->all[i]);
	return o;
}
