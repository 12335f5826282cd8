/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "tools/kernel/commands.h"
#include "tools/kernel/record.h"
#include "tools/kernel/say.h"

#define JSON_STYLE \
	(JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE)

static void add_row(struct json_object *list, const struct record *r, bool preferred)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "name", json_object_new_string(r->name));
	json_object_object_add(o, "default", json_object_new_boolean(preferred));
	json_object_object_add(o, "version", json_object_new_string(r->version));
	json_object_object_add(o, "size", json_object_new_int64((int64_t)r->size));
	json_object_object_add(o, "modules", json_object_new_int64(r->modules));
	json_object_object_add(o, "config", json_object_new_string(r->config));
	json_object_object_add(o, "source", json_object_new_string(r->source));
	json_object_array_add(list, o);
}

static void print_row(const struct record *r, bool preferred, int width)
{
	printf("%c %-*s  %9s  %7u  %-8s  %s\n", preferred ? '*' : ' ', width, r->name,
	    say_size(r->size), r->modules, r->config[0] != '\0' ? r->config : "none", r->source);
}

static int width_of(char **names)
{
	size_t width = strlen("name");

	for (size_t i = 0; names[i]; i++)
		if (strlen(names[i]) > width)
			width = strlen(names[i]);
	return (int)width;
}

int command_list(const struct request *q)
{
	char preferred[STORE_NAME_MAX];
	char **names = record_names(q->store);
	int code = SAY_GOOD;

	if (!names)
		return SAY_FAILED;
	struct json_object *list = json_object_new_array();
	int width = width_of(names);
	default_get(q->store, preferred, sizeof(preferred));
	if (!q->json && !names[0])
		say_progress("%s has no kernels; volt-kernel import makes it have one", q->store);
	else if (!q->json)
		printf("  %-*s  %9s  %7s  %-8s  %s\n", width, "name", "size", "modules", "config",
		    "from");
	for (size_t i = 0; names[i]; i++) {
		struct record r;

		if (record_read(&r, q->store, names[i]) != 0)
			code = SAY_FAILED;
		else if (q->json)
			add_row(list, &r, strcmp(preferred, r.name) == 0);
		else
			print_row(&r, strcmp(preferred, r.name) == 0, width);
	}
	if (q->json)
		puts(json_object_to_json_string_ext(list, JSON_STYLE));
	json_object_put(list);
	record_free_names(names);
	return code;
}
