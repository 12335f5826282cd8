/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * misuse - one line about an unknown option. getopt's own does not name the help.
 */
#ifndef TOOLS_MISUSE_H
#define TOOLS_MISUSE_H

#include <getopt.h>
#include <stdio.h>
#include <string.h>

/* The first `val` of a long option: above every letter. */
#define MISUSE_VAL 256

/* The long option that `word` is, by its whole name: of a beginning, which getopt_long() takes, a
 * later option could change the sense. */
static inline const struct option *misuse_whole(const struct option *longs, const char *word)
{
	const size_t n = strncmp(word, "--", 2) == 0 ? strcspn(word + 2, "=") : 0;

	while (longs->name && (strlen(longs->name) != n || strncmp(longs->name, word + 2, n) != 0))
		longs++;
	return longs->name ? longs : NULL;
}

/* getopt_long(), but a beginning of an option's name is an unknown option. */
static inline int misuse_next(int argc, char **argv, const char *shorts, const struct option *longs)
{
	int at = -1;
	const int c = getopt_long(argc, argv, shorts, longs, &at);

	if (c == -1 || c == '?' || at < 0)
		return c;
	const int word = optind - (optarg && optarg == argv[optind - 1] ? 2 : 1);
	if (misuse_whole(longs, argv[word]))
		return c;
	optind = word + 1; /* misuse_option() tells the word before it */
	optopt = 0;
	return '?';
}

/* After misuse_next() gave '?' with opterr 0. `program` is as it is called: "volt doctor". */
static inline void misuse_option(const char *program, const struct option *longs, char **argv)
{
	const char *typed = argv[optind - 1];
	const struct option *known = optopt >= MISUSE_VAL ? misuse_whole(longs, typed) : NULL;

	if (known)
		fprintf(stderr, "%s: --%s %s\n", program, known->name,
		    known->has_arg == no_argument ? "takes no value" : "needs a value");
	else if (optopt > 0 && optopt < MISUSE_VAL)
		fprintf(stderr, "%s: unknown option -%c; see %s --help\n", program,
		    optopt > ' ' && optopt < 0x7f ? optopt : '?', program);
	else
		fprintf(stderr, "%s: unknown option %.*s; see %s --help\n", program,
		    (int)strcspn(typed, "="), typed, program);
}

#endif
