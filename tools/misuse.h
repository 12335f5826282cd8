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

/* After getopt_long() gave '?' with opterr 0. `program` is as it is called: "volt doctor". */
static inline void misuse_option(const char *program, const struct option *longs, char **argv)
{
	const char *typed = argv[optind - 1];

	while (optopt >= MISUSE_VAL && longs->name && longs->val != optopt)
		longs++;
	if (optopt >= MISUSE_VAL && longs->name)
		fprintf(stderr, "%s: --%s %s\n", program, longs->name,
		    longs->has_arg == no_argument ? "takes no value" : "needs a value");
	else if (optopt != 0)
		fprintf(stderr, "%s: unknown option -%c; see %s --help\n", program,
		    optopt > ' ' && optopt < 0x7f ? optopt : '?', program);
	else
		fprintf(stderr, "%s: unknown option %.*s; see %s --help\n", program,
		    (int)strcspn(typed, "="), typed, program);
}

#endif
