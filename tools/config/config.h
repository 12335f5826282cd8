/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * config - volt-config reads a configuration file (volt.conf(5)), joins it with the command line
 * and starts volt with both, or prints both as such a file.
 */
#ifndef TOOLS_CONFIG_H
#define TOOLS_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

struct json_object;

enum config_kind {
	FLAG,   /* takes no value */
	SINGLE, /* once */
	LIST,   /* may be repeated */
	SPECS,  /* may be repeated: NAME[,KEY=VALUE...] */
	WHERE,  /* --config */
	PRINTS, /* prints something instead; has no place in a file */
};

/* An option of volt, as its --help tells. */
struct row {
	const char *name;
	enum config_kind kind;
};

/* NULL: volt has no such option. `name` ends at `len`. */
const struct row *rows_find(const char *name, size_t len);
/* The name of an option that a file may say and that is near to `typed`, or NULL. */
const char *rows_near(const char *typed);

struct word {
	const struct row *row;
	char *value; /* allocated; NULL of a FLAG */
};

/* Options in their order. */
struct words {
	struct word *all;
	size_t count;
};

void words_add(struct words *w, const struct row *row, const char *value);
bool words_have(const struct words *w, const struct row *row);
void words_finish(struct words *w);

/* What was typed: `argv` after the program's own words. */
struct typed {
	struct words words;
	const char *file; /* of --config, or NULL */
	bool explain;     /* the first word */
	bool print;       /* --print-config */
	char **rest;      /* from the first word on that volt would refuse, as typed */
};

/* False, which is printed: --config has no value or is given twice. */
bool typed_read(struct typed *t, char **argv);

/* The options that the file says; false, which is printed: the file is refused. */
bool file_read(const char *path, struct words *to);

/* An object as file_read() takes it; the caller puts it. */
struct json_object *file_of(const struct words *w);

/* One line: volt: error: ... */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Does not return NULL: ends the program with the exit code for a lack of memory. */
void *needed(void *memory);

#endif
