/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * params - "key=value,key=value" in three steps: every key gets its text, every text
 * its value, and only then are files and streams opened, so that a typing error opens
 * nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sdk/common/params_internal.h>

#define ID_MAX  32
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"

/* One run of the parser. */
struct parse {
	struct params *out;
	const struct volt_plugin *plugin;
	struct params_why why;
	const char *typed;             /* the whole text */
	const char *texts[PARAMS_MAX]; /* by row; NULL: not typed */
};

/* Cuts the next "key=value" off *rest in place, two commas becoming one. True if a
 * comma ended it, so that something must follow. */
static bool cut_token(char **rest, char **token)
{
	char *in = *rest, *put = *rest;

	*token = *rest;
	while (*in && (*in != ',' || in[1] == ',')) {
		in += *in == ',';
		*put++ = *in++;
	}
	bool more = *in == ',';

	*rest = more ? in + 1 : in;
	*put = '\0';
	return more;
}

static int find_row(const struct volt_plugin *p, const char *key)
{
	for (unsigned i = 0; i < p->param_count; i++)
		if (strcmp(params_row(p, i)->name, key) == 0)
			return (int)i;
	return -1;
}

static int refuse_unknown(const struct parse *ps, const char *key)
{
	const char *names[PARAMS_MAX + 3] = {NULL};
	unsigned n = 0;

	for (; n < ps->plugin->param_count; n++)
		names[n] = params_row(ps->plugin, n)->name;
	names[n++] = "id";
	if (ps->plugin->kind == VOLT_KIND_FILTER)
		names[n] = "on";
	const char *near = nearest_name(key, names);

	if (near)
		return params_refuse(
		    &ps->why, EINVAL, "%s: no such parameter; did you mean %s?", key, near);
	return params_refuse(&ps->why, EINVAL, "%s: no such parameter of %s; help lists them", key,
	    ps->plugin->name);
}

static int take_id(struct parse *ps, const char *value)
{
	size_t len = value ? strlen(value) : 0;

	if (ps->out->id)
		return params_refuse(&ps->why, EINVAL, "id: given twice");
	if (!len || len > ID_MAX || !strchr(LETTERS DIGITS, *value) ||
	    value[strspn(value, LETTERS DIGITS "_.-")])
		return params_refuse(&ps->why, EINVAL,
		    "id=%s: must be 1 to 32 letters, digits, _, . or -, the first a letter or "
		    "digit",
		    value ? value : "");
	ps->out->id = value;
	return 0;
}

/* Whether there is such a device is for the host to say. */
static int take_on(struct parse *ps, const char *value)
{
	if (ps->out->on)
		return params_refuse(&ps->why, EINVAL, "on: given twice");
	if (!value || !*value)
		return params_refuse(&ps->why, EINVAL, "on: has no value; write on=DEVICE");
	ps->out->on = value;
	return 0;
}

static int take_token(struct parse *ps, char *token)
{
	char *value = strchr(token, '=');

	if (value)
		*value++ = '\0';
	if (!*token && value)
		return params_refuse(&ps->why, EINVAL, "=%s: has no key; write key=value", value);
	if (!*token)
		return params_refuse(&ps->why, EINVAL,
		    "empty parameter in \"%s\"; write key=value,key=value", ps->typed);
	if (strcmp(token, "id") == 0)
		return take_id(ps, value);
	if (ps->plugin->kind == VOLT_KIND_FILTER && strcmp(token, "on") == 0)
		return take_on(ps, value);
	int row = find_row(ps->plugin, token);

	if (row < 0)
		return refuse_unknown(ps, token);
	if (ps->texts[row])
		return params_refuse(&ps->why, EINVAL, "%s: given twice", token);
	if (!value && params_row(ps->plugin, (unsigned)row)->type != VOLT_PARAM_BOOL)
		return params_refuse(
		    &ps->why, EINVAL, "%s: has no value; write %s=value", token, token);
	ps->texts[row] = value ? value : "on";
	return 0;
}

static int split_text(struct parse *ps)
{
	char *rest = ps->out->text, *token;
	bool more = *rest != '\0';

	while (more) {
		more = cut_token(&rest, &token);
		int err = take_token(ps, token);

		if (err)
			return err;
	}
	return 0;
}

