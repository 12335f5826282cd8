/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * companion_none.c - for a build that is installed alone.
 */
#include "core/vm/companion.h"

#include <stddef.h>

#include "core/base/exitcode.h"

const char *const companion_words[] = {NULL};

bool companion_knows(const char *word)
{
	return false;
}

int companion_run(int argc, char **argv, const char *runtime_dir)
{
	return EXIT_HOST;
}
