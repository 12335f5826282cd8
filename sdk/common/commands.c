/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <sdk/common/commands.h>

#include <errno.h>
#include <string.h>

#include <sdk/common/params_internal.h>

#define NAME_LEN_MAX 32u

static const struct volt_command *command_row(const struct volt_commands *t, uint32_t index)
{
	return (const void *)((const char *)t->commands + (size_t)index * t->stride);
}

const struct volt_command *commands_row(const struct volt_commands *t, uint32_t index)
{
	return index < t->count ? command_row(t, index) : NULL;
}

static const struct volt_result *result_row(const struct volt_command *c, uint32_t index)
{
	return (const void *)((const char *)c->results + (size_t)index * c->result_stride);
}

const struct volt_result *commands_result(const struct volt_command *c, uint32_t index)
{
	return index < c->result_count ? result_row(c, index) : NULL;
}

static const struct volt_param *arg_row(const struct volt_command *c, uint32_t index)
{
	return (const void *)((const char *)c->args + (size_t)index * c->arg_stride);
}

static int find_arg(const struct volt_command *c, const char *name)
{
	for (uint32_t i = 0; i < c->arg_count; i++)
		if (strcmp(arg_row(c, i)->name, name) == 0)
			return (int)i;
	return -1;
}

int commands_find(const struct volt_commands *t, const char *name)
{
	for (uint32_t i = 0; i < t->count; i++)
		if (strcmp(command_row(t, i)->name, name) == 0)
			return (int)i;
	return -1;
}

/* ------------------------------------------------------------- the table */

static bool is_line(const char *text)
{
	return text && *text && !strpbrk(text, "\n\r");
}

static bool is_result_type(uint32_t type)
{
	return type == VOLT_PARAM_BOOL || type == VOLT_PARAM_UINT || type == VOLT_PARAM_SIZE ||
	       type == VOLT_PARAM_STRING;
}

static int check_args(const struct volt_command *c, const struct params_why *why)
{
	/* The parser of parameters knows what a row must be. */
	const struct volt_plugin p = {.size = sizeof(p),
	    .params = c->args,
	    .param_stride = c->arg_stride,
	    .param_count = c->arg_count};

	if (c->arg_count > VOLT_COMMAND_ARGS_MAX)
		return params_refuse(why, EINVAL, "command %s: more than %u arguments", c->name,
		    VOLT_COMMAND_ARGS_MAX);
	for (uint32_t i = 0; c->args && i < c->arg_count; i++)
		if (arg_row(c, i)->type == 0 || arg_row(c, i)->type > VOLT_PARAM_STRING)
			return params_refuse(why, EINVAL,
			    "command %s: argument %u is not of type BOOL, UINT, SIZE, ENUM or "
			    "STRING",
			    c->name, i);
	return params_check_table(&p, why->text, why->size);
}

static int check_results(const struct volt_command *c, const struct params_why *why)
{
	if (c->result_count > VOLT_COMMAND_RESULTS_MAX ||
	    (c->result_count && (!c->results || c->result_stride < sizeof(struct volt_result))))
		return params_refuse(
		    why, EINVAL, "command %s: its table of results is malformed", c->name);
	for (uint32_t i = 0; i < c->result_count; i++) {
		const struct volt_result *r = result_row(c, i);

		if (!params_is_name(r->name, '-', NAME_LEN_MAX) || !is_line(r->help) ||
		    !is_result_type(r->type))
			return params_refuse(why, EINVAL,
			    "command %s: result %u has a malformed name, help or type", c->name, i);
		for (uint32_t k = 0; k < i; k++)
			if (strcmp(result_row(c, k)->name, r->name) == 0)
				return params_refuse(why, EINVAL,
				    "command %s: two results are named %s", c->name, r->name);
	}
	return 0;
}

static int check_row(const struct volt_commands *t, uint32_t index, const struct params_why *why)
{
	const struct volt_command *c = command_row(t, index);

	if (!params_is_name(c->name, '-', NAME_LEN_MAX))
		return params_refuse(
		    why, EINVAL, "command %u: its name is not like [a-z][a-z0-9-]{0,30}", index);
	if (!is_line(c->help))
		return params_refuse(why, EINVAL, "command %s: its help is not a line", c->name);
	if (commands_find(t, c->name) != (int)index)
		return params_refuse(why, EINVAL, "two commands are named %s", c->name);
	if (c->flags & ~VOLT_COMMAND_ROWS)
		return params_refuse(why, EINVAL, "command %s: unknown flags", c->name);
	if (c->arg_count && (!c->args || c->arg_stride < sizeof(struct volt_param)))
		return params_refuse(
		    why, EINVAL, "command %s: its table of arguments is malformed", c->name);
	int err = check_args(c, why);

	return err ? err : check_results(c, why);
}

int commands_check_table(const struct volt_commands *t, char *why_text, size_t why_size)
{
	const struct params_why why = {why_text, why_size};

	if (t->size < offsetof(struct volt_commands, run) + sizeof(t->run) || !t->run)
		return params_refuse(&why, EINVAL, "its table of commands has no run()");
	if (!t->commands || t->stride < sizeof(struct volt_command) || !t->count ||
	    t->count > COMMANDS_MAX)
		return params_refuse(
		    &why, EINVAL, "its table of commands is malformed: 1 to %u rows", COMMANDS_MAX);
	for (uint32_t i = 0; i < t->count; i++) {
		int err = check_row(t, i, &why);

		if (err)
			return err;
	}
	return 0;
}

/* --------------------------------------------------------------- a call */

static int refuse_arg(const struct volt_command *c, const char *name, const struct params_why *why)
{
	const char *names[VOLT_COMMAND_ARGS_MAX + 1] = {NULL};

	for (uint32_t i = 0; i < c->arg_count; i++)
		names[i] = arg_row(c, i)->name;
	const char *near = nearest_name(name, names);

	if (near)
		return params_refuse(
		    why, EINVAL, "%s: no such argument; did you mean %s?", name, near);
	return params_refuse(why, EINVAL, "%s: no such argument of %s", name, c->name);
}

int commands_read(const struct volt_command *c, const struct volt_call_arg *args, uint32_t count,
    struct volt_value *values, char *why_text, size_t why_size)
{
	const struct params_why why = {why_text, why_size};
	const char *texts[VOLT_COMMAND_ARGS_MAX] = {NULL};

	for (uint32_t i = 0; i < count; i++) {
		int row = find_arg(c, args[i].name);

		if (row < 0)
			return refuse_arg(c, args[i].name, &why);
		if (texts[row])
			return params_refuse(&why, EINVAL, "%s: given twice", args[i].name);
		texts[row] = args[i].value;
	}
	for (uint32_t i = 0; i < c->arg_count; i++) {
		const struct volt_param *row = arg_row(c, i);
		const char *text = texts[i] ? texts[i] : row->def;

		values[i] = (struct volt_value){.fd = -1, .given = texts[i] != NULL};
		if (!text)
			return params_refuse(
			    &why, EINVAL, "%s: is required (%s)", row->name, row->help);
		int err = params_read_value(row, text, &values[i], &why);

		if (err)
			return err;
	}
	return 0;
}