static int read_values(struct parse *ps)
{
	for (unsigned i = 0; i < ps->plugin->param_count; i++) {
		const struct volt_param *param = params_row(ps->plugin, i);
		struct volt_value *value = &ps->out->values[i];
		const char *text = ps->texts[i] ? ps->texts[i] : param->def;

		value->given = ps->texts[i] != NULL;
		if (!text)
			return params_refuse(
			    &ps->why, EINVAL, "%s: is required (%s)", param->name, param->help);
		int err = params_read_value(param, text, value, &ps->why);

		if (err)
			return err;
	}
	return 0;
}

static int open_value(struct parse *ps, unsigned row, const struct params_opener *opener)
{
	const struct volt_param *param = params_row(ps->plugin, row);
	struct volt_value *value = &ps->out->values[row];
	char why[256] = "cannot be opened here";
	const char *text = value->s;

	if (!params_is_file(param) && param->type != VOLT_PARAM_STREAM &&
	    param->type != VOLT_PARAM_PEERS)
		return 0;
	if (params_is_no_file(param, text))
		return 0;
	int err =
	    opener ? opener->open(opener->arg, param, text, value, why, sizeof(why)) : -EINVAL;

	if (err)
		return params_refuse(&ps->why, -err, "%s=%s: %s", param->name, text, why);
	if (param->type == VOLT_PARAM_STREAM)
		value->s = NULL;
	return 0;
}

/* A stream belongs to its opener, also when a later value fails; a file does not. */
static void close_files(struct parse *ps)
{
	for (unsigned i = 0; i < ps->plugin->param_count; i++) {
		const struct volt_value *values = ps->out->values;
		const bool is_file = params_is_file(params_row(ps->plugin, i));

		for (uint32_t n = is_file ? params_file_count(ps->plugin, values, i) : 0; n; n--)
			close(values[i].fd + (int)n - 1);
	}
}

static int open_values(struct parse *ps, const struct params_opener *opener)
{
	for (unsigned i = 0; i < ps->plugin->param_count; i++) {
		int err = open_value(ps, i, opener);

		if (err) {
			close_files(ps);
			return err;
		}
	}
	return 0;
}

static int parse(struct parse *ps, const char *text, const struct params_opener *opener)
{
	int err = params_check_table(ps->plugin, ps->why.text, ps->why.size);

	if (err)
		return err;
	for (unsigned i = 0; i < PARAMS_MAX; i++)
		ps->out->values[i].fd = -1;
	/* Defaults need no copy: a descriptor's strings live as long as the process. */
	ps->out->text = strdup(text ? text : "");
	if (!ps->out->text)
		return params_refuse(&ps->why, ENOMEM, "no memory for parameters");
	err = split_text(ps);
	if (err)
		return err;
	err = read_values(ps);
	if (err)
		return err;
	return open_values(ps, opener);
}

int params_parse(struct params *out, const struct volt_plugin *p, const char *text,
    const struct params_opener *opener, char *why, size_t why_size)
{
	struct parse ps = {.out = out, .plugin = p, .why = {why, why_size}, .typed = text};

	*out = (struct params){0};
	int err = parse(&ps, text, opener);

	if (err)
		params_finish(out);
	return err;
}

void params_finish(struct params *p)
{
	free(p->text);
	*p = (struct params){0};
}

static uint64_t number_of(const struct params *values, const struct volt_plugin *p, uint32_t type,
    const char *name, uint64_t otherwise)
{
	for (unsigned i = 0; i < p->param_count; i++)
		if (params_row(p, i)->type == type && strcmp(params_row(p, i)->name, name) == 0)
			return values->values[i].u;
	return otherwise;
}

bool params_is_on(const struct params *values, const struct volt_plugin *p, const char *name)
{
	return number_of(values, p, VOLT_PARAM_BOOL, name, 0) != 0;
}

unsigned params_queues(const struct params *values, const struct volt_plugin *p)
{
	const uint64_t n = number_of(values, p, VOLT_PARAM_UINT, "queues", 1);

	return n == 0 ? 1 : n > PARAMS_QUEUES_MAX ? PARAMS_QUEUES_MAX : (unsigned)n;
}
