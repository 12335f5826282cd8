/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * console_none.c - for a build without names.
 */
#include "core/event/console.h"

#include <stddef.h>

struct stream *console_find(struct streams *all)
{
	return NULL;
}

int console_open(struct streams *all, const char *path)
{
	return 0;
}
