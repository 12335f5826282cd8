/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* A request to the plugin control. */
#include "cover.h"

#include "plugins/control/json.h"

#define VALUES 64

static void look(const char *text, size_t size, const struct json_value *values, int count)
{
	char string[32];

	for (int i = 0; i < count; i++) {
		const struct json_value *v = &values[i];

		must(v->at <= size && v->len <= size - v->at, "a value outside of its text");
		must(v->next > (uint32_t)i && v->next <= (uint32_t)count, "values out of order");
		if (v->type == JSON_OBJECT)
			json_member(text, v, "id");
		if (v->type != JSON_STRING)
			continue;
		int length = json_string(text, v, string, sizeof(string));
		must(length < (int)sizeof(string), "longer than its room");
		json_equals(text, v, "method");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_value values[VALUES];
	int count = json_parse((const char *)data, size, values, VALUES);

	must(count <= VALUES && count != 0, "more values than there is room for");
	if (count > 0)
		look((const char *)data, size, values, count);
	return 0;
}
