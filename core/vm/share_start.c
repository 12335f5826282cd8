/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/share_start.h"

#include <stdlib.h>
#include <string.h>

#include "core/vm/companion.h"
#include "core/vm/option_parse.h"

struct words {
	char **at; /* the next option */
	char *value;
	unsigned taken; /* arguments of the last option */
};

/* The next --share with a folder; false: none. Stops where the command line is wrong. */
static bool next_share(struct words *w)
{
	for (; *w->at; w->at += w->taken) {
		const struct option_row *row = options_find(*w->at);
		char *equals = strchr(*w->at, '=');

		if (!row || (row->value && !equals && !w->at[1]))
			return false;
		w->taken = row->value && !equals ? 2 : 1;
		w->value = equals ? equals + 1 : w->at[1];
		if (strcmp(row->name, "share") == 0 && strncmp(w->value, "fd:", 3) != 0)
			return true;
	}
	return false;
}

static struct words begin(int argc, char **argv)
{
	const bool explains = argc > 1 && strcmp(argv[1], "explain") == 0;

	return (struct words){.at = argv + (argc > 0) + explains};
}

bool share_is_named(int argc, char **argv)
{
	struct words w = begin(argc, argv);

	return next_share(&w);
}

/* The options of volt-share, and behind "--" those that are left. */
static void sort_words(int argc, char **argv, char **args, char **rest)
{
	static char option[] = "--share", end[] = "--";
	struct words w = begin(argc, argv);
	size_t count = COMPANION_WORDS, left = 0;

	for (char **from = argv + 1; from < argv + argc; w.at += w.taken) {
		const bool found = next_share(&w);
		char **to = found ? w.at : argv + argc;

		while (from < to)
			rest[left++] = *from++;
		if (!found)
			break;
		args[count++] = option;
		args[count++] = w.value;
		from += w.taken;
	}
	args[count++] = end;
	memcpy(args + count, rest, left * sizeof(*rest));
}

/* volt-share --volt SELF --share VALUE ... -- WORDS, the WORDS without these options. */
int share_start(int argc, char **argv)
{
	char **args = calloc(2 * (size_t)argc + 4, sizeof(*args));
	char **rest = calloc((size_t)argc + 1, sizeof(*rest));

	if (args && rest)
		sort_words(argc, argv, args, rest);
	if (!args || !rest) {
		free(args);
		free(rest);
		return EXIT_RESOURCES;
	}
	free(rest);
	return companion_become("--share", "volt-share", "../tools/share/volt-share", args);
}
