/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * params_internal - what the files of the parameter parser share.
 */
#ifndef SDK_COMMON_PARAMS_INTERNAL_H
#define SDK_COMMON_PARAMS_INTERNAL_H

#include <stdbool.h>

#include <sdk/common/params.h>

/* Where the reason of a refusal goes. */
struct params_why {
	char *text;
	size_t size;
};

static inline const struct volt_param *params_row(const struct volt_plugin *p, unsigned index)
{
	return (const struct volt_param *)(const void *)((const char *)p->params +
							 (size_t)index * p->param_stride);
}

/* Writes the reason; returns -err. */
VOLT_PRINTF(3, 4)
int params_refuse(const struct params_why *why, int err, const char *fmt, ...);

bool params_is_file(const struct volt_param *param);
/* An empty path is no file, and that is fine for a parameter whose default it is. */
bool params_is_no_file(const struct volt_param *param, const char *text);

/* Everything but opening: checks `text`, which must outlive *value, and fills *value. */
int params_read_value(const struct volt_param *param, const char *text, struct volt_value *value,
    const struct params_why *why);

#endif
