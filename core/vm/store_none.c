/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * store_none.c - for a build that takes kernels as files only.
 */
#include "core/vm/store.h"

#include <errno.h>

int store_locate(char *path, size_t size)
{
	path[0] = '\0';
	return -ENOENT;
}

/* So that a missing file is said to be no more than that. */
bool store_may_name(const char *word)
{
	return false;
}

int store_open(
    const char *path, const char *word, char name[STORE_NAME_MAX], char *why, size_t why_size)
{
	return -ENOTSUP;
}
