/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * params - reads "key=value,key=value" against a plugin's typed parameter table.
 * Shared by the core and the fake host, so that both read alike.
 */
#ifndef SDK_COMMON_PARAMS_H
#define SDK_COMMON_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <volt/plugin.h>

#define PARAMS_MAX 32

/* How FILE and STREAM values become open things. Returns 0 or -errno and writes the
 * reason into `why`. Fills value->fd (files) or value->u (streams). */
struct params_opener {
	int (*open)(void *arg, const struct volt_param *param, const char *text,
	    struct volt_value *value, char *why, size_t why_size);
	void *arg;
};

struct params {
	struct volt_value values[PARAMS_MAX];
	char *text;     /* owns every value's .s */
	const char *id; /* value of the reserved key `id`, or NULL */
	const char *on; /* filters only: value of the reserved key `on`, or NULL */
};

/*
 * Parses `text` (NULL or "" for none) for plugin `p`. On failure returns -EINVAL (or
 * what open returned) and writes one clause into `why` that names the key, the value
 * and what would be right, with the nearest known key for an unknown one. A comma in
 * a value is typed as two commas.
 */
int params_parse(struct params *out, const struct volt_plugin *p, const char *text,
    const struct params_opener *opener, char *why, size_t why_size);
void params_finish(struct params *p);
/* Is there a BOOL parameter of that name, and is it on? */
bool params_is_on(const struct params *values, const struct volt_plugin *p, const char *name);
/* How many queues a TAP of the plugin has: its UINT parameter `queues`, or 1. */
unsigned params_queues(const struct params *values, const struct volt_plugin *p);
#define PARAMS_QUEUES_MAX 64u

/* How many descriptors value number `i` has, from .fd on. */
static inline uint32_t params_file_count(
    const struct volt_plugin *p, const struct volt_value *values, unsigned i)
{
	const struct volt_param *row =
	    (const void *)((const char *)p->params + (size_t)i * p->param_stride);

	if (values[i].fd < 0)
		return 0;
	return row->type == VOLT_PARAM_TAP ? (uint32_t)values[i].u : 1;
}

/* Checks the table itself: names, types, ranges, defaults. As params_parse. */
int params_check_table(const struct volt_plugin *p, char *why, size_t why_size);

/* "128M", "0x1000", "4096" to bytes: 0, or -EINVAL (not a size), -ERANGE (too big). */
int parse_size(const char *text, uint64_t *out);
/* Decimal, 0x hex or 0 octal, no sign, no rest: 0, -EINVAL or -ERANGE. */
int parse_uint(const char *text, uint64_t *out);

/* Is `name` a lower-case letter and at most `max` - 1 such letters, digits and `joint`? */
bool params_is_name(const char *name, char joint, size_t max);

/* The name of `names` (NULL-terminated) nearest to `typed`, or NULL if none is near. */
const char *nearest_name(const char *typed, const char *const *names);

#endif
