/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* volt-config: volt starts it where its first option is --config or --print-config, and it starts
 * volt with the options of the file. */
#include "tools/config/config.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/exitcode.h"
#include "tools/standard.h"

void complain(const char *format, ...)
{
	va_list args;

	fputs("volt: error: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

void *needed(void *memory)
{
	if (memory)
		return memory;
	complain("not enough memory");
	exit(EXIT_RESOURCES);
}

/* The file's options, but for those that the command line has and that are there once. */
static void join(struct words *to, const struct words *file, const struct words *typed)
{
	for (size_t i = 0; i < file->count; i++) {
		const struct word *w = &file->all[i];

		if (w->row->kind == LIST || w->row->kind == SPECS || !words_have(typed, w->row))
			words_add(to, w->row, w->value);
	}
	for (size_t i = 0; i < typed->count; i++)
		words_add(to, typed->all[i].row, typed->all[i].value);
}

static int print(const struct words *w, char *const *rest)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->all[i].row->kind == PRINTS) {
			complain(
			    "--print-config: --%s has no place in a file", w->all[i].row->name);
			return EXIT_USAGE;
		}
	if (rest[0]) {
		complain(
		    "--print-config: cannot take \"%s\": volt would refuse it; see volt --help",
		    rest[0]);
		return EXIT_USAGE;
	}
	struct json_object *o = file_of(w);
	const int flags =
	    JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE;
	const char *text = json_object_to_json_string_ext(o, flags);
	const bool bad = printf("%s\n", text) < 0 || fflush(stdout) != 0;

	json_object_put(o);
	if (!bad)
		return EXIT_SUCCESS;
	complain("standard output: cannot write: %s", strerror(errno));
	return EXIT_RESOURCES;
}

/* "--NAME" or "--NAME=VALUE". */
static char *argument_of(const struct word *w)
{
	const size_t size = strlen(w->row->name) + (w->value ? strlen(w->value) : 0) + 4;
	char *text = needed(malloc(size));

	snprintf(
	    text, size, "--%s%s%s", w->row->name, w->value ? "=" : "", w->value ? w->value : "");
	return text;
}

static int become_volt(char *volt, const struct typed *t, const struct words *all)
{
	static char explain[] = "explain";
	size_t rest = 0, n = 0;

	while (t->rest[rest])
		rest++;
	char **argv = needed(calloc(all->count + rest + 3, sizeof(*argv)));
	argv[n++] = volt;
	if (t->explain)
		argv[n++] = explain;
	for (size_t i = 0; i < all->count; i++)
		argv[n++] = argument_of(&all->all[i]);
	for (size_t i = 0; i < rest; i++)
		argv[n++] = t->rest[i];
	execv(volt, argv);
	const int err = errno;
	free(argv);
	complain("%s: cannot start: %s", volt, strerror(err));
	return EXIT_HOST;
}

int main(int argc, char **argv)
{
	struct typed typed = {0};
	struct words file = {0}, all = {0};

	standard_begin();
	if (argc < 4 || strcmp(argv[1], "--volt") != 0) {
		complain("volt-config is started by volt --config FILE; see volt.conf(5)");
		return EXIT_USAGE;
	}
	int code = EXIT_USAGE;

	if (typed_read(&typed, argv + 3))
		code = typed.file && !file_read(typed.file, &file) ? EXIT_INPUT : EXIT_SUCCESS;
	if (code == EXIT_SUCCESS) {
		join(&all, &file, &typed.words);
		code = typed.print ? print(&all, typed.rest) : become_volt(argv[2], &typed, &all);
	}
	words_finish(&typed.words);
	words_finish(&file);
	words_finish(&all);
	return code;
}
