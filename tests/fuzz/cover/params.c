/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* The parameters of a plugin. */
#include "cover.h"

#include <sdk/common/params.h>

static const struct volt_param rows[] = {
    {"port", "1", "a number", .type = VOLT_PARAM_UINT, .min = 1, .max = 0xffff},
    {"bytes", "4K", "a size", .type = VOLT_PARAM_SIZE},
    {"echo", "off", "a switch", .type = VOLT_PARAM_BOOL},
    {"mode", "b", "a choice", .type = VOLT_PARAM_ENUM, .choices = "a|b|long-one"},
    {"label", "xy", "a short text", .type = VOLT_PARAM_STRING, .min = 1, .max = 8},
    {"rom", "", "a file", .type = VOLT_PARAM_FILE_RO},
    {"console", "null", "a stream", .type = VOLT_PARAM_STREAM},
};
static const struct volt_plugin toy = {
    .name = "toy",
    .param_stride = sizeof(rows[0]),
    .param_count = sizeof(rows) / sizeof(rows[0]),
    .params = rows,
};

static int take(void *arg, const struct volt_param *param, const char *text,
    struct volt_value *value, char *why, size_t why_size)
{
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct params_opener opener = {.open = take};
	struct params values = {0};
	char why[256] = "", *text = text_of(data, size);
	int err = params_parse(&values, &toy, text, &opener, why, sizeof(why));

	must((err == 0) == (why[0] == '\0'), "a refusal without a reason, or a reason without one");
	if (!err) {
		must(values.values[0].u >= 1 && values.values[0].u <= 0xffff,
		    "outside of its range");
		params_finish(&values);
	}
	free(text);
	return 0;
}
