/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * verb - what the programs share whose first word tells what to do: volt image, volt snapshot.
 */
#ifndef TOOLS_VERB_H
#define TOOLS_VERB_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A line on standard error; returns `code`. `program` is as it is called: "volt image". */
static inline int verb_say(const char *program, int code, const char *fmt, va_list ap)
{
	fprintf(stderr, "%s: ", program);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	return code;
}

static inline void verb_list(const char *const *names)
{
	for (int i = 0; names[i]; i++)
		fprintf(stderr, "%s%s", i == 0 ? "" : names[i + 1] ? ", " : " or ", names[i]);
}

/* The number of `word` among `names`, which end with NULL; -1 after a line that lists them. */
static inline int verb_find(const char *program, const char *const *names, const char *word)
{
	for (int i = 0; word && names[i]; i++)
		if (strcmp(word, names[i]) == 0)
			return i;
	fprintf(stderr, "%s: %s%s; give ", program, word ? word : "no verb given",
	    word ? ": no such verb" : "");
	verb_list(names);
	fputc('\n', stderr);
	return -1;
}

/* The program's status: `code`, or `lost` after a line if not all of its output was written. */
static inline int verb_end(const char *program, int code, int lost)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	fprintf(stderr, "%s: cannot write the output: %s\n", program, strerror(errno));
	return lost;
}

#endif
