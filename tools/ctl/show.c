/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/ctl/verbs.h"

#define LOOK_MS 100 /* between two looks at a log that grows */

/* ------------------------------------------------------------------------ logs */

/* Line feeds pass; what else drives a terminal does not. */
static void print_rest(FILE *log)
{
	int c;

	while ((c = getc(log)) != EOF)
		if (c == '\n' || c == '\t' || (c >= 0x20 && c != 0x7f))
			putchar(c);
	clearerr(log);
	fflush(stdout);
}

/* Once more after the end: the last lines may have come since. */
static void follow(struct vm *v, FILE *log)
{
	const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000};

	while (vm_look(v) != VM_ENDED && !ferror(stdout)) {
		nanosleep(&pause, NULL);
		print_rest(log);
	}
	print_rest(log);
}

int verb_logs(const struct verb_request *r)
{
	struct vm v;
	const int code = verb_open(r, &v, r->names[0]);

	if (code != CTL_DONE)
		return code;
	FILE *log = fopen(vm_text(&v, "log"), "re");
	if (!log) {
		fprintf(stderr, "volt logs: %s: cannot read %s: %s\n", v.name, vm_text(&v, "log"),
		    strerror(errno));
		vm_close(&v);
		return CTL_UNREACHED;
	}
	print_rest(log);
	if (r->follow)
		follow(&v, log);
	fclose(log);
	vm_close(&v);
	return CTL_DONE;
}

/* --------------------------------------------------------------------- metrics */

static const char *text_of(struct json_object *o, const char *name)
{
	struct json_object *member = NULL;

	json_object_object_get_ex(o, name, &member);
	return member ? json_object_get_string(member) : "";
}

static uint64_t number_of(struct json_object *o, const char *name)
{
	struct json_object *member = NULL;

	json_object_object_get_ex(o, name, &member);
	return member ? json_object_get_uint64(member) : 0;
}

static void print_value(struct json_object *row)
{
	const uint64_t value = number_of(row, "value"), scale = number_of(row, "scale");

	if (scale > 1)
		printf("%" PRIu64 ".%09" PRIu64 "\n", value / scale,
		    value % scale * 1000000000 / scale);
	else
		printf("%" PRIu64 "\n", value);
}

static void print_row(const struct vm *v, struct json_object *row)
{
	const char *labels = text_of(row, "labels");

	verb_print_safely(text_of(row, "name"));
	printf("{vm=\"%s\"%s", v->name, *labels ? "," : "");
	verb_print_safely(labels);
	fputs("} ", stdout);
	print_value(row);
}

/* The format wants all rows of a name together. */
static void print_rows(const struct vm *v, struct json_object *rows)
{
	const size_t count = json_object_array_length(rows);

	for (size_t i = 0; i < count; i++) {
		struct json_object *first = json_object_array_get_idx(rows, i);
		const char *name = text_of(first, "name");
		size_t k = 0;

		while (
		    k < i && strcmp(text_of(json_object_array_get_idx(rows, k), "name"), name) != 0)
			k++;
		if (k < i)
			continue;
		fputs("# TYPE ", stdout);
		verb_print_safely(name);
		printf(" %s\n", strcmp(text_of(first, "kind"), "gauge") ? "counter" : "gauge");
		for (k = i; k < count; k++) {
			struct json_object *row = json_object_array_get_idx(rows, k);

			if (strcmp(text_of(row, "name"), name) == 0)
				print_row(v, row);
		}
	}
}

int verb_metrics(const struct verb_request *r)
{
	struct json_object *rows = NULL;
	struct vm v;
	int code = verb_open_running(r, &v, r->names[0]);

	if (code != CTL_DONE)
		return code;
	code = verb_call_aloud(r, &v, "vm.metrics", NULL, &rows);
	if (code == CTL_DONE && r->json)
		puts(json_object_to_json_string_ext(rows, JSON_C_TO_STRING_PLAIN));
	else if (code == CTL_DONE && json_object_is_type(rows, json_type_array))
		print_rows(&v, rows);
	json_object_put(rows);
	vm_close(&v);
	return code;
}
