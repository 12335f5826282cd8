/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/config/config.h"

#include <stdlib.h>
#include <string.h>

#include "sdk/common/params.h"
#include "table.h"

#define NAMES_MAX (sizeof(rows) / sizeof(rows[0]))

const struct row *rows_find(const char *name, size_t len)
{
	for (const struct row *r = rows; r->name; r++)
		if (strlen(r->name) == len && strncmp(r->name, name, len) == 0)
			return r;
	return NULL;
}

const char *rows_near(const char *typed)
{
	const char *names[NAMES_MAX] = {NULL};
	size_t n = 0;

	for (const struct row *r = rows; r->name; r++)
		if (r->kind < WHERE)
			names[n++] = r->name;
	return nearest_name(typed, names);
}

void words_add(struct words *w, const struct row *row, const char *value)
{
	w->all = needed(realloc(w->all, (w->count + 1) * sizeof(w->all[0])));
	w->all[w->count++] =
	    (struct word){.row = row, .value = value ? needed(strdup(value)) : NULL};
}

bool words_have(const struct words *w, const struct row *row)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->all[i].row == row)
			return true;
	return false;
}

void words_finish(struct words *w)
{
	for (size_t i = 0; i < w->count; i++)
		free(w->all[i].value);
	free(w->all);
}

/* The row of "--NAME" or "--NAME=VALUE" with its value, and how many arguments it takes; 0: volt
 * would refuse it, and says why. */
static int next_option(char **argv, const struct row **row, const char **value)
{
	const char *text = argv[0];

	if (!text || strncmp(text, "--", 2) != 0)
		return 0;
	const size_t len = strcspn(text + 2, "=");
	const char *equals = text[2 + len] ? text + 2 + len : NULL;
	*row = rows_find(text + 2, len);
	*value = NULL;
	if (!*row)
		return 0;
	if ((*row)->kind == FLAG || (*row)->kind == PRINTS)
		return equals ? 0 : 1;
	*value = equals ? equals + 1 : argv[1];
	if (!*value)
		return 0;
	return equals ? 1 : 2;
}

static bool set_file(struct typed *t, const char *file)
{
	if (t->file) {
		complain("--config is given twice: %s and %s", t->file, file);
		return false;
	}
	t->file = file;
	return true;
}

bool typed_read(struct typed *t, char **argv)
{
	const struct row *row;
	const char *value;
	int used;

	if (argv[0] && strcmp(argv[0], "explain") == 0) {
		t->explain = true;
		argv++;
	}
	for (; (used = next_option(argv, &row, &value)) > 0; argv += used) {
		if (row->kind == WHERE) {
			if (!set_file(t, value))
				return false;
		} else if (strcmp(row->name, "print-config") == 0) {
			t->print = true;
		} else {
			words_add(&t->words, row, value);
		}
	}
	if (argv[0] && strcmp(argv[0], "--config") == 0) {
		complain("--config needs the name of a file");
		return false;
	}
	t->rest = argv;
	return true;
}
