/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * params_value - one text against one row of the table, and the table itself.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include <sdk/common/params_internal.h>

#define NAME_MAX_LEN 64

/* Text comes from a command line and goes to a terminal: keep control bytes out. */
int params_refuse(const struct params_why *why, int err, const char *fmt, ...)
{
	va_list ap;

	if (why->size == 0)
		return -err;
	va_start(ap, fmt);
	vsnprintf(why->text, why->size, fmt, ap);
	va_end(ap);
	for (char *c = why->text; *c; c++)
		if (iscntrl((unsigned char)*c))
			*c = '?';
	return -err;
}

static bool has_limits(const struct volt_param *param)
{
	return param->min != 0 || param->max != 0;
}

static int read_bool(const char *text, uint64_t *out)
{
	static const char *const words[] = {"off", "on", "no", "yes", "false", "true", "0", "1"};

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(text, words[i]) == 0) {
			*out = i & 1;
			return 0;
		}
	}
	return -EINVAL;
}

static int read_choice(const char *choices, const char *text, uint64_t *out)
{
	size_t len = strlen(text);

	for (uint64_t i = 0;; i++) {
		size_t word = strcspn(choices, "|");

		if (word == len && word && memcmp(choices, text, len) == 0) {
			*out = i;
			return 0;
		}
		choices += word;
		if (!*choices++)
			return -EINVAL;
	}
}

/* A limit as its reader would type it: the base of `like`, or K, M, G for a size. */
static const char *show(char buf[24], const struct volt_param *param, const char *like, uint64_t n)
{
	unsigned unit = 0;

	if (param->type == VOLT_PARAM_SIZE)
		while (unit < 3 && n && n % 1024 == 0) {
			n /= 1024;
			unit++;
		}
	bool hex = unit == 0 && (strncmp(like, "0x", 2) == 0 ||
				    (param->def && strncmp(param->def, "0x", 2) == 0));

	snprintf(buf, 24, hex ? "0x%llx%.*s" : "%llu%.*s", (unsigned long long)n, unit != 0,
	    &"\0KMG"[unit]);
	return buf;
}

static int read_number(
    const struct volt_param *param, const char *text, uint64_t *out, const struct params_why *why)
{
	bool size = param->type == VOLT_PARAM_SIZE;
	const char *kind = size ? "a size such as 4096, 64K or 1M" : "a number such as 10 or 0xa";
	char low[24], high[24];
	uint64_t value = 0;
	int err = size ? parse_size(text, &value) : parse_uint(text, &value);

	if (err == -EINVAL)
		return params_refuse(why, EINVAL, "%s=%s: not %s", param->name, text, kind);
	if (err)
		return params_refuse(
		    why, EINVAL, "%s=%s: does not fit in 64 bits", param->name, text);
	if (has_limits(param) && (value < param->min || value > param->max))
		return params_refuse(why, EINVAL, "%s=%s: must be %s to %s", param->name, text,
		    show(low, param, text, param->min), show(high, param, text, param->max));
	*out = value;
	return 0;
}

static int read_string(
    const struct volt_param *param, const char *text, const struct params_why *why)
{
	uint64_t len = strlen(text);

	if (has_limits(param) && (len < param->min || len > param->max))
		return params_refuse(why, EINVAL, "%s=%s: must be %llu to %llu characters long",
		    param->name, text, (unsigned long long)param->min,
		    (unsigned long long)param->max);
	return 0;
}

bool params_is_file(const struct volt_param *param)
{
	return param->type == VOLT_PARAM_FILE_RO || param->type == VOLT_PARAM_FILE_RW ||
	       (param->type >= VOLT_PARAM_DISK && param->type <= VOLT_PARAM_SOCKET);
}

/* A file whose default is "" may be left out. */
bool params_is_no_file(const struct volt_param *param, const char *text)
{
	return params_is_file(param) && !*text && param->def && !*param->def;
}

static const char *peer_kind(uint32_t type)
{
	switch (type) {
	case VOLT_PARAM_STREAM:
		return "stdio, null, pty, or file:, pipe: or unix: and a path";
	case VOLT_PARAM_TAP:
		return "an interface, or fd: and a number";
	case VOLT_PARAM_SOCKET:
		return "unix: and a path, or fd: and a number";
	default:
		return "a path";
	}
}

