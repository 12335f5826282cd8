/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
/*
 * The little shell's grammar, one pipeline at a time, so that $? means what it should in
 * "false; echo $?":
 *
 *   line     = [ pipeline { (";" | "&&" | "||") pipeline } [";"] ]
 *   pipeline = command { "|" command }
 *   command  = { word | "<" word | ">" word | ">>" word | "2>" word }
 *
 * 'single' and "double" quotes, backslash, # comments, $NAME, ${NAME}, $? and $$. An expansion is
 * never split into words again.
 */
#ifndef VOLT_INIT_PARSE_H
#define VOLT_INIT_PARSE_H

#include <stdbool.h>
#include <stddef.h>

enum { PARSE_WORDS = 128, PARSE_COMMANDS = 16, PARSE_TEXT = 8192 };

enum parse_join { JOIN_END, JOIN_ALWAYS, JOIN_AND, JOIN_OR };

struct command {
	char **argv; /* NULL-terminated */
	int argc;
	const char *in, *out, *err; /* redirections or NULL */
	bool append;
};

struct pipeline {
	struct command commands[PARSE_COMMANDS];
	int count;            /* 0: an empty one, as before a lone ";" */
	enum parse_join join; /* how the next pipeline depends on this one */

	char *words[PARSE_WORDS + PARSE_COMMANDS];
	size_t word_count;
	char text[PARSE_TEXT];
	size_t text_len;
};

/* Looks up $name (name is "?" or "$" for those); NULL is empty. */
typedef const char *(*parse_lookup)(const char *name);

/* Parses the pipeline at *line and moves *line past it and the operator behind it. Returns NULL, or
 * what is wrong. */
const char *parse_pipeline(const char **line, struct pipeline *p, parse_lookup lookup);

/* NULL if every pipeline of the line parses. */
const char *parse_check(const char *line, struct pipeline *scratch);

#endif