/* Everything but opening. */
int params_read_value(const struct volt_param *param, const char *text, struct volt_value *value,
    const struct params_why *why)
{
	value->s = text;
	switch (param->type) {
	case VOLT_PARAM_BOOL:
		value->s = NULL;
		if (read_bool(text, &value->u))
			return params_refuse(
			    why, EINVAL, "%s=%s: must be on or off", param->name, text);
		return 0;
	case VOLT_PARAM_UINT:
	case VOLT_PARAM_SIZE:
		value->s = NULL;
		return read_number(param, text, &value->u, why);
	case VOLT_PARAM_ENUM:
		if (read_choice(param->choices, text, &value->u))
			return params_refuse(why, EINVAL, "%s=%s: must be one of %s", param->name,
			    text, param->choices);
		return 0;
	case VOLT_PARAM_STRING:
		return read_string(param, text, why);
	default:
		if (!*text && !params_is_no_file(param, text))
			return params_refuse(
			    why, EINVAL, "%s=: must be %s", param->name, peer_kind(param->type));
		return 0;
	}
}

static int check_limits(const struct volt_param *param, const struct params_why *why)
{
	bool used = param->type == VOLT_PARAM_UINT || param->type == VOLT_PARAM_SIZE ||
		    param->type == VOLT_PARAM_STRING;

	if (!used && has_limits(param))
		return params_refuse(
		    why, EINVAL, "parameter %s: its type has no min and max", param->name);
	if (param->min > param->max)
		return params_refuse(why, EINVAL, "parameter %s: min is above max", param->name);
	if ((param->type == VOLT_PARAM_ENUM) != (param->choices != NULL))
		return params_refuse(why, EINVAL,
		    "parameter %s: choices are for an ENUM, and it needs them", param->name);
	return 0;
}

static uint32_t allowed_flags(uint32_t type)
{
	if (type == VOLT_PARAM_DISK)
		return VOLT_DISK_READ_ONLY;
	return type <= VOLT_PARAM_STRING ? VOLT_PARAM_HOST_SIDE : 0;
}

static int check_row(const struct volt_param *param, const struct params_why *why)
{
	struct volt_value value;
	const char *name = param->name;

	if (!params_is_name(name, '-', NAME_MAX_LEN))
		return params_refuse(why, EINVAL,
		    "parameter %s: the name must match [a-z][a-z0-9-]*", name ? name : "NULL");
	if (strcmp(name, "id") == 0 || strcmp(name, "on") == 0 || strcmp(name, "help") == 0)
		return params_refuse(why, EINVAL, "parameter %s: the name is reserved", name);
	if (param->type < VOLT_PARAM_BOOL || param->type > VOLT_PARAM_PEERS)
		return params_refuse(
		    why, EINVAL, "parameter %s: unknown type %u", name, param->type);
	if (param->flags & ~allowed_flags(param->type))
		return params_refuse(
		    why, EINVAL, "parameter %s: unknown flags 0x%x", name, param->flags);
	if (!param->help || !*param->help)
		return params_refuse(why, EINVAL, "parameter %s: has no help", name);
	int err = check_limits(param, why);
	if (err || !param->def)
		return err;
	return params_read_value(param, param->def, &value, why);
}

int params_check_table(const struct volt_plugin *p, char *why_text, size_t why_size)
{
	const struct params_why why = {why_text, why_size};

	if (p->param_count > PARAMS_MAX)
		return params_refuse(
		    &why, EINVAL, "%u parameters: at most %d", p->param_count, PARAMS_MAX);
	if (p->param_count && (!p->params || p->param_stride < sizeof(struct volt_param) ||
				  p->param_stride % _Alignof(struct volt_param)))
		return params_refuse(&why, EINVAL,
		    "param_stride %u: must be sizeof(struct volt_param)", p->param_stride);
	for (unsigned i = 0; i < p->param_count; i++) {
		int err = check_row(params_row(p, i), &why);

		if (err)
			return err;
		for (unsigned j = 0; j < i; j++)
			if (strcmp(params_row(p, i)->name, params_row(p, j)->name) == 0)
				return params_refuse(&why, EINVAL,
				    "parameter %s: is in the table twice", params_row(p, i)->name);
	}
	return 0;
}
